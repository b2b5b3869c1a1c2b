// Whether a cache has become worse than at this hour on earlier days and in earlier weeks, beyond the usual variation
// between minutes and days; with any marker set shortly before.
import type { Point } from '../metrics/collector.ts'
import { joined } from '../metrics/collector.ts'
import type { Before } from '../metrics/history.ts'
import { quantile, ratio } from '../metrics/quantiles.ts'
import { median } from '../reports/median.ts'
import type { Reading } from './rules.ts'

/**
 * Recent minutes that are needed, each with so many reads, and the reads of all together; earlier days that are needed.
 */
const LEAST_MINUTES = 5
const LEAST_READS = 20
const LEAST_READS_OF_NOW = 200
const LEAST_DAYS = 3
const SURE = 2
/** The smallest spread between days that is assumed: in logarithms of milliseconds, and in hit ratios. */
const LEAST_SPREAD_MS = 0.05
const LEAST_SPREAD_RATIO = 0.005
/** The standard deviation of a normal distribution as a multiple of its median absolute deviation. */
const OF_MEDIAN = 1.4826

export function regressionsOf({ minutes, hours, weeks, marker }: Before, isWarm: boolean): Reading[] {
  const [now, before, sameDay] = [minutes.filter(isSeen), hours.filter(isSeen), weeks.filter(isSeen)]
  const reads = now.reduce((sum, { counters }) => sum + readsOf(counters), 0)
  const isJudged = isWarm && now.length >= LEAST_MINUTES && reads >= LEAST_READS_OF_NOW && before.length >= LEAST_DAYS
  // A get below a millisecond is fast, however much faster it was before.
  const p95 = ({ counters }: Point): number => Math.log(Math.max(1, quantile(counters, 'get', 0.95) ?? 1))
  const hits = ({ counters }: Point): number => ratio(counters.hits ?? 0, readsOf(counters)) ?? 0
  // A Sunday resembles other Sundays rather than the days before it.
  const worse = (of: (point: Point) => number, leastSpread: number): number =>
    Math.min(
      ...[before, sameDay]
        .filter(({ length }) => length > 0)
        .map((usual) => beyond(now.map(of), usual.map(of), leastSpread)),
    )
  const [slower, fewer] = [worse(p95, LEAST_SPREAD_MS), worse((point) => -hits(point), LEAST_SPREAD_RATIO)]
  const whole = joined(now)
  const of = `at this hour on the ${before.length} days before`
  const suspect = marker === undefined ? '' : `; suspect: ${marker.kind} "${marker.message}", marked at ${marker.at}`
  return [
    {
      rule: 'p95_regression',
      subject: '',
      value: isJudged ? Math.exp(slower) : null,
      message: (value) =>
        `the p95 of a get is ${(quantile(whole?.counters ?? {}, 'get', 0.95) ?? 0).toFixed(0)} ms, at least ${value.toFixed(1)} times what it was ${of}${suspect}`,
    },
    {
      rule: 'hit_ratio_regression',
      subject: '',
      value: isJudged ? Math.max(0, fewer) : null,
      message: (value) =>
        `${(100 * (ratio(whole?.counters.hits ?? 0, readsOf(whole?.counters ?? {})) ?? 0)).toFixed(1)} % of reads are served from the cache, at least ${(100 * value).toFixed(1)} points fewer than ${of}${suspect}`,
    },
  ]
}

const readsOf = ({ hits = 0, misses = 0 }: Point['counters']): number => hits + misses
const isSeen = ({ counters }: Point): boolean => readsOf(counters) >= LEAST_READS

/**
 * The lower bound by which the current mean exceeds the usual one: minutes are counted rather than reads, since the
 * reads of a minute are correlated.
 */
function beyond(now: readonly number[], before: readonly number[], leastSpread: number): number {
  if (now.length < 2 || before.length === 0) return 0
  const mean = now.reduce((sum, one) => sum + one, 0) / now.length
  const error = Math.sqrt(now.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (now.length - 1) / now.length)
  const usual = middleOf(before)
  const spread = Math.max(leastSpread, OF_MEDIAN * middleOf(before.map((one) => Math.abs(one - usual))))
  return mean - SURE * error - (usual + SURE * spread)
}

const middleOf = (values: readonly number[]): number => median(values.toSorted((a, b) => a - b))
