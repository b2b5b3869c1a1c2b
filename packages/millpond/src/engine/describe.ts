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
  readonly ttl_seconds: Amount
  readonly stale_for_seconds: Amount
  readonly stale_if_error_seconds: Amount
  readonly jitter: number
  readonly tags: readonly string[]
  readonly priority: Priority
  readonly timeout_soft_seconds: Amount
  readonly timeout_hard_seconds: Amount
  /** A share; an object if there is more. */
  readonly refresh_ahead: number | RefreshAhead
  /** `null`: like any other value. */
  readonly negative_ttl_seconds: Amount | null
  readonly error_ttl_seconds: Amount
  readonly consistency: Consistency
  readonly single_flight: SingleFlight
}

/** The settings of the memory tier. */
export interface DescribedMemory {
  readonly name: 'memory'
  readonly scope: 'process'
  readonly enabled: boolean
  readonly ttl_factor: number
  readonly ttl_seconds: Amount
  readonly max_entries: Amount
  readonly max_size_mb: Amount
  /** One of the library's, or a custom one by its name. */
  readonly policy: PolicyName | (string & {})
  /** `false`: never. */
  readonly pressure: number | false
}

/** The settings of a tier below memory. */
export interface DescribedTier {
  readonly name: string
  readonly scope: Scope
  readonly durable: boolean
  readonly holds_ledger: boolean
  readonly enabled: boolean
  readonly ttl_factor: number
  readonly ttl_seconds: Amount
  readonly promote_after: number
  readonly timeout_seconds: Amount
  readonly breaker_threshold: number
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
  readonly when?: {
    readonly namespace?: string | readonly string[]
    readonly priority?: Priority | readonly Priority[]
    readonly tags?: readonly string[]
    readonly min_bytes?: Amount
    readonly max_bytes?: Amount
  }
  readonly tiers?: readonly string[]
  readonly except?: readonly string[]
}

/** The settings of a cache in force, in names and units for JSON. */
export interface CacheDescription {
  readonly name: string
  readonly defaults: DescribedDefaults
  /** Fastest first. */
  readonly tiers: readonly (DescribedMemory | DescribedTier)[]
  /** Which tiers entries are stored in: the first matching rule decides, and without one, all. */
  readonly route: readonly DescribedRule[]
  /** The tier that holds it; `memory` if this process is alone. */
  readonly ledger: string
  readonly max_stale_seconds: Amount
  readonly read_budget_seconds: Amount
  readonly dependencies: Dependencies
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
