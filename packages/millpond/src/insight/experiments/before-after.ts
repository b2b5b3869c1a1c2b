// The same buckets before and after a change: for what cannot be tried on a part of the keys. Traffic that changes by
// itself looks like the change: it is a guard, not a proof.
import { BUCKETS } from './assignment.ts'
import type { Measure } from './compare.ts'
import { type Counts, total } from './counts.ts'
import { differenceOf, harmOf, MEASURES } from './judge.ts'
import { GUARDS, type Guards, type Plan } from './plan.ts'
import type { Difference } from './verdict.ts'

/** What a change did, and whether that is harm. */
export interface AfterChange {
  readonly before: number
  readonly after: number
  readonly differences: Readonly<Partial<Record<keyof Guards, Difference>>>
  /** What is surely worse, and by more than is tolerated. */
  readonly harm: string | undefined
  /** What is worse by more than is tolerated, surely or not: nobody should keep that. */
  readonly loss: string | undefined
}

/**
 * How large an effect is looked for, per read, and how often a guard calls a change surely harmful that does nothing.
 */
const SCALE = 0.05
const ALPHA = 0.05

/** `undefined`: there were no reads before, or none after. */
export function judgeChange(counts: Counts, guards: Plan['guards'] = GUARDS): AfterChange | undefined {
  const [before, after] = [total(counts.before.reads), total(counts.measured.reads)]
  if (before === 0 || after === 0) return undefined
  const differences: Partial<Record<keyof Guards, Difference>> = {}
  for (const [name, measure] of MEASURES) differences[name] = differenceOf(name, paired(measure, counts), SCALE, ALPHA)
  const told = Object.entries(differences).map(([name, { value, ...of }]) => [
    name,
    { ...of, value, low: value, high: value },
  ])
  return {
    before,
    after,
    differences,
    harm: harmOf(guards, differences),
    loss: harmOf(guards, Object.fromEntries(told)),
  }
}

/** Of each bucket, how far it was off the whole then and now: what does not change of it falls out. */
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
