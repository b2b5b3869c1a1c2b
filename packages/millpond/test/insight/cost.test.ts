// What a cache costs and saves: sums that can be done by hand, what holding too long costs, and prices that are none.
import { type Cache, createCache, memory } from 'millpond'
import { createInsight, type Prices } from 'millpond/insight'
import { fakeClock, simulatedServer } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { PatternLedger } from '../../src/insight/cost/ledger.ts'
import { zipfKeys } from './exact.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const MONTH = 30 * 86_400_000
const ZIPF = zipfKeys(400, 12_000, 5, 0.8)

function set(maxEntries = 1000) {
  const clock = fakeClock()
  const cache = createCache({ name: 'shop', tiers: [memory({ maxEntries, policy: 'lru', pressure: false })], clock })
  const insight = createInsight({ caches: [cache], clock })
  ends.push(
    () => cache.close(),
    () => insight.close(),
  )
  return { clock, cache, insight }
}

/** A read each millisecond; `every`: milliseconds between the reads of a second pattern, whose keys are few. */
async function play({ cache, clock }: ReturnType<typeof set>, keys: readonly number[], rare = 0): Promise<void> {
  for (const [at, key] of keys.entries()) {
    await cache.getOrSet(`user:${key}`, () => `value of ${key}`, { ttl: '1h' })
    if (rare > 0 && at % rare === 0)
      await cache.getOrSet(`report:${(at / rare) % 2}`, () => 'long'.repeat(500), { ttl: '1h' })
    clock.advance(1)
  }
}

const prices: Prices = { tiers: { memory: { gbMonth: 4, millionRequests: 0.01 } }, source: { millionLoads: 5 } }

describe('the cost of a cache', () => {
  it('is memory for the time, less loads that hits have saved', async () => {
    const one = set()
    await play(one, ZIPF)
    const { cache, clock, insight } = one
    const { load, tiers, stored, asked, avoided, net, evidence, patterns } = insight.cost('shop', { prices })
    const ms = evidence.to - evidence.from
    const hits = 12_000 - new Set(ZIPF).size
    expect(evidence).toMatchObject({ isEnough: true, to: clock.now() })
    expect(load).toBeCloseTo(5e-6, 12)
    expect(tiers).toMatchObject([{ tier: 'memory', requests: 12_000, hits, bytes: cache.info().memory?.bytes }])
    expect(stored.seen).toBeCloseTo((4 * (cache.info().memory?.bytes ?? 0) * ms) / 1e9 / MONTH, 15)
    expect(stored.month).toBeCloseTo((4 * (cache.info().memory?.bytes ?? 0)) / 1e9, 9)
    expect(asked.seen).toBeCloseTo(12_000 * 1e-8, 12)
    expect(avoided.seen).toBeCloseTo(hits * 5e-6, 12)
    expect(net.seen).toBeCloseTo(avoided.seen - stored.seen - asked.seen, 12)
    expect(patterns).toMatchObject([{ pattern: 'user:*', requests: 12_000, hits, loads: 12_000 - hits, beyond: 0 }])
    const [user] = patterns
    expect(user?.breakEvenMs).toBeCloseTo(5e-6 / ((user?.bytes ?? 0) * (4 / 1e9 / MONTH)), -8)
    expect(user?.stored.seen).toBeLessThan(stored.seen)
    expect(user?.stored.seen).toBeGreaterThan(stored.seen / 20)
    expect(user?.net.month).toBeGreaterThan(0)
  })

  it('says which keys are held for longer than a load is worth, and what not keeping them brings', async () => {
    const one = set()
    await play(one, ZIPF, 100) // two reports, each read every 200 ms
    const dear = (gbMonth: number): Prices => ({ tiers: { memory: { gbMonth } }, source: { millionLoads: 1 } })
    const [user, report] = one.insight.cost('shop', { prices: dear(1) }).patterns
    const breakEven = report?.breakEvenMs ?? 0
    expect([user?.pattern, report?.pattern]).toEqual(['user:*', 'report:*'])
    expect(report?.beyond).toBe(0)
    expect(one.insight.cost('shop', { prices: dear(1) }).actions).toEqual([])
    // So dear that 20 ms are what a load is worth.
    const { patterns, actions } = one.insight.cost('shop', { prices: dear(breakEven / 20) })
    expect(patterns[1]).toMatchObject({ pattern: 'report:*', beyond: 1 })
    expect(patterns[1]?.breakEvenMs).toBeCloseTo(20, 6)
    expect(patterns[1]?.net.seen).toBeLessThan(0)
    expect(actions.find(({ id }) => id === 'uncached:report:*')?.month.value).toBeCloseTo(
      -(patterns[1]?.net.month ?? 0),
      6,
    )
  })

  it('tells what another size brings in money, the best first, and nothing that may cost more than it brings', async () => {
    const one = set(40)
    await play(one, ZIPF)
    const cheap = one.insight.cost('shop', {
      prices: { tiers: { memory: { gbMonth: 0.001 } }, source: { millionLoads: 100 } },
    })
    expect(cheap.actions[0]).toMatchObject({ id: 'size:2' })
    expect(cheap.actions[0]?.month.low).toBeGreaterThan(0)
    expect(cheap.actions.length).toBeLessThanOrEqual(5)
    const dear = one.insight.cost('shop', {
      prices: { tiers: { memory: { gbMonth: 1e12 } }, source: { millionLoads: 0.001 } },
    })
    expect(dear.actions.map(({ id }) => id)).toContain('size:0.5')
    for (const { month } of dear.actions) expect(month.low).toBeGreaterThan(0)
    expect(dear.net.seen).toBeLessThan(0)
  })

  it('knows what tiers below have answered', async () => {
    const clock = fakeClock()
    const server = simulatedServer({ now: () => clock.now() })
    const tier = () => ({ use: server.connect(), name: 'below' })
    const writer = createCache({ name: 'shop', tiers: [memory(), tier()], clock })
    for (let at = 0; at < 400; at++) await writer.set(`user:${at}`, at, { ttl: '1h' })
    await writer.flush()
    const cache: Cache = createCache({
      name: 'shop',
      tiers: [memory({ maxEntries: 1000, pressure: false }), tier()],
      clock,
    })
    const insight = createInsight({ caches: [cache], clock })
    ends.push(
      () => writer.close(),
      () => cache.close(),
      () => insight.close(),
    )
    for (const key of [...ZIPF, 400]) {
      await cache.getOrSet(`user:${key}`, () => key, { ttl: '1h' })
      clock.advance(1)
    }
    const { tiers, stored } = insight.cost('shop', {
      prices: { ...prices, tiers: { ...prices.tiers, below: { gbMonth: 10, bytes: 2e9 } } },
    })
    const first = new Set(ZIPF).size
    expect(tiers).toMatchObject([
      { tier: 'memory', hits: 12_000 - first },
      { tier: 'below', requests: first + 1, hits: first, bytes: 2e9 },
    ])
    expect(stored.month).toBeGreaterThan(20)
  })
})

