// What a node reports of a cache: flat counters and gauges, so that nodes, windows and steps of time are added up by one rule.
import type { Cache } from 'millpond'
import { type CacheStats, type LatencyStats, processStats, type TierStats } from 'millpond/observe'
import { PROBE } from './spaces.ts'

/** Counted since the start of the node. `get.b3`: gets that took less than the fourth of `LATENCY_BOUNDS_MS`. */
export type Counters = Readonly<Record<string, number>>

/** What one namespace of a cache has counted and holds. */
export interface NamespaceReport {
  readonly counters: Counters
  readonly gauges: Counters
}

/** What a node says of a tier. */
export interface TierReport {
  readonly name: string
  readonly scope: string
  readonly enabled: boolean
  readonly breaker: string
  /** Whether what is written there is sealed, for every namespace that is open; `null` for memory, which is the process's own. */
  readonly encrypted: boolean | null
  /** Since when its oldest sealing key seals, epoch milliseconds; `null` where nobody knows. */
  readonly key_since: number | null
}

/** What a node says of one of its caches, each second. */
export interface CacheReport {
  readonly cache: string
  readonly uptime_seconds: number
  readonly health: string
  /** Over all namespaces, with those of the tiers. */
  readonly counters: Counters
  readonly gauges: Counters
  readonly tiers: readonly TierReport[]
  readonly ledger: { readonly tier: string; readonly is_up: boolean; readonly pending: number }
  readonly ttl_seconds: number | null
  /** How many the program has begun by itself since its start: who watches asks for them. */
  readonly erasures?: number | undefined
  /** The 50 that are asked most, the rest together as `other`. */
  readonly namespaces: Readonly<Record<string, NamespaceReport>>
}

const MOST_NAMESPACES = 50
const OTHER = 'other'

/** Reads only: the figures that the cache keeps anyway. */
export function reportOf(cache: Cache, startedAt: number): CacheReport {
  const info = cache.info()
  const spaces = info.namespaces.filter(({ namespace }) => namespace !== PROBE).sort((a, b) => b.hits + b.misses - a.hits - a.misses)
  const counters: Record<string, number> = {}
  const namespaces: Record<string, NamespaceReport> = {}
  for (const [index, space] of spaces.entries()) {
    const report: NamespaceReport = { counters: countersOf(space), gauges: { entries: space.entries, bytes: space.bytes } }
    addTo(counters, report.counters)
    for (const tier of space.tiers) addTo(counters, shareOf(tier))
    const name = index < MOST_NAMESPACES ? space.namespace : OTHER
    const known = namespaces[name]
    namespaces[name] =
      known === undefined ? report : { counters: sum(known.counters, report.counters), gauges: sum(known.gauges, report.gauges) }
  }
  // A tier's own figures are the same in every namespace.
  for (const tier of spaces[0]?.tiers ?? []) addTo(counters, wholeOf(tier))
  const { cpuUserSeconds, cpuSystemSeconds, residentBytes, heapUsedBytes } = processStats()
  counters.process_cpu_seconds = cpuUserSeconds + cpuSystemSeconds
  return {
    cache: info.name,
    uptime_seconds: Math.round((performance.now() - startedAt) / 1000),
    health: info.health,
    counters,
    gauges: {
      entries: info.memory?.entries ?? 0,
      bytes: info.memory?.bytes ?? 0,
      ...(info.memory?.maxBytes === undefined ? {} : { max_bytes: info.memory.maxBytes }),
      ...(info.memory?.maxEntries === undefined ? {} : { max_entries: info.memory.maxEntries }),
      process_bytes: residentBytes,
      process_heap_bytes: heapUsedBytes,
    },
    tiers: info.cacheLevels.map(({ name, scope, enabled }) => ({
      name,
      scope,
      enabled,
      breaker: info.circuitBreaker[name] ?? 'closed',
      ...sealingOf(name, spaces),
    })),
    ledger: {
      tier: info.config.ledger,
      is_up: spaces.every(({ ledger }) => ledger.isUp),
      pending: spaces.reduce((all, { ledger }) => all + ledger.pending, 0),
    },
    ttl_seconds: info.config.ttlMs === undefined ? null : info.config.ttlMs / 1000,
    namespaces,
  }
}

function sealingOf(tier: string, spaces: readonly CacheStats[]): Pick<TierReport, 'encrypted' | 'key_since'> {
  if (tier === 'memory') return { encrypted: null, key_since: null }
  const sealing = spaces.map(({ tiers }) => tiers.find(({ name }) => name === tier)?.encryption)
  const since = sealing.flatMap((one) => one?.since ?? [])
  return { encrypted: sealing.every((one) => one !== undefined), key_since: since.length === 0 ? null : Math.min(...since) }
}

function countersOf(space: CacheStats): Counters {
  const counters: Record<string, number> = {
    hits: space.hits,
    misses: space.misses,
    stale: space.stale,
    loads: space.loads,
    load_errors: space.loadErrors,
    load_joins: space.loadJoins ?? 0,
    sets: space.sets,
    deletes: space.deletes,
    young_evictions: space.youngEvictions ?? 0,
    evictions: space.evictions.capacity_limit ?? 0,
    invalidations: total(space.invalidationsByReason),
    gaps: (space.ledger?.gaps ?? 0) + (space.ledger?.epochs ?? 0),
  }
  for (const [cause, count] of Object.entries(space.missesByCause)) counters[`cause.${cause}`] = count
  for (const op of ['get', 'set', 'load'] as const) addTo(counters, timesOf(op, space.latency[op]))
  return counters
}

const shareOf = ({ name, hits, misses, sets, drops, encryption }: TierStats): Counters => ({
  ...(name !== 'memory' && { [`tier.${name}.sealed`]: encryption === undefined ? 0 : sets }),
  [`tier.${name}.hits`]: hits,
  [`tier.${name}.misses`]: misses,
  [`tier.${name}.sets`]: sets,
  [`tier.${name}.drops`]: drops,
})

const wholeOf = ({ name, errors, latency, readBytes, writtenBytes }: TierStats): Counters => ({
  ...(readBytes !== undefined && { [`tier.${name}.read_bytes`]: readBytes }),
  ...(writtenBytes !== undefined && { [`tier.${name}.written_bytes`]: writtenBytes }),
  [`tier.${name}.errors`]: errors,
  ...timesOf(`tier.${name}`, latency),
})

function timesOf(name: string, { count, avgMs, buckets = [] }: LatencyStats): Counters {
  return {
    [`${name}.n`]: count,
    [`${name}.ms`]: count * avgMs,
    ...Object.fromEntries(buckets.map((below, at) => [`${name}.b${at}`, below])),
  }
}

const total = (counts: Readonly<Record<string, number>> = {}): number => Object.values(counts).reduce((all, count) => all + count, 0)

export function addTo(into: Record<string, number>, more: Counters): void {
  for (const [name, value] of Object.entries(more)) into[name] = (into[name] ?? 0) + value
}

export function sum(...all: readonly Counters[]): Counters {
  const into: Record<string, number> = {}
  for (const one of all) addTo(into, one)
  return into
}
