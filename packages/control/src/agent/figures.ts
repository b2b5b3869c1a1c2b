// A node's report of a cache: flat counters and gauges, so that nodes, windows and time steps are added up by one rule.
import type { Cache, CacheInfo, NamespaceActivity } from 'millpond'
import { PROBE } from 'millpond/insight'
import { type CacheStats, LATENCY_BOUNDS_MS, type LatencyStats, processStats, type TierStats } from 'millpond/observe'

/** Since the start of the node. `get.b3`: gets that took less than the fourth of `LATENCY_BOUNDS_MS`. */
export type Counters = Readonly<Record<string, number>>

/** The counters and gauges of one namespace of a cache. */
export interface NamespaceReport {
  /** Since the start of the node. */
  readonly counters: Counters
  /** Current values: `entries` and `bytes` in memory. */
  readonly gauges: Counters
}

/** A node's report of a tier. */
export interface TierReport {
  readonly name: string
  readonly scope: string
  readonly enabled: boolean
  readonly breaker: string
  /**
   * Whether entries are written there encrypted, in every open namespace; `null` for memory, which belongs to the
   * process.
   */
  readonly encrypted: boolean | null
  /** Since when its oldest encryption key has been in use, epoch milliseconds; `null` if unknown. */
  readonly key_since: number | null
}

/** Checks of reads against their source; those of several processes are added up. */
export interface FreshnessTally {
  readonly objective: number
  readonly checked: number
  readonly stale: number
}

/** A node's report of one of its caches, each second. */
export interface CacheReport {
  /** The name of the cache. */
  readonly cache: string
  /** The region of the process, if its cache has regions. */
  readonly region?: string | undefined
  /** Since the process attached the cache; whole seconds. */
  readonly uptime_seconds: number
  /** `ok`, or `degraded`: a breaker is not closed, or the ledger does not answer. */
  readonly health: string
  /** Over all namespaces, including those of the tiers. */
  readonly counters: Counters
  /** Current values: entries and bytes in memory, and those of the process. */
  readonly gauges: Counters
  /** Each tier, fastest first. */
  readonly tiers: readonly TierReport[]
  /** Which tier holds it, whether it answers, and how many invalidations have not reached it yet. */
  readonly ledger: { readonly tier: string; readonly is_up: boolean; readonly pending: number }
  /** The default TTL of the cache; `null`: none. */
  readonly ttl_seconds: number | null
  /** How many erasures the program has started itself since its start; a watcher then asks for them. */
  readonly erasures?: number | undefined
  /** Where reads are checked against their source: the last of those checks, and the share that may be stale. */
  readonly freshness?: FreshnessTally | undefined
  /** The 50 busiest, and the rest together as `other`. */
  readonly namespaces: Readonly<Record<string, NamespaceReport>>
}

const MOST_NAMESPACES = 50
const OTHER = 'other'
/**
 * How many idle namespaces are read again each time: things that are not counted may have changed there (encryption
 * keys, for example).
 */
const IDLE_AT_ONCE = 20
/** How many are read at once, to keep the event loop free; the others follow in the next reports. */
const CHANGED_AT_ONCE = 500

interface Known {
  readonly activity: number
  /** Of the namespace. */
  readonly counters: Counters
  /** Its share of the tiers' work. */
  readonly shares: Counters
  readonly sealing: ReadonlyMap<string, { readonly since: number | undefined } | undefined>
}

/**
 * The figures of a cache, kept from report to report: of ten thousand namespaces only the active ones are read again,
 * and the 50 that are reported individually. Counters of closed namespaces stay in the sums.
 */
export class Figures {
  readonly #cache: Cache
  readonly #startedAt: number
  readonly #known = new Map<string, Known>()
  readonly #spaces: Record<string, number> = {}
  readonly #shares: Record<string, number> = {}
  #idle: string[] = []
  #from = 0

  constructor(cache: Cache, startedAt: number) {
    this.#cache = cache
    this.#startedAt = startedAt
  }

  /** More namespaces than are reported individually. */
  get isLarge(): boolean {
    return this.#known.size > MOST_NAMESPACES
  }