it('what is held beyond a time within an octave counts in part', () => {
  const ledger = new PatternLedger(0)
  ledger.hit(100, 1500, 1)
  expect([1024, 1536, 2048].map((ms) => ledger.heldBeyond(ms))).toEqual([150_000, 75_000, 0])
})

describe('nothing is said', () => {
  it('before enough was read, and before a load was seen', async () => {
    const one = set()
    expect(one.insight.cost('shop', { prices })).toMatchObject({
      evidence: { isEnough: false },
      tiers: [],
      patterns: [],
      actions: [],
    })
    for (let at = 0; at < 12_000; at++) {
      if (at < 100) await one.cache.set(`user:${at}`, at)
      await one.cache.get(`user:${at % 100}`)
      one.clock.advance(1)
    }
    const report = one.insight.cost('shop', { prices })
    expect(report.evidence).toMatchObject({
      isEnough: false,
      why: 'there were no loads, so the cost of a load is unknown',
    })
    expect(report.load).toBeUndefined()
  })

  it('for prices that are none, or of tiers that are not there', () => {
    const { insight } = set()
    const cost = (given: unknown) => () => insight.cost('shop', { prices: given as Prices })
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '4']) {
      expect(cost({ ...prices, tiers: { memory: { gbMonth: bad } } })).toThrow(/gbMonth.*a price above 0/)
      expect(cost({ ...prices, source: { millionLoads: bad } })).toThrow(/millionLoads.*a price above 0/)
      expect(cost({ ...prices, source: { second: bad } })).toThrow(/second.*a price above 0/)
    }
    expect(cost({ ...prices, tiers: {} })).toThrow(/memory.gbMonth is missing/)
    expect(cost({ ...prices, source: {} })).toThrow(/give millionLoads or second/)
    expect(cost({ ...prices, tiers: { ...prices.tiers, redis: { gbMonth: 1 } } })).toThrow(
      /there is no tier "redis": there are memory/,
    )
    expect(cost(undefined)).toThrow(/prices/)
    expect(() => insight.cost('other', { prices })).toThrow(/is not watched/)
  })
})
