// The trends of a cache (A6): how its metrics have moved from day to day, and their forecast for the next hours, from
// the stored history.
import { counted } from 'millpond/options'
import { z } from 'zod'
import type { Control } from '../control.ts'
import type { Point } from '../metrics/collector.ts'
import { quantile, ratio } from '../metrics/quantiles.ts'
import { range } from '../routes/insight-schemas.ts'
import { instant, number } from '../routes/schemas.ts'
import { type Forecast, forecast, type Interval } from './forecast.ts'
import { LEAST_DAYS, slopeOf } from './slope.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** On the first day, steps of five minutes: enough for the next hour, not for tomorrow. */
const FINE_S = 300
const LEAST_HOURS = 60
/** Days with less data are not comparable: their night or their noon is missing. */
const WHOLE_DAY_HOURS = 20
const SEEN_OF_STEP = 0.5
const GB = 1e9
const MONTH_MS = 30 * DAY_MS

export const trend = z.object({
  name: z.enum(['hit_ratio', 'requests_per_second', 'loads_per_second', 'get_p95_ms', 'bytes', 'cost_per_day']),
  now: number.describe('in the last known step'),
  per_day: range.nullable().describe('the change per day with its 95 % interval; null: see why'),
  direction: z.enum(['rising', 'falling', 'steady', 'unknown']).describe('steady: the interval contains 0'),
  forecast: z
    .object({
      by: z.string().describe('the method in words: the last value, the value at the same hour of the day before, ...'),
      is_naive: z.boolean().describe('no better method was found on past data'),
      step_seconds: z.number(),
      steps: z.array(range),
      mean_error: z.number().describe('error of such forecasts on past data, next to that of the best naive one'),
      naive_error: z.number(),
      trials: z.number(),
    })
    .nullable(),
  why: z.array(z.string()).describe('what cannot be forecast, and why'),
})
export type Trend = z.output<typeof trend>

export const trends = z.object({
  cache_name: z.string(),
  from: instant,
  to: instant,
  hours_seen: z.number(),
  trends: z.array(trend),
})
export type Trends = z.output<typeof trends>

export interface TrendPrices {
  /** A gigabyte of memory for 30 days. */
  readonly gbMonth: number
  readonly millionLoads: number
}

export interface TrendOptions {
  readonly days: number
  /** How far ahead. */
  readonly hours: number
  readonly prices?: TrendPrices | undefined
}

type Figure = (point: Point) => number | null

export async function trendsOf(control: Control, cache: string, options: TrendOptions): Promise<Trends> {
  const now = await control.store.now()
  const from = now - options.days * DAY_MS
  const recent = control.collector.recent(cache)
  const read = async (since: number, seconds: number): Promise<readonly Point[]> =>
    (await control.history.read(cache, since, now, seconds, now, recent)).points.filter(({ at }) => at <= now)
  const hours = await read(from, HOUR_MS / 1000)
  const seen = whole(hours, HOUR_MS / 1000)
  const isYoung = seen.length < LEAST_HOURS
  const fine = isYoung ? whole(await read(Math.max(from, now - DAY_MS), FINE_S), FINE_S) : seen
  const step = isYoung ? FINE_S : HOUR_MS / 1000
  return {
    cache_name: cache,
    from: new Date(from).toISOString(),
    to: new Date(now).toISOString(),
    hours_seen: seen.length,
    trends: figuresOf(options.prices).map(([name, figure]) =>
      trendOf(name, figure, seen, fine, { step, now, hours: options.hours }),
    ),
  }
}

function figuresOf(prices: TrendPrices | undefined): readonly (readonly [Trend['name'], Figure])[] {
  const each =
    (of: (counters: Point['counters']) => number): Figure =>
    ({ counters, seconds }) =>
      seconds > 0 ? of(counters) / seconds : null
  const costPerDay = ({ gbMonth, millionLoads }: TrendPrices): Figure => {
    return ({ counters, gauges, seconds }) =>
      seconds <= 0
        ? null
        : (((gauges.bytes ?? 0) / GB) * gbMonth * DAY_MS) / MONTH_MS +
          ((counters.loads ?? 0) / seconds / 1e6) * millionLoads * (DAY_MS / 1000)
  }
  return [
    ['hit_ratio', ({ counters: { hits = 0, misses = 0 } }) => ratio(hits, hits + misses)],
    ['requests_per_second', each(({ hits = 0, misses = 0 }) => hits + misses)],
    ['loads_per_second', each(({ loads = 0 }) => loads)],
    ['get_p95_ms', ({ counters }) => quantile(counters, 'get', 0.95)],
    ['bytes', ({ gauges }) => gauges.bytes ?? null],
    ...(prices === undefined ? [] : ([['cost_per_day', costPerDay(prices)]] as const)),
  ]
}

