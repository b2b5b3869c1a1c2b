// Times to live as other libraries say them.
import { MAX_DURATION_MS, parseDuration } from '../core/duration.ts'

/**
 * Milliseconds: none, `null`, 0 and what is longer than any life (`Number.MAX_SAFE_INTEGER`) mean for ever, a time that
 * has passed is 0.
 * @throws MillpondError `DURATION_INVALID` for what is not a number.
 */
export function endless(ttl: number | undefined | null): number {
  if (ttl === undefined || ttl === null || ttl === 0 || ttl > MAX_DURATION_MS) return Number.POSITIVE_INFINITY
  return parseDuration(Math.max(0, ttl), 'ttl')
}
