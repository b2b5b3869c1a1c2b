// Traffic and clocks that no plan foresees: what insight says is finite, or that there is not enough.
import { createCache, memory } from 'millpond'
import { createInsight, type Insight } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { afterEach, expect, it } from 'vitest'
import { sized } from '../form.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Half a minute of reads, in 300 steps, whatever their number. */
const READS = sized(9000, 30_000)

const PRICES = { prices: { tiers: { memory: { gbMonth: 4 } }, source: { millionLoads: 1 } } }

/** Every number in an answer, with its path, that is not one. `+Infinity` is how long a time to live without end is. */
function unfinite(value: unknown, path = ''): string[] {
  if (typeof value === 'number')
    return Number.isFinite(value) || path.endsWith('factor') || path.endsWith('breakEvenMs')
      ? []
      : [`${path}: ${value}`]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) => unfinite(part, `${path}.${name}`))
}

const saidOf = (insight: Insight) => ({
  analysis: insight.analyze('shop', { days: 30 }),
  cost: insight.cost('shop', PRICES),
  prediction: insight.prediction('shop'),
  whatIf: insight.whatIf('shop', { size: 2 }),
  health: insight.health('shop'),
})

function watched() {
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ maxEntries: 200, pressure: false })],
    clock,
    defaults: { ttl: '1m' },
  })
  const insight = createInsight({ caches: [cache], clock, usagePrediction: true })
  ends.push(
    () => cache.close(),
    () => insight.close(),
  )
  return { clock, cache, insight }
}

it.each([
  ['back by a second each time', -1000],
  ['back by an hour', -3_600_000],
  ['back by ten years', -315_360_000_000],
  ['ahead by ten years', 315_360_000_000],
])('a wall clock that goes %s leaves every figure finite', async (_, jump) => {
  const { clock, cache, insight } = watched()
  for (let read = 0; read < READS; read++) {
    await cache.getOrSet(`user:${(read * 7919) % 300}`, () => read)
    if (read % (READS / 300) === 0) clock.advance(100)
    if ((read + 1) % (READS / 6) === 0) clock.jump(jump)
    if (read % (READS / 30) === 0) insight.sizing('shop')
  }
  const said = saidOf(insight)
  expect(unfinite(said)).toEqual([])
  const { from, to } = said.analysis.evidence
  // Half a minute of traffic, whatever the wall says.
  expect(to - from).toBeGreaterThan(29_000)
  expect(to - from).toBeLessThan(31_000)
  expect(Math.abs(to - clock.now())).toBeLessThan(2)
  const { missesPerSecond } = said.whatIf
  expect(Math.abs(missesPerSecond?.value ?? 0)).toBeLessThan(1000)
  for (const pattern of said.cost.patterns) expect(to - pattern.from).toBeLessThan(31_000)
  expect(said.analysis.hitRate).toBeGreaterThanOrEqual(0)
  expect(said.analysis.hitRate).toBeLessThanOrEqual(1)
})

it.each([
  ['one key', () => 'user:1'],
  ['only new keys', (read: number) => `user:${read}`],
  ['a pattern of its own for each key', (read: number) => `${word(read)}:${read % 7}`],
  ['keys of sixteen kilobytes', (read: number) => `${'k'.repeat(16_000)}${read % 300}`],
] as const)('a trace of %s leaves every figure finite', async (_, keyOf) => {
  const { clock, cache, insight } = watched()
  for (let read = 0; read < READS / 2; read++) {
    await cache.getOrSet(keyOf(read), () => read)
    if (read % (READS / 300) === 0) clock.advance(100)
    if (read % (READS / 30) === 0) insight.sizing('shop')
  }
  expect(unfinite(saidOf(insight))).toEqual([])
})

/** Letters alone: digits would be taken for an id. */
const word = (number: number): string => [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
