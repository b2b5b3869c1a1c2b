// The tiers of a cache: validated, ordered, and one of them chosen to hold the ledger.
import {
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  flag,
  orOff,
  required,
  type Shape,
  text,
  whole,
} from './core/checks.ts'
import { asCodec, type EncryptedCodecOptions } from './core/codec-options.ts'
import type { Clock, Codec, Tier } from './core/contracts.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import { MillpondError, show } from './core/errors.ts'
import type { Events } from './core/events.ts'
import { checkName } from './core/key.ts'
import { isNotInstalled } from './core/packages.ts'
import { retentionOf } from './engine/settings.ts'
import type { FarTier } from './engine/space.ts'
import type { MemoryTier } from './memory/index.ts'
import { createHistogram } from './observe/index.ts'
import { type BreakerOptions, checkBreaker } from './wrap/breaker.ts'
import { guardTier } from './wrap/guard.ts'

/** A tier with settings of its own. */
export interface TierConfiguration {
  /** The tier, or a function that creates it: `() => redis({ url })`, called once. */
  readonly use: MemoryTier | Tier | (() => MemoryTier | Tier)
  /**
   * `true`: if the tier's package is not installed it is left out, with a warning instead of an error. `use` is then a
   * function, since a tier requires its package when it is created. Default false.
   */
  readonly optional?: boolean | undefined
  /**
   * The tier's name in metrics, events and receipts. Default: the tier's own name; the second of that name is
   * `sqlite-2`.
   */
  readonly name?: string | undefined
  /**
   * How long the tier keeps an entry, as a multiple of the entry's TTL. Default 1. Never changes how long an entry is
   * fresh.
   */
  readonly ttlFactor?: number | undefined
  /** The longest the tier keeps an entry. Default: no limit. */
  readonly ttl?: Duration | undefined
  /** Copy an entry to the tiers above after this many reads found here. Default 1. */
  readonly promoteAfter?: number | undefined
  /** `false`: configured, but not used. Default true. */
  readonly enabled?: boolean | undefined
  /**
   * The timeout of a single command. Default 250 ms. All tiers of a read together may take 300 ms, or the longest of
   * their timeouts if that is more (a batch of more keys than a command holds: after the last answer); a write waits
   * for the ledger as long as for the tier that holds it, at least 250 ms.
   */
  readonly timeout?: Duration | undefined
  /** When the tier is not used after failures, and for how long; `false` switches that off. */
  readonly breaker?: BreakerOptions | false | undefined
  /**
   * How this tier's entries are written. Default: as the cache's are. Entries copied to a tier with another codec are
   * encoded again. Not for memory.
   */
  readonly codec?: Codec | EncryptedCodecOptions | undefined
}

const TIER: Shape<TierConfiguration> = {
  use: required<TierConfiguration['use']>(checkedElsewhere),
  optional: flag,
  name: text,
  ttlFactor: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1000,
    'a number above 0 and up to 1000',
  ),
  ttl: duration,
  promoteAfter: whole(1),
  enabled: flag,
  codec: checkedElsewhere,
  timeout: duration,
  breaker: orOff((value, at) => {
    if (value === true)
      throw new MillpondError(
        'OPTION_INVALID',
        `${at}: true is not allowed: the breaker is on by default; give { threshold, openMs } to configure it, or false to switch it off`,
      )
    checkBreaker(value, at)
    return value
  }),
}
/** The longest timeout of a command to a far tier. */
const COMMAND_MS = 250

/** A tier with its settings. */
export interface ResolvedTier extends TierConfiguration {
  readonly use: MemoryTier | Tier
}
export interface ResolvedMemoryTier extends ResolvedTier {
  readonly use: MemoryTier
}
export interface ResolvedFarTier extends ResolvedTier {
  readonly use: Tier
}

const isMemory = (use: MemoryTier | Tier): use is MemoryTier => 'kind' in use && use.kind === 'memory'
export const isMemoryTier = (tier: ResolvedTier): tier is ResolvedMemoryTier => isMemory(tier.use)
export const isFarTier = (tier: ResolvedTier): tier is ResolvedFarTier => !isMemory(tier.use)

/**
 * `leaveOut` is called for each optional tier whose package is missing.
 * @throws MillpondError `OPTION_INVALID` for a value that is not a list of tiers.
 */
export function resolveTiers(
  given: unknown,
  leaveOut: (at: string, error: MillpondError) => void,
): readonly ResolvedTier[] {
  if (!Array.isArray(given))
    throw new MillpondError(
      'OPTION_INVALID',
      `tiers: ${show(given)} is not a list: give one such as [memory(), redis({ url })]`,
    )
  return given.flatMap((one, index) => resolveTier(one, `tiers[${index}]`, leaveOut) ?? [])
}

function resolveTier(
  given: unknown,
  at: string,
  leaveOut: (at: string, error: MillpondError) => void,
): ResolvedTier | undefined {
  if (typeof given !== 'object' || given === null) throw notATier(at, given)
  if (!('use' in given)) {
    if (isTier(given)) return { use: given }
    throw notATier(at, given)
  }
  checkOptions<TierConfiguration>(given, TIER, at)
  const { use, optional = false } = given
  if (optional && typeof use !== 'function')
    throw new MillpondError(
      'OPTION_INVALID',
      `${at}.optional: the tier already exists, so an error would have been thrown earlier: give a function, { use: () => redis({ url }), optional: true }`,
    )
  try {
    const made = typeof use === 'function' ? use() : use
    if (isTier(made)) return { ...given, use: made }
  } catch (error) {
    if (!optional || !lacksItsPackage(error)) throw error
    leaveOut(at, error)
    return undefined
  }
  throw notATier(`${at}.use`, use)
}

