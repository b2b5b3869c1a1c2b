// A cache's reports about itself: plain snapshots, made on request.

import type { MemoryStore, RemovalReason, Scope, Tier, TierBounds, TierMember } from '../core/contracts.ts'
import type { GuardStats } from '../core/guard.ts'
import { type Consistency, DEFAULT_POLICY } from '../core/options.ts'
import type { ScheduledWarming } from '../core/warm.ts'
import type { JobFigures } from '../jobs/index.ts'
import type { PolicyName } from '../memory/options.ts'
import {
  addCompression,
  type BreakerState,
  type CacheStats,
  type Counts,
  createHistogram,
  hitRate,
  type LedgerStats,
  type TierStats,
} from '../observe/index.ts'
import { codecOf } from './encoding.ts'
import type { FarTier, Space } from './space.ts'

/** The counters of a namespace, with the state of its ledger. */
export interface SpaceStats extends CacheStats {
  readonly namespace: string
  /** Entries in this process's memory. */
  readonly entries: number
  /** Their estimated size: keys, values and bookkeeping. */
  readonly bytes: number
  readonly loadJoins: number
  /** Loads in the background, of entries that were still served. */
  readonly refreshes: number
  /** Values that were loaded ahead of readers (`prefetch`): included in the loads, but not in the reads. */
  readonly prefetches: number
  /** Times a load waited for another process that was loading the same key. */
  readonly leaseWaits: number
  /** Invalidations requested in this process. */
  readonly invalidations: number
  readonly youngEvictions: number
  /** The state of the ledger, and the position that is known here. */
  readonly ledger: LedgerStats & { readonly epoch: string; readonly position: number; readonly isLocal: boolean }
}

/** The activity of a namespace, without its statistics: reading those is expensive for thousands of namespaces. */
export interface NamespaceActivity {
  /** The namespace: `cache.name`. */
  readonly namespace: string
  /** Hits and misses. */
  readonly reads: number
  /** Grows with everything that its counters count; current contents (entries, bytes) are not included. */
  readonly activity: number
}

/** Options of `info`. */
export interface InfoOptions {
  /** Statistics of only these, if open: `namespaces` and `metrics`. Default: all. */
  readonly namespaces?: readonly string[] | undefined
}

/** The whole cache in one object: configuration, tiers, health and figures. */
export interface CacheInfo {
  /** The name of the cache. */
  readonly name: string
  /** The most important settings. Absent durations: without limit. */
  readonly config: {
    /** Absent: without limit. */
    readonly ttlMs?: number
    readonly staleForMs?: number
    readonly tiers: readonly string[]
    readonly ledger: string
    readonly consistency: Consistency
  }
  /** The tiers, fastest first; `level` counts from 1. */
  readonly cacheLevels: readonly {
    readonly level: number
    readonly name: string
    readonly scope: Scope
    readonly enabled: boolean
    /** Limits of a tier below memory, over all users of its store; absent if it has none. */
    readonly bounds?: TierBounds
  }[]
  /** Over all namespaces since the start. Rates from 0 to 1; `totalOperations` counts reads, writes and deletions. */
  readonly metrics: {
    readonly hitRate: number
    readonly l1HitRate: number
    readonly avgGetTimeMs: number
    readonly p95GetTimeMs: number
    readonly totalOperations: number
  }
  /** The memory tier; undefined without one. */
  readonly memory:
    | {
        readonly entries: number
        readonly bytes: number
        /** Absent if there is no such limit. */
        readonly maxEntries?: number
        readonly maxBytes?: number
        readonly policy: PolicyName | (string & {})
        readonly evictions: Counts<RemovalReason>
      }
    | undefined
  /** The state of each tier's breaker, by the tier's name. */
  readonly circuitBreaker: Readonly<Record<string, BreakerState>>
  /** `degraded`: the breaker of a tier or a guard is not closed, or the ledger does not answer. */
  readonly health: 'ok' | 'degraded'
  /**
   * Over all namespaces: whether the ledger answers each of them, and how many invalidations have not reached it yet.
   */
  readonly ledger: { readonly isUp: boolean; readonly pending: number }
  /** Scheduled warming of all namespaces. */
  readonly warmingSchedule: readonly (ScheduledWarming & { readonly namespace: string })[]
  /** Guards of sources: breakers, queues, and refused calls. */
  readonly guards: readonly GuardStats[]
  /** Jobs of `cache.jobs` run by this process, by kind and by name of repeated jobs; the latter also if not run yet. */
  readonly jobs: readonly JobFigures[]
  /** The counters of each open namespace. */
  readonly namespaces: readonly SpaceStats[]
}

