// Combines the counts of many namespaces: metric labels must be few, namespaces may be many; tenants are never
// distinguished.
import { namespaceOf } from '../core/tenant.ts'
import {
  addCompression,
  type CacheStats,
  type Counts,
  hitRate,
  type LatencyStats,
  type LedgerStats,
  type QueueStats,
  type TierStats,
} from './stats.ts'

/** Namespaces of a cache that metrics distinguish. */
export const MOST_NAMESPACES = 50
export const OTHER_NAMESPACES = 'other'

/** The first 50 with all their tenants, in order of creation, and one named `other` that sums up the rest. */
export function foldNamespaces(given: readonly CacheStats[]): {
  readonly stats: readonly CacheStats[]
  readonly folded: number
} {
  const whole = new Map<string, CacheStats>()
  for (const stats of given) {
    const namespace = namespaceOf(stats.namespace ?? 'default')
    const known = whole.get(namespace)
    whole.set(namespace, known === undefined ? { ...stats, namespace } : { ...addUp(known, stats), namespace })
  }
  const all = [...whole.values()]
  if (all.length <= MOST_NAMESPACES) return { stats: all, folded: 0 }
  const rest = all.slice(MOST_NAMESPACES)
  const sum = rest.reduce(addUp)
  return { stats: [...all.slice(0, MOST_NAMESPACES), { ...sum, namespace: OTHER_NAMESPACES }], folded: rest.length }
}

function addUp(a: CacheStats, b: CacheStats): CacheStats {
  const hits = a.hits + b.hits
  const misses = a.misses + b.misses
  const ledger = addLedgers(a.ledger, b.ledger)
  const compression =
    a.compression && b.compression ? addCompression(a.compression, b.compression) : (a.compression ?? b.compression)
  return {
    cache: a.cache,
    hits,
    misses,
    hitRate: hitRate(hits, misses),
    stale: a.stale + b.stale,
    loads: a.loads + b.loads,
    loadErrors: a.loadErrors + b.loadErrors,
    loadJoins: (a.loadJoins ?? 0) + (b.loadJoins ?? 0),
    refreshes: (a.refreshes ?? 0) + (b.refreshes ?? 0),
    sets: a.sets + b.sets,
    deletes: a.deletes + b.deletes,
    youngEvictions: (a.youngEvictions ?? 0) + (b.youngEvictions ?? 0),
    tiers: a.tiers.map((tier) =>
      addTiers(
        tier,
        b.tiers.find(({ name }) => name === tier.name),
      ),
    ),
    evictions: addCounts(a.evictions, b.evictions),
    missesByCause: addCounts(a.missesByCause, b.missesByCause),
    invalidationsByReason: addCounts(a.invalidationsByReason ?? {}, b.invalidationsByReason ?? {}),
    latency: {
      get: addLatencies(a.latency.get, b.latency.get),
      set: addLatencies(a.latency.set, b.latency.set),
      load: addLatencies(a.latency.load, b.latency.load),
    },
    ...(ledger === undefined ? {} : { ledger }),
    ...(compression === undefined ? {} : { compression }),
    ...addQueues(a.queues, b.queues),
  }
}

/** Queues of collections with the same name count as one. */
function addQueues(
  a: readonly QueueStats[] = [],
  b: readonly QueueStats[] = [],
): { readonly queues?: readonly QueueStats[] } {
  const byName = new Map<string, QueueStats>()
  for (const queue of [...a, ...b]) {
    const known = byName.get(queue.collection)
    byName.set(queue.collection, known === undefined ? queue : addQueue(known, queue))
  }
  return byName.size === 0 ? {} : { queues: [...byName.values()] }
}

const addQueue = (a: QueueStats, b: QueueStats): QueueStats => ({
  collection: a.collection,
  depth: a.depth + b.depth,
  lagMs: Math.max(a.lagMs, b.lagMs),
  stored: a.stored + b.stored,
  failed: a.failed + b.failed,
  dead: a.dead + b.dead,
  journalBytes: a.journalBytes + b.journalBytes,
})

/** Figures of the whole tier are in each of the two. */
function addTiers(a: TierStats, b: TierStats | undefined): TierStats {
  if (b === undefined) return a
  const { encryption, ...rest } = a
  return {
    ...rest,
    // For several namespaces only what all have in common.
    ...(encryption !== undefined && b.encryption !== undefined && { encryption }),
    hits: a.hits + b.hits,
    misses: a.misses + b.misses,
    sets: a.sets + b.sets,
    drops: a.drops + b.drops,
    missesByCause: addCounts(a.missesByCause ?? {}, b.missesByCause ?? {}),
    refused: (a.refused ?? 0) + (b.refused ?? 0),
    rejected: addCounts(a.rejected ?? {}, b.rejected ?? {}),
    ...(a.entries === undefined ? {} : { entries: a.entries + (b.entries ?? 0) }),
    ...(a.bytes === undefined ? {} : { bytes: a.bytes + (b.bytes ?? 0) }),
  }
}

/**
 * The tiers of a cache, with the figures of each as a whole, which all its namespaces show alike. Several caches of one
 * name in a process (each begins with a namespace of the same name) have tiers of their own, whose figures add up; the
 * breaker is the worst of them.
 */
export function wholeTiers(all: readonly CacheStats[]): readonly TierStats[] {
  const tiers = new Map<string, TierStats>()
  for (const stats of all) {
    if (stats.namespace !== all[0]?.namespace) continue
    for (const tier of stats.tiers) {
      const known = tiers.get(tier.name)
      tiers.set(tier.name, known === undefined ? tier : addWholes(known, tier))
    }
  }
  return [...tiers.values()]
}

function addWholes(a: TierStats, b: TierStats): TierStats {
  return {
    ...a,
    errors: a.errors + b.errors,
    latency: addLatencies(a.latency, b.latency),
    breaker: BREAKERS.find((state) => a.breaker === state || b.breaker === state) ?? a.breaker,
    ...addKnown('readBytes', a, b),
    ...addKnown('writtenBytes', a, b),
    ...addKnown('maxBytes', a, b),
  }
}

/** The worst first. */
const BREAKERS = ['open', 'half-open', 'closed'] as const

function addKnown<K extends 'readBytes' | 'writtenBytes' | 'maxBytes'>(
  of: K,
  a: TierStats,
  b: TierStats,
): { readonly [P in K]?: number } | undefined {
  const [one, other] = [a[of], b[of]]
  return one === undefined && other === undefined
    ? undefined
    : ({ [of]: (one ?? 0) + (other ?? 0) } as { [P in K]: number })
}

function addLedgers(a: LedgerStats | undefined, b: LedgerStats | undefined): LedgerStats | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { isUp: a.isUp && b.isUp, pending: a.pending + b.pending, gaps: a.gaps + b.gaps, epochs: a.epochs + b.epochs }
}

function addCounts<K extends string>(a: Counts<K>, b: Counts<K>): Counts<K> {
  const sum: { [P in K]?: number } = { ...a }
  for (const name in b) sum[name] = (sum[name] ?? 0) + (b[name] ?? 0)
  return sum
}

/** Counts, sums and buckets add up; percentiles do not, and exporters do not use them. */
function addLatencies(a: LatencyStats, b: LatencyStats): LatencyStats {
  const count = a.count + b.count
  return {
    ...a,
    count,
    avgMs: count === 0 ? 0 : (a.avgMs * a.count + b.avgMs * b.count) / count,
    ...(a.buckets === undefined ? {} : { buckets: a.buckets.map((below, at) => below + (b.buckets?.[at] ?? 0)) }),
  }
}
