// The counts of an experiment, added up over the processes of a cache; and their statistics.
import {
  addCounts,
  type Counts,
  type Judgement,
  judgeKeys,
  judgeShadow,
  noCounts,
  type Plan,
  type ShadowCounts,
} from 'millpond/insight'
import type { Answered } from '../agent/answers.ts'
import type { BucketSums } from '../agent/insight-answers.ts'

export type NodeCounts = NonNullable<Answered['experiment']>
/** By run: a restarted process has a new one, and its earlier counts stay. */
export type Runs = Readonly<Record<string, Pick<NodeCounts, 'keys' | 'shadow'>>>

export function judged(plan: Plan, runs: Runs, ranMs: number): Judgement {
  return plan.kind === 'keys'
    ? judgeKeys(plan, countsOf(plan, runs), ranMs)
    : judgeShadow(plan, shadowOf(plan, runs), ranMs)
}

export function countsOf({ arms }: Pick<Plan, 'arms'>, runs: Runs): Counts {
  const all = noCounts(arms.length)
  for (const { keys } of Object.values(runs))
    if (keys !== null)
      addCounts(all, {
        before: sumsOf(keys.before),
        measured: sumsOf(keys.measured),
        keys: Float64Array.from(keys.keys),
        outside: Float64Array.of(keys.outside ?? 0),
      })
  return all
}

const sumsOf = (sums: BucketSums): Counts['before'] => ({
  reads: Float64Array.from(sums.reads),
  misses: Float64Array.from(sums.misses),
  loads: Float64Array.from(sums.loads),
  errors: Float64Array.from(sums.errors),
  slow: Float64Array.from(sums.slow),
  stale: Float64Array.from(sums.stale),
  foreign: Float64Array.from(sums.foreign),
})

function shadowOf({ arms }: Plan, runs: Runs): ShadowCounts {
  const seen = Object.values(runs).flatMap(({ shadow }) => (shadow === null ? [] : [shadow]))
  const sum = (of: (one: (typeof seen)[number]) => number): number => seen.reduce((all, one) => all + of(one), 0)
  const column = (length: number, of: (one: (typeof seen)[number]) => readonly number[]): Float64Array =>
    Float64Array.from({ length }, (_, at) => sum((one) => of(one)[at] ?? 0))
  const groups = seen[0]?.sampled.length ?? 64
  return {
    tally: {
      reads: sum(({ reads }) => reads),
      missed: sum(({ missed }) => missed),
      looked: sum(({ looked }) => looked),
      sampled: column(groups, ({ sampled }) => sampled),
      sampledMissed: column(groups, ({ sampled_missed }) => sampled_missed),
      misses: column(groups * arms.length, ({ misses }) => misses),
    },
    isFull: seen.some(({ is_full }) => is_full),
  }
}
