// Times to live that follow values: against fixed ones on a seeded source, within bounds, and in a cache whose loads
// say none.
import { type AdaptiveTtl, createCache, memory } from 'millpond'
import { type AdaptiveTtlOptions, adaptiveTtl } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { bestTtl, Price } from '../../src/insight/ttl/price.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mix = Math.imul(state ^ (state >>> 15), state | 1)
    mix = (mix + Math.imul(mix ^ (mix >>> 7), mix | 61)) ^ mix
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Source {
  readonly reads: readonly { readonly key: number; readonly now: number; readonly version: number }[]
}

/**
 * Sixty keys, read at rates that lie a factor of 50 apart, half of which change every 20 minutes and half every 40
 * hours, at random.
 */
function source(seed: number, days = 2): Source {
  const random = randomFrom(seed)
  const wait = (mean: number): number => -Math.log(1 - random()) * mean
  const reads: { key: number; now: number; version: number }[] = []
  for (let key = 0; key < 60; key++) {
    const between = (20 * MINUTE) / (1 + (key % 10) * 5)
    let version = 0
    let changes = wait(key % 2 === 0 ? 20 * MINUTE : 40 * 60 * MINUTE)
    for (let now = wait(between); now < days * DAY; now += wait(between)) {
      for (; changes <= now; version++) changes += wait(key % 2 === 0 ? 20 * MINUTE : 40 * 60 * MINUTE)
      reads.push({ key, now, version })
    }
  }
  return { reads: reads.sort((a, b) => a.now - b.now) }
}

function play({ reads }: Source, ttlOf: (read: Source['reads'][number]) => number): { loads: number; stale: number } {
  const held = new Map<number, { until: number; version: number }>()
  let loads = 0
  let stale = 0
  for (const read of reads) {
    const entry = held.get(read.key)
    if (entry !== undefined && read.now < entry.until) {
      if (entry.version !== read.version) stale++
    } else {
      loads++
      held.set(read.key, { until: read.now + ttlOf(read), version: read.version })
    }
  }
  return { loads, stale: stale / reads.length }
}

const by = (chooser: AdaptiveTtl) => (read: Source['reads'][number]) =>
  chooser.next({
    namespace: 'default',
    key: `item:${read.key}`,
    hash: read.key + 1,
    valueHash: read.version,
    now: read.now,
  })

/** Loads of the fixed time to live that is as stale. */
function fixedLoads(from: Source, stale: number): number {
  let [low, high] = [1, DAY]
  for (let step = 0; step < 24; step++) {
    const middle = Math.sqrt(low * high)
    if (play(from, () => middle).stale > stale) high = middle
    else low = middle
  }
  return play(from, () => low).loads
}

const wide: AdaptiveTtlOptions = { minTtl: '1s', ttl: '5m', maxTtl: '12h' }

describe('adaptive times to live', () => {
  for (const seed of [1, 2]) {
    it(`load less than a fixed one that is as stale, and keep to the staleness that was asked for; more reads alone do not (seed ${seed})`, () => {
      const from = source(seed)
      for (const staleness of [0.01, 0.02]) {
        const is = play(from, by(adaptiveTtl({ ...wide, staleness })))
        expect(is.stale).toBeGreaterThan(staleness / 2.5)
        expect(is.stale).toBeLessThan(staleness * 1.6)
        expect(is.loads / fixedLoads(from, is.stale)).toBeLessThan(0.8)
      }
      const frequent = play(from, by(adaptiveTtl({ ...wide, by: 'frequency' })))
      expect(frequent.loads / fixedLoads(from, frequent.stale)).toBeGreaterThan(0.95)
    })
  }

  it('stay within their bounds and grow no faster than twice, whatever comes', () => {
    const chooser = adaptiveTtl({ minTtl: '2m', ttl: '5m', maxTtl: '30m' })
    const random = randomFrom(7)
    const before = new Map<number, number>()
    let now = DAY
    for (let load = 0; load < 5000; load++) {
      // One key, only new keys, a clock that jumps to and fro, values that change each time.
      const key = load < 1000 ? 1 : load < 2000 ? load : Math.floor(random() * 50)
      now += (random() - 0.3) * 60 * MINUTE
      const ttl = chooser.next({
        namespace: 'n',
        key: `k${load % 100}:${key}`,
        hash: key,
        valueHash: Math.floor(random() * 3),
        now,
      })
      expect(ttl).toBeGreaterThanOrEqual(2 * MINUTE)
      expect(ttl).toBeLessThanOrEqual(Math.min(30 * MINUTE, 2 * (before.get(key) ?? 5 * MINUTE)))
      before.set(key, ttl)
    }
    expect(chooser.explain(12_345_678)).toBeUndefined()
  })

  it.each([NaN, Infinity, -Infinity])('learn nothing from a load at %d, and go on as if it had not been', (odd) => {
    const from = source(3, 1)
    const [plain, disturbed] = [adaptiveTtl(), adaptiveTtl()]
    const ask = by(disturbed)
    const [ttls, others] = [
      from.reads.map(by(plain)),
      from.reads.map((read, at) => {
        if (at % 100 === 50) expect(ask({ ...read, now: odd, version: 9999 })).toBe(5 * MINUTE)
        return ask(read)
      }),
    ]
    expect(new Set(ttls).size).toBeGreaterThan(10)
    expect(others).toEqual(ttls)
  })

  it('refuses bounds that cross or do not end, and shares that are none', () => {
    expect(() => adaptiveTtl({ minTtl: '10m', ttl: '5m' })).toThrow(/in this order/)
    expect(() => adaptiveTtl({ maxTtl: Number.POSITIVE_INFINITY })).toThrow(/must be finite/)
    expect(() => adaptiveTtl({ minTtl: 0 })).toThrow(/above 0/)
    for (const staleness of [0, -1, 1.1, Number.NaN]) expect(() => adaptiveTtl({ staleness })).toThrow(/share above 0/)
  })
})

