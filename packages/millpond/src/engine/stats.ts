// What a cache tells about itself: plain snapshots, made when asked.
import type { MissCause } from './counters.ts'
import type { Space } from './space.ts'

export interface LatencyView {
  readonly count: number
  readonly avgMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

export interface TierStats {
  readonly name: string
  readonly enabled: boolean
  readonly hits: number
  readonly misses: number
  readonly errors: number
  readonly writes: number
  readonly drops: number
  /** Entries found but not believed: invalidated, corrupt, of another key or epoch. */
  readonly refused: number
  readonly breaker: 'closed' | 'open' | 'half-open'
  readonly latency: LatencyView
}

export interface SpaceStats {
  readonly namespace: string
  /** Reads answered with a value from a tier, stale ones included. */
  readonly hits: number
  readonly misses: number
  readonly stale: number
  /** hits / (hits + misses), 0 to 1; 0 before the first read. */
  readonly hitRate: number
  readonly loads: number
  readonly loadErrors: number
  /** Calls that waited for a load under way instead of starting one. */
  readonly loadJoins: number
  readonly refreshes: number
  readonly leaseWaits: number
  readonly sets: number
  readonly deletes: number
  readonly invalidations: number
  readonly invalidationsByReason: Readonly<Record<string, number>>
  readonly missesByCause: Readonly<Partial<Record<MissCause, number>>>
  readonly entries: number
  readonly tiers: readonly TierStats[]
  readonly latency: { readonly get: LatencyView; readonly set: LatencyView; readonly load: LatencyView }
  readonly ledger: { readonly epoch: string; readonly position: number; readonly isUp: boolean; readonly isLocal: boolean; readonly pending: number }
}

export interface CacheInfo {
  readonly name: string
  readonly config: { readonly ttlMs: number; readonly staleForMs: number; readonly tiers: readonly string[]; readonly ledger: string; readonly consistency: string }
  readonly cacheLevels: readonly { readonly level: number; readonly name: string; readonly scope: string; readonly enabled: boolean }[]
  readonly metrics: {
    readonly hitRate: number
    readonly l1HitRate: number
    readonly avgGetTimeMs: number
    readonly p95GetTimeMs: number
    readonly totalOperations: number
  }
  readonly memory: { readonly entries: number; readonly bytes: number; readonly maxEntries: number; readonly maxBytes: number; readonly policy: string; readonly evictions: Readonly<Record<string, number>> } | undefined
  readonly circuitBreaker: Readonly<Record<string, string>>
  readonly health: 'ok' | 'degraded'
  readonly warmingSchedule: readonly string[]
  readonly namespaces: readonly SpaceStats[]
}

export function describeSpace(space: Space): SpaceStats {
  const { counters, ledger, near } = space
  const farHits = [...counters.tiers.values()].reduce((sum, tier) => sum + tier.hits, 0)
  const hits = counters.memoryHits + counters.stale + farHits
  const total = hits + counters.misses
  const memory: TierStats[] =
    near === undefined
      ? []
      : [
          {
            name: 'memory',
            enabled: true,
            hits: counters.memoryHits,
            misses: total - counters.memoryHits,
            errors: 0,
            writes: 0,
            drops: 0,
            refused: counters.memoryInvalidated,
            breaker: 'closed',
            latency: NO_LATENCY,
          },
        ]
  return {
    namespace: space.name,
    hits,
    misses: counters.misses,
    stale: counters.stale,
    hitRate: total === 0 ? 0 : hits / total,
    loads: counters.loads,
    loadErrors: counters.loadErrors,
    loadJoins: counters.loadJoins,
    refreshes: counters.refreshes,
    leaseWaits: counters.leaseWaits,
    sets: counters.sets,
    deletes: counters.deletes,
    invalidations: counters.invalidations,
    invalidationsByReason: Object.fromEntries(counters.invalidationsByReason),
    missesByCause: Object.fromEntries(counters.missesByCause),
    entries: near?.size ?? 0,
    tiers: [...memory, ...space.far.map((far) => farStats(space, far))],
    latency: { get: space.latency.get.view(), set: space.latency.set.view(), load: space.latency.load.view() },
    ledger: { epoch: ledger.view.epoch, position: ledger.view.head, isUp: ledger.isUp, isLocal: ledger.isLocal, pending: ledger.pending },
  }
}

function farStats(space: Space, far: Space['far'][number]): TierStats {
  const name = far.guarded.name
  const { hits, misses, writes, drops, refused } = space.counters.tier(name)
  return { name, enabled: far.enabled, hits, misses, errors: far.errors, writes, drops, refused, breaker: far.guarded.state, latency: far.latency.view() }
}

const NO_LATENCY: LatencyView = Object.freeze({ count: 0, avgMs: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0 })
