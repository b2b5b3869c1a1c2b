// Adaptive TTLs: the options, checked.
import type { AdaptiveTtl } from '../../core/adaptive-ttl.ts'
import { check, checkOptions, duration, oneOf, type Shape } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { TtlEstimator } from './estimator.ts'
import type { Bounds } from './price.ts'

export interface AdaptiveTtlOptions {
  /** The least TTL. Default `'60s'`. */
  readonly minTtl?: Duration | undefined
  /** The TTL until enough reloads were seen. Default `'5m'`. */
  readonly ttl?: Duration | undefined
  /** The largest TTL. Default `'1h'`. */
  readonly maxTtl?: Duration | undefined
  /** The share of reads that may be answered with an outdated value, above 0 to 1. Default 0.01. */
  readonly staleness?: number | undefined
  /**
   * `changes`: by how often reloads find another value. `frequency`: frequently read values live longer; this does not
   * control staleness, and loads more often than a fixed TTL with the same staleness (`npm run bench:insight -- DIR
   * --part ttl`). Default `changes`.
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
 * Chooses the TTL of each load that does not specify one, for `createCache({ adaptiveTtl })`: to save the most loads
 * within the allowed staleness, by how often values of the key's pattern were found changed. Announced changes (tags,
 * `invalidate`) need no short TTL; this is for the rest. One per cache.
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
