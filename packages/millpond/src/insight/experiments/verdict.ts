// The verdict of an experiment, from the results of its arms: as a code, and in words.
import type { Guards, Plan } from './plan.ts'

/** A difference from the control per read, with an interval that is valid whenever it is looked at. */
export interface Difference {
  /** Of the control, per read. */
  readonly control: number
  /** Of the arm, per read. */
  readonly arm: number
  /** The arm compared with the control, per read, after what was known from before is subtracted. */
  readonly value: number
  /** The lower end of its interval; `-Infinity` while too little is known. */
  readonly low: number
  /** The upper end of its interval; `Infinity` while too little is known. */
  readonly high: number
}

export type ArmVerdict = 'not_enough_data' | 'undecided' | 'better' | 'worse' | 'no_difference' | 'harm'

export interface ArmResult {
  /** The name of the arm. */
  readonly name: string
  /** Reads of its keys since the arms differ; in shadow caches, all reads. */
  readonly reads: number
  /** Distinct keys read, in the process that has seen the most; absent in shadow caches. */
  readonly keys: number | undefined
  /** In the metric: positive is better, even if the metric itself should be low. */
  readonly gain: Difference | undefined
  /** All guarded measures, with their natural sign: more loads are positive. */
  readonly differences: Readonly<Partial<Record<keyof Guards, Difference>>>
  /** What is certain about it. `not_enough_data`, `undecided`: nothing yet. */
  readonly verdict: ArmVerdict
  /** Why it is harmful, or why there is no verdict. */
  readonly why: string | undefined
}

export type Verdict = ArmVerdict | 'uneven'

export interface Judgement {
  /** Of all arms together. `uneven`: the keys were not divided as planned, so nothing counts. */
  readonly verdict: Verdict
  /** The arm to choose: the control if no other is better. Absent before there is a verdict. */
  readonly winner: string | undefined
  /** The verdict in a sentence, with its numbers, or what is missing for one. */
  readonly text: string
  /** The arm that the others are compared with; `keys` as in `ArmResult`. */
  readonly control: { readonly name: string; readonly reads: number; readonly keys: number | undefined }
  /** The others, in the order of the plan. */
  readonly arms: readonly ArmResult[]
  /**
   * The share of the cache's reads that were of keys which it covers, since its arms differ. Absent if it covers all,
   * in shadow caches, and before the first read.
   */
  readonly covered?: number | undefined
}

/** Classifies the position of the interval. */
export function verdictOfGain(gain: Difference | undefined, effect: number): ArmVerdict {
  if (gain === undefined) return 'not_enough_data'
  if (gain.low > -effect && gain.high < effect) return 'no_difference'
  if (gain.low > 0) return 'better'
  if (gain.high < 0) return 'worse'
  return 'undecided'
}

/** `uneven`: why the counts cannot be trusted. */
export function verdictOf(
  { arms: [control], metric }: Plan,
  arms: readonly ArmResult[],
  uneven: string | undefined,
): Pick<Judgement, 'verdict' | 'winner' | 'text'> {
  const of = (verdict: ArmVerdict): readonly ArmResult[] => arms.filter((arm) => arm.verdict === verdict)
  if (uneven !== undefined) return { verdict: 'uneven', winner: undefined, text: uneven }
  const [harmful] = of('harm')
  if (harmful !== undefined)
    return { verdict: 'harm', winner: control?.name, text: `${harmful.name} does harm: ${harmful.why}` }
  const [best] = of('better').toSorted((a, b) => (b.gain?.value ?? 0) - (a.gain?.value ?? 0))
  const open = [...of('undecided'), ...of('not_enough_data')]
  if (best !== undefined && open.length === 0)
    return { verdict: 'better', winner: best.name, text: `${best.name} is better: ${gainText(best, metric)}` }
  const [lacking] = of('not_enough_data')
  if (lacking !== undefined)
    return { verdict: 'not_enough_data', winner: undefined, text: `not enough data: ${lacking.why}` }
  const [first] = open
  if (first !== undefined)
    return {
      verdict: 'undecided',
      winner: undefined,
      text: `nothing is certain yet: ${first.name}, ${gainText(first, metric)}`,
    }
  const isWorse = arms.every(({ verdict }) => verdict === 'worse')
  const text = arms.map((arm) => `${arm.name}, ${gainText(arm, metric)}`).join('; ')
  if (isWorse) return { verdict: 'worse', winner: control?.name, text: `worse than ${control?.name}: ${text}` }
  return { verdict: 'no_difference', winner: control?.name, text: `no difference that matters: ${text}` }
}

function gainText({ gain }: ArmResult, metric: Plan['metric']): string {
  if (gain === undefined) return 'there is no data'
  const sign = (value: number): string => `${value < 0 ? '-' : '+'}${(Math.abs(value) * 100).toFixed(2)}`
  const [value, low, high] =
    metric === 'hit_rate' ? [gain.value, gain.low, gain.high] : [-gain.value, -gain.high, -gain.low]
  return `${sign(value)} (${sign(low)} to ${sign(high)}) ${metric === 'hit_rate' ? 'hits' : 'loads'} in 100 reads`
}

export const percent = (share: number): string => `${(share * 100).toFixed(share < 0.01 ? 2 : 1)} %`

export function inWords(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 360_000) / 10} h`
}
