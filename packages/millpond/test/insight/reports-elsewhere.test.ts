// What others' prefetchers, adaptive times to live, advisers and A/B tests were reported for, tried on ours.
import { createCache, memory } from 'millpond'
import { adaptiveTtl, Curve, createInsight, missesPerRead, Shadows } from 'millpond/insight'
import { policyByName } from 'millpond/memory'
import { fakeClock } from 'millpond/testing'
import { afterEach, expect, it } from 'vitest'
import { hashOf } from '../../src/core/key-hash.ts'
import { bucketOf, drawArms, seedOf } from '../../src/insight/experiments/assignment.ts'
import { Known } from '../../src/insight/predict/known.ts'
import { lruMisses } from './exact.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function set(options: Parameters<typeof memory>[0] = {}) {
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ pressure: false, ...options })],
    clock,
    defaults: { ttl: '1d' },
  })
  ends.push(() => cache.close())
  return { cache, clock }
}

it('prefetching a key whose error is remembered does not throw (bvaughn/suspense#44)', async () => {
  const { cache } = set()
  cache.configure({ defaults: { errorTtl: '1m' } })
  cache.source('page:', () => Promise.reject(new Error('the source is away')))
  for (const _ of 'ab') expect(await cache.prefetch(['page:1'])).toMatchObject({ loaded: 0, failed: 1 })
})

