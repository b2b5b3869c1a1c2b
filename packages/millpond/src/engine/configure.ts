// Settings changes at runtime: all validated before the first takes effect, and reported as before and after.
import {
  checkedElsewhere,
  checkOptions,
  duration,
  flag,
  options,
  orNull,
  record,
  type Shape,
  whole,
} from '../core/checks.ts'
import type { EvictionFactory, MemoryBudget, MemoryStore } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { keptOptions, type LoadOptions } from '../core/options.ts'
import { type PolicyName, policyByName } from '../memory/index.ts'
import { resolveMemoryOptions } from '../memory/options.ts'
import { type BreakerOptions, checkBreaker } from '../wrap/breaker.ts'
import { type Described, describeMemory, describePolicy, describeRoute, describeTier } from './describe.ts'
import type { Receipt } from './receipt.ts'
import type { RouteRule, Routing } from './route.ts'
import { type CacheSettings, type Retention, retentionOf } from './settings.ts'
import type { FarTier } from './space.ts'

/** The defaults of entries that may be changed at runtime; `null` goes back to the settings in code. */
export type DefaultChanges = {
  readonly [K in Exclude<keyof LoadOptions, 'dependsOn' | 'after' | 'signal' | 'quiet' | 'timeout' | 'strategy'>]?:
    | LoadOptions[K]
    | null
} & {
  readonly timeout?:
    | { readonly soft?: Duration | null | undefined; readonly hard?: Duration | null | undefined }
    | null
    | undefined
}

/** The changeable settings of a tier. */
export interface TierChanges {
  /**
   * `false`: neither read nor written from now on; memory drops its entries. The tier that holds the ledger still holds
   * it, and drops entries in its steps.
   */
  readonly enabled?: boolean | undefined
  /** How long the tier keeps an entry, as a multiple of the entry's TTL; for memory at most 1. */
  readonly ttlFactor?: number | undefined
  /** The longest that the tier keeps an entry. */
  readonly ttl?: Duration | undefined
  /** How many reads an entry needs in this tier before it is copied to the tiers above. Not for memory. */
  readonly promoteAfter?: number | undefined
  /** The longest that a call to the tier may take. Not for memory. */
  readonly timeout?: Duration | undefined
  /** When the tier is left alone, and for how long. Not for memory. */
  readonly breaker?: BreakerOptions | undefined
  /** Only for memory, like the next three. Shrinking and another policy take effect in steps of at most 5 ms. */
  readonly maxEntries?: number | undefined
  /** As in `memory()`. */
  readonly maxBytes?: number | string | undefined
  /** The eviction policy, as in `memory()`. */
  readonly policy?: PolicyName | EvictionFactory | undefined
  /** As in `memory()`; `false`: never. */
  readonly pressure?: number | false | undefined
}

/** The changes of `configure`; what is left out stays. */
export interface Changes {
  /** The defaults of entries: of this namespace, or of the whole cache. */
  readonly defaults?: DefaultChanges | undefined
  /** By the tier's name in `describe()` and metrics. Tiers belong to the whole cache: not allowed in a namespace. */
  readonly tiers?: Readonly<Record<string, TierChanges>> | undefined
  /**
   * Other rules for which tiers entries are stored in; `null` goes back to the rules in code. Entries in excluded tiers
   * are not read any more, memory drops its own before the promise resolves, and the tiers below in the background
   * (`flush` waits for it). For the whole cache: a rule names its namespaces.
   */
  readonly route?: readonly RouteRule[] | null | undefined
}

/** How `configure` applies the changes. */
export interface ConfigureOptions {
  /**
   * `new` (default): stored entries keep their times. `drop`: the affected namespaces are cleared as well, in every
   * process.
   */
  readonly apply?: 'new' | 'drop' | undefined
  /** Changes nothing, and returns what would change. */
  readonly dryRun?: boolean | undefined
}

/** The changes that `configure` has made, or would make. */
export interface Configured {
  /** Only what differs. */
  readonly changes: readonly SettingChange[]
  /** Nothing was changed. */
  readonly isDryRun: boolean
  /** For each namespace that was cleared. */
  readonly dropped: readonly Receipt[]
}

/** One setting by its path in `describe()`: `defaults.ttl_seconds`, `tiers.redis.timeout_seconds`. */
export interface SettingChange {
  /** The path of the setting. */
  readonly setting: string
  /** The value before. */
  readonly from: unknown
  /** The value from now on. */
  readonly to: unknown
}

export interface ConfigurableMemory extends NonNullable<Described['memory']> {
  readonly store: MemoryStore
}

