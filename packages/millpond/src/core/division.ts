// Shares of the keys with different settings for a while: the arms of an experiment.
import { check, checkOptions, fn, listOf, options, required, type Shape, text } from './checks.ts'
import { type Duration, parseDuration } from './duration.ts'
import { MillpondError, show } from './errors.ts'
import { type Ahead, DEFAULT_POLICY, type LoadOptions, type LoadPolicy, resolvePolicy } from './options.ts'

/** The settings of an arm's keys; what is left out is as for all. Options of a call take precedence. */
export interface ArmSettings {
  /** Above 0. */
  readonly ttl?: Duration | undefined
  /** As in `LoadOptions`. */
  readonly refreshAhead?: LoadOptions['refreshAhead'] | undefined
}

/**
 * How the keys of a cache are divided, and the settings of each part: `cache.divide`, until the function that it
 * returns is called.
 */
export interface Division {
  /**
   * The arm of a key, by its hash, encoded key and namespace as recorders get them; -1: in none, so that the settings
   * for all apply. Called on loads and writes, and on hits if an arm refreshes ahead: must be fast and deterministic.
   */
  readonly armOf: (hash: number, key: string, namespace: string) => number
  /** The settings of each arm; `armOf` returns an index of it. */
  readonly arms: readonly ArmSettings[]
  /** Only this namespace and its tenants. Default: all. */
  readonly namespace?: string | undefined
}

const lasting = check((value): value is Duration => parseDuration(value as Duration, 'ttl') > 0, 'a duration above 0')
const ARM: Shape<ArmSettings> = {
  ttl: lasting,
  // Validated as the load options that it consists of.
  refreshAhead: (value, at) => {
    resolvePolicy({ refreshAhead: value as never }, DEFAULT_POLICY, at.replace(/\.refreshAhead$/, ''))
    return value as never
  },
}
export const armSettings = options(ARM)
const DIVISION: Shape<Division> = {
  armOf: required(fn("a function from a key's hash to its arm")),
  arms: required(listOf(armSettings, 'a list of settings, one per arm')),
  namespace: text,
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` */
export function checkDivision(given: unknown): Division {
  checkOptions<Division>(given, DIVISION, 'divide')
  if (given.arms.length >= 2) return given
  throw new MillpondError(
    'OPTION_INVALID',
    `divide.arms: ${show(given.arms)} is not allowed: give at least two, {} for the current settings`,
  )
}

/** The policy with arms in it. Whether any arm refreshes ahead is known before the key is looked at. */
export function dividedPolicy(policy: LoadPolicy, { armOf, arms }: Division): LoadPolicy {
  const ttls = arms.map(({ ttl }) => (ttl === undefined ? undefined : parseDuration(ttl, 'ttl')))
  const aheads = arms.map(({ refreshAhead }) => aheadOf(resolvePolicy({ refreshAhead }, policy)))
  const division = { armOf, ttls, aheads, rest: aheadOf(policy) }
  const isTimed = ttls.some((ttl) => ttl !== undefined)
  const isAhead = arms.some(({ refreshAhead }) => refreshAhead !== undefined)
  const keenest = aheads.reduce((one, other) => (other.refreshAhead > 0 || other.refreshBeta > 0 ? other : one))
  return {
    ...policy,
    ...(isAhead && keenest),
    ttlArms: isTimed ? division : undefined,
    aheadArms: isAhead ? division : undefined,
  }
}

const aheadOf = ({ refreshAhead, refreshBeta, refreshReads }: LoadPolicy): Ahead => ({
  refreshAhead,
  refreshBeta,
  refreshReads,
})