/** The same in every namespace, so requested only once. */
type MembersOf = (tier: Tier) => readonly TierMember[] | undefined

export function describeSpace(space: Space, membersOf: MembersOf = (tier) => tier.members?.()): SpaceStats {
  const { id, ledger, memory } = space
  const { counters, latency, hitTime } = space.watch
  space.watch.catchUp()
  const farHits = [...counters.tiers.values()].reduce((sum, tier) => sum + tier.hits, 0)
  const hits = counters.memoryHits + counters.stale + farHits
  const reads = hits + counters.misses
  const maxBytes = memory?.maxBytes
  const memoryStats: TierStats = {
    name: 'memory',
    hits: counters.memoryHits,
    misses: reads - counters.memoryHits,
    errors: 0,
    sets: counters.sets + counters.loads,
    drops: counters.deletes,
    refused: counters.memoryInvalidated,
    entries: memory?.size ?? 0,
    bytes: memory?.bytes ?? 0,
    ...(maxBytes === undefined || maxBytes === Number.POSITIVE_INFINITY ? {} : { maxBytes }),
    breaker: 'closed',
    latency: hitTime.view(WITH_BUCKETS),
  }
  return {
    cache: id.cache,
    namespace: id.name,
    hits,
    misses: counters.misses,
    stale: counters.stale,
    hitRate: hitRate(hits, counters.misses),
    loads: counters.loads,
    loadErrors: counters.loadErrors,
    loadJoins: counters.loadJoins,
    refreshes: counters.refreshes,
    prefetches: counters.prefetches,
    leaseWaits: counters.leaseWaits,
    sets: counters.sets,
    deletes: counters.deletes,
    invalidations: counters.invalidations,
    invalidationsByReason: Object.fromEntries(counters.invalidationsByReason),
    missesByCause: Object.fromEntries(counters.missesByCause),
    evictions: { ...counters.left },
    youngEvictions: counters.youngEvictions,
    entries: memory?.size ?? 0,
    bytes: memory?.bytes ?? 0,
    tiers: [...(memory === undefined ? [] : [memoryStats]), ...space.far.map((far) => farStats(space, far, membersOf))],
    latency: {
      get: latency.get.view(WITH_BUCKETS),
      set: latency.set.view(WITH_BUCKETS),
      load: latency.load.view(WITH_BUCKETS),
    },
    ledger: {
      epoch: ledger.view.epoch,
      position: ledger.view.head,
      isUp: ledger.isServing,
      isLocal: ledger.isLocal,
      pending: ledger.pending,
      gaps: counters.gaps,
      epochs: counters.epochs,
      ...(ledger.regions && { regions: ledger.regions.heard() }),
    },
    ...compressionOf(space),
    ...(space.queues.size > 0 && { queues: [...space.queues.values()].map((stats) => stats()) }),
  }
}

/** Tiers with the same codec share its statistics. */
function compressionOf(space: Space): Pick<CacheStats, 'compression'> {
  const { cache, name } = space.id
  const all = [...new Set(space.far.map((far) => codecOf(space, far)))].flatMap(
    (codec) => codec.figures?.({ cache, namespace: name }) ?? [],
  )
  return all.length === 0 ? {} : { compression: all.reduce(addCompression) }
}

function farStats(space: Space, far: FarTier, membersOf: MembersOf): TierStats {
  const { name, tier } = far.guarded
  const members = membersOf(tier)
  const { hits, misses, writes, drops, refused, causes, rejected } = space.watch.counters.tier(name)
  const codec = codecOf(space, far)
  return {
    name,
    hits,
    misses,
    errors: far.errors,
    sets: writes,
    drops,
    refused,
    readBytes: far.guarded.traffic.read,
    writtenBytes: far.guarded.traffic.written,
    ...(tier.bounds?.maxBytes !== undefined && { maxBytes: tier.bounds.maxBytes }),
    ...(causes.size > 0 && { missesByCause: Object.fromEntries(causes) }),
    ...(rejected.size > 0 && { rejected: Object.fromEntries(rejected) }),
    ...(codec.isSecret === true && { encryption: codec.sealedBy?.() ?? {} }),
    ...(members !== undefined && { members }),
    breaker: far.guarded.state,
    latency: far.latency.view(WITH_BUCKETS),
  }
}

const WITH_BUCKETS = { buckets: true } as const

