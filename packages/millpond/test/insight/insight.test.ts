// Insight over real caches: what it says after real reads, when it says nothing, and that nothing is left when it is
// closed.
import { createCache, memory } from 'millpond'
import { createInsight, type InsightCache, insightCollector } from 'millpond/insight'
import { createRegistry, prometheusText } from 'millpond/observe'
import { fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { lruMisses, zipfKeys } from './exact.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function set(options: Parameters<typeof memory>[0] = {}, ttl: string | number = Number.POSITIVE_INFINITY) {
  const clock = fakeClock()
  const cache = createCache({ name: 'shop', tiers: [memory(options)], clock, defaults: { ttl: ttl as '5m' } })
  const insight = createInsight({ caches: [cache], clock })
  ends.push(
    () => cache.close(),
    () => insight.close(),
  )
  return { clock, cache, insight }
}

type Set = ReturnType<typeof set>

/** A read each millisecond; misses are stored by hand, as quickly as can be. */
async function play({ cache, clock }: Pick<Set, 'cache' | 'clock'>, keys: Iterable<string>): Promise<number> {
  let misses = 0
  for (const key of keys) {
    if (cache.peek(key) === undefined) {
      misses++
      await cache.get(key)
      await cache.set(key, `value of ${key}`)
    }
    clock.advance(1)
  }
  return misses
}

const named = (keys: readonly number[], prefix = 'user') => keys.map((key) => `${prefix}:${key}`)