  report(): CacheReport {
    const activities = this.#cache.activity().filter(({ namespace }) => namespace !== PROBE)
    const top = busiest(activities)
    const changed = this.#some(
      activities.filter(({ namespace, activity }) => this.#known.get(namespace)?.activity !== activity),
    )
    const info = this.#cache.info({
      namespaces: [...top, ...changed.map(({ namespace }) => namespace), ...this.#someIdle(activities)],
    })
    const activityOf = new Map(activities.map(({ namespace, activity }) => [namespace, activity]))
    for (const space of info.namespaces) this.#take(space, activityOf.get(space.namespace))
    this.#forgetClosed(activities)
    const counters: Record<string, number> = { ...this.#spaces }
    addTo(counters, this.#shares)
    // A tier's own figures are the same in every namespace.
    for (const tier of info.namespaces[0]?.tiers ?? []) addWhole(counters, tier)
    const { cpuUserSeconds, cpuSystemSeconds, residentBytes, heapUsedBytes } = processStats()
    counters.process_cpu_seconds = cpuUserSeconds + cpuSystemSeconds
    const memory = info.memory
    return {
      cache: info.name,
      ...(this.#cache.regions !== undefined && { region: this.#cache.regions.own }),
      uptime_seconds: Math.round((performance.now() - this.#startedAt) / 1000),
      health: info.health,
      counters,
      gauges: {
        entries: memory?.entries ?? 0,
        bytes: memory?.bytes ?? 0,
        ...(memory?.maxBytes === undefined ? {} : { max_bytes: memory.maxBytes }),
        ...(memory?.maxEntries === undefined ? {} : { max_entries: memory.maxEntries }),
        process_bytes: residentBytes,
        process_heap_bytes: heapUsedBytes,
      },
      tiers: info.cacheLevels.map(({ name, scope, enabled }) => ({
        name,
        scope,
        enabled,
        breaker: info.circuitBreaker[name] ?? 'closed',
        ...this.#sealingOf(name),
      })),
      ledger: { tier: info.config.ledger, is_up: info.ledger.isUp, pending: info.ledger.pending },
      ttl_seconds: info.config.ttlMs === undefined ? null : info.config.ttlMs / 1000,
      namespaces: this.#told(
        info.namespaces.filter(({ namespace }) => top.has(namespace)),
        activities.length,
        memory,
      ),
    }
  }

  #take(space: CacheInfo['namespaces'][number], activity: number | undefined): void {
    const known = this.#known.get(space.namespace)
    // Closed and reopened, it starts from zero.
    const before = known !== undefined && activity !== undefined && activity < known.activity ? undefined : known
    const counters = countersOf(space)
    const shares: Record<string, number> = {}
    for (const tier of space.tiers) addTo(shares, shareOf(tier))
    addDifference(this.#spaces, before?.counters, counters)
    addDifference(this.#shares, before?.shares, shares)
    const sealing = new Map(
      space.tiers.map(({ name, encryption }) => [name, encryption && { since: encryption.since }]),
    )
    this.#known.set(space.namespace, { activity: activity ?? known?.activity ?? 0, counters, shares, sealing })
  }

  /** If there are too many, the next ones in turn, so that none waits for ever. */
  #some(changed: readonly NamespaceActivity[]): readonly NamespaceActivity[] {
    if (changed.length <= CHANGED_AT_ONCE) return changed
    this.#from = this.#from >= changed.length ? 0 : this.#from
    const some = changed.slice(this.#from, this.#from + CHANGED_AT_ONCE)
    this.#from += CHANGED_AT_ONCE
    return some
  }

  /** A few at a time, all of them in turn. */
  #someIdle(activities: readonly NamespaceActivity[]): readonly string[] {
    if (this.#idle.length === 0) this.#idle = activities.map(({ namespace }) => namespace)
    return this.#idle.splice(-IDLE_AT_ONCE)
  }

  #forgetClosed(activities: readonly NamespaceActivity[]): void {
    if (this.#known.size <= activities.length) return
    const open = new Set(activities.map(({ namespace }) => namespace))
    for (const name of this.#known.keys()) if (!open.has(name)) this.#known.delete(name)
  }

  #told(top: CacheInfo['namespaces'], count: number, memory: CacheInfo['memory']): Record<string, NamespaceReport> {
    const namespaces: Record<string, NamespaceReport> = {}
    const others: Record<string, number> = { ...this.#spaces }
    let [entries, bytes] = [memory?.entries ?? 0, memory?.bytes ?? 0]
    for (const { namespace, entries: its, bytes: size } of top) {
      const counters = this.#known.get(namespace)?.counters ?? {}
      namespaces[namespace] = { counters, gauges: { entries: its, bytes: size } }
      for (const [name, value] of Object.entries(counters)) others[name] = (others[name] ?? 0) - value
      entries -= its
      bytes -= size
    }
    if (count <= MOST_NAMESPACES) return namespaces
    const rest = { counters: others, gauges: { entries: Math.max(0, entries), bytes: Math.max(0, bytes) } }
    const same = namespaces[OTHER]
    namespaces[OTHER] =
      same === undefined ? rest : { counters: sum(same.counters, rest.counters), gauges: sum(same.gauges, rest.gauges) }
    return namespaces
  }

  #sealingOf(tier: string): Pick<TierReport, 'encrypted' | 'key_since'> {
    if (tier === 'memory') return { encrypted: null, key_since: null }
    let encrypted = true
    let since: number | null = null
    for (const { sealing } of this.#known.values()) {
      const its = sealing.get(tier)
      if (its === undefined) encrypted = false
      else if (its.since !== undefined) since = Math.min(since ?? its.since, its.since)
    }
    return { encrypted, key_since: since }
  }
}

/** The names of the busiest, in one pass. */
function busiest(activities: readonly NamespaceActivity[]): ReadonlySet<string> {
  if (activities.length <= MOST_NAMESPACES) return new Set(activities.map(({ namespace }) => namespace))
  const top: NamespaceActivity[] = []
  for (const one of activities) {
    const least = top.at(-1)
    if (top.length === MOST_NAMESPACES && one.reads <= (least?.reads ?? 0)) continue
    const at = top.findIndex(({ reads }) => reads < one.reads)
    top.splice(at < 0 ? top.length : at, 0, one)
    if (top.length > MOST_NAMESPACES) top.pop()
  }
  return new Set(top.map(({ namespace }) => namespace))
}

function addDifference(into: Record<string, number>, before: Counters | undefined, after: Counters): void {
  for (const name in after) into[name] = (into[name] ?? 0) + (after[name] ?? 0) - (before?.[name] ?? 0)
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
  for (const op of ['get', 'set', 'load'] as const) addTimes(counters, namesOf(op), space.latency[op])
  return counters
}

const shareOf = ({ name, hits, misses, sets, drops, encryption }: TierStats): Counters => ({
  ...(name !== 'memory' && { [`tier.${name}.sealed`]: encryption === undefined ? 0 : sets }),
  [`tier.${name}.hits`]: hits,
  [`tier.${name}.misses`]: misses,
  [`tier.${name}.sets`]: sets,
  [`tier.${name}.drops`]: drops,
})

function addWhole(into: Record<string, number>, { name, errors, latency, readBytes, writtenBytes }: TierStats): void {
  const prefix = `tier.${name}`
  if (readBytes !== undefined) into[`${prefix}.read_bytes`] = readBytes
  if (writtenBytes !== undefined) into[`${prefix}.written_bytes`] = writtenBytes
  into[`${prefix}.errors`] = errors
  addTimes(into, namesOf(prefix), latency)
}

interface TimeNames {
  readonly n: string
  readonly ms: string
  readonly buckets: string[]
}

/** Built once: concatenating the names on each read would cost more than the figures themselves. */
const TIMES = new Map<string, TimeNames>()
function namesOf(name: string): TimeNames {
  const known = TIMES.get(name)
  if (known !== undefined) return known
  const made = { n: `${name}.n`, ms: `${name}.ms`, buckets: LATENCY_BOUNDS_MS.map((_, at) => `${name}.b${at}`) }
  TIMES.set(name, made)
  return made
}

function addTimes(into: Record<string, number>, names: TimeNames, { count, avgMs, buckets = [] }: LatencyStats): void {
  into[names.n] = count
  into[names.ms] = count * avgMs
  for (let at = 0; at < buckets.length; at++) into[names.buckets[at] ?? ''] = buckets[at] ?? 0
}

const total = (counts: Readonly<Record<string, number>> = {}): number =>
  Object.values(counts).reduce((all, count) => all + count, 0)

export function addTo(into: Record<string, number>, more: Counters): void {
  for (const name in more) into[name] = (into[name] ?? 0) + (more[name] ?? 0)
}

export function sum(...all: readonly Counters[]): Counters {
  const into: Record<string, number> = {}
  for (const one of all) addTo(into, one)
  return into
}
