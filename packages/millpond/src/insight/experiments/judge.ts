// Judges an experiment over shares of the keys from its counts: each arm against the control, and whether harm was
// done.
import { counted } from '../../core/counted.ts'
import { BUCKETS, drawArms, seedOf } from './assignment.ts'
import { type Compared, compare, type Measure } from './compare.ts'
import { type Counts, total } from './counts.ts'
import type { Guards, Plan, PlannedArm } from './plan.ts'
import { halfWidth } from './sequence.ts'
import { areUneven } from './shares.ts'
import {
  type ArmResult,
  type Difference,
  inWords,
  type Judgement,
  percent,
  verdictOf,
  verdictOfGain,
} from './verdict.ts'

/** The least reads of an arm, and buckets of it with reads. */
const LEAST_READS = 1000
const LEAST_BUSY = 10
/**
 * Loads of an arm, and the share of them with another TTL than the arm specifies, from which the arms do not really
 * differ.
 */
const LEAST_LOADS = 50

/**
 * Judges the counts of an experiment over keys so far.
 * @param ranMs how long it has been counting since the arms differ
 */
export function judgeKeys(plan: Plan, counts: Counts, ranMs: number): Judgement {
  const buckets = bucketsOf(plan)
  const [control, ...rivals] = plan.arms.map((arm, at) => ({
    arm,
    buckets: buckets[at] as readonly number[],
    keys: counts.keys[at] ?? 0,
  }))
  const first = control as NonNullable<typeof control>
  const shares = buckets.map((own) => own.length / BUCKETS)
  const arms = rivals.map(({ arm, buckets: own, keys }) =>
    armResult(plan, counts, ranMs, first.buckets, { arm, own, keys }),
  )
  return {
    ...verdictOf(plan, arms, areUneven(counts.keys, shares) ? unevenText(plan, counts.keys, shares) : undefined),
    control: { name: first.arm.name, reads: sumOf(counts.measured.reads, first.buckets), keys: first.keys },
    arms,
    covered: coveredOf(plan, counts),
  }
}

function coveredOf({ namespace, select }: Plan, { measured, outside }: Counts): number | undefined {
  const covered = total(measured.reads)
  const all = covered + total(outside)
  return all === 0 || (namespace === undefined && select === undefined) ? undefined : covered / all
}

/** The buckets of each arm. */
export function bucketsOf({ name, arms }: Pick<Plan, 'name' | 'arms'>): readonly (readonly number[])[] {
  const drawn = drawArms(
    arms.map(({ share }) => share),
    seedOf(name),
  )
  return arms.map((_, arm) => [...drawn.keys()].filter((bucket) => drawn[bucket] === arm))
}

interface Rival {
  readonly arm: PlannedArm
  readonly own: readonly number[]
  readonly keys: number
}

export const MEASURES: readonly (readonly [keyof Guards, Measure])[] = [
  ['hitRate', 'misses'],
  ['loads', 'loads'],
  ['slow', 'slow'],
  ['errors', 'errors'],
  ['stale', 'stale'],
]

function armResult(
  plan: Plan,
  counts: Counts,
  ranMs: number,
  control: readonly number[],
  { arm, own, keys }: Rival,
): ArmResult {
  const alpha = plan.alpha / (plan.arms.length - 1)
  const reads = sumOf(counts.measured.reads, own)
  const differences: Partial<Record<keyof Guards, Difference>> = {}
  for (const [name, measure] of MEASURES) {
    const compared = compare(measure, counts, control, own)
    if (compared !== undefined) differences[name] = differenceOf(name, compared, plan.effect, alpha)
  }
  const decisive = plan.metric === 'hit_rate' ? differences.hitRate : differences.loads
  const gain = decisive === undefined || plan.metric === 'hit_rate' ? decisive : turned(decisive)
  const told = { name: arm.name, reads, keys, gain, differences }
  const lack = lackOf(plan, counts, ranMs, [control, own]) ?? foreignOf(arm, counts, own)
  if (lack !== undefined) return { ...told, verdict: 'not_enough_data', why: lack }
  const harm = harmOf(plan.guards, differences)
  if (harm !== undefined) return { ...told, verdict: 'harm', why: harm }
  return { ...told, verdict: verdictOfGain(gain, plan.effect), why: undefined }
}

