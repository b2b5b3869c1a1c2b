// What others' experiments got wrong, tried on ours: inputs of public reports, and what is right of them.
import { expect, it } from 'vitest'
import { hashOf } from '../../../src/core/key-hash.ts'
import { BUCKETS, bucketOf, drawArms, seedOf } from '../../../src/insight/experiments/assignment.ts'
import { type Column, type Counts, noCounts } from '../../../src/insight/experiments/counts.ts'
import { bucketsOf, judgeKeys } from '../../../src/insight/experiments/judge.ts'
import { planOf } from '../../../src/insight/experiments/plan.ts'
import { coversOf } from '../../../src/insight/experiments/select.ts'
import { halfWidth } from '../../../src/insight/experiments/sequence.ts'

const PLAN = planOf({ name: 'elsewhere', arms: [{ name: 'a' }, { name: 'b' }], minRun: 0 })
const ARMS = bucketsOf(PLAN)
const judge = (counts: Counts, plan = PLAN) => judgeKeys(plan, counts, 3_600_000)

/** So much of each arm, evenly over its buckets. */
function counted(of: Partial<Record<Column, readonly [number, number]>>): Counts {
  const counts = noCounts(2)
  for (const [column, sums] of Object.entries(of))
    ARMS.forEach((buckets, arm) => {
      for (const bucket of buckets) counts.measured[column as Column][bucket] = (sums[arm] ?? 0) / buckets.length
    })
  return counts
}

function hasNumbers(judgement: ReturnType<typeof judge>): boolean {
  return judgement.arms.every(({ differences }) =>
    Object.values(differences).every(({ value, low, high }) => [value, low, high].every(Number.isFinite)),
  )
}

it('no miss in any arm is no difference, and not NaN (thumbtack/abba#2)', () => {
  const told = judge(counted({ reads: [30_000, 40_000] }))
  expect(told.verdict).toBe('no_difference')
  expect(hasNumbers(told)).toBe(true)
  expect(told.text).not.toContain('NaN')
})

it('an arm without reads, or with those of one key, has too little to compare (growthbook/growthbook#1012)', () => {
  const counts = counted({ reads: [30_000, 0], misses: [3000, 0] })
  expect(judge(counts)).toMatchObject({ verdict: 'not_enough_data', winner: undefined })
  counts.measured.reads[ARMS[1]?.[0] ?? 0] = 50_000
  expect(judge(counts)).toMatchObject({ verdict: 'not_enough_data', winner: undefined })
})

it('one event in each arm is no finding (featbit/featbit#654)', () => {
  const counts = noCounts(2)
  ARMS.forEach((buckets, arm) => {
    counts.measured.reads[buckets[0] ?? 0] = 1
    counts.measured.misses[buckets[0] ?? 0] = arm
  })
  expect(judge(counts)).toMatchObject({ verdict: 'not_enough_data' })
})

it('6.0 against 2.8 % of some hundred are no winner (splitrb/split#199)', () => {
  expect(judge(counted({ reads: [182, 181], misses: [11, 5] }))).toMatchObject({
    verdict: 'not_enough_data',
    winner: undefined,
  })
})

it('an arm whose outcomes are all the same has an interval with a width (agency-fund/evidential-be#342)', () => {
  const told = judge(counted({ reads: [20_000, 20_000], misses: [0, 20_000] }))
  expect(told.verdict).toBe('harm')
  expect(hasNumbers(told)).toBe(true)
  const { low, high } = told.arms[0]?.gain ?? { low: 0, high: 0 }
  expect(high).toBeGreaterThan(low)
  expect(high).toBeLessThan(-0.9)
})

it('an arm that was to get a tenth of the keys and got it is not uneven (mozilla/experimenter#16010)', () => {
  const arms = [{ name: 'a' }, { name: 'b', share: 0.1 }]
  const counts = noCounts(2)
  counts.measured.reads.fill(1000)
  counts.measured.misses.fill(100)
  const plan = planOf({ name: 'small', arms, minRun: 0 })
  const drawn = (bucketsOf(plan)[1]?.length ?? 0) / BUCKETS
  counts.keys.set([28_000 * (1 - drawn), 28_000 * drawn])
  expect(judge(counts, plan).verdict).not.toBe('uneven')
  counts.keys.set([14_000, 14_000])
  expect(judge(counts, plan).verdict).toBe('uneven')
})

it('a wider share keeps the keys that a smaller one had, and so does a larger arm (vercel/flags#427)', () => {
  const covered = (share: number) => {
    const covers = coversOf('rollout', { share })
    return Array.from({ length: 20_000 }, (_, key) => covers?.(hashOf(`user:${key}`, 0), `user:${key}`, 'default'))
  }
  const [some, more] = [covered(0.1), covered(0.2)]
  expect(some.filter(Boolean).length).toBeGreaterThan(1800)
  expect(some.every((isIn, at) => !isIn || more[at])).toBe(true)
  const [few, many] = [0.1, 0.25].map((share) => drawArms([1 - share, share], seedOf('rollout')))
  expect(few?.every((arm, bucket) => arm === 0 || many?.[bucket] === 1)).toBe(true)
})

it('half of the keys stay half, however many come (PostHog/posthog#8001, #6043)', () => {
  const arms = drawArms([0.5, 0.5], seedOf('half'))
  let second = 0
  for (let key = 0; key < 1_000_000; key++) {
    second += arms[bucketOf(hashOf(`user:${key}`, 0), seedOf('half'))] as number
    // Within four standard errors of a half, at each power of ten.
    if (/^10+$/.test(String(key + 1)) && key > 98)
      expect(Math.abs(second - (key + 1) / 2), String(key + 1)).toBeLessThan(4 * Math.sqrt(key + 1) * 0.5)
  }
})

it('an interval has ends, however rarely it may be wrong (avast/ep-stats#97)', () => {
  let before = 0
  for (const alpha of [0.05, 1e-6, 1e-16, 1e-100, 1e-200, Number.MIN_VALUE]) {
    const half = halfWidth(1e-6, 0.01, alpha)
    expect(Number.isFinite(half), String(alpha)).toBe(true)
    expect(half).toBeGreaterThan(before)
    before = half
  }
})

it('what never happened in the control is no share of it, and harm by it is told in numbers (spinnaker/kayenta#527)', () => {
  const told = judge(counted({ reads: [20_000, 20_000], misses: [2000, 2000], slow: [0, 400] }))
  expect(told.verdict).toBe('harm')
  expect(told.text).toBe(
    'b does harm: more slow loads: 2.0 % of the reads, 0.00 % in the control; 10.0 % more are tolerated',
  )
  const none = judge(counted({ reads: [20_000, 20_000], misses: [2000, 2000] }))
  expect(none.verdict).not.toBe('harm')
  expect(hasNumbers(none)).toBe(true)
})
