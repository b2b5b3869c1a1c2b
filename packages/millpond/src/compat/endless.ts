// TTLs as in other libraries.
import { MAX_DURATION_MS, parseDuration } from '../core/duration.ts'

/**
 * Milliseconds: undefined, `null`, 0 and values beyond the longest TTL (`Number.MAX_SAFE_INTEGER`) mean unlimited; a
 * time in the past is 0.
 * @throws MillpondError `DURATION_INVALID` for anything but a number.
 */
export function endless(ttl: number | undefined | null): number {
  if (ttl === undefined || ttl === null || ttl === 0 || ttl > MAX_DURATION_MS) return Number.POSITIVE_INFINITY
  return parseDuration(Math.max(0, ttl), 'ttl')
}