describe('sizing', () => {
  it('says what other sizes would answer, as a simulation of them does', async () => {
    const one = set({ maxEntries: 200, policy: 'lru', pressure: false })
    const keys = zipfKeys(2000, 15_000, 5, 0.9)
    const misses = await play(one, named(keys))
    const { evidence, capacity, policy, hitRate, sizes, policies } = one.insight.sizing('shop')
    expect(evidence).toMatchObject({ isEnough: true, reads: 15_000, lost: 0 })
    expect({ capacity, policy }).toEqual({ capacity: { unit: 'entries', amount: 200 }, policy: 'lru' })
    expect(hitRate).toBeCloseTo(1 - misses / 15_000, 9)
    for (const { size, hitRate: told } of sizes.filter(({ factor }) => factor >= 0.5)) {
      const exact = 1 - lruMisses(keys, size) / keys.length
      expect(Math.abs(told.value - exact), `${size}`).toBeLessThan(0.01)
      expect(told.low).toBeLessThanOrEqual(told.value)
      expect(told.high).toBeGreaterThanOrEqual(told.value)
    }
    const twice = policies.find((point) => point.policy === 'lru' && point.factor === 2)
    expect(Math.abs((twice?.change.value ?? 0) - (lruMisses(keys, 200) - lruMisses(keys, 400)) / 15_000)).toBeLessThan(
      0.02,
    )
  })

  it('says what memory holds, and advises no size or policy before anything had to leave it', async () => {
    const one = set({ maxEntries: 10_000, policy: 'lru', pressure: false })
    await play(one, named(zipfKeys(300, 12_000, 5, 0.9)))
    const { evidence, capacity, used, isFull, recommendations, patterns } = one.insight.analyze('shop')
    expect(evidence).toMatchObject({ isEnough: true, keys: used })
    expect([capacity?.amount, used, isFull]).toEqual([10_000, one.cache.info().memory?.entries, false])
    expect(recommendations).toEqual([])
    expect(patterns).toMatchObject([{ pattern: 'user:*', share: 1 }])
    const full = set({ maxEntries: 200, policy: 'lru', pressure: false })
    await play(full, named(zipfKeys(2000, 12_000, 5, 0.9)))
    expect(full.insight.sizing('shop')).toMatchObject({ used: 200, isFull: true })
  })

  it('counts in bytes where bytes are what runs out', async () => {
    const one = set({ maxBytes: 40_000, maxEntries: 100_000, policy: 'lru', pressure: false })
    await play(one, named(zipfKeys(2000, 3000, 5, 0.9)))
    one.insight.sizing('shop') // in the first look the memory was empty, and nothing said which limit is reached first
    await play(one, named(zipfKeys(2000, 12_000, 6, 0.9)))
    const { capacity, sizes, evidence } = one.insight.sizing('shop')
    expect(capacity).toEqual({ unit: 'bytes', amount: 40_000 })
    expect(evidence.isEnough).toBe(true)
    expect(sizes.find(({ factor }) => factor === 2)?.hitRate.value).toBeGreaterThan(
      sizes.find(({ factor }) => factor === 0.5)?.hitRate.value ?? 1,
    )
  })

  it('loses no read where it learns how much entries weigh, and says nothing of what was there before', async () => {
    const one = set({ maxBytes: 25_000, policy: 'lru', pressure: false })
    // Entries of some 250 bytes, where 1 KiB is assumed; from 3,000 on of some 20 KiB.
    for (let read = 0; read < 6000; read++) {
      const key = `user:${read % 150}`
      if (one.cache.peek(key) === undefined) {
        await one.cache.get(key)
        await one.cache.set(key, 'v'.repeat(read < 3000 ? 150 : 20_000))
      }
      one.cache.peek(key)
      if (read % 1000 === 0) one.insight.sizing('shop')
    }
    const { evidence, sizes, policies } = one.insight.sizing('shop')
    expect(evidence.reads).toBe(12_000)
    expect(sizes.find(({ factor }) => factor === 1)?.hitRate.value).toBeCloseTo(0.5, 2)
    expect(policies.length).toBeGreaterThan(0)
  })

  it('weighs keys by their bytes: what a memory of so many bytes would answer is not what one of so many entries would', async () => {
    const one = set({ maxBytes: 60_000, maxEntries: 100_000, policy: 'lru', pressure: false })
    // The keys that are read most are the heaviest by far.
    const keys = zipfKeys(600, 16_000, 5, 0.8)
    const isHeavy = (key: number): boolean => key < 20
    const value = (key: number): string => 'x'.repeat(isHeavy(key) ? 2000 : 100)
    const scales = set({ maxBytes: 1_000_000 })
    const weighed = async (key: number): Promise<number> => {
      const before = scales.cache.info().memory?.bytes ?? 0
      await scales.cache.set(`user:${key}`, value(key))
      return (scales.cache.info().memory?.bytes ?? 0) - before
    }
    const [light, heavy] = [await weighed(100), await weighed(10)]
    expect(heavy).toBeGreaterThan(5 * light)
    for (const [at, key] of keys.entries()) {
      if (one.cache.peek(`user:${key}`) === undefined) {
        await one.cache.get(`user:${key}`)
        await one.cache.set(`user:${key}`, value(key))
      }
      one.clock.advance(1)
      if (at === 1000) one.insight.sizing('shop') // from here on it is known that bytes are what runs out
    }
    const weight = (key: number): number => (isHeavy(key) ? heavy : light)
    const { sizes, capacity } = one.insight.sizing('shop')
    expect(capacity?.unit).toBe('bytes')
    for (const factor of [0.5, 2]) {
      const exact = 1 - lruMisses(keys, factor * 60_000, { weight }) / keys.length
      const told = sizes.find((point) => point.factor === factor)?.hitRate.value ?? Number.NaN
      expect(Math.abs(told - exact), `${factor}: ${told} for ${exact}`).toBeLessThan(0.03)
    }
  })

  it('says what longer times to live would bring', async () => {
    const one = set({ maxEntries: 5000, policy: 'lru' }, 2000)
    await play(one, named(zipfKeys(500, 15_000, 5, 0.7)))
    const { ttls } = one.insight.sizing('shop')
    const of = (factor: number) => ttls.find((point) => point.factor === factor)?.change
    expect(of(4)?.low).toBeGreaterThan(0.05)
    expect(of(0.25)?.high).toBeLessThan(-0.05)
    expect(of(Number.POSITIVE_INFINITY)?.value).toBeGreaterThan(of(2)?.value ?? 1)
  })

  it('begins anew when the size or the policy changes', async () => {
    const one = set({ maxEntries: 200, policy: 'lru' })
    await play(one, named(zipfKeys(2000, 12_000, 5)))
    expect(one.insight.sizing('shop').evidence.isEnough).toBe(true)
    await one.cache.configure({ tiers: { memory: { maxEntries: 300 } } })
    expect(one.insight.sizing('shop')).toMatchObject({
      capacity: { amount: 300 },
      sizes: [],
      evidence: { isEnough: false, reads: 0 },
    })
  })

  it('answers for the days that were asked for, as far as they were seen', async () => {
    const one = set({ maxEntries: 200, policy: 'lru' })
    await play(one, named(zipfKeys(2000, 12_000, 5)))
    one.insight.sizing('shop')
    const before = one.clock.now()
    one.clock.advance(2 * 86_400_000)
    one.insight.sizing('shop') // the day is over
    await play(one, named(zipfKeys(2000, 11_000, 6)))
    const [day, week] = [1, 7].map((days) => one.insight.sizing('shop', { days }).evidence)
    expect(week?.reads).toBe(23_000)
    expect(day?.reads).toBe(11_000)
    expect(day?.from).toBeGreaterThan(before)
  })
})

