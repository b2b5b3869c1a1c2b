// Forecasts of a metric for the next hours with their uncertainty, both judged by how well past values would have been
// forecast.
//
// Several methods are tried from many points of the past, using only the values before each point. Naive ones: the last
// value; the value one season ago (the same hour yesterday or last week). Others: a slowly following level plus a
// seasonal profile; the last value plus the mean step. The method that did best in the earlier half of these trials is
// used only if it also beat the best naive method in the later half; otherwise the naive one is used, and the result
// says so. Intervals are taken from the errors of all these trials (conformal prediction: Vovk, 2005; Hyndman,
// "Forecasting", 5.10 of the trials).

import { median } from './median.ts'

/** A value with its 95 % interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export type Way = 'last_value' | 'season_ago' | 'level_and_profile' | 'mean_step'

export interface Forecast {
  readonly way: Way
  /** Steps of the season that it uses; 0: none. */
  readonly season: number
  readonly isNaive: boolean
  /** One for each step from now on. */
  readonly steps: readonly Interval[]
  /** Its mean error in the later half of the trials, and that of the best naive method. */
  readonly error: number
  readonly naiveError: number
  readonly trials: number
}

type Values = readonly (number | null)[]
/** The value so many steps after the last known one; undefined: the method cannot tell. */
type Ahead = (steps: number) => number | undefined

interface Tried {
  readonly way: Way
  readonly season: number
  readonly isNaive: boolean
  readonly foresee: (known: Values) => Ahead
}

/** Trials in each half: with fewer, a 95 % interval has no defined end. */
const LEAST_TRIALS = 20
const LEAST_KNOWN = 12
const SURE = 0.95
const SPEEDS = [0.1, 0.3, 0.6]
/** How many past seasons a profile is taken from. */
const PROFILED = 4

/**
 * @param values at equal steps, oldest first; null, or not a finite number, if unknown
 * @param horizon the number of steps that are wanted; with less data there are fewer
 * @param seasons lengths of seasons, in steps
 * @returns a reason if no forecast is possible
 */
export function forecast(values: Values, horizon: number, seasons: readonly number[]): Forecast | string {
  const told = values.map((value) => (value !== null && Number.isFinite(value) ? value : null))
  const first = told.findIndex((value) => value !== null)
  const known = first < 0 ? [] : told.slice(first)
  const seen = known.filter((value) => value !== null).length
  const far = Math.min(horizon, known.length - LEAST_KNOWN - 2 * LEAST_TRIALS)
  if (far < 1 || seen < LEAST_KNOWN + 2 * LEAST_TRIALS)
    return `${seen} steps are known: ${LEAST_KNOWN + 2 * LEAST_TRIALS + 1} are needed`
  const begin = Math.max(
    LEAST_KNOWN,
    Math.min(Math.floor((known.length * 2) / 3), known.length - far - 2 * LEAST_TRIALS),
  )
  const ends = Array.from({ length: known.length - far - begin + 1 }, (_, at) => begin + at)
  const ways = waysOf(seasons.filter((season) => begin >= 2 * season)).map((one) => ({
    ...one,
    errors: errorsOf(one, known, ends, far),
  }))
  const half = Math.floor(ends.length / 2)
  const meanOf = ({ errors }: (typeof ways)[number], from: number, to: number): number =>
    mean(errors.slice(from, to).flat())
  const bestOf = (isNaive: boolean) =>
    ways.filter((one) => one.isNaive === isNaive).toSorted((a, b) => meanOf(a, 0, half) - meanOf(b, 0, half))[0]
  const [naive, other] = [bestOf(true), bestOf(false)]
  if (naive === undefined) return 'there is no data'
  const naiveError = meanOf(naive, half, ends.length)
  const isBetter =
    other !== undefined &&
    meanOf(other, 0, half) < meanOf(naive, 0, half) &&
    meanOf(other, half, ends.length) < naiveError
  const chosen = isBetter ? other : naive
  const ahead = chosen.foresee(known)
  const steps: Interval[] = []
  let within = 0
  for (let step = 1; step <= far; step++) {
    const value = ahead(step)
    const errors = chosen.errors.flatMap((of) => of[step - 1] ?? [])
    // The uncertainty never shrinks with distance.
    within = Math.max(within, edgeOf(errors))
    if (value === undefined || !Number.isFinite(within)) break
    steps.push({ value, low: value - within, high: value + within })
  }
  if (steps.length === 0) return 'too much of the data is missing'
  const { way, season, isNaive } = chosen
  return { way, season, isNaive, steps, error: meanOf(chosen, half, ends.length), naiveError, trials: ends.length }
}

