// The answering tier, by hue, lightness and shape.
import { capitalised } from '../format/text.ts'

export type SourceKind = 'memory' | 'redis' | 'far' | 'origin'

/** A circle for memory, a square for a memory server, a diamond for disk or edge. */
export function sourceKind(tier: string): SourceKind {
  if (tier === 'origin') return 'origin'
  if (tier === 'memory') return 'memory'
  return /redis|valkey|memcache/i.test(tier) ? 'redis' : 'far'
}

const NAMES: Readonly<Record<string, string>> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  cdn: 'CDN',
  memcached: 'Memcached',
}

export const sourceName = (tier: string): string => NAMES[tier] ?? capitalised(tier)

const SHAPES = { memory: 'circle', redis: 'square', far: 'diamond', origin: 'triangle' } as const

/** Drawn like its mark. */
export const sourceShape = (tier: string) => SHAPES[sourceKind(tier)]

export const sourceColor = (tier: string): string => `var(--mp-source-${sourceKind(tier)})`

export function Source({ tier, node }: { readonly tier: string; readonly node?: string }) {
  return (
    <span className="nw">
      <i className={`src src-${sourceKind(tier)}`} aria-hidden="true" />
      {sourceName(tier)}
      {node !== undefined && `, ${node}`}
    </span>
  )
}
