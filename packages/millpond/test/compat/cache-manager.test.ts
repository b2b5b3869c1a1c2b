// The verbs of cache-manager 7: each asked of cache-manager itself, and of a cache by its verbs.
import { createCache as createCacheManager } from 'cache-manager'
import { type Cache, createCache } from 'millpond'
import { type CacheManager, cacheManager } from 'millpond/compat/cache-manager'
import { fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'

const opened: Cache[] = []
const open = (...given: Parameters<typeof createCache>): Cache => {
  const cache = createCache(...given)
  opened.push(cache)
  return cache
}
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})

/** As plain JavaScript may say it. */
const ofNoTime: object = { ttl: undefined }

/** What both have. */
type Verbs = Pick<CacheManager, 'get' | 'mget' | 'ttl' | 'set' | 'mset' | 'del' | 'mdel' | 'clear' | 'wrap' | 'on'>

describe.each<[string, (options?: { ttl?: number; refreshThreshold?: number }) => Verbs]>([
  ['cache-manager itself', (options) => createCacheManager(options) as Verbs],
  ['a cache', (options) => cacheManager(open(), options)],
])('%s', (_name, make) => {
  it('answers as the documentation of cache-manager says', async () => {
    const manager = make({ ttl: 50_000 })
    expect(await manager.set('a', { n: 1 })).toEqual({ n: 1 })
    expect(
      await manager.mset([
        { key: 'b', value: 2 },
        { key: 'c', value: null, ttl: 30_000 },
        { key: 'd', value: 4, ...ofNoTime },
      ]),
    ).toEqual([
      { key: 'b', value: 2, ttl: 50_000 },
      { key: 'c', value: null, ttl: 30_000 },
      { key: 'd', value: 4, ttl: 50_000 },
    ])
    expect(await manager.get('a')).toEqual({ n: 1 })
    expect(await manager.get('x')).toBeUndefined()
    expect(await manager.mget(['a', 'b', 'c', 'x'])).toEqual([{ n: 1 }, 2, null, undefined])
    const left = ((await manager.ttl('c')) ?? 0) - Date.now()
    expect(left).toBeGreaterThan(10_000)
    expect(left).toBeLessThanOrEqual(30_000)
    expect(await manager.ttl('x')).toBeUndefined()
    expect(await manager.del('a')).toBe(true)
    expect(await manager.del('a')).toBe(true)
    expect(await manager.mdel(['b', 'x'])).toBe(true)
    expect(await manager.mget(['a', 'b'])).toEqual([undefined, undefined])
    expect(await manager.clear()).toBe(true)
    expect(await manager.get('c')).toBeUndefined()
  })

  it('wraps: one load for all who ask, the value or the value with its end, and no failure is kept', async () => {
    const { wrap, get } = make()
    let loads = 0
    const load = async (): Promise<number> => ++loads
    expect(await Promise.all([1, 2, 3].map(() => wrap('k', load, 5000)))).toEqual([1, 1, 1])
    const raw = await wrap('k', load, { ttl: 5000, raw: true })
    expect(raw.value).toBe(1)
    expect((raw.expires ?? 0) - Date.now()).toBeGreaterThan(1000)
    await expect(wrap('f', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(await wrap('f', () => 'up', { ttl: (value) => value.length * 10_000 })).toBe('up')
    expect(await wrap('n', () => null)).toBeNull()
    expect(await get('n')).toBeNull()
    expect(await wrap<number | undefined>('u', () => undefined, 1000)).toBeUndefined()
    expect(await wrap<number | undefined>('u', () => 1)).toBe(1)
  })

  it('tells listeners, and no more those that have left', async () => {
    const manager = make()
    const told: string[] = []
    for (const event of ['get', 'set', 'del', 'mget', 'mset', 'clear'] as const)
      manager.on(event, () => told.push(event))
    await manager.get('a')
    await manager.set('a', 1)
    await manager.get('a')
    await manager.mset([{ key: 'b', value: 1 }])
    await manager.mget(['a'])
    await manager.del('a')
    await manager.clear()
    // cache-manager tells of each store and of all of them.
    expect(told.filter((event, at) => event !== told[at - 1])).toEqual(['set', 'get', 'mset', 'mget', 'del', 'clear'])
  })

  it('loads anew behind what has less time left than the threshold', async () => {
    const manager = make({ ttl: 60_000, refreshThreshold: 60_001 })
    const refreshed = new Promise((resolve) => manager.on('refresh', resolve))
    expect(await manager.wrap('k', () => 1)).toBe(1)
    const storedAt = Date.now()
    await expect.poll(() => Date.now() - storedAt, { interval: 10 }).toBeGreaterThan(50)
    expect(await manager.wrap('k', () => 2)).toBe(1)
    expect(await refreshed).toMatchObject({ key: 'k', value: 2 })
    await expect.poll(() => manager.get('k'), { interval: 5 }).toBe(2)
    expect(await manager.wrap('k', () => 3, 60_000, 10)).toBe(2)
  })
})

describe('reported of cache-manager', () => {
  it('cacheable#971: two of them keep their keys apart, also while both load', async () => {
    const cache = open()
    const [a, b] = ['a', 'b'].map((name) => cacheManager(cache.namespace(name)))
    const both = [a?.wrap('k', async () => 'of a'), b?.wrap('k', async () => 'of b')]
    expect(await Promise.all(both)).toEqual(['of a', 'of b'])
    expect([await a?.get('k'), await b?.get('k'), await cache.get('k')]).toEqual(['of a', 'of b', undefined])
  })

  it('cacheable#395, #103: one load for all, and nobody changes what the others are given', async () => {
    const manager = cacheManager(open())
    let loads = 0
    const ask = () => manager.wrap('k', async () => ({ list: [++loads] }))
    const [one, two] = await Promise.all([ask(), ask()])
    expect(() => one.list.push(2)).toThrow(TypeError)
    expect([two, await manager.get('k'), loads]).toEqual([{ list: [1] }, { list: [1] }, 1])
  })

  it('cacheable#105: all who wait for nothing are told so, and the next one loads', async () => {
    const manager = cacheManager(open())
    const none = () => manager.wrap('k', async () => undefined)
    expect(await Promise.all([none(), none(), none()])).toEqual([undefined, undefined, undefined])
    expect([await manager.wrap('k', () => 1), await manager.wrap('k', () => 2)]).toEqual([1, 1])
  })

  it('cacheable#965: a time that follows from the value follows from the new one after a refresh', async () => {
    const clock = fakeClock({ now: Date.now() })
    const manager = cacheManager(open({ clock }))
    const times = { ttl: (value: number) => value * 10_000, refreshThreshold: 5000 }
    await manager.wrap('k', () => 1, times)
    await clock.advance(6000)
    const refreshed = new Promise((resolve) => manager.on('refresh', resolve))
    expect(await manager.wrap('k', () => 2, times)).toBe(1)
    await refreshed
    await manager.disconnect()
    expect([await manager.get('k'), await manager.ttl('k')]).toEqual([2, clock.now() + 20_000])
  })

  it('half of an odd TTL is a threshold', async () => {
    const manager = cacheManager(open(), { refreshThreshold: 364.5 })
    expect(await manager.wrap('k', () => 1, 729, 729 / 2)).toBe(1)
    expect(await manager.wrap('l', () => 1, { ttl: 729.5, refreshThreshold: 0.5 })).toBe(1)
    for (const wrong of [Number.NaN, -1])
      await expect(manager.wrap('m', () => 1, 729, wrong)).rejects.toThrow(/refreshThreshold: (NaN|-1) is not allowed/)
  })

  it('cacheable#604: what has no end is not refreshed', async () => {
    const manager = cacheManager(open(), { refreshThreshold: 60_000 })
    let loads = 0
    for (let asked = 0; asked < 3; asked++) expect(await manager.wrap('k', () => ++loads)).toBe(1)
    await manager.disconnect()
    expect(loads).toBe(1)
  })
})

describe('of a cache', () => {
  it('tells of a refresh that has failed, and keeps what was there', async () => {
    const clock = fakeClock({ now: Date.now() })
    const manager = cacheManager(open({ clock }))
    const refreshed = new Promise((resolve) => manager.on('refresh', resolve))
    const times = { ttl: 10_000, refreshThreshold: (value: number) => value * 5000 }
    await manager.wrap('k', () => 1, times)
    await clock.advance(5001)
    expect(await manager.wrap('k', () => Promise.reject(new Error('down')), times)).toBe(1)
    expect(await refreshed).toMatchObject({ key: 'k', value: 1, error: new Error('down') })
    expect(await manager.wrap('k', () => 2, { ttl: 10_000 })).toBe(1)
    await clock.advance(5000)
    expect(await manager.get('k')).toBeUndefined()
  })

  it('refreshes once, however many ask', async () => {
    const clock = fakeClock({ now: Date.now() })
    const manager = cacheManager(open({ clock }), { ttl: 60_000, refreshThreshold: 10_000 })
    await manager.wrap('k', () => 1)
    await clock.advance(50_001)
    let loads = 0
    const load = async (): Promise<number> => ++loads + 1
    const refreshed = new Promise((resolve) => manager.on('refresh', resolve))
    expect(await Promise.all(Array.from({ length: 50 }, () => manager.wrap('k', load)))).toEqual(Array(50).fill(1))
    await refreshed
    await manager.disconnect()
    expect(loads).toBe(1)
  })

  it('lives for ever without a time, with 0 and with the largest number, and not at all with one that is over', async () => {
    const clock = fakeClock({ now: Date.now() })
    const manager = cacheManager(open({ clock, defaults: { ttl: '1m' } }))
    await manager.set('a', 1)
    await manager.set('b', 1, 0)
    await manager.mset([{ key: 'c', value: 1, ttl: Number.MAX_SAFE_INTEGER }])
    await manager.set('d', 1, -1)
    await clock.advance(365 * 86_400_000)
    expect(await manager.mget(['a', 'b', 'c', 'd'])).toEqual([1, 1, 1, undefined])
    expect(await manager.ttl('a')).toBeUndefined()
  })

  it('is gone with a tag that the cache itself invalidates, and one namespace with its clear', async () => {
    const cache = open()
    await cache.set('own', 1)
    const manager = cacheManager(cache.namespace('users'), { cacheId: 'users' })
    await manager.set('a', 1)
    await manager.clear()
    expect([await manager.get('a'), await cache.get('own'), manager.cacheId()]).toEqual([undefined, 1, 'users'])
  })

  it('sets by the settings that the cache has at that moment, however often the same time was said', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const manager = cacheManager(cache, { ttl: 1000 })
    const lasts = async () => {
      await manager.set('a', 1)
      return ((await manager.ttl('a')) ?? 0) - clock.now()
    }
    expect([await lasts(), await lasts()]).toEqual([1000, 1000])
    await cache.configure({ defaults: { jitter: 0.9 } })
    expect(await lasts()).toBeLessThan(1000)
    await cache.configure({ defaults: { jitter: 0 } })
    expect(await lasts()).toBe(1000)
  })

  it('takes any number of times, each its own', async () => {
    const manager = cacheManager(open({ clock: fakeClock() }))
    for (let round = 0; round < 2; round++)
      for (let ttl = 1000; ttl < 1100; ttl++) {
        await manager.set('a', ttl, ttl)
        expect((await manager.wrap('a', () => 0, { raw: true })).expires).toBe((await manager.ttl('a')) ?? 0)
      }
    const ends = async (ttl: number) => {
      await manager.set('a', 1, ttl)
      return (await manager.ttl('a')) ?? 0
    }
    expect((await ends(1090)) - (await ends(1010))).toBe(80)
  })

  it('infers what it answers', () => {
    const manager = cacheManager(open())
    expectTypeOf(manager.wrap('k', async () => ({ n: 1 }))).resolves.toEqualTypeOf<{ n: number }>()
    expectTypeOf(manager.get('k')).resolves.toEqualTypeOf<unknown>()
    expectTypeOf(manager.wrap('k', () => 1, { raw: true })).resolves.toEqualTypeOf<{
      value: number
      expires: number | undefined
    }>()
  })
})