/** Errors by trial and step; a step with an unknown value has none. */
function errorsOf({ foresee }: Tried, known: Values, ends: readonly number[], far: number): (number | undefined)[][] {
  return ends.map((end) => {
    const ahead = foresee(known.slice(0, end))
    return Array.from({ length: far }, (_, at) => {
      const [was, said] = [known[end + at] ?? undefined, ahead(at + 1)]
      return was === undefined || said === undefined ? undefined : Math.abs(was - said)
    })
  })
}

/** The bound below which 95 % of such errors lie, including the next one. */
function edgeOf(errors: readonly number[]): number {
  const rank = Math.ceil(SURE * (errors.length + 1))
  return rank > errors.length ? Number.POSITIVE_INFINITY : (errors.toSorted((a, b) => a - b)[rank - 1] as number)
}

/** Of the known values. */
function mean(numbers: readonly (number | undefined)[]): number {
  const known = numbers.filter((one) => one !== undefined)
  return known.length === 0 ? Number.POSITIVE_INFINITY : known.reduce((sum, one) => sum + one, 0) / known.length
}

function waysOf(seasons: readonly number[]): Tried[] {
  return [
    { way: 'last_value', season: 0, isNaive: true, foresee: asLast },
    ...seasons.map(
      (season): Tried => ({ way: 'season_ago', season, isNaive: true, foresee: (known) => asBefore(known, season) }),
    ),
    { way: 'mean_step', season: 0, isNaive: false, foresee: byMeanStep },
    ...[0, ...seasons].flatMap((season) =>
      SPEEDS.map(
        (speed): Tried => ({
          way: 'level_and_profile',
          season,
          isNaive: false,
          foresee: (known) => byLevel(known, season, speed),
        }),
      ),
    ),
  ]
}

function asLast(known: Values): Ahead {
  const last = known.findLast((value) => value !== null) ?? undefined
  return () => last
}

function asBefore(known: Values, season: number): Ahead {
  return (steps) => {
    for (let at = known.length - 1 + steps - season * Math.ceil(steps / season); at >= 0; at -= season) {
      const value = known[at]
      if (value !== null && value !== undefined) return value
    }
    return undefined
  }
}

function byMeanStep(known: Values): Ahead {
  const [first, last] = [known.findIndex((value) => value !== null), known.findLastIndex((value) => value !== null)]
  const [from, to] = [known[first] ?? 0, known[last] ?? 0]
  const step = last > first ? (to - from) / (last - first) : 0
  return (steps) => to + step * (steps + known.length - 1 - last)
}

function byLevel(known: Values, season: number, speed: number): Ahead {
  const profile = profileOf(known, season)
  const above = (at: number): number => (season === 0 ? 0 : (profile[at % season] ?? 0))
  let level: number | undefined
  for (const [at, value] of known.entries())
    if (value !== null) level = level === undefined ? value - above(at) : level + speed * (value - above(at) - level)
  return (steps) => (level === undefined ? undefined : level + above(known.length - 1 + steps))
}

/**
 * By position in the season, how far its last values were above the mean: their median, so that one unusual day is not
 * forecast again.
 */
function profileOf(known: Values, season: number): readonly number[] {
  if (season === 0) return []
  const from = Math.max(0, known.length - PROFILED * season)
  const places = Array.from({ length: season }, (): number[] => [])
  for (let at = from; at < known.length; at++) {
    const value = known[at]
    if (value !== null && value !== undefined) places[at % season]?.push(value)
  }
  const usual = places.map((values) => (values.length === 0 ? undefined : median(values.sort((a, b) => a - b))))
  const middle = mean(usual)
  return usual.map((value) => (value === undefined ? 0 : value - middle))
}
