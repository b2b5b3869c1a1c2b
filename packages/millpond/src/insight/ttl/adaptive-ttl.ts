// Times to live that follow what values do: what a user says of them, checked.
import type { AdaptiveTtl } from '../../core/adaptive-ttl.ts'
import { check, checkOptions, duration, oneOf, type Shape } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { TtlEstimator } from './estimator.ts'
import type { Bounds } from './price.ts'

export interface AdaptiveTtlOptions {
  /** No value lives shorter. Default `'60s'`. */
  readonly minTtl?: Duration | undefined
  /** How long values live until enough reloads were seen. Default `'5m'`. */
  readonly ttl?: Duration | undefined
  /** No value lives longer. Default `'1h'`. */
  readonly maxTtl?: Duration | undefined
  /**
   * The share of reads that may be answered with a value that the source has changed since, above 0 to 1. Default 0.01.
   */
  readonly staleness?: number | undefined
  /**
   * `changes`: by how often reloads find another value. `frequency`: what is read more often lives longer; for its
   * staleness nobody answers, and it loads more often than a fixed time to live that is as stale (`npm run
   * bench:insight -- DIR --part ttl`). Default `changes`.
   */
  readonly by?: 'changes' | 'frequency' | undefined
}

const OPTIONS: Shape<AdaptiveTtlOptions> = {
  minTtl: duration,
  ttl: duration,
  maxTtl: duration,
  staleness: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a share above 0 and up to 1',
  ),
  by: oneOf('changes', 'frequency'),
}
const STALENESS = 0.01

/**
 * Chooses the time to live of each load that says none itself, for `createCache({ adaptiveTtl })`: as long as loads are
 * saved for the staleness that is allowed, by how often values of the key's kind were found changed. What is announced
 * (tags, `invalidate`) needs no short life; this is for the rest. One for each cache.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 * @example
 * const cache = createCache({ adaptiveTtl: adaptiveTtl({ maxTtl: '30m', staleness: 0.005 }) })
 * await cache.getOrSet('user:7', () => db.user(7))
 * const { chosenTtl } = await cache.explain('user:7') // which, and why
 */
export function adaptiveTtl(options: AdaptiveTtlOptions = {}): AdaptiveTtl {
  checkOptions<AdaptiveTtlOptions>(options, OPTIONS, 'adaptiveTtl')
  const { minTtl = '60s', ttl = '5m', maxTtl = '1h', staleness = STALENESS, by = 'changes' } = options
  return new TtlEstimator({ bounds: boundsOf(minTtl, ttl, maxTtl), staleness, by })
}

function boundsOf(minTtl: Duration, ttl: Duration, maxTtl: Duration): Bounds {
  const bounds = {
    minMs: parseDuration(minTtl, 'adaptiveTtl.minTtl'),
    baseMs: parseDuration(ttl, 'adaptiveTtl.ttl'),
    maxMs: parseDuration(maxTtl, 'adaptiveTtl.maxTtl'),
  }
  if (
    bounds.minMs > 0 &&
    bounds.minMs <= bounds.baseMs &&
    bounds.baseMs <= bounds.maxMs &&
    bounds.maxMs < Number.POSITIVE_INFINITY
  )
    return bounds
  throw new MillpondError(
    'OPTION_INVALID',
    `adaptiveTtl: ${show({ minTtl, ttl, maxTtl })} must be finite, above 0 and in this order: give for example { minTtl: '60s', ttl: '5m', maxTtl: '1h' }`,
  )
}