describe('advice', () => {
  it('is a larger memory where that brings something, with what undoes it, and is carried out when it is told to be', async () => {
    const one = set({ maxEntries: 100, policy: 'lru' })
    await play(one, named(zipfKeys(1000, 12_000, 5, 0.6)))
    const { recommendations } = await one.insight.optimize('shop')
    const size = recommendations.find(({ kind }) => kind === 'size')
    expect(size).toMatchObject({
      id: 'size:2',
      change: { tiers: { memory: { maxEntries: 200 } } },
      undo: { tiers: { memory: { maxEntries: 100 } } },
      cost: { unit: 'entries', amount: 100 },
    })
    expect(size?.hitRate.low).toBeGreaterThan(0)
    expect(size?.impact).toBeGreaterThan(50)
    expect(one.cache.info().memory?.maxEntries).toBe(100)
    expect((await one.insight.optimize('shop', { minImpact: 100, apply: true })).applied).toBeUndefined()
    const { applied } = await one.insight.optimize('shop', { minImpact: 50, apply: true })
    expect(one.cache.info().memory).toMatchObject(
      applied?.id === 'size:2' ? { maxEntries: 200 } : { policy: applied?.id.split(':')[1] },
    )
    await one.cache.configure(applied?.undo as never)
    expect(one.cache.info().memory).toMatchObject({ maxEntries: 100, policy: 'lru' })
  })

  it('is another policy where a loop defeats the one that is there', async () => {
    const one = set({ maxEntries: 600, policy: 'lru', pressure: false })
    await play(one, named(Array.from({ length: 16_000 }, (_, at) => at % 800)))
    const [best] = one.insight.analyze('shop').recommendations.filter(({ kind }) => kind === 'policy')
    expect(best?.hitRate.value).toBeGreaterThan(0.2)
    expect(best?.change?.tiers.memory.policy).not.toBe('lru')
  })

  it('is less memory where half of it does as well', async () => {
    const one = set({ maxEntries: 600, policy: 'lru', pressure: false })
    // Hot keys that any size holds, and new ones that none does.
    await play(
      one,
      Array.from({ length: 16_000 }, (_, at) => (at % 2 === 0 ? `hot:${(at / 2) % 50}` : `new:${at}`)),
    )
    const { recommendations } = one.insight.analyze('shop')
    expect(recommendations.map(({ id }) => id)).toContain('size:0.5')
  })

  it('is a longer life for keys whose reloads find what they had, and none for those that change', async () => {
    const one = set({ maxEntries: 5000, policy: 'lru' }, 300)
    const keys = zipfKeys(100, 12_000, 5, 0.5)
    for (const [at, key] of keys.entries()) {
      const name = at % 2 === 0 ? `still:${key}` : `moving:${key}`
      await one.cache.getOrSet(name, () => (at % 2 === 0 ? key : at))
      one.clock.advance(1)
    }
    const { recommendations, patterns } = one.insight.analyze('shop')
    expect(recommendations.filter(({ kind }) => kind === 'ttl').map(({ id }) => id)).toEqual(['ttl:still:*'])
    expect(recommendations[0]?.change).toBeUndefined()
    expect(patterns.map(({ pattern, changed }) => [pattern, changed])).toEqual(
      expect.arrayContaining([
        ['still:*', 0],
        ['moving:*', 1],
      ]),
    )
  })
})

describe('analysis', () => {
  it('tells where misses come from, and the hottest keys of each tier', async () => {
    const one = set({ maxEntries: 100, policy: 'lru' })
    await play(one, named(zipfKeys(1000, 12_000, 5, 1.1)))
    const { bottlenecks, hotKeys, patterns } = one.insight.analyze('shop')
    expect(bottlenecks[0]?.kind).toBe('capacity')
    expect(bottlenecks.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 1)
    expect(hotKeys[0]?.tier).toBe('memory')
    expect(hotKeys[0]?.keys[0]?.key).toBe('user:0')
    expect(patterns[0]).toMatchObject({ namespace: 'default', pattern: 'user:*' })
  })

  it('tells the health of a cache with every deduction, and that it knows nothing of one that nobody reads', async () => {
    const one = set({ maxEntries: 10 })
    expect(one.insight.health('shop')).toEqual({ cache: 'shop', score: undefined, status: 'unknown', deductions: [] })
    await play(
      one,
      Array.from({ length: 300 }, (_, at) => `k${at}`),
    )
    expect(one.insight.health('shop')).toMatchObject({
      status: 'degraded',
      score: 60,
      deductions: [{ name: 'hit rate', points: 40 }],
    })
  })
})

