// Compares two arms by their buckets of keys: the difference of two ratios, adjusted by the same buckets' earlier
// values, and its variance.
//
// Buckets are assigned at random, so the bucket is the unit of analysis: requests of one key are correlated, but a test
// over requests treats each as independent. A bucket's deviation is its misses beyond the pooled ratio of both arms,
// per read of an average bucket: for equal arms these are draws from the same population, even if one bucket has the
// hottest key and half of all reads. (Deviations from each arm's own ratio would hide that: a key that accounts for all
// of an arm's reads agrees with itself.) Earlier values are removed by regression (CUPED: Deng, Xu, Kohavi, Walker,
// WSDM 2013), and the variance is robust to unequal variances of buckets (HC3: MacKinnon, White, 1985).
import type { Column, Sums } from './counts.ts'

export interface Compared {
  /** Per read, unadjusted. */
  readonly control: number
  readonly arm: number
  /** `arm` minus `control`, adjusted by the earlier values, so not exactly their difference. */
  readonly difference: number
  readonly variance: number
}

export type Measure = Exclude<Column, 'reads' | 'foreign'>

/** A bucket, as its deviation from its arm. */
interface Unit {
  readonly sign: -1 | 1
  readonly y: number
  readonly x1: number
  readonly x2: number
}

interface Side {
  readonly ratio: number
  /** Reads per bucket of the arm, over those per bucket of both arms. */
  readonly busy: number
  /** The mean over its buckets. */
  readonly y: number
  readonly x1: number
  readonly x2: number
  readonly units: readonly Unit[]
  /** The least variance of its ratio: what half an event would cause. Without events yet, none can be ruled out. */
  readonly least: number
}

/** Every bucket keeps some variance, however much it determines the fit. */
const MOST_LEVERAGE = 0.98

/** `undefined`: an arm had no reads, or only in one bucket. `before` without reads adjusts nothing. */
export function compare(
  measure: Measure,
  { measured, before }: { readonly measured: Sums; readonly before: Sums },
  controlBuckets: readonly number[],
  armBuckets: readonly number[],
): Compared | undefined {
  const known = knownOf(measure, before, [...controlBuckets, ...armBuckets])
  const both = ratioOf(measure, measured, [...controlBuckets, ...armBuckets])
  const control = sideOf(measure, measured, controlBuckets, -1, both, known)
  const arm = sideOf(measure, measured, armBuckets, 1, both, known)
  if (control === undefined || arm === undefined) return undefined
  return { control: control.ratio, arm: arm.ratio, ...putRight(control, arm) }
}

type Known = (bucket: number) => readonly [number, number]

/** A bucket's deviation from the common ratio, and its traffic. */
function knownOf(measure: Measure, before: Sums, buckets: readonly number[]): Known {
  const reads = sumOver(before.reads, buckets)
  if (reads === 0) return () => [0, 0]
  const ratio = sumOver(before[measure], buckets) / reads
  const mean = reads / buckets.length
  return (bucket) => {
    const own = before.reads[bucket] as number
    return [((before[measure][bucket] as number) - ratio * own) / mean, own / mean - 1]
  }
}

/** Per read, and mean reads per bucket. */
function ratioOf(
  measure: Measure,
  sums: Sums,
  buckets: readonly number[],
): { readonly ratio: number; readonly mean: number } {
  const reads = sumOver(sums.reads, buckets)
  return { ratio: sumOver(sums[measure], buckets) / reads, mean: reads / buckets.length }
}

function sideOf(
  measure: Measure,
  sums: Sums,
  buckets: readonly number[],
  sign: -1 | 1,
  both: { readonly ratio: number; readonly mean: number },
  known: Known,
): Side | undefined {
  if (buckets.filter((bucket) => (sums.reads[bucket] as number) > 0).length < 2) return undefined
  const { ratio, mean } = ratioOf(measure, sums, buckets)
  const raw = buckets.map((bucket) => {
    const [x1, x2] = known(bucket)
    return { y: ((sums[measure][bucket] as number) - both.ratio * (sums.reads[bucket] as number)) / both.mean, x1, x2 }
  })
  const of = (name: 'y' | 'x1' | 'x2'): number => raw.reduce((sum, unit) => sum + unit[name], 0) / raw.length
  const [y, x1, x2] = [of('y'), of('x1'), of('x2')]
  const units = raw.map((unit) => ({ sign, y: unit.y - y, x1: unit.x1 - x1, x2: unit.x2 - x2 }))
  return { ratio, busy: mean / both.mean, y, x1, x2, units, least: 0.5 / (mean * buckets.length) ** 2 }
}

function putRight(control: Side, arm: Side): Pick<Compared, 'difference' | 'variance'> {
  const units = [...control.units, ...arm.units]
  const solve = solver(units)
  const [t1, t2] = solve(product(units, 'x1', 'y'), product(units, 'x2', 'y'))
  const [d1, d2] = [arm.x1 - control.x1, arm.x2 - control.x2]
  const [g1, g2] = solve(d1, d2)
  let variance = 0
  for (const { sign, y, x1, x2 } of units) {
    const share = 1 / (sign < 0 ? control : arm).units.length
    const [s1, s2] = solve(x1, x2)
    const leverage = Math.min(MOST_LEVERAGE, share + x1 * s1 + x2 * s2)
    const weight = sign * share - g1 * x1 - g2 * x2
    variance += ((weight * (y - t1 * x1 - t2 * x2)) / (1 - leverage)) ** 2
  }
  // The factor from the difference of the means to that of the ratios: smaller if the arms have unequal traffic.
  const times = arm.busy * control.busy
  return {
    difference: (arm.y - control.y - t1 * d1 - t2 * d2) / times,
    variance: Math.max(variance / (times * times), control.least + arm.least),
  }
}

/** Solves the normal equations of the two covariates; a collinear one is dropped. */
function solver(units: readonly Unit[]): (a: number, b: number) => readonly [number, number] {
  const aa = product(units, 'x1', 'x1')
  const ab = product(units, 'x1', 'x2')
  const bb = product(units, 'x2', 'x2')
  const determinant = aa * bb - ab * ab
  if (determinant > 1e-9 * aa * bb) return (a, b) => [(a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant]
  if (aa > 0) return (a) => [a / aa, 0]
  return (_, b) => [0, bb > 0 ? b / bb : 0]
}

function product(units: readonly Unit[], one: 'x1' | 'x2', other: 'x1' | 'x2' | 'y'): number {
  let sum = 0
  for (const unit of units) sum += unit[one] * unit[other]
  return sum
}

function sumOver(values: Float64Array, buckets: readonly number[]): number {
  let sum = 0
  for (const bucket of buckets) sum += values[bucket] as number
  return sum
}
