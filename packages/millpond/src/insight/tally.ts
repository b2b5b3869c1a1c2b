// Sampled counts by groups of keys, and what follows for all reads: an estimate with its standard error.
import { GROUPS } from './sample.ts'

/** Reads and misses of a span. Sampled ones are weighted by the keys that they represent. */
export interface Tally {
  /** All reads, of the sample or not. */
  reads: number
  /** Misses of the actual cache. */
  missed: number
  /** Sampled reads, unweighted. */
  looked: number
  /** Sampled reads by group, each weighted by the keys that it represents. */
  readonly sampled: Float64Array
  /** Of these, misses of the actual cache. */
  readonly sampledMissed: Float64Array
  /** Misses of each candidate (a size, a policy), group after group. */
  readonly misses: Float64Array
}

/** A share of all reads, and its standard error. */
export interface Estimate {
  /** The most likely value. */
  readonly value: number
  /** Its standard error. */
  readonly error: number
}

/** Standard errors to either side for a 95 % interval: Student's t with some 60 degrees of freedom. */
export const SURE = 2

export function emptyTally(candidates: number): Tally {
  return {
    reads: 0,
    missed: 0,
    looked: 0,
    sampled: new Float64Array(GROUPS),
    sampledMissed: new Float64Array(GROUPS),
    misses: new Float64Array(candidates * GROUPS),
  }
}

/** The tally as if only the sampled reads existed: if the others are unknown. */
export function alone(tally: Tally): Tally {
  return { ...tally, reads: sum(tally.sampled), missed: sum(tally.sampledMissed) }
}

/** Adds a tally of the same candidates. */
export function addTally(into: Tally, more: Tally): void {
  into.reads += more.reads
  into.missed += more.missed
  into.looked += more.looked
  for (const column of ['sampled', 'sampledMissed', 'misses'] as const) {
    const from = more[column]
    for (let at = 0; at < from.length; at++) into[column][at] = (into[column][at] as number) + (from[at] as number)
  }
}

/** Misses per read of a candidate; with `other`, the difference: pairs are far more precise than levels. */
export function missesPerRead(tally: Tally, candidate: number, other?: number): Estimate {
  const series = Array.from({ length: GROUPS }, (_, group) => {
    const misses = tally.misses[candidate * GROUPS + group] as number
    return other === undefined ? misses : misses - (tally.misses[other * GROUPS + group] as number)
  })
  return perRead(tally, series)
}

/**
 * Extrapolates a series over the groups to all keys, per read. The total reads and misses of all keys are known; an
 * excess or lack in the sample is adjusted by the regression of the series on the groups' reads and misses: the
 * regression estimator of survey sampling (Cochran, *Sampling Techniques*, 1977, chapter 7). SHARDS-adj is the case of
 * a regression of 0.
 */
function perRead({ reads, missed, sampled, sampledMissed }: Tally, series: readonly number[]): Estimate {
  if (reads === 0) return { value: Number.NaN, error: Number.NaN }
  const y = centred(series)
  const a = centred(sampled)
  const b = centred(sampledMissed)
  const [ofReads, ofMisses] = regression(product(a, a), product(a, b), product(b, b), product(a, y), product(b, y))
  const value = sum(series) + ofReads * (reads - sum(sampled)) + ofMisses * (missed - sum(sampledMissed))
  let squares = 0
  for (let group = 0; group < GROUPS; group++) {
    squares += ((y[group] as number) - ofReads * (a[group] as number) - ofMisses * (b[group] as number)) ** 2
  }
  return { value: value / reads, error: Math.sqrt((squares * GROUPS) / (GROUPS - 3)) / reads }
}

/** Least squares with two variables. A collinear one (all reads missed, or none) is dropped. */
function regression(aa: number, ab: number, bb: number, ay: number, by: number): readonly [number, number] {
  const determinant = aa * bb - ab * ab
  if (determinant > 1e-9 * aa * bb) return [(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant]
  return aa > 0 ? [ay / aa, 0] : [0, 0]
}

function centred(series: ArrayLike<number>): Float64Array {
  const mean = sum(series) / series.length
  return Float64Array.from(series, (value) => value - mean)
}

function sum(series: ArrayLike<number>): number {
  let total = 0
  for (let at = 0; at < series.length; at++) total += series[at] as number
  return total
}

function product(one: Float64Array, other: Float64Array): number {
  let total = 0
  for (let at = 0; at < one.length; at++) total += (one[at] as number) * (other[at] as number)
  return total
}