describe('a cache with adaptive times to live', () => {
  function set(options: AdaptiveTtlOptions = {}) {
    const clock = fakeClock()
    const cache = createCache({ name: 'shop', tiers: [memory()], clock, adaptiveTtl: adaptiveTtl(options) })
    ends.push(() => cache.close())
    return { clock, cache }
  }
  const ttlIn = async (cache: ReturnType<typeof set>['cache'], key: string) =>
    (await cache.explain(key)).tiers[0]?.ttlMs

  it('lets values live longer that reloads find unchanged, and says why', async () => {
    const { cache, clock } = set()
    await cache.getOrSet('user:7', () => 'Ada')
    expect(await ttlIn(cache, 'user:7')).toBe(5 * MINUTE)
    expect((await cache.explain('user:7')).chosenTtl).toEqual({
      ttlMs: 5 * MINUTE,
      why: '5 min: too few reloads so far to choose another one',
    })
    for (let turn = 0; turn < 60; turn++) {
      for (let id = 0; id < 5; id++) await cache.getOrSet(`user:${id}`, () => `user ${id}`)
      clock.advance(MINUTE * 6)
    }
    await cache.getOrSet('user:1', () => 'user 1')
    const { chosenTtl } = await cache.explain('user:1')
    expect(chosenTtl?.ttlMs).toBeGreaterThan(5 * MINUTE)
    expect(chosenTtl?.ttlMs).toBeLessThanOrEqual(60 * MINUTE)
    expect(chosenTtl?.why).toMatch(/no change has been seen yet.*1 % of reads may be stale/)
    expect((await cache.explain('nobody')).chosenTtl).toBeUndefined()
  })

  it('leaves alone what somebody has said, what a loader says, and what is written', async () => {
    const { cache } = set({ minTtl: '1m', ttl: '2m', maxTtl: '3m' })
    await cache.getOrSet('said', () => 1, { ttl: '10m' })
    await cache.getOrSet('told', (context) => {
      context.setTtl('20m')
      return 1
    })
    await cache.set('written', 1)
    await cache.getOrSet('chosen', () => 1)
    await cache.getOrSet('none', () => null, { negativeTtl: '30s' })
    const named = cache.namespace('named', { ttl: '7m' })
    await named.getOrSet('k', () => 1)
    expect(await Promise.all(['said', 'told', 'written', 'chosen', 'none'].map((key) => ttlIn(cache, key)))).toEqual(
      [10, 20, 5, 2, 0.5].map((minutes) => minutes * MINUTE),
    )
    expect((await named.explain('k')).tiers[0]?.ttlMs).toBe(7 * MINUTE)
  })

  it('goes on without who chooses, where that one throws or answers what is not a time', async () => {
    const explain = (): never => {
      throw new Error('nobody knows')
    }
    for (const answer of [Number.NaN, -1, undefined, '5m', new Error('too hard')]) {
      const next = (): number => {
        if (answer instanceof Error) throw answer
        return answer as number
      }
      const cache = createCache({ clock: fakeClock(), adaptiveTtl: { next, explain } })
      ends.push(() => cache.close())
      const warnings: string[] = []
      cache.on('warning', ({ message }) => warnings.push(message))
      expect(await cache.getOrSet('a', () => 1)).toBe(1)
      expect(await ttlIn(cache, 'a')).toBe(5 * MINUTE)
      expect(warnings).toEqual(['no time to live was chosen, so values live 300000 ms'])
      expect((await cache.explain('a')).chosenTtl).toBeUndefined()
    }
  })

  it('is what the strategy adaptive asks for', async () => {
    const { cache } = set({ ttl: '4m' })
    const users = cache.collection<number, string>('user', { strategy: 'adaptive', load: (id) => `user ${id}` })
    await users.get(7)
    expect((await cache.explain(['user', 7])).chosenTtl?.ttlMs).toBe(4 * MINUTE)
    expect(() => cache.collection('other', { strategy: 'adaptive', ttl: '5m' })).toThrow(/leaves it nothing to choose/)
    expect(() => createCache().collection('user', { strategy: 'adaptive' })).toThrow(/createCache\(\{ adaptiveTtl/)
  })

  it('is refused beside a time to live for all', () => {
    expect(() => createCache({ adaptiveTtl: adaptiveTtl(), defaults: { ttl: '5m' } })).toThrow(
      /use adaptiveTtl\(\{ ttl: "5m" \}\)/,
    )
    // @ts-expect-error: true is not an AdaptiveTtl; plain JavaScript may give it
    expect(() => createCache({ adaptiveTtl: true })).toThrow(/adaptiveTtl\(\) from millpond\/insight/)
  })
})

describe('the price of a stale read', () => {
  const BOUNDS = { minMs: 1000, baseMs: 5 * MINUTE, maxMs: DAY }
  /**
   * Reloads of keys that are read each second and change each hour; `stale`: of the cycles that ended, how many found
   * another value.
   */
  const judged = (found: boolean | undefined): Price => {
    const price = new Price(0.01, BOUNDS)
    for (let reload = 0; reload < 2048; reload++) {
      if (found !== undefined) price.judge(60, 1 / (60 * MINUTE), MINUTE, MINUTE, found)
      price.note(1 / 1000, 1 / (60 * MINUTE))
    }
    return price
  }
  const ttl = (price: Price): number => bestTtl(1 / 1000, 1 / (60 * MINUTE), price.value ?? Number.NaN)

  it('is put right by how stale reads were found to be, within a half and three times', () => {
    expect(judged(undefined).factor).toBe(1)
    expect(judged(true).factor).toBe(3)
    expect(judged(false).factor).toBe(0.5)
    // Where more was stale than was foreseen, values live shorter, so that what is asked for is met after all.
    const [more, asForeseen, less] = [judged(true), judged(undefined), judged(false)].map(ttl) as [
      number,
      number,
      number,
    ]
    expect(asForeseen / more).toBeGreaterThan(2)
    expect(less / asForeseen).toBeGreaterThan(1.5)
  })
})

describe('a clock that was set back', () => {
  it('teaches nothing: other keys get what they would have got', () => {
    const train = (chooser: AdaptiveTtl): number => {
      let now = 1e9
      for (let reload = 0; reload < 200; reload++) {
        now += 10 * MINUTE
        for (let key = 1; key <= 10; key++)
          chooser.next({
            namespace: 'default',
            key: `item:${key}`,
            hash: key,
            valueHash: key % 2 === 0 ? reload : 0,
            now,
          })
      }
      return now
    }
    const load = (now: number, valueHash: number) => ({
      namespace: 'default',
      key: 'item:11',
      hash: 11,
      valueHash,
      now,
    })
    const [undisturbed, disturbed] = [adaptiveTtl(wide), adaptiveTtl(wide)]
    for (const chooser of [undisturbed, disturbed]) chooser.next(load(train(chooser), 1))
    const now = 1e9 + 200 * 10 * MINUTE
    // The reload that comes before what it reloads has found another value each time.
    for (let back = 1; back <= 50; back++) disturbed.next(load(now - back * 60 * MINUTE, back + 1))
    for (let back = 1; back <= 50; back++) undisturbed.next(load(now + 0 * back, 1))
    const asked = { namespace: 'default', key: 'item:4', hash: 4, valueHash: 1e6, now: now + 10 * MINUTE }
    const [told, expected] = [disturbed.next(asked), undisturbed.next(asked)]
    expect(Math.abs(told / expected - 1)).toBeLessThan(0.02)
    expect(disturbed.next(load(now, 99))).toBeGreaterThanOrEqual(1000)
  })
})
