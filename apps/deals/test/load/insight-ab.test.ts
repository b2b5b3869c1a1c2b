// The verdict of on against off: worse only beyond what two services without it differ by.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Arm, rowsOf, type Seed } from '../../src/load/insight-ab.ts'
import { comparisonText } from '../../src/load/insight-ab-report.ts'
import { starvedIn, watchMachine } from '../../src/load/starved.ts'

const arm = (over: Partial<Arm> = {}): Arm => ({
  hitRate: 0.9,
  loads: 1000,
  queries: 4000,
  p95Ms: 40,
  stale: 0,
  ...over,
})
const seed = (on: Partial<Arm>, again: Partial<Arm> = {}): Seed => ({
  seed: 1,
  off: arm(),
  again: arm(again),
  on: arm(on),
  prediction: null,
  quiet: 1,
  unwarmed: [],
})
const verdictOf = (seeds: readonly Seed[], name: keyof Arm) => rowsOf(seeds).find((row) => row.name === name)?.verdict

test('what differs by no more than two runs without it do is as good', () => {
  const noisy = [seed({ loads: 1080, hitRate: 0.892 }, { loads: 1100, hitRate: 0.891 }), seed({ loads: 1000 })]
  expect(rowsOf(noisy).map(({ verdict }) => verdict)).toEqual(['as good', 'as good', 'as good', 'as good', 'as good'])
})

test.each([
  ['hitRate', { hitRate: 0.88 }],
  ['loads', { loads: 1200 }],
  ['queries', { queries: 5000 }],
  ['p95Ms', { p95Ms: 80 }],
  ['stale', { stale: 1 }],
] as const)('a worse %s is found, and a better one is told', (name, on) => {
  const seeds = [seed(on), seed(on), seed(on)]
  expect(verdictOf(seeds, name)).toBe('worse')
  expect(rowsOf(seeds).filter(({ verdict }) => verdict === 'worse')).toHaveLength(1)
  const text = comparisonText({ seeds, rows: rowsOf(seeds), compared: 7, violations: [] })
  expect(text).toMatch(/^WORSE: /m)
  expect(text).not.toContain('not worse')
  if (name !== 'stale') expect(verdictOf([{ ...seed({}), off: arm(on), again: arm(on) }], name)).toBe('better')
})

test.each([
  ['hitRate', { hitRate: 0.85 }],
  ['loads', { loads: 1500 }],
  ['queries', { queries: 6000 }],
  ['p95Ms', { p95Ms: 90 }],
  ['stale', { stale: 2 }],
] as const)(
  'where two services without it differ by much in %s, nothing is said of that, and all else is',
  (name, again) => {
    const seeds = [seed({}, again), seed({})]
    expect(rowsOf(seeds).filter(({ verdict }) => verdict !== 'as good')).toMatchObject([{ name, verdict: 'undecided' }])
    const text = comparisonText({ seeds, rows: rowsOf(seeds), compared: 7, violations: [] })
    expect(text).toMatch(/^UNDECIDED: /m)
    expect(text).not.toContain('not worse')
  },
)

test('one seed finds only what is far beyond what two services without it differ by; three find what is beyond it', () => {
  const near = seed({ loads: 1090 }, { loads: 1050 })
  expect(verdictOf([near], 'loads')).toBe('undecided')
  expect(verdictOf([near, near], 'loads')).toBe('undecided')
  expect(verdictOf([near, near, near], 'loads')).toBe('worse')
  expect(verdictOf([seed({ loads: 1700 }, { loads: 1050 })], 'loads')).toBe('worse')
  expect(verdictOf([seed({ stale: 1 })], 'stale')).toBe('worse')
})

test('equal services are told apart in at most 3 of 100 figures, whatever the number of seeds', () => {
  let state = 7
  const chance = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
  const normal = (): number => Array.from({ length: 12 }, chance).reduce((sum, one) => sum + one, -6)
  const noisy = (): Partial<Arm> => ({ loads: 1000 + 30 * normal() })
  for (const count of [1, 2, 3, 5]) {
    let worse = 0
    for (let run = 0; run < 4000; run++) {
      const seeds = Array.from({ length: count }, () => ({ ...seed(noisy(), noisy()), off: arm(noisy()) }))
      if (verdictOf(seeds, 'loads') === 'worse') worse++
    }
    expect(worse / 4000, `${count} seeds`).toBeLessThan(0.03)
  }
})

test('one seed that is worse is not drowned by noise of another kind', () => {
  const seeds = [seed({ loads: 1000 }, { p95Ms: 400 }), seed({ loads: 1300 }), seed({ loads: 1300 })]
  expect(verdictOf(seeds, 'loads')).toBe('worse')
})

test('of a run in which the machine was starved for most of the time, times say nothing, and counts do', () => {
  const seeds = [
    seed({ p95Ms: 400, loads: 2000 }),
    { ...seed({ p95Ms: 400, loads: 2000 }), quiet: 0.4, unwarmed: ['on'] },
  ]
  expect(verdictOf(seeds, 'p95Ms')).toBe('undecided')
  expect(verdictOf(seeds, 'loads')).toBe('worse')
  const text = comparisonText({ seeds, rows: rowsOf(seeds), compared: 7, violations: [] })
  expect(text).toContain('seed 1: the machine was starved for 60.0 % of the run')
  expect(text).toContain('seed 1: not warmed whole when the sessions began: on')
})

test('moments around a late look are left out, and count once', () => {
  const late = [
    { from: 1000, to: 1100 },
    { from: 1200, to: 1300 },
    { from: 9900, to: 10_000 },
  ]
  const { quiet, touches } = starvedIn(late, 0, 10_000)
  // 750 to 1550, 9650 to the end.
  expect(quiet).toBeCloseTo(1 - 0.115, 10)
  expect([touches(0, 750), touches(0, 751), touches(1549, 1549), touches(1550, 9650), touches(9000, 9700)]).toEqual([
    false,
    true,
    true,
    false,
    true,
  ])
  expect(starvedIn([], 5, 5).quiet).toBe(1)
})

test('a loop that nothing can run in is seen', async () => {
  const end = watchMachine()
  await sleep(30)
  const from = performance.now()
  while (performance.now() - from < 120);
  const to = performance.now()
  expect(end().touches(from, to)).toBe(true)
})
