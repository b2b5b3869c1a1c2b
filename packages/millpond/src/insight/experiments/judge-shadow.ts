// Judges an experiment in shadow caches: each arm against the control on the very same reads.
import { counted } from '../../core/counted.ts'
import { OF_SCALE } from '../shadows.ts'
import { missesPerRead, SURE, type Tally } from '../tally.ts'
import type { Plan } from './plan.ts'
import { halfWidth } from './sequence.ts'
import { type ArmResult, type Difference, inWords, type Judgement, verdictOf, verdictOfGain } from './verdict.ts'

/** The minimum of evidence, as elsewhere in insight. */
const LEAST_READS = 10_000
const LEAST_LOOKED = 500

/** The observations of the shadows of one process, or of several combined. */
export interface ShadowCounts {
  /** Reads and misses; its candidates are the arms, in the order of the plan. */
  readonly tally: Tally
  /** Entries were evicted from the shadows: before that, all arms are alike. */
  readonly isFull: boolean
}

/** Judges the counts of an experiment in shadow caches so far. @param ranMs how long the shadows have observed */
export function judgeShadow(plan: Plan, { tally, isFull }: ShadowCounts, ranMs: number): Judgement {
  const alpha = plan.alpha / (plan.arms.length - 1)
  const lack = lackOf(plan, tally, isFull, ranMs)
  const arms = plan.arms.slice(1).map(({ name }, at): ArmResult => {
    const gain = tally.reads === 0 ? undefined : gainOf(tally, at + 1, plan.effect, alpha)
    const told = {
      name,
      reads: tally.reads,
      keys: undefined,
      gain,
      differences: gain === undefined ? {} : { hitRate: gain },
    }
    if (lack !== undefined) return { ...told, verdict: 'not_enough_data', why: lack }
    return { ...told, verdict: verdictOfGain(gain, plan.effect), why: undefined }
  })
  const control = { name: plan.arms[0]?.name ?? '', reads: tally.reads, keys: undefined }
  return { ...verdictOf(plan, arms, undefined), control, arms }
}

/** The error from scaling does not shrink, however long it is observed. */
function gainOf(tally: Tally, arm: number, scale: number, alpha: number): Difference {
  const { value, error } = missesPerRead(tally, arm, 0)
  const half = Math.hypot(halfWidth(error * error, scale, alpha), SURE * OF_SCALE)
  const control = 1 - missesPerRead(tally, 0).value
  return { control, arm: control - value, value: -value, low: -value - half, high: -value + half }
}

function lackOf({ minRunMs }: Plan, { reads, looked }: Tally, isFull: boolean, ranMs: number): string | undefined {
  if (ranMs < minRunMs) return `it has run for ${inWords(ranMs)}: ${inWords(minRunMs)} are needed`
  if (!isFull) return 'no shadow cache has evicted an entry yet: until then all arms behave alike'
  if (reads < LEAST_READS) return `${counted(reads, 'read')} so far: ${LEAST_READS} are needed`
  if (looked < LEAST_LOOKED) return `${counted(looked, 'read')} of the sample so far: ${LEAST_LOOKED} are needed`
  return undefined
}
