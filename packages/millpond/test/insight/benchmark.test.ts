// A benchmark beside a cache's own traffic: what it tells, what it takes, and that nothing of it is left or counted.
import { createCache, memory } from 'millpond'
import { benchmark, createInsight } from 'millpond/insight'
import { afterEach, expect, it } from 'vitest'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function site(options: Parameters<typeof memory>[0] = { maxEntries: 20_000 }) {
  const cache = createCache({ name: 'shop', tiers: [memory(options)] })
  const insight = createInsight({ caches: [cache] })
  ends.push(
    () => cache.close(),
    () => insight.close(),
  )
  return { cache, insight }
}

it('times gets and sets, as many as were asked for', async () => {
  const { insight } = site()
  const told = await insight.benchmark('shop', { duration: '60s', operations: 2000, keys: 50 })
  expect(told).toMatchObject({
    cache: 'shop',
    operations: 2000,
    keys: 50,
    valueBytes: 256,
    get: { count: 1800 },
    set: { count: 200 },
  })
  expect(told.hitRate).toBeGreaterThan(0.5)
  expect(told.hitRate).toBeLessThan(1)
  expect(told.opsPerSecond).toBeCloseTo(2000 / told.seconds, 6)
  expect(told.get.p99Ms).toBeGreaterThanOrEqual(told.get.p50Ms)
  expect(told.get.p50Ms).toBeGreaterThan(0)
})

it('ends when its time is over, and when it is told to', async () => {
  const { insight } = site()
  const began = performance.now()
  await insight.benchmark('shop', { duration: 40 })
  expect(performance.now() - began).toBeGreaterThanOrEqual(40)
  const ending = new AbortController()
  const told = insight.benchmark('shop', { duration: '5m', signal: ending.signal })
  setTimeout(() => ending.abort(), 20)
  expect((await told).operations).toBeGreaterThan(0)
})

it('rests for the share of the time that it was told to', async () => {
  const { insight } = site()
  const began = performance.now()
  const { seconds } = await insight.benchmark('shop', { duration: 200, share: 0.1 })
  expect((seconds * 1000) / (performance.now() - began), 'in time').toBeLessThan(0.5)
})

it('leaves nothing behind, pushes out no more than a twentieth, and is nobody’s traffic', async () => {
  const { cache, insight } = site({ maxEntries: 400, policy: 'lru', pressure: false })
  for (let key = 0; key < 400; key++) await cache.set(`mine:${key}`, key)
  for (let key = 0; key < 400; key++) cache.peek(`mine:${key}`)
  const before = insight.sizing('shop').evidence
  const told = await insight.benchmark('shop', { duration: '60s', operations: 3000, keys: 1000 })
  expect(told.keys).toBe(20)
  let held = 0
  for (let key = 0; key < 400; key++) if (cache.holds(`mine:${key}`)) held++
  expect(held).toBeGreaterThanOrEqual(380)
  expect(cache.describe().namespaces.map(({ name }) => name)).not.toContain('millpond.probe')
  expect(insight.sizing('shop').evidence.reads).toBe(before.reads)
  expect(
    insight
      .analyze('shop')
      .hotKeys.flatMap(({ keys }) => keys)
      .filter(({ key }) => !key.startsWith('mine:')),
  ).toEqual([])
})

it('is tried one at a time', async () => {
  const { cache } = site()
  const both = await Promise.all([benchmark(cache, { duration: 20 }), benchmark(cache, { duration: 20, keys: 1 })])
  expect(both.map(({ keys }) => keys)).toEqual([1000, 1])
  expect(both.every(({ operations }) => operations > 0)).toBe(true)
})

it.each([
  [{ duration: 5 }, /benchmark.duration: 5 is not allowed: give 10 ms to 5 minutes/],
  [{ duration: '6m' }, /"6m" is not allowed/],
  [{ duration: Number.POSITIVE_INFINITY }, /Infinity is not allowed/],
  [{ duration: 'a while' }, /is not a duration/],
  [{ share: 0 }, /benchmark.share: 0 is not allowed: give a share above 0/],
  [{ keys: 0 }, /benchmark.keys: 0/],
  [{ skew: Number.NaN }, /benchmark.skew: NaN/],
  [{ valueBytes: 1_048_576 }, /one such value is more than 5 % of the 1000000 bytes of memory: give at most 49800/],
  [{ operation: 3 }, /did you mean "operations"/],
])('refuses %o', async (options, words) => {
  const { insight } = site({ maxBytes: 1_000_000 })
  await expect(insight.benchmark('shop', options as never)).rejects.toThrow(words)
  await expect(insight.benchmark('shops', {})).rejects.toThrow(/"shops" is not watched/)
})

it('passes on that the cache was closed meanwhile', async () => {
  const cache = createCache({ name: 'brief' })
  const told = benchmark(cache, { duration: '1m' })
  setTimeout(() => void cache.close(), 20)
  await expect(told).rejects.toMatchObject({ code: 'CLOSED' })
})
