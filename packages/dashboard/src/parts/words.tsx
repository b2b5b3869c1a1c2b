// Small pieces of text: a number with its unit, a word with its icon, a time, a name in bidi isolation.
import { type CSSProperties, type ReactNode, useContext, useEffect, useState } from 'react'
import { AccessContext, useDashboard } from '../context.tsx'
import type { Figure } from '../format/numbers.ts'
import { type Glyph, Icon } from './icon.tsx'

/** Custom properties for a style: set by script, which a strict CSP permits. React accepts them, its types do not. */
export const vars = (values: Readonly<Record<`--${string}`, string | number>>): CSSProperties => values as CSSProperties

export function Unit({ figure }: { readonly figure: Figure }) {
  return (
    <span className="nw">
      {figure.value}&nbsp;{figure.unit}
    </span>
  )
}

/** A large figure, its unit small beside it. */
export function Large({ figure }: { readonly figure: Figure }) {
  return (
    <>
      {figure.value}
      <span className="u">{figure.unit}</span>
    </>
  )
}

export type Tone = 'critical' | 'warning' | 'proven' | 'unknown'

const GLYPH: Readonly<Record<Tone, Glyph>> = {
  critical: 'critical',
  warning: 'warning',
  proven: 'ok',
  unknown: 'unknown',
}

/** A state: colour, icon and word together. */
export function Word({
  tone,
  glyph,
  children,
}: {
  readonly tone: Tone
  readonly glyph?: Glyph
  readonly children: ReactNode
}) {
  return (
    <span className={`tag-word is-${tone}`}>
      <Icon name={glyph ?? GLYPH[tone]} />
      {children}
    </span>
  )
}

/** An external name: a key, a tag, a namespace. Isolated, so that its writing direction stays inside. */
export function Name({ children, className }: { readonly children: string; readonly className?: string }) {
  return (
    <code dir="auto" translate="no" className={className} title={children.length > 40 ? children : undefined}>
      {children}
    </code>
  )
}

/** The current time, updated every second while the page is visible. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now())
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** The server's time, as far as this browser can tell. */
export function useServerNow(everyMs = 1000): number {
  return useNow(everyMs) + useSkew()
}

export const useSkew = (): number => useContext(AccessContext)?.skewMs ?? 0

/** A time: short in the text, in full with its zone on hover. */
export function Time({ at, relative = false }: { readonly at: string | number; readonly relative?: boolean }) {
  const { times } = useDashboard()
  const ms = typeof at === 'number' ? at : Date.parse(at)
  const now = useServerNow(relative ? 1000 : 60_000)
  if (!Number.isFinite(ms)) return <span className="is-unknown">unknown</span>
  return (
    <time dateTime={new Date(ms).toISOString()} title={times.whole(ms)} className="nw">
      {relative ? times.ago(ms, now) : times.short(ms, now)}
    </time>
  )
}
