// The counts of an experiment: sums for each bucket of keys, before its arms differed and since. Processes add theirs
// up.
import { BUCKETS } from './assignment.ts'

export const COLUMNS = ['reads', 'misses', 'loads', 'errors', 'slow', 'stale', 'foreign'] as const
/**
 * `misses`: reads that no tier answered; `loads`: values loaded from the source, including refreshes; `slow`: loads
 * slower than the threshold; `stale`: reads of values that a reload then found changed, half of those between the two
 * loads; `foreign`: loads whose values have another TTL than their arm specifies.
 */
export type Column = (typeof COLUMNS)[number]
export type Sums = Readonly<Record<Column, Float64Array>>

export interface Counts {
  /** While all keys were treated alike; all 0 if the plan has no such phase. */
  readonly before: Sums
  /** Since the arms differ and entries from before have expired. */
  readonly measured: Sums
  /** Distinct keys that one process has read since the arms differ, by arm: up to some 30,000. */
  readonly keys: Float64Array
  /** One number: reads of keys that it does not cover, since the arms differ. */
  readonly outside: Float64Array
}

export const noSums = (): Sums => ({
  reads: new Float64Array(BUCKETS),
  misses: new Float64Array(BUCKETS),
  loads: new Float64Array(BUCKETS),
  errors: new Float64Array(BUCKETS),
  slow: new Float64Array(BUCKETS),
  stale: new Float64Array(BUCKETS),
  foreign: new Float64Array(BUCKETS),
})

/** The counts of an experiment that has not begun. */
export const noCounts = (arms: number): Counts => ({
  before: noSums(),
  measured: noSums(),
  keys: new Float64Array(arms),
  outside: new Float64Array(1),
})

/**
 * For keys, the counts of the process that has seen the most: processes read the same keys, and counting a key twice
 * would make two draws of one.
 */
export function addCounts(into: Counts, more: Counts): void {
  for (const phase of ['before', 'measured'] as const)
    for (const column of COLUMNS) add(into[phase][column], more[phase][column])
  add(into.outside, more.outside)
  if (total(more.keys) > total(into.keys)) into.keys.set(more.keys)
}

function add(into: Float64Array, more: ArrayLike<number>): void {
  for (let at = 0; at < into.length; at++) into[at] = (into[at] as number) + (more[at] ?? 0)
}

export const total = (values: ArrayLike<number>): number => {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += values[at] as number
  return sum
}
