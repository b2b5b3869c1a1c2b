// Compares the same buckets before and after a change, for changes that cannot be tried on a part of the keys. Traffic
// that changes by itself looks like an effect: this is a guard, not a proof.
import { BUCKETS } from './assignment.ts'
import type { Measure } from './compare.ts'
import { type Counts, total } from './counts.ts'
import { differenceOf, harmOf, MEASURES } from './judge.ts'
import { GUARDS, type Guards, type Plan } from './plan.ts'
import type { Difference } from './verdict.ts'

/** The effect of a change, and whether it is harmful. */
export interface AfterChange {
  /** Reads counted before the change. */
  readonly before: number
  /** Reads counted since. */
  readonly after: number
  /** After minus before, per read; for hits, above 0 is better, for all others below 0. */
  readonly differences: Readonly<Partial<Record<keyof Guards, Difference>>>
  /** What is significantly worse, and by more than is tolerated. */
  readonly harm: string | undefined
  /**
   * What is worse by more than is tolerated, even if that is not certain at all times: do not keep such a change. It
   * counts only if chance alone would bring so much in one of 20 cases at most: of few reads, some per cent more miss
   * without a reason.
   */
  readonly loss: string | undefined
}

/** The expected size of an effect, per read, and the false positive rate of a guard. */
const SCALE = 0.05
const ALPHA = 0.05

/** `undefined`: there were no reads before, or none after. */
export function judgeChange(counts: Counts, guards: Plan['guards'] = GUARDS): AfterChange | undefined {
  const [before, after] = [total(counts.before.reads), total(counts.measured.reads)]
  if (before === 0 || after === 0) return undefined
  const differences: Partial<Record<keyof Guards, Difference>> = {}
  const told: Partial<Record<keyof Guards, Difference>> = {}
  for (const [name, measure] of MEASURES) {
    const compared = paired(measure, counts)
    const found = differenceOf(name, compared, SCALE, ALPHA)
    differences[name] = found
    if (isMoreThanChance(measure, compared, counts)) told[name] = { ...found, low: found.value, high: found.value }
  }
  return {
    before,
    after,
    differences,
    harm: harmOf(guards, differences),
    loss: harmOf(guards, told),
  }
}

/** Standard errors that one in 20 normally distributed values exceeds. */
const ONE_SIDED = 1.645

/** The variance is at least that of independent events, one more of them than were counted: none may be chance, too. */
function isMoreThanChance(
  measure: Measure,
  { difference, variance }: ReturnType<typeof paired>,
  { before, measured }: Counts,
): boolean {
  const ofCounts = (sums: Counts['before']): number => (total(sums[measure]) + 1) / total(sums.reads) ** 2
  return difference > ONE_SIDED * Math.sqrt(Math.max(variance, ofCounts(before) + ofCounts(measured)))
}

/** For each bucket, its deviation from the total before and after, so that its constant part cancels out. */
function paired(measure: Measure, { before, measured }: Counts) {
  const [readsBefore, readsAfter] = [total(before.reads), total(measured.reads)]
  const [control, arm] = [total(before[measure]) / readsBefore, total(measured[measure]) / readsAfter]
  let squares = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const was =
      ((before[measure][bucket] as number) - control * (before.reads[bucket] as number)) / (readsBefore / BUCKETS)
    const is =
      ((measured[measure][bucket] as number) - arm * (measured.reads[bucket] as number)) / (readsAfter / BUCKETS)
    squares += (is - was) ** 2
  }
  const least = 0.5 / readsBefore ** 2 + 0.5 / readsAfter ** 2
  return { control, arm, difference: arm - control, variance: Math.max(squares / (BUCKETS * (BUCKETS - 1)), least) }
}