/** Only sums fields: ten thousand namespaces take a few milliseconds. */
export function activityOf({ id, watch, far }: Space): NamespaceActivity {
  const { counters } = watch
  let [farHits, activity] = [0, 0]
  // By the tiers that there are: of a map with an iterator for each namespace the garbage would cost more than the sum.
  for (let at = 0; at < far.length; at++) {
    const tier = counters.tiers.get(far[at]?.guarded.name ?? '')
    if (tier === undefined) continue
    farHits += tier.hits
    activity += tier.hits + tier.misses + tier.writes + tier.drops + tier.refused
  }
  const reads = counters.memoryHits + counters.stale + farHits + counters.misses
  activity +=
    reads + counters.memoryInvalidated + counters.loads + counters.loadErrors + counters.loadJoins + counters.refreshes
  activity +=
    counters.leaseWaits +
    counters.sets +
    counters.deletes +
    counters.invalidations +
    counters.gaps +
    counters.epochs +
    counters.gone
  return { namespace: id.name, reads, activity }
}

/** The whole cache in one object. @param told whose figures are read; the others count for its health alone */
export function describeCache(
  name: string,
  spaces: readonly Space[],
  told: readonly Space[],
  ledger: string,
  memoryStore: MemoryStore | undefined,
  warmingSchedule: CacheInfo['warmingSchedule'],
  jobs: CacheInfo['jobs'],
  guards: CacheInfo['guards'],
): CacheInfo {
  const members = new Map<Tier, readonly TierMember[] | undefined>()
  const membersOf: MembersOf = (tier) => {
    if (!members.has(tier)) members.set(tier, tier.members?.())
    return members.get(tier)
  }
  const namespaces = told.map((space) => describeSpace(space, membersOf))
  const far = spaces[0]?.far ?? []
  const policy = spaces[0]?.settings.policy ?? DEFAULT_POLICY
  const levels = [
    ...(memoryStore === undefined ? [] : [{ name: 'memory', scope: 'process' as const, enabled: true }]),
    ...far.map(({ guarded: { name, tier }, enabled }) => ({
      name,
      scope: tier.scope,
      enabled,
      ...(tier.bounds && { bounds: tier.bounds }),
    })),
  ]
  const hits = sum(namespaces.map((space) => space.hits))
  const misses = sum(namespaces.map((space) => space.misses))
  const memoryHits = sum(namespaces.map((space) => space.tiers.find((tier) => tier.name === 'memory')?.hits ?? 0))
  const get = createHistogram()
  for (const space of told) if (space.watch.latency.get.count > 0) get.merge(space.watch.latency.get)
  return {
    name,
    config: {
      ...finite({ ttlMs: policy.ttlMs, staleForMs: policy.staleForMs }),
      tiers: levels.map((level) => level.name),
      ledger: ledger,
      consistency: policy.consistency,
    },
    cacheLevels: levels.map((level, index) => ({ level: index + 1, ...level })),
    metrics: {
      hitRate: hitRate(hits, misses),
      l1HitRate: hitRate(memoryHits, hits + misses - memoryHits),
      avgGetTimeMs: get.view().avgMs,
      p95GetTimeMs: get.percentile(0.95),
      totalOperations: sum(namespaces.map((space) => space.hits + space.misses + space.sets + space.deletes)),
    },
    memory:
      memoryStore === undefined
        ? undefined
        : {
            entries: memoryStore.entries,
            bytes: memoryStore.bytes,
            ...finite(memoryStore.limits),
            policy: memoryStore.policy,
            evictions: { ...memoryStore.evictions },
          },
    circuitBreaker: Object.fromEntries(far.map(({ guarded }) => [guarded.name, guarded.state])),
    health: isWell(far, spaces, guards) ? 'ok' : 'degraded',
    ledger: {
      isUp: spaces.every(({ ledger }) => ledger.isServing),
      pending: spaces.reduce((all, { ledger }) => all + ledger.pending, 0),
    },
    warmingSchedule,
    guards,
    jobs,
    namespaces,
  }
}

function isWell(far: readonly FarTier[], spaces: readonly Space[], guards: readonly GuardStats[]): boolean {
  const isClosed =
    far.every(({ guarded }) => guarded.state === 'closed') && guards.every(({ state }) => state === 'closed')
  return isClosed && spaces.every(({ ledger }) => ledger.isServing)
}

/** Leaves out infinite values: JSON would turn them into `null`. */
function finite<T extends Readonly<Record<string, number>>>(numbers: T): Partial<T> {
  const entries = Object.entries(numbers).filter(([, value]) => Number.isFinite(value))
  return Object.fromEntries(entries) as Partial<T>
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
