// The daily trend of a metric: the median of the slopes between all pairs of days (Theil, 1950), with the interval of
// Sen (1968).
import type { Interval } from './forecast.ts'
import { median } from './median.ts'

/** With four days the interval spans all slopes, and means nothing. */
export const LEAST_DAYS = 5
const SURE = 1.96

/**
 * Per day; undefined for fewer than five days. One unusual day has little effect.
 * @param seen the metric of each day, by day number; one that is not finite is unknown
 */
export function slopeOf(seen: readonly { readonly day: number; readonly value: number }[]): Interval | undefined {
  const days = seen.filter(({ value }) => Number.isFinite(value))
  const count = days.length
  if (count < LEAST_DAYS) return undefined
  const slopes = days
    .flatMap((one, at) => days.slice(at + 1).map((later) => (later.value - one.value) / (later.day - one.day)))
    .sort((a, b) => a - b)
  // The standard deviation of Kendall's statistic for unrelated days.
  const within = SURE * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const low = Math.max(0, Math.floor((slopes.length - within) / 2))
  const high = Math.min(slopes.length - 1, Math.ceil((slopes.length + within) / 2))
  return { value: median(slopes), low: slopes[low] as number, high: slopes[high] as number }
}
