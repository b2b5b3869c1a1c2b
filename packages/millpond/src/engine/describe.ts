// The configuration of a cache as JSON that anyone may read: no secrets, units in the names, a word for an infinite
// number.
import type { MemoryStore, Scope } from '../core/contracts.ts'
import { ownTags, type Priority } from '../core/dependency.ts'
import {
  type Consistency,
  DEFAULT_POLICY,
  type Dependencies,
  type LoadPolicy,
  type RefreshAhead,
  type SingleFlight,
} from '../core/options.ts'
import type { PolicyName } from '../memory/options.ts'
import type { RouteRule, Routing } from './route.ts'
import type { Retention, Settings } from './settings.ts'
import { type FarTier, readBudget } from './space.ts'

/** `unlimited` means infinite, which JSON cannot represent. */
export type Amount = number | 'unlimited'

/** The defaults in force, in seconds. */
export interface DescribedDefaults {
  /** How long an entry is fresh. */
  readonly ttl_seconds: Amount
  /** How long an expired entry may be served while it is loaded anew. */
  readonly stale_for_seconds: Amount
  /** How long an expired entry may be served if its loader fails or is slow. */
  readonly stale_if_error_seconds: Amount
  /** The largest share of a TTL that is subtracted at random, 0 to 1. */
  readonly jitter: number
  /** The tags of every entry. */
  readonly tags: readonly string[]
  /** What is evicted first. */
  readonly priority: Priority
  /** With a stale value available: how long to wait for the loader. */
  readonly timeout_soft_seconds: Amount
  /** The longest that a loader may take. */
  readonly timeout_hard_seconds: Amount
  /** A share; an object if there is more. */
  readonly refresh_ahead: number | RefreshAhead
  /** `null`: like any other value. */
  readonly negative_ttl_seconds: Amount | null
  /** How long a loader's error is remembered; 0: not at all. */
  readonly error_ttl_seconds: Amount
  /** What reads may return. */
  readonly consistency: Consistency
  /** The scope of single flight: over all processes, within each, or none. */
  readonly single_flight: SingleFlight
}

/** The settings of the memory tier. */
export interface DescribedMemory {
  /** Always `memory`. */
  readonly name: 'memory'
  /** Always `process`. */
  readonly scope: 'process'
  /** Whether it is read and written. */
  readonly enabled: boolean
  /** How long it keeps an entry, as a share of the entry's TTL. */
  readonly ttl_factor: number
  /** The longest that it keeps an entry. */
  readonly ttl_seconds: Amount
  /** The most entries. */
  readonly max_entries: Amount
  /** The most memory, in megabytes. */
  readonly max_size_mb: Amount
  /** One of the library's, or a custom one by its name. */
  readonly policy: PolicyName | (string & {})
  /** `false`: never. */
  readonly pressure: number | false
}

/** The settings of a tier below memory. */
export interface DescribedTier {
  /** As shown to operators. */
  readonly name: string
  /** Who sees its entries. */
  readonly scope: Scope
  /** Whether it survives a restart of the process. */
  readonly durable: boolean
  /** Whether it holds the ledger. */
  readonly holds_ledger: boolean
  /** Whether it is read and written. */
  readonly enabled: boolean
  /** How long it keeps an entry, as a multiple of the entry's TTL. */
  readonly ttl_factor: number
  /** The longest that it keeps an entry. */
  readonly ttl_seconds: Amount
  /** How many reads an entry needs in this tier before it is copied to the tiers above. */
  readonly promote_after: number
  /** The longest that a call may take. */
  readonly timeout_seconds: Amount
  /** After how many failures in a row it is left alone. */
  readonly breaker_threshold: number
  /** How long it is left alone. */
  readonly breaker_open_seconds: Amount
  /** Its limits. */
  readonly limits: {
    readonly key_bytes: Amount
    readonly item_bytes: Amount
    readonly items: Amount
    readonly batch_bytes: Amount
    readonly calls: Amount
  }
  /** Its capacity, over all users of its store. */
  readonly bounds: { readonly max_entries: Amount; readonly max_size_mb: Amount }
}

/** A rule of `route`, as given. */
export interface DescribedRule {
  /** Which entries it concerns. Absent: all. */
  readonly when?: {
    readonly namespace?: string | readonly string[]
    readonly priority?: Priority | readonly Priority[]
    readonly tags?: readonly string[]
    readonly min_bytes?: Amount
    readonly max_bytes?: Amount
  }
  /** The tiers in which these are stored. */
  readonly tiers?: readonly string[]
  /** The tiers in which these are not stored. */
  readonly except?: readonly string[]
}

/** The settings of a cache in force, in names and units for JSON. */
export interface CacheDescription {
  /** The name of the cache. */
  readonly name: string
  /** The settings of entries, unless a namespace or a call says otherwise. */
  readonly defaults: DescribedDefaults
  /** Fastest first. */
  readonly tiers: readonly (DescribedMemory | DescribedTier)[]
  /** Which tiers entries are stored in: the first matching rule decides, and without one, all. */
  readonly route: readonly DescribedRule[]
  /** The tier that holds it; `memory` if this process is alone. */
  readonly ledger: string
  /** How long memory may be trusted after the last answer of the ledger: `maxStale`. */
  readonly max_stale_seconds: Amount
  /** The longest that a read waits for all tiers together: `readBudget`. */
  readonly read_budget_seconds: Amount
  /** Whether dependencies between entries are recorded: `dependencies`. */
  readonly dependencies: Dependencies
  /** The names of the plug-ins. */
  readonly plugins: readonly string[]
  /** The open namespaces of this process, each with its entries' settings. */
  readonly namespaces: readonly { readonly name: string; readonly defaults: DescribedDefaults }[]
}