it('a prefetch that fails behind everybody is nobody’s rejection (withastro/astro#17405)', async () => {
  const { cache, clock } = set({ maxEntries: 64, policy: 'lru' })
  let isDown = false
  cache.source('page:', (key) => {
    if (isDown) throw new Error('the source is away')
    return `value of ${String(key)}`
  })
  const insight = createInsight({ caches: [cache], clock, predictiveLoading: true })
  ends.push(() => insight.close())
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  ends.push(() => process.off('unhandledRejection', note))
  for (let at = 0; at < 1200; at++) {
    isDown = at > 1000
    await cache.getOrSet(`page:${at % 200}`, () => 'a value').catch(() => undefined)
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(insight.prediction('shop')?.loads.failed).toBeGreaterThan(0)
  expect(unhandled).toEqual([])
})

it('the same key prefetched twice and read meanwhile is one load (vercel/next.js#665, NodeBB/NodeBB#1576)', async () => {
  const { cache } = set()
  let loads = 0
  cache.source('page:', async () => {
    loads++
    await new Promise((resolve) => setImmediate(resolve))
    return 'a page'
  })
  const early = [cache.prefetch(['page:1']), cache.prefetch(['page:1'])]
  while (loads === 0) await Promise.resolve()
  expect(await cache.getOrSet('page:1', () => 'another')).toBe('a page')
  await Promise.all(early)
  await cache.prefetch(['page:1'])
  expect(loads).toBe(1)
})

it('a prefetch that ends late does not take the place of what was written meanwhile (hotwired/turbo#1490)', async () => {
  const { cache } = set()
  let answer: (value: string) => void = () => {}
  cache.source('page:', () => new Promise<string>((resolve) => (answer = resolve)))
  const late = cache.prefetch(['page:1'])
  await new Promise((resolve) => setImmediate(resolve))
  await cache.set('page:1', 'new')
  answer('old')
  await late
  expect(await cache.get('page:1')).toBe('new')
})

it('keys that are read now and then do not push out of mind those that are read again and again (folbricht/routedns#483)', () => {
  const known = new Known(1024, () => {})
  const read = (hash: number, now: number): void => {
    const row = known.find(hash)
    if (row < 0) known.add(hash, `key:${hash}`, 0, now)
    else known.read(row, now)
  }
  for (let round = 0; round < 50; round++) {
    for (let key = 0; key < 100; key++) read(key, round)
    for (let once = 0; once < 900; once++) read(1000 + round * 900 + once, round)
  }
  expect(Array.from({ length: 100 }, (_, key) => known.find(key)).every((row) => row >= 0)).toBe(true)
})

it('a small arm gets its share of keys that are counted on (guardian/frontend#11148)', () => {
  const seed = seedOf('a tenth')
  const arms = drawArms([0.9, 0.1], seed)
  const space = hashOf('default', 0)
  const count = Array.from({ length: 50_000 }, (_, at) => arms[bucketOf(hashOf(`user:${at}`, space), seed)]).filter(
    (arm) => arm === 1,
  ).length
  expect(count / 50_000).toBeGreaterThan(0.09)
  expect(count / 50_000).toBeLessThan(0.11)
})

it('arms of two experiments have nothing to do with each other (openflagr/flagr#464)', () => {
  const space = hashOf('default', 0)
  const [one = '', two = ''] = ['colour', 'colour 2']
  const of = (name: string) => {
    const seed = seedOf(name)
    const arms = drawArms([0.5, 0.5], seed)
    return Array.from({ length: 20_000 }, (_, at) => arms[bucketOf(hashOf(`user:${at}`, space), seed)] as number)
  }
  const [first, second] = [of(one), of(two)]
  const both = first.filter((arm, at) => arm === 1 && second[at] === 1).length
  expect(both / 20_000).toBeGreaterThan(0.22)
  expect(both / 20_000).toBeLessThan(0.28)
})

it('bounds below nothing are refused (fastly/js-compute-runtime#1465)', () => {
  expect(() => adaptiveTtl({ minTtl: -1 })).toThrow(/minTtl/)
  expect(() => adaptiveTtl({ minTtl: 0 })).toThrow(/above 0/)
})

it('no larger memory is advised where all that is read fits, however much was ever stored (moxious/halin#50, samdark/realpath_cache_tuner#1)', async () => {
  const { cache, clock } = set({ maxEntries: 500, policy: 'lru' })
  const insight = createInsight({ caches: [cache], clock })
  ends.push(() => insight.close())
  for (let at = 0; at < 5000; at++) await cache.set(`stored:${at}`, 1)
  for (let at = 0; at < 12_000; at++) {
    const key = `read:${(at * 7) % 300}`
    if ((await cache.get(key)) === undefined) await cache.set(key, 1)
    clock.advance(1)
  }
  const { evidence, recommendations } = insight.analyze('shop')
  expect(evidence.isEnough).toBe(true)
  expect(
    recommendations.filter(({ kind, change }) => kind === 'size' && (change?.tiers.memory.maxEntries ?? 0) > 500),
  ).toEqual([])
})

const POLICIES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'] as const
const shadowsOf = (capacity: number, entries: number) =>
  new Shadows({
    shadows: POLICIES.map((policy) => ({ policy: policyByName(policy), scale: 1 })),
    capacity,
    unit: 'bytes',
    entries,
  })

it('an entry that is larger than the whole memory misses under every policy, and disturbs no other (sunnyszy/lrb#25)', () => {
  const shadows = shadowsOf(1000, 100)
  const read = (key: string, bytes: number, at: number) => shadows.read(hashOf(key, 0), bytes, at, false, false)
  for (let at = 0; at < 4000; at++) {
    read(`small:${at % 200}`, 10, at)
    if (at % 10 === 0) read('huge', 10_000_000, at)
  }
  const before = {
    reads: shadows.tally.reads,
    missed: POLICIES.map((_, policy) => missesPerRead(shadows.tally, policy)),
  }
  expect(before.missed.every(({ value }) => value > 0 && value <= 1)).toBe(true)
  // Three small ones that everything fits, and the huge one in between: it alone misses.
  for (let at = 4000; at < 4200; at++) read(`small:${at % 3}`, 10, at)
  shadows.turn()
  for (let at = 5000; at < 6000; at++) {
    read(`small:${at % 3}`, 10, at)
    if (at % 4 === 0) read('huge', 10_000_000, at)
  }
  POLICIES.forEach((policy, at) =>
    expect(missesPerRead(shadows.tally, at).value * shadows.tally.reads, policy).toBeCloseTo(250, 6),
  )
})

/** A curve whose actual size is the second, and the misses of each size. */
function curveOf(sizes: readonly number[]) {
  const curve = new Curve(
    sizes.map((size) => ({ size, ttlScale: 1 })),
    1,
  )
  return {
    read: (key: string, bytes: number): void => {
      const { reads } = curve.tally
      curve.read(hashOf(key, 0), bytes, reads, 'miss')
      curve.stored(hashOf(key, 0), bytes, reads, Number.POSITIVE_INFINITY)
    },
    misses: (candidate: number): number => missesPerRead(curve.tally, candidate).value * curve.tally.reads,
    reads: (): number => curve.tally.reads,
  }
}

it('an entry that is larger than every size that is tried does not make more room useless for the others (sunnyszy/lrb#25)', () => {
  const { read, misses } = curveOf([500, 1000, 4000])
  for (let at = 0; at < 12_000; at++) {
    read(`small:${at % 200}`, 10)
    if (at % 10 === 0) read('huge', 10_000_000)
  }
  // 2,000 bytes of small ones: a loop that nothing smaller holds any of.
  expect([misses(0), misses(1)]).toEqual([expect.closeTo(13_200, 6), expect.closeTo(13_200, 6)])
  expect(misses(2)).toBeCloseTo(200 + 1200, 6)
})

it('an entry that is larger than memory, and smaller than larger ones that are tried, takes room in those alone', () => {
  const { read, misses, reads } = curveOf([500, 1000, 4000, 16_000])
  // 400 bytes of small ones; five of 2,000 bytes in between, of which 4,000 bytes hold one and a few small ones.
  for (let at = 0; at < 12_000; at++) {
    read(`small:${at % 40}`, 10)
    if (at % 10 === 0) read(`large:${(at / 10) % 5}`, 2000)
  }
  expect([misses(0), misses(1)]).toEqual([expect.closeTo(40 + 1200, 6), expect.closeTo(40 + 1200, 6)])
  expect(misses(2)).toBeCloseTo(reads(), 6)
  expect(misses(3)).toBeCloseTo(40 + 5, 6)
})

it('memory keeps its size where weights change from read to read (sunnyszy/lrb#5)', () => {
  const shadows = shadowsOf(1000, 100)
  // Each key is 1 to 100 bytes, another weight each time: 300 of them are some 15 times as much as fits.
  for (let at = 0; at < 30_000; at++)
    shadows.read(hashOf(`key:${(at * 7919) % 300}`, 0), 1 + ((at * 31) % 100), at, false, false)
  expect(shadows.isFull).toBe(true)
  // A loop over 15 times the memory can hit a fifteenth at best, by whichever policy.
  POLICIES.forEach((policy, at) => expect(missesPerRead(shadows.tally, at).value, policy).toBeGreaterThan(0.8))
})

it('a memory without end misses each key once, and keys read once always (dasebe/webcachesim#6)', () => {
  const keys = Array.from({ length: 12_000 }, (_, at) => (at % 3 === 0 ? (at / 3) % 500 : 1_000_000 + at))
  const curve = new Curve(
    [
      { size: 100, ttlScale: 1 },
      { size: 1e15, ttlScale: 1 },
    ],
    0,
  )
  keys.forEach((key, at) => {
    curve.read(hashOf(String(key), 0), 1, at, 'miss')
    curve.stored(hashOf(String(key), 0), 1, at, Number.POSITIVE_INFINITY)
  })
  const misses = (candidate: number) => missesPerRead(curve.tally, candidate).value * keys.length
  expect(misses(1)).toBeCloseTo(new Set(keys).size, 6)
  expect(misses(0)).toBeCloseTo(lruMisses(keys, 100), 6)
})

it('a memory that costs more than it saves is told so in the sign, and nothing is minus zero (opencost/opencost#3359, kubecost/kubecost#1965)', async () => {
  const { cache, clock } = set({ maxEntries: 1000 })
  const insight = createInsight({ caches: [cache], clock })
  ends.push(() => insight.close())
  for (let at = 0; at < 12_000; at++) {
    const key = `user:${at % 100}`
    if ((await cache.get(key)) === undefined) await cache.getOrSet(key, () => 'x'.repeat(1000))
    clock.advance(60_000)
  }
  const dear = insight.cost('shop', { prices: { tiers: { memory: { gbMonth: 1e9 } }, source: { millionLoads: 1e-6 } } })
  expect(dear.evidence.isEnough, dear.evidence.why).toBe(true)
  expect(dear.net.month).toBeLessThan(0)
  expect(dear.net.seen).toBeCloseTo(dear.avoided.seen - dear.stored.seen - dear.asked.seen, 6)
  expect(dear.actions.every(({ month }) => month.low > 0)).toBe(true)
  const all = [dear.stored, dear.asked, dear.avoided, ...dear.tiers.flatMap(({ asked, stored }) => [asked, stored])]
  expect(all.flatMap(({ seen, month }) => [seen, month]).filter((one) => one < 0 || Object.is(one, -0))).toEqual([])
})