/** The configurable parts, and their current settings. */
export interface Configurable {
  readonly settings: CacheSettings
  readonly far: readonly FarTier[]
  readonly memory: ConfigurableMemory | undefined
  /** Switches memory on or off in every namespace. */
  readonly switchMemory: (isOn: boolean) => void
  /** Resolves rules for this cache's tiers. */
  readonly routed: (rules: unknown) => Routing
  /** Applies other rules; resolves when memory holds nothing that they exclude. */
  readonly changeRouting: (to: Routing) => Promise<unknown>
}

interface Step {
  readonly changes: readonly SettingChange[]
  readonly apply: () => unknown
  /** Even if nothing differs now: a change stays in force when the settings below it change. */
  readonly isKept?: boolean
}

const CHANGES: Shape<Changes> = {
  defaults: checkedElsewhere,
  tiers: record("changes by the tier's name, such as { memory: { maxEntries: 5000 } }"),
  // Validated as by `createCache`.
  route: (value) => value as never,
}
/** Their values are validated together with those that stay. */
const DEFAULTS: Shape<DefaultChanges> = {
  ttl: (value) => value as never,
  staleFor: (value) => value as never,
  staleIfError: (value) => value as never,
  jitter: (value) => value as never,
  tags: (value) => value as never,
  priority: (value) => value as never,
  timeout: orNull(options<NonNullable<DefaultChanges['timeout']>>({ soft: orNull(duration), hard: orNull(duration) })),
  refreshAhead: (value) => value as never,
  negativeTtl: (value) => value as never,
  errorTtl: (value) => value as never,
  consistency: (value) => value as never,
  singleFlight: (value) => value as never,
}
type OfMemory = 'maxEntries' | 'maxBytes' | 'policy' | 'pressure'
type OfFar = 'promoteAfter' | 'timeout' | 'breaker'
const ANY_TIER: Shape<Omit<TierChanges, OfMemory | OfFar>> = {
  enabled: flag,
  ttlFactor: checkedElsewhere,
  ttl: duration,
}
const MEMORY_TIER: Shape<Omit<TierChanges, OfFar>> = {
  ...ANY_TIER,
  // Validated as by `memory()`.
  maxEntries: checkedElsewhere,
  maxBytes: checkedElsewhere,
  policy: checkedElsewhere,
  pressure: checkedElsewhere,
}
const FAR_TIER: Shape<Omit<TierChanges, OfMemory>> = {
  ...ANY_TIER,
  promoteAfter: whole(1),
  timeout: duration,
  breaker: (value, at) => {
    checkBreaker(value, at)
    return value
  },
}

/**
 * The changes, and how to apply them.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`; nothing has changed then.
 */
export function planChanges(cache: Configurable, changes: Changes, namespace: string | undefined): Step {
  checkOptions<Changes>(changes, CHANGES, 'changes')
  const { defaults, tiers, route } = changes
  const steps: Step[] = []
  if (defaults !== undefined) steps.push(planDefaults(cache.settings, defaults, namespace))
  if (tiers !== undefined && namespace !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `tiers: they belong to the whole cache, not to the namespace ${show(namespace)}: configure the cache`,
    )
  if (route !== undefined && namespace !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `route: it belongs to the whole cache, not to the namespace ${show(namespace)}: configure the cache, and name the namespace in "when"`,
    )
  if (route !== undefined) steps.push(planRoute(cache, route))
  for (const [name, change] of Object.entries(tiers ?? {})) steps.push(planTier(cache, name, change))
  return {
    changes: steps.flatMap((step) => step.changes),
    apply: () =>
      Promise.all(
        steps
          .filter(({ changes: differing, isKept = false }) => isKept || differing.length > 0)
          .map((step) => step.apply()),
      ),
  }
}

function planDefaults(settings: CacheSettings, given: DefaultChanges, namespace: string | undefined): Step {
  checkOptions<DefaultChanges>(given, DEFAULTS, 'defaults')
  const changed = keptOptions(merged(settings.changed(namespace), given))
  const to = settings.policyWith(changed, namespace)
  const path = namespace === undefined ? 'defaults' : `namespaces.${namespace}.defaults`
  return {
    changes: differences(path, describePolicy(settings.policy(namespace)), describePolicy(to)),
    apply: () => settings.change(changed, namespace),
    isKept: true,
  }
}

function planRoute({ settings, routed, changeRouting }: Configurable, rules: Changes['route']): Step {
  const to = rules === null ? settings.routingOfCode : routed(rules)
  const before = describeRoute(settings.routing)
  const after = describeRoute(to)
  const isSame = JSON.stringify(before) === JSON.stringify(after)
  return { changes: isSame ? [] : [{ setting: 'route', from: before, to: after }], apply: () => changeRouting(to) }
}