interface Ahead {
  /** Seconds of a step. */
  readonly step: number
  readonly now: number
  readonly hours: number
}

/** @param hours whole hours, for the days; @param fine the basis of the forecast */
function trendOf(
  name: Trend['name'],
  figure: Figure,
  hours: readonly Point[],
  fine: readonly Point[],
  ahead: Ahead,
): Trend {
  const { step } = ahead
  const days = daysOf(hours, figure)
  const perDay = slopeOf(days)
  const values = inGrid(fine, figure, step, ahead.now)
  const seasons = step === HOUR_MS / 1000 ? [24, 168] : []
  const foreseen = forecast(values, Math.ceil((ahead.hours * HOUR_MS) / 1000 / step), seasons)
  const within = (one: Interval): Interval => clamped(one, name)
  return {
    name,
    now: values.findLast((value) => value !== null) ?? null,
    per_day: perDay ?? null,
    direction: perDay === undefined ? 'unknown' : perDay.low > 0 ? 'rising' : perDay.high < 0 ? 'falling' : 'steady',
    forecast:
      typeof foreseen === 'string'
        ? null
        : {
            by: inWords(foreseen),
            is_naive: foreseen.isNaive,
            step_seconds: step,
            steps: foreseen.steps.map(within),
            mean_error: foreseen.error,
            naive_error: foreseen.naiveError,
            trials: foreseen.trials,
          },
    why: [
      ...(perDay === undefined
        ? [
            `not enough data for a trend: ${counted(days.length, 'whole day is', 'whole days are')} known, ${LEAST_DAYS} are needed`,
          ]
        : []),
      ...(typeof foreseen === 'string'
        ? [`not enough data for a forecast, in steps of ${step / 60} minutes: ${foreseen}`]
        : []),
    ],
  }
}

const whole = (points: readonly Point[], step: number): readonly Point[] =>
  points.filter(({ seconds }) => seconds >= step * SEEN_OF_STEP)

function daysOf(hours: readonly Point[], figure: Figure): { day: number; value: number }[] {
  const days = new Map<number, number[]>()
  for (const point of hours) {
    const value = figure(point)
    // A point is identified by its end.
    const day = Math.floor((point.at - 1) / DAY_MS)
    if (value !== null) days.set(day, [...(days.get(day) ?? []), value])
  }
  return [...days].flatMap(([day, values]) =>
    values.length < WHOLE_DAY_HOURS
      ? []
      : [{ day, value: values.reduce((sum, value) => sum + value, 0) / values.length }],
  )
}

/** At equal steps up to now, with null for gaps: a forecast begins now, not where the data ended. */
function inGrid(points: readonly Point[], figure: Figure, step: number, now: number): (number | null)[] {
  const [first] = points
  if (first === undefined) return []
  const values: (number | null)[] = []
  for (const point of points) {
    const at = Math.round((point.at - first.at) / (step * 1000))
    while (values.length < at) values.push(null)
    values[at] = figure(point)
  }
  const steps = Math.floor((now - first.at) / (step * 1000)) + 1
  while (values.length < steps) values.push(null)
  return values
}

function clamped({ value, low, high }: Interval, name: Trend['name']): Interval {
  const most = name === 'hit_ratio' ? 1 : Number.POSITIVE_INFINITY
  const clamp = (one: number): number => Math.min(most, Math.max(0, one))
  return { value: clamp(value), low: clamp(low), high: clamp(high) }
}

function inWords({ way, season }: Forecast): string {
  const when = season === 168 ? 'hour of the week' : 'hour of the day'
  if (way === 'last_value') return 'as it is now'
  if (way === 'season_ago') return `as at the same ${when} before`
  if (way === 'mean_step') return 'as it is now, continuing at the average rate of change'
  return season === 0
    ? 'a weighted average of recent values'
    : `a weighted average of recent values, with the profile of the ${when}`
}