const lacksItsPackage = (error: unknown): error is MillpondError =>
  error instanceof MillpondError && isNotInstalled(error.cause)

const notATier = (at: string, given: unknown): MillpondError =>
  new MillpondError(
    'OPTION_INVALID',
    `${at}: ${show(given)} is not a tier: give memory(), redis({ url }), sqlite({ path }), or { use: tier, ttlFactor: 10 }`,
  )

const isTier = (given: unknown): given is MemoryTier | Tier =>
  typeof given === 'object' &&
  given !== null &&
  ('createStore' in given || ('read' in given && 'write' in given && 'drop' in given))

export function checkOrder(tiers: readonly ResolvedTier[]): void {
  if (tiers.length === 0)
    throw new MillpondError(
      'OPTION_INVALID',
      'tiers: [] has no tier: leave it out for memory alone, or name at least one',
    )
  const at = tiers.findLastIndex(isMemoryTier)
  if (at > 0)
    throw new MillpondError(
      'OPTION_INVALID',
      `tiers[${at}] is a memory tier: there can be only one, and it must come first`,
    )
  for (const [index, { use }] of tiers.entries()) {
    const first = tiers.findIndex((one) => one.use === use)
    if (first < index)
      throw new MillpondError(
        'OPTION_INVALID',
        `tiers[${index}] is the same tier as tiers[${first}]: name it once, or create another one`,
      )
  }
}

/**
 * Each tier's name, so that two of one name are counted separately. `taken`: the memory tier's name, if there is one.
 */
export function namesOf(tiers: readonly ResolvedFarTier[], taken: readonly string[] = []): readonly string[] {
  const names: string[] = tiers.map(({ name }) => (name === undefined ? '' : checkName(name, 'name of a tier')))
  const isTaken = (name: string): boolean => names.includes(name) || taken.includes(name)
  names.forEach((name, index) => {
    if (name !== '' && (names.indexOf(name) !== index || taken.includes(name)))
      throw new MillpondError('OPTION_INVALID', `tiers: two are called ${show(name)}: give each its own name`)
  })
  tiers.forEach(({ use }, index) => {
    if (names[index] !== '') return
    let name = use.name
    for (let count = 2; isTaken(name); count++) name = `${use.name}-${count}`
    names[index] = name
  })
  return names
}

/** The ledger is held by the most widely shared tier; among equals, the deepest. */
export function ledgerHolder(tiers: readonly ResolvedFarTier[]): ResolvedFarTier | undefined {
  const used = tiers.filter((tier) => tier.enabled !== false)
  const reach = { process: 0, host: 1, shared: 2 } as const
  const holders = used.filter((tier) => tier.use.ledger !== undefined)
  const best = holders.reduce<ResolvedFarTier | undefined>(
    (held, tier) => (held === undefined || reach[tier.use.scope] >= reach[held.use.scope] ? tier : held),
    undefined,
  )
  const beyond = used.find(
    (tier) =>
      reach[tier.use.scope] > (best === undefined ? 0 : reach[best.use.scope]) ||
      (best === undefined && tier.use.durable),
  )
  if (beyond === undefined) return best
  throw new MillpondError(
    'OPTION_INVALID',
    `tiers: ${show(beyond.use.name)} reaches further than any tier that can hold the ledger: without a ledger it is unknown which of its entries are valid; add redis, or sqlite for one host`,
  )
}

export function farTier(
  tier: ResolvedFarTier,
  name: string,
  holdsLedger: boolean,
  clock: Clock,
  events: Events,
): FarTier {
  const { promoteAfter = 1 } = tier
  const latency = createHistogram()
  const guarded = guardTier(
    tier.use,
    {
      id: name,
      timeoutMs: tier.timeout === undefined ? COMMAND_MS : parseDuration(tier.timeout, 'timeout'),
      ...(tier.breaker === undefined ? {} : { breaker: tier.breaker }),
    },
    clock,
    {
      onError: (tier, verb, error) => {
        far.errors++
        far.lastError = { error, at: clock.now() }
        events.emit('tierError', { tier, verb, error })
      },
      onState: (tier, state) => events.emit('breaker', { tier, state }),
      onRefused: (tier, key, why) => events.emit('tierRefused', { tier, key, why }),
      onTimed: (_tier, _verb, ms) => latency.record(ms),
    },
  )
  const enabled = tier.enabled !== false
  const far: FarTier = {
    guarded,
    codec: tier.codec === undefined ? undefined : asCodec(tier.codec, `codec of ${show(name)}`),
    retention: retentionOf(tier, 1),
    promoteAfter,
    holdsLedger,
    isApart: !holdsLedger || tier.use.ledger?.entriesApart === true,
    latency,
    enabled,
    errors: 0,
    lastError: undefined,
  }
  return far
}