/** `null` means as if it had never been changed. */
function merged(before: LoadOptions, given: DefaultChanges): LoadOptions {
  const { timeout, ...rest } = given
  const { timeout: timeoutBefore, ...restBefore } = before
  const all: LoadOptions = present({ ...restBefore, ...rest })
  const both = timeout === null ? {} : present({ ...timeoutBefore, ...timeout })
  return Object.keys(both).length === 0 ? all : { ...all, timeout: both }
}

function present(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
}

function planTier(cache: Configurable, name: string, change: TierChanges): Step {
  if (name === 'memory' && cache.memory !== undefined) return planMemory(cache, cache.memory, change)
  const far = cache.far.find(({ guarded }) => guarded.name === name)
  if (far !== undefined) return planFar(far, change)
  const known = [...(cache.memory === undefined ? [] : ['memory']), ...cache.far.map(({ guarded }) => guarded.name)]
  throw new MillpondError(
    'OPTION_INVALID',
    `tiers: ${show(name)} is not a tier of this cache: there are ${known.join(', ')}`,
  )
}

function planMemory(cache: Configurable, memory: ConfigurableMemory, change: TierChanges): Step {
  checkOptions<Omit<TierChanges, OfFar>>(change, MEMORY_TIER, 'tiers.memory')
  const { ttl, enabled = memory.isOn, ...options } = change
  const resolved = resolveMemoryOptions({ ...options, enabled })
  const retention: Retention = changedRetention(memory.retention, change)
  const policy =
    change.policy === undefined
      ? undefined
      : typeof change.policy === 'string'
        ? policyByName(change.policy)
        : change.policy
  const budget: MemoryBudget = {
    ...(change.maxEntries !== undefined && { maxEntries: resolved.maxEntries }),
    ...(change.maxBytes !== undefined && { maxBytes: resolved.maxBytes }),
    ...(change.pressure !== undefined && { pressure: resolved.pressure }),
    ...(policy !== undefined && { policy }),
  }
  const before = describeMemory(memory)
  const after = describeMemory({
    isOn: enabled,
    retention,
    store: {
      limits: { ...memory.store.limits, ...budget },
      policy: policy === undefined ? before.policy : policy({ capacity: 1, unit: 'entries' }).name,
      pressure: budget.pressure ?? memory.store.pressure,
    },
  })
  return {
    changes: differences('tiers.memory', before, after),
    apply: () => {
      cache.settings.memoryRetention = retention
      if (enabled !== memory.isOn) cache.switchMemory(enabled)
      return Object.keys(budget).length === 0 ? undefined : memory.store.configure(budget)
    },
  }
}

function planFar(far: FarTier, change: TierChanges): Step {
  const { name, settings } = far.guarded
  checkOptions<Omit<TierChanges, OfMemory>>(change, FAR_TIER, `tiers.${name}`)
  const { enabled = far.enabled, promoteAfter = far.promoteAfter, timeout, breaker } = change
  const retention = changedRetention(far.retention, change)
  const guard = {
    timeoutMs: timeout === undefined ? settings.timeoutMs : positive(parseDuration(timeout, 'timeout'), timeout),
    breaker: { ...settings.breaker, ...present(breaker ?? {}) },
  }
  const next = { ...far, enabled, retention, promoteAfter, guarded: { ...far.guarded, settings: guard } }
  return {
    changes: differences(`tiers.${name}`, describeTier(far), describeTier(next)),
    apply: () => {
      far.enabled = enabled
      far.retention = retention
      far.promoteAfter = promoteAfter
      far.guarded.configure(guard)
    },
  }
}

function changedRetention(before: Retention, { ttlFactor, ttl }: TierChanges): Retention {
  const after = retentionOf(
    { ...(ttlFactor !== undefined && { ttlFactor }), ...(ttl !== undefined && { ttl }) },
    before.factor,
  )
  return ttl === undefined ? { ...after, ttlMs: before.ttlMs } : after
}

function positive(ms: number, given: Duration): number {
  if (ms > 0) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `timeout: ${show(given)} is not allowed: no command could ever finish; switch the tier off instead`,
  )
}

function differences(path: string, before: object, after: object): SettingChange[] {
  const known = new Map<string, unknown>(Object.entries(before))
  return Object.entries(after).flatMap(([name, to]) => {
    const from = known.get(name)
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ setting: `${path}.${name}`, from, to }]
  })
}
