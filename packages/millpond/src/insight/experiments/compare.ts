// Two arms compared by what their buckets of keys did: the difference of two ratios, put right by what the same buckets
// did before, and its variance.
//
// What is drawn is the bucket, so the bucket is what is counted: requests of one key are alike, and a test over
// requests takes each for news. A bucket is as far off as it misses more than both arms together do, per read of a
// usual bucket: of equal arms these are draws from one urn, also where one bucket has the hottest key and half of all
// reads. (Each arm's own ratio would hide that: a key that is all of an arm's reads agrees with itself.) What was known
// before is taken out by regression (CUPED: Deng, Xu, Kohavi, Walker, WSDM 2013), and the variance is that of buckets
// which spread unequally (HC3: MacKinnon, White, 1985).
import type { Column, Sums } from './counts.ts'

export interface Compared {
  /** Per read, as they were counted. */
  readonly control: number
  readonly arm: number
  /** Of `arm` over `control`, put right by what was before: not exactly their difference. */
  readonly difference: number
  readonly variance: number
}

export type Measure = Exclude<Column, 'reads' | 'foreign'>

/** A bucket, as it deviates from its arm. */
interface Unit {
  readonly sign: -1 | 1
  readonly y: number
  readonly x1: number
  readonly x2: number
}

interface Side {
  readonly ratio: number
  /** Reads of a bucket of its, over those of a bucket of both arms. */
  readonly busy: number
  /** In the mean of its buckets. */
  readonly y: number
  readonly x1: number
  readonly x2: number
  readonly units: readonly Unit[]
  /**
   * Of its ratio: what half of an event would make. Where nothing has happened yet, nothing is known to be impossible.
   */
  readonly least: number
}

/** No bucket is assumed to have no spread of its own, however much it alone has determined. */
const MOST_LEVERAGE = 0.98

/** `undefined`: an arm had no reads, or in one bucket alone. `before` without reads puts nothing right. */
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

/** How far a bucket was off the common ratio, and how busy it was. */
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

/** Per read, and reads of a bucket in the mean. */
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
  // So many times the difference of the ratios is that of the means: less where the arms are unequally busy.
  const times = arm.busy * control.busy
  return {
    difference: (arm.y - control.y - t1 * d1 - t2 * d2) / times,
    variance: Math.max(variance / (times * times), control.least + arm.least),
  }
}

/** Solves the normal equations of the two covariates; one that says nothing of its own is left out. */
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
