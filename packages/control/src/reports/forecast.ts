// What a figure will be in the next hours, and how far off that may be: both from how well it would have been foreseen
// before.
//
// Several ways are tried from many points of the past, as if what came after were not known. Naive ones: as the last
// value, as a season ago (an hour of yesterday, of last week). Others: a level that follows slowly and a profile of the
// season upon it; the last value and the mean step. What was best in the earlier half of these trials is used only if
// it was better than the best naive way in the later half, too; otherwise the naive one is, and it is said. Intervals
// are what the errors of all these trials were (conformal prediction: Vovk, 2005; Hyndman, "Forecasting", 5.10 of the
// trials).

import { median } from './median.ts'

/** A number, and where it is in 95 of 100 cases. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export type Way = 'last_value' | 'season_ago' | 'level_and_profile' | 'mean_step'

export interface Forecast {
  readonly way: Way
  /** Steps of the season that it goes by; 0: none. */
  readonly season: number
  readonly isNaive: boolean
  /** One for each step from now on. */
  readonly steps: readonly Interval[]
  /** How far it was off in the mean, in the later half of the trials; and how far the best naive way was. */
  readonly error: number
  readonly naiveError: number
  readonly trials: number
}

type Values = readonly (number | null)[]
/** What will be, so many steps after the end of what is known; undefined: this way cannot say. */
type Ahead = (steps: number) => number | undefined

interface Tried {
  readonly way: Way
  readonly season: number
  readonly isNaive: boolean
  readonly foresee: (known: Values) => Ahead
}

/** Trials of each half: below them an interval of 95 % has no edge to lie at. */
const LEAST_TRIALS = 20
const LEAST_KNOWN = 12
const SURE = 0.95
const SPEEDS = [0.1, 0.3, 0.6]
/** Seasons of the past that a profile goes by. */
const PROFILED = 4

/**
 * @param values in equal steps, the oldest first; null where nothing was seen
 * @param horizon steps that are wished for; with less data there are fewer
 * @param seasons lengths of seasons, in steps
 * @returns why nothing can be said, where that is so
 */
export function forecast(values: Values, horizon: number, seasons: readonly number[]): Forecast | string {
  const first = values.findIndex((value) => value !== null)
  const known = first < 0 ? [] : values.slice(first)
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
    // Further away it is never surer.
    within = Math.max(within, edgeOf(errors))
    if (value === undefined || !Number.isFinite(within)) break
    steps.push({ value, low: value - within, high: value + within })
  }
  if (steps.length === 0) return 'too much of the data is missing'
  const { way, season, isNaive } = chosen
  return { way, season, isNaive, steps, error: meanOf(chosen, half, ends.length), naiveError, trials: ends.length }
}

/** How far off it was, by trial and by step; a step that nobody saw has no error. */
function errorsOf({ foresee }: Tried, known: Values, ends: readonly number[], far: number): (number | undefined)[][] {
  return ends.map((end) => {
    const ahead = foresee(known.slice(0, end))
    return Array.from({ length: far }, (_, at) => {
      const [was, said] = [known[end + at] ?? undefined, ahead(at + 1)]
      return was === undefined || said === undefined ? undefined : Math.abs(was - said)
    })
  })
}

/** Below it lie 95 % of such errors, also of one that comes. */
function edgeOf(errors: readonly number[]): number {
  const rank = Math.ceil(SURE * (errors.length + 1))
  return rank > errors.length ? Number.POSITIVE_INFINITY : (errors.toSorted((a, b) => a - b)[rank - 1] as number)
}

/** Of those that are known. */
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
 * By place in the season, how far above the mean its last values were: their median, so that a day that went mad is not
 * foreseen again.
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