export function differenceOf(
  name: keyof Guards,
  { control, arm, difference, variance }: Compared,
  scale: number,
  alpha: number,
): Difference {
  const half = halfWidth(variance, scale, alpha)
  // Hits per read are 1 minus misses per read.
  if (name === 'hitRate')
    return { control: 1 - control, arm: 1 - arm, value: -difference, low: -difference - half, high: -difference + half }
  return { control, arm, value: difference, low: difference - half, high: difference + half }
}

const turned = ({ value, low, high, ...of }: Difference): Difference => ({
  ...of,
  value: -value,
  low: -high,
  high: -low,
})

function lackOf(
  plan: Plan,
  { measured, outside }: Counts,
  ranMs: number,
  both: readonly (readonly number[])[],
): string | undefined {
  const others = total(outside)
  if (others >= LEAST_READS && total(measured.reads) === 0)
    return `none of ${others} reads so far was of a key that it covers: check its ${plan.select === undefined ? 'namespace' : 'select'}`
  if (ranMs < plan.minRunMs) return `it has run for ${inWords(ranMs)}: ${inWords(plan.minRunMs)} are needed`
  for (const buckets of both) {
    const reads = sumOf(measured.reads, buckets)
    if (reads < LEAST_READS) return `${counted(reads, 'read')} of an arm so far: ${LEAST_READS} are needed`
    const busy = buckets.filter((bucket) => (measured.reads[bucket] as number) > 0).length
    if (busy < LEAST_BUSY)
      return `its reads fall into ${busy} groups of keys: with fewer than ${LEAST_BUSY} a result would only describe those keys`
  }
  return undefined
}

function foreignOf({ settings }: PlannedArm, { measured }: Counts, own: readonly number[]): string | undefined {
  const loads = sumOf(measured.loads, own)
  const foreign = sumOf(measured.foreign, own)
  if (settings.ttl === undefined || loads < LEAST_LOADS || foreign <= loads / 2) return undefined
  return `${foreign} of its ${loads} loads use a time to live other than the arm's, because their calls set one: there is nothing to compare`
}

/** What is significantly worse than the control, and by more than is tolerated. */
export function harmOf(
  guards: Plan['guards'],
  { hitRate, loads, slow, errors, stale }: ArmResult['differences'],
): string | undefined {
  if (guards.hitRate !== false && hitRate !== undefined && hitRate.high < 0 && hitRate.value < -guards.hitRate)
    return `${percent(-hitRate.value)} of reads miss that would otherwise hit: ${percent(guards.hitRate)} are tolerated`
  const share = (bound: number | false, more: Difference | undefined, what: string): string | undefined =>
    bound !== false && more !== undefined && more.low > 0 && more.value > bound * more.control
      ? `${what}: ${percent(more.arm)} of the reads, ${percent(more.control)} in the control; ${percent(bound)} more are tolerated`
      : undefined
  const found = share(guards.loads, loads, 'more loads') ?? share(guards.slow, slow, 'more slow loads')
  if (found !== undefined) return found
  if (guards.errors !== false && errors !== undefined && errors.low > 0 && errors.value > guards.errors)
    return `${percent(errors.value)} more of reads fail to load: ${percent(guards.errors)} are tolerated`
  if (guards.stale !== false && stale !== undefined && stale.low > 0 && stale.arm > guards.stale)
    return `about ${percent(stale.arm)} of reads are stale: ${percent(guards.stale)} are tolerated`
  return undefined
}

function unevenText({ arms }: Plan, keys: ArrayLike<number>, shares: readonly number[]): string {
  const all = total(keys)
  const told = arms.map(
    ({ name }, at) =>
      `${name} has ${percent((keys[at] ?? 0) / all)} of the keys, ${percent(shares[at] ?? 0)} were assigned`,
  )
  return `the arms did not get the keys that were assigned to them, so their results do not count: ${told.join('; ')}`
}

function sumOf(values: Float64Array, buckets: readonly number[]): number {
  let sum = 0
  for (const bucket of buckets) sum += values[bucket] as number
  return sum
}