describe('not enough data', () => {
  it('where hardly anything was read', async () => {
    const one = set()
    await play(one, named(zipfKeys(10, 50, 5)))
    const { evidence, recommendations, sizes } = one.insight.analyze('shop')
    expect(evidence).toMatchObject({ isEnough: false, why: '50 reads so far: 10000 are needed' })
    expect({ recommendations, sizes }).toEqual({ recommendations: [], sizes: [] })
  })

  it('where one key is all that is read', async () => {
    const one = set()
    await play(
      one,
      Array.from({ length: 12_000 }, () => 'the one'),
    )
    expect(one.insight.analyze('shop')).toMatchObject({
      recommendations: [],
      evidence: { isEnough: false, why: /^1 key is watched/ },
    })
  })

  it('only new keys: no size and no policy is recommended', async () => {
    const one = set({ maxEntries: 100, policy: 'lru' })
    await play(
      one,
      Array.from({ length: 12_000 }, (_, at) => `new:${at}`),
    )
    const { recommendations, sizes, evidence } = one.insight.analyze('shop')
    expect(evidence.isEnough).toBe(true)
    expect(recommendations.filter(({ kind, id }) => kind === 'policy' || id === 'size:2')).toEqual([])
    expect(Math.max(...sizes.map(({ hitRate }) => hitRate.value))).toBe(0)
  })

  it('without a memory tier, or with one that nothing bounds', () => {
    const { insight } = set({ maxEntries: Number.POSITIVE_INFINITY })
    expect(insight.analyze('shop').evidence).toMatchObject({
      isEnough: false,
      why: expect.stringContaining('without a limit'),
    })
  })

  it('where a burst in one turn was longer than what can be kept', () => {
    const one = set({ maxEntries: 100 })
    for (let at = 0; at < 60_000; at++) one.cache.peek(`k${at % 5000}`)
    const keys = Array.from({ length: 100 }, (_, at) => `k${at}`)
    for (const key of keys) void one.cache.set(key, 1)
    for (let at = 0; at < 60_000; at++) one.cache.peek(keys[at % 100] ?? '')
    expect(one.insight.sizing('shop').evidence).toMatchObject({
      isEnough: false,
      why: expect.stringContaining('too fast'),
    })
  })

  it('after the recorder was let go of', async () => {
    const one = set({ maxEntries: 100 })
    await play(one, named(zipfKeys(1000, 12_000, 5)))
    one.insight.close()
    expect(one.insight.sizing('shop').evidence).toMatchObject({ isEnough: false, why: 'recording has ended' })
  })

  it('with keys of five thousand patterns the hot one keeps its own curve', async () => {
    const one = set({ maxEntries: 100 })
    const letters = (at: number): string => String(at).replaceAll(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
    await play(
      one,
      Array.from({ length: 10_000 }, (_, at) => (at % 2 === 0 ? `user:${at % 300}` : `made-up-${letters(at)}:x`)),
    )
    const { patterns } = one.insight.analyze('shop')
    expect(patterns.length).toBeLessThanOrEqual(24)
    expect(patterns[0]?.pattern).toBe('user:*')
  })
})

describe('the metrics for who scales', () => {
  it('tell predictions with their errors, and nothing before there is evidence', async () => {
    const one = set({ maxEntries: 100, policy: 'lru' })
    const registry = createRegistry()
    registry.collect(insightCollector(one.insight))
    expect(registry.gather().flatMap(({ samples }) => samples)).toEqual([])
    await play(one, named(zipfKeys(1000, 11_000, 5, 0.8)))
    const text = prometheusText(registry)
    const at = (scale: string): number =>
      Number(new RegExp(`millpond_predicted_hit_ratio\\{cache="shop",scale="${scale}"\\} (\\S+)`).exec(text)?.[1])
    expect(at('1')).toBeCloseTo(one.insight.sizing('shop').hitRate, 9)
    expect(at('0.5')).toBeLessThan(at('1'))
    expect(at('4')).toBeGreaterThan(at('2'))
    expect(text).toContain('millpond_predicted_hit_ratio_error{cache="shop",scale="2"}')
    expect(() => insightCollector({} as never)).toThrow(/insightCollector/)
  })
})

describe('createInsight', () => {
  it('refuses what is not a cache, two of one name, and names of caches and days that there are not', async () => {
    const { cache, insight } = set()
    expect(() => createInsight({ caches: [{} as InsightCache] })).toThrow(/caches\[0\].*a cache/)
    expect(() => createInsight({ caches: [cache, cache] })).toThrow(/two caches are named "shop"/)
    expect(() => insight.sizing('shoop')).toThrow(/"shoop" is not watched: those watched are shop/)
    expect(() => insight.analyze('shop', { days: 0 })).toThrow(/days/)
    await expect(insight.optimize('shop', { minImpact: 101 })).rejects.toThrow(/minImpact/)
  })

  it('leaves no timer and no column behind', () => {
    const { cache, clock, insight } = set()
    const before = clock.pending
    cache.peek('k')
    void cache.get('k')
    insight.close()
    expect(clock.pending).toBe(before)
  })
})