/** The input of `describeConfig`. */
export interface Described {
  readonly name: string
  readonly policy: LoadPolicy
  readonly settings: Pick<Settings, 'dependencies'>
  readonly memory:
    | {
        readonly store: Pick<MemoryStore, 'limits' | 'policy' | 'pressure'>
        readonly retention: Retention
        readonly isOn: boolean
      }
    | undefined
  readonly far: readonly FarTier[]
  readonly routing: Routing
  readonly ledger: string
  readonly maxStaleMs: number
  readonly plugins: readonly string[]
  readonly namespaces: readonly { readonly name: string; readonly policy: LoadPolicy }[]
}

export function describeConfig({
  name,
  policy,
  settings,
  memory,
  far,
  routing,
  ledger,
  maxStaleMs,
  plugins,
  namespaces,
}: Described): CacheDescription {
  return {
    name,
    defaults: describePolicy(policy),
    tiers: [...(memory === undefined ? [] : [describeMemory(memory)]), ...far.map(describeTier)],
    route: describeRoute(routing),
    ledger,
    max_stale_seconds: seconds(maxStaleMs),
    read_budget_seconds: seconds(readBudget(far)),
    dependencies: settings.dependencies,
    plugins,
    namespaces: namespaces.map((one) => ({ name: one.name, defaults: describePolicy(one.policy) })),
  }
}

export function describePolicy(policy: LoadPolicy): DescribedDefaults {
  return {
    ttl_seconds: seconds(policy.ttlMs),
    stale_for_seconds: seconds(policy.staleForMs),
    stale_if_error_seconds: seconds(policy.staleIfErrorMs),
    jitter: policy.jitter,
    tags: [...ownTags(policy.tags)],
    priority: policy.priority,
    timeout_soft_seconds: seconds(policy.softMs),
    timeout_hard_seconds: seconds(policy.hardMs),
    refresh_ahead: refreshAheadOf(policy),
    negative_ttl_seconds: policy.negativeMs < 0 ? null : seconds(policy.negativeMs),
    error_ttl_seconds: seconds(policy.errorMs),
    consistency: policy.consistency,
    single_flight: policy.singleFlight,
  }
}

function refreshAheadOf({ refreshAhead, refreshBeta, refreshReads }: LoadPolicy): number | RefreshAhead {
  if (refreshBeta === 0 && refreshReads === DEFAULT_POLICY.refreshReads) return refreshAhead
  return { after: refreshAhead, ...(refreshBeta > 0 && { beta: refreshBeta }), reads: refreshReads }
}

export function describeMemory({ store, retention, isOn }: NonNullable<Described['memory']>): DescribedMemory {
  return {
    name: 'memory',
    scope: 'process',
    enabled: isOn,
    ttl_factor: retention.factor,
    ttl_seconds: seconds(retention.ttlMs),
    max_entries: amount(store.limits.maxEntries),
    max_size_mb: amount(store.limits.maxBytes / MEGABYTE),
    policy: store.policy,
    pressure: store.pressure,
  }
}

export function describeTier({ guarded, retention, promoteAfter, holdsLedger, enabled }: FarTier): DescribedTier {
  const { tier, name, settings, limits } = guarded
  return {
    name,
    scope: tier.scope,
    durable: tier.durable,
    holds_ledger: holdsLedger,
    enabled,
    ttl_factor: retention.factor,
    ttl_seconds: seconds(retention.ttlMs),
    promote_after: promoteAfter,
    timeout_seconds: seconds(settings.timeoutMs),
    breaker_threshold: settings.breaker.threshold,
    breaker_open_seconds: seconds(settings.breaker.openMs),
    limits: {
      key_bytes: amount(limits.keyBytes),
      item_bytes: amount(limits.itemBytes),
      items: amount(limits.items),
      batch_bytes: amount(limits.batchBytes),
      calls: amount(limits.calls),
    },
    bounds: {
      max_entries: amount(tier.bounds?.maxEntries ?? Number.POSITIVE_INFINITY),
      max_size_mb: amount((tier.bounds?.maxBytes ?? Number.POSITIVE_INFINITY) / MEGABYTE),
    },
  }
}

export const describeRoute = ({ rules }: Routing): readonly DescribedRule[] => rules.map(describeRule)

function describeRule({ when, tiers, except }: RouteRule): DescribedRule {
  const { namespace, priority, tags, minBytes, maxBytes } = when ?? {}
  return {
    ...(when !== undefined && {
      when: {
        ...(namespace !== undefined && { namespace }),
        ...(priority !== undefined && { priority }),
        ...(tags !== undefined && { tags }),
        ...(minBytes !== undefined && { min_bytes: amount(minBytes) }),
        ...(maxBytes !== undefined && { max_bytes: amount(maxBytes) }),
      },
    }),
    ...(tiers !== undefined && { tiers }),
    ...(except !== undefined && { except }),
  }
}

export const MEGABYTE = 2 ** 20

const amount = (value: number): Amount => (value === Number.POSITIVE_INFINITY ? 'unlimited' : value)
const seconds = (ms: number): Amount => amount(ms / 1000)
