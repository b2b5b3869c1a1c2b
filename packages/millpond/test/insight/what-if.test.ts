// One question to what was seen: what it answers between the points that were tried, and where it says nothing.
import { createCache, memory } from 'millpond'
import { createInsight, type WhatIfSeen, whatIfOf } from 'millpond/insight'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lruMisses, zipfKeys } from './exact.ts'

const KEYS = zipfKeys(2000, 15_000, 5, 0.9)
const cache = createCache({ name: 'shop', tiers: [memory({ maxEntries: 200, policy: 'lru', pressure: false })] })
const insight = createInsight({ caches: [cache] })

beforeAll(async () => {
  let read = 0
  for (const key of KEYS) {
    if (cache.peek(`user:${key}`) === undefined) {
      await cache.get(`user:${key}`)
      await cache.set(`user:${key}`, 1)
    }
    if (read++ % 1000 === 0) insight.sizing('shop')
  }
})
afterAll(async () => {
  insight.close()
  await cache.close()
})

const exact = (size: number) => (lruMisses(KEYS, 200) - lruMisses(KEYS, size)) / KEYS.length

it.each([
  [{ size: 2 }, 400],
  [{ maxEntries: 270 }, 270],
  [{ maxEntries: 130 }, 130],
  [{ size: 5 }, 1000],
])('%j: what a memory of that size would have done is within the interval', (question, size) => {
  const { change, hitRate, missesPerSecond, ...told } = insight.whatIf('shop', question)
  expect(told.size).toEqual({ unit: 'entries', amount: size })
  expect(told.why).toBeUndefined()
  expect(exact(size)).toBeGreaterThanOrEqual((change?.low ?? 1) - 0.002)
  expect(exact(size)).toBeLessThanOrEqual((change?.high ?? -1) + 0.002)
  expect(Math.abs((change?.value ?? 9) - exact(size))).toBeLessThan(0.02)
  expect(hitRate).toBeCloseTo(1 - lruMisses(KEYS, 200) / KEYS.length, 9)
  // More hits are fewer misses a second.
  expect(Math.sign(missesPerSecond?.value ?? 0)).toBe(-Math.sign(change?.value ?? 0))
})

it('takes what the shadow of its own policy saw, where there is one of that size', () => {
  const own = insight.sizing('shop').policies.find(({ policy, factor }) => policy === 'lru' && factor === 2)
  expect(own).toBeDefined()
  expect(insight.whatIf('shop', { maxEntries: 400 }).change).toEqual(own?.change)
})

it('asks of the policy that is there for nothing, of one that was tried for what it did, and says where one was not', () => {
  expect(insight.whatIf('shop', { policy: 'lru' }).change).toEqual({ value: 0, low: 0, high: 0 })
  const told = insight.sizing('shop').policies.find(({ policy, factor }) => policy === 'w-tinylfu' && factor === 1)
  expect(insight.whatIf('shop', { policy: 'w-tinylfu' }).change).toEqual(told?.change)
  expect(insight.whatIf('shop', { policy: 'sieve' })).toMatchObject({ why: 'sieve was not tried next to lru' })
})

it('says why it cannot be said: another unit, beyond what was tried, too little seen', async () => {
  expect(insight.whatIf('shop', { moreBytes: 2 ** 30 }).why).toMatch(/^entries limit this memory/)
  const tried = 'sizes from 1/16 of the current one to 16 times it were tried'
  expect(insight.whatIf('shop', { size: 17 }).why).toBe(`${tried}: 17 times it is more`)
  expect(insight.whatIf('shop', { size: 0.05 }).why).toBe(`${tried}: 1/20 of it is less`)
  expect(insight.whatIf('shop', { ttl: 0.03 }).why).toBe(
    'times to live from 1/4 of the current one up were tried: 0.03 of it is less',
  )
  expect(insight.whatIf('shop', { size: 17 }).change).toBeUndefined()
  const empty = createCache({ name: 'empty', tiers: [memory({ maxEntries: 10 })] })
  const watching = createInsight({ caches: [empty] })
  expect(watching.whatIf('empty', { size: 2 })).toMatchObject({
    evidence: { isEnough: false },
    why: expect.stringContaining('0 reads so far'),
  })
  watching.close()
  await empty.close()
})

const SEEN: WhatIfSeen = {
  evidence: { from: 0, to: 10_000, reads: 20_000, looked: 20_000, keys: 100, keyShare: 1, lost: 0, isEnough: true },
  capacity: { unit: 'bytes', amount: 2 ** 30 },
  policy: 'lru',
  hitRate: 0.5,
  sizes: [
    { factor: 1, size: 2 ** 30, hitRate: { value: 0.5, low: 0.5, high: 0.5 } },
    { factor: 4, size: 2 ** 32, hitRate: { value: 0.7, low: 0.65, high: 0.75 } },
  ],
  policies: [],
  ttls: [
    { factor: 0.5, change: { value: -0.2, low: -0.25, high: -0.15 } },
    { factor: 4, change: { value: 0.1, low: 0.08, high: 0.12 } },
    { factor: Number.POSITIVE_INFINITY, change: { value: 0.3, low: 0.2, high: 0.4 } },
  ],
}

it('a gigabyte more is the way to twice a gigabyte, and as unsure as both ends of it', () => {
  const { change, missesPerSecond, size } = whatIfOf(SEEN, { moreBytes: 2 ** 30 })
  expect(size).toEqual({ unit: 'bytes', amount: 2 ** 31 })
  expect(change?.value).toBeCloseTo(0.1, 9)
  expect(change?.low).toBe(0)
  expect(change?.high).toBeCloseTo(0.25, 9)
  expect(missesPerSecond?.value).toBeCloseTo(-200, 6)
})

it('times to live between those that were tried, up to for ever', () => {
  const value = (ttl: number) => whatIfOf(SEEN, { ttl }).change?.value
  expect(value(1)).toBe(0)
  expect(value(2)).toBeCloseTo(0.05, 9)
  expect(value(8)).toBeCloseTo(0.2, 9)
  expect(value(Number.POSITIVE_INFINITY)).toBe(0.3)
  expect(whatIfOf(SEEN, { ttl: 0.1 }).why).toMatch(
    /^times to live from 1\/2 of the current one up were tried: 1\/10 of it is less$/,
  )
})

it.each([
  [{}],
  [{ size: 2, policy: 'lru' as const }],
  [{ size: 0 }],
  [{ size: Number.NaN }],
  [{ ttl: -1 }],
  [{ maxBytes: 1.5 }],
  [{ policy: 'mru' as 'lru' }],
])('%j is refused', (question) => {
  expect(() => whatIfOf(SEEN, question)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})
