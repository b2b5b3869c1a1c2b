// Storages of others over a cache: unstorage's, Apollo's and ocache's own code on top.
import { PrefixingKeyValueCache } from '@apollo/utils.keyvaluecache'
import { type Cache, createCache, memory } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { ocacheStorage } from 'millpond/ocache'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { unstorageDriver } from 'millpond/unstorage'
import { defineCachedFunction } from 'ocache'
import { createStorage, prefixStorage, restoreSnapshot, snapshot } from 'unstorage'
import memoryDriver from 'unstorage/drivers/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { patient } from '../services/index.ts'

const clock = fakeClock({ now: Date.now() })
let cache: Cache
beforeEach(() => {
  cache = createCache({ clock, tiers: [memory({ maxEntries: 100 }), patient(sqlite({ path: ':memory:' }))] })
})
afterEach(() => cache.close())

describe('unstorage', () => {
  const open = () => createStorage({ driver: unstorageDriver(cache) })

  it('stores values, falsy ones and raw bytes too, and removes them', async () => {
    const storage = open()
    expect([await storage.hasItem('s:a'), await storage.getItem('s:a'), await storage.getKeys()]).toEqual([
      false,
      null,
      [],
    ])
    await storage.setItem('s:a', { json: 'works' })
    await storage.setItem('s:zero', 0)
    await storage.setItem('s:no', false)
    await storage.setItem('q?x=1', 'query')
    await storage.setItemRaw('raw.bin', new Uint8Array([1, 2, 3]))
    expect(await storage.getItem('s:a')).toEqual({ json: 'works' })
    expect([await storage.getItem('s:zero'), await storage.getItem('s:no'), await storage.getItem('q')]).toEqual([
      0,
      false,
      'query',
    ])
    expect(new Uint8Array((await storage.getItemRaw<Uint8Array>('raw.bin')) ?? [])).toEqual(new Uint8Array([1, 2, 3]))
    await storage.removeItem('s:a')
    await storage.setItem('s:zero', undefined as never)
    expect([await storage.hasItem('s:a'), await storage.getItem('s:a'), await storage.hasItem('s:zero')]).toEqual([
      false,
      null,
      false,
    ])
    await storage.dispose()
  })

  it('lists keys over all tiers, by base and by depth', async () => {
    const storage = open()
    await storage.setItems(Array.from({ length: 300 }, (_, at) => ({ key: `many:${at}`, value: at })))
    await storage.setItem('a', 1)
    await storage.setItem('a:b', 1)
    await storage.setItem('a:b:c', 1)
    await cache.set(['a', 'tuple'], 1)
    await cache.namespace('other').set('a:elsewhere', 1)
    expect((await storage.getKeys('a')).sort()).toEqual(['a:b', 'a:b:c'])
    expect(await storage.getKeys('many')).toHaveLength(300)
    expect(await storage.getKeys(undefined, { maxDepth: 0 })).toEqual(['a'])
    expect(await storage.getItems(['many:7', { key: 'many:8' }, 'many:x'])).toEqual([
      { key: 'many:7', value: 7 },
      { key: 'many:8', value: 8 },
      { key: 'many:x', value: null },
    ])
  })

  it('clears a base at once, mounts and prefixes', async () => {
    const storage = createStorage()
    storage.mount('cache', unstorageDriver(cache))
    const users = prefixStorage(storage, 'cache:users')
    await users.setItem('1', 'Ada')
    await users.setItem('2', 'Bob')
    await storage.setItem('cache:usersx:1', 'stays')
    await storage.setItem('memory', 'stays')
    await storage.getMount('cache').driver.clear?.('users:', {}) // unstorage itself clears whole mounts only
    expect([await users.getKeys(), await storage.getItem('cache:users:1')]).toEqual([[], null])
    expect([await storage.getItem('cache:usersx:1'), await storage.getItem('memory')]).toEqual(['stays', 'stays'])
    await storage.clear('cache')
    expect(await storage.getKeys()).toEqual(['memory'])
    await restoreSnapshot(storage, { 'cache:a': 'works' })
    expect(await snapshot(storage, 'cache')).toEqual({ a: 'works' })
  })

  it('clears a base below a mount exactly as over other drivers: unstorage itself asks none', async () => {
    const left = await Promise.all(
      [unstorageDriver(cache), memoryDriver()].map(async (driver) => {
        const storage = createStorage()
        storage.mount('cache', driver)
        await storage.setItem('cache:users:1', 'Ada')
        await storage.clear('cache:users')
        const below = await storage.getKeys()
        await storage.clear('cache')
        return [below, await storage.getKeys()]
      }),
    )
    expect(left[0]).toEqual(left[1])
  })

  it('keeps an item for ever, or for the seconds that it says, which are in its meta', async () => {
    const storage = createStorage({ driver: unstorageDriver(cache, { ttl: Number.POSITIVE_INFINITY }) })
    await storage.setItem('ever', 1)
    await storage.setItem('minute', 1, { ttl: 60 })
    await storage.setItems([
      { key: 'x', value: 1, options: { ttl: 60 } },
      { key: 'over', value: 1, options: { ttl: -1 } },
    ])
    await storage.setItems([{ key: 'common', value: 1, options: { ttl: undefined } }], { ttl: 60 })
    const meta = await storage.getMeta('minute')
    expect(meta.ttl).toBe(60)
    expect(meta.mtime?.getTime()).toBe(clock.now())
    expect(await storage.getMeta('nothing')).toEqual({})
    await clock.advance(60_000)
    expect(await Promise.all(['ever', 'minute', 'x', 'over', 'common'].map((key) => storage.hasItem(key)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  it('tells who watches of what is written here', async () => {
    const storage = open()
    const told: string[] = []
    await storage.watch((event, key) => told.push(`${event} ${key}`))
    await storage.setItem('a', 1)
    await storage.removeItem('a')
    expect(told).toEqual(['update a', 'remove a'])
  })
})

describe('Apollo', () => {
  it('has its KeyValueCache, with seconds, behind its own prefixes', async () => {
    const store = apolloCache(cache, { ttl: '1h' })
    const own = new PrefixingKeyValueCache(store, 'own:')
    await own.set('hour', 'a')
    await own.set('minute', 'b', { ttl: 60 })
    await own.set('ever', 'c', { ttl: null })
    await own.set('none', 'd', { ttl: 0 })
    await own.set('hour too', 'e', { ttl: Number.NaN }) // of a cache hint without a maximum age
    expect(await own.get('hour too')).toBe('e')
    expect(await cache.get('own:minute')).toBe('b')
    const held = (): Promise<(string | undefined)[]> =>
      Promise.all(['hour', 'minute', 'ever', 'none'].map((key) => own.get(key)))
    expect(await held()).toEqual(['a', 'b', 'c', undefined])
    await clock.advance(60_000)
    expect(await held()).toEqual(['a', undefined, 'c', undefined])
    await clock.advance(3_600_000)
    expect(await held()).toEqual([undefined, undefined, 'c', undefined])
    expect([await store.delete('own:ever'), await store.delete('own:ever')]).toEqual([true, false])
  })
})

describe('what users of other storages report', () => {
  // unjs/unstorage#802, #396: clear of a prefix empties the whole store; #352, #585: getKeys ignores a base, or leaves
  // a colon of it.
  it('unstorage: a base is that of its own keys alone, also beside ones that begin alike', async () => {
    const driver = unstorageDriver(cache)
    const storage = createStorage({ driver: memoryDriver() }).mount('shop', driver)
    for (const key of ['users:1', 'users:2:name', 'usersold:1', 'orders:1']) await storage.setItem(`shop:${key}`, key)
    expect((await storage.getKeys('shop:users')).toSorted()).toEqual(['shop:users:1', 'shop:users:2:name'])
    expect((await driver.getKeys('users:', {})).toSorted()).toEqual(['users:1', 'users:2:name'])
    expect(await prefixStorage(storage, 'shop:users').getItems(['1', '2:name'])).toMatchObject([
      { value: 'users:1' },
      { value: 'users:2:name' },
    ])
    await driver.clear?.('users:', {})
    expect((await storage.getKeys('shop')).toSorted()).toEqual(['shop:orders:1', 'shop:usersold:1'])
    await storage.clear('shop')
    expect(await storage.getKeys()).toEqual([])
  })

  // unjs/unstorage#482, #142: bytes that are damaged on the way, or read as the whole buffer behind them.
  it('unstorage: bytes are those of a view, not of the buffer behind it, and texts after them are texts', async () => {
    const storage = createStorage({ driver: unstorageDriver(cache) })
    const all = Uint8Array.from({ length: 256 }, (_, at) => at)
    const read = async () => Buffer.from((await storage.getItemRaw<Uint8Array>('file.zip')) ?? []).toString('hex')
    for (const [bytes, expected] of [
      [all.subarray(250), 'fafbfcfdfeff'],
      [Buffer.from(all).subarray(0, 2), '0001'],
      [new Uint8Array(0), ''],
      [Buffer.from('\ufeff{"a":1}'), Buffer.from('\ufeff{"a":1}').toString('hex')],
    ] as const) {
      await storage.setItemRaw('file.zip', bytes)
      expect(await read()).toBe(expected)
    }
    await storage.setItem('file.zip', 'text')
    expect(await storage.getItem('file.zip')).toBe('text')
  })

  // unjs/unstorage#313: values that do not come back as they were stored.
  it.each([
    ['a long list of objects', Array.from({ length: 2000 }, (_, id) => ({ id, expiry: 1_699_024_843 + id }))],
    ['a text with quotes, brackets and lines', '{"not": json}\n[\u2028'],
    ['an empty text', ''],
    ['a nested null', { a: [null, { b: null }] }],
    ['a number beyond integers', 1.7e308],
  ])('unstorage: %s comes back', async (_what, value) => {
    const storage = createStorage({ driver: unstorageDriver(cache) })
    await storage.setItem('v', value)
    expect(await storage.getItem('v')).toEqual(value)
    expect(await storage.hasItem('v')).toBe(true)
  })

  // apollographql/apollo-server#1306: SET with a TTL of 0, and with one of 1336.24 seconds.
  it.each([
    [1336.24, 1336, true],
    [0.5, 0, true],
    [0.000_01, 1, false],
    [0, 0, false],
    [-1, 0, false],
    [Number.POSITIVE_INFINITY, 1e9, true],
    [Number.MAX_SAFE_INTEGER, 1e9, true],
  ])('Apollo: a TTL of %d seconds, after %d', async (ttl, seconds, isHeld) => {
    const store = apolloCache(cache)
    await store.set('key', 'before')
    await store.set('key', 'value', { ttl })
    await clock.advance(seconds * 1000)
    expect(await store.get('key')).toBe(isHeld ? 'value' : undefined)
  })

  // Names of RESTDataSource are URLs with all their parameters.
  it.each([
    ['of 100,000 characters', `httpcache:GET https://api.test/?ids=${'7,'.repeat(50_000)}`],
    ['with a lone surrogate', 'httpcache:\ud800'],
    ['of nothing', ''],
  ])('Apollo: a name %s', async (_what, name) => {
    const store = apolloCache(cache)
    await store.set(name, 'one', { ttl: 60 })
    await store.set(`${name}x`, 'two', { ttl: 60 })
    expect([await store.get(name), await store.get(`${name}x`)]).toEqual(['one', 'two'])
    expect([await store.delete(name), await store.get(name), await store.get(`${name}x`)]).toEqual([
      true,
      undefined,
      'two',
    ])
  })

  // apollographql/apollo-server#1149: is an empty text a miss?
  it('Apollo: an empty text is a value, and what is stored later replaces it', async () => {
    const store = apolloCache<string | { query: string }>(cache)
    await store.set('apq', '')
    expect([await store.get('apq'), await store.get('other')]).toEqual(['', undefined])
    await store.set('apq', { query: '{ a }' })
    expect(await store.get('apq')).toEqual({ query: '{ a }' })
  })
})

describe('ocache', () => {
  it('keeps what its cached functions make, bytes as bytes', async () => {
    const storage = ocacheStorage(cache)
    let runs = 0
    const twice = defineCachedFunction((n: number) => n * 2 + 0 * runs++, { storage, maxAge: 60, name: 'twice' })
    expect([await twice(2), await twice(2), await twice(3), runs]).toEqual([4, 4, 6, 2])
    await storage.set('bytes', { body: new Uint8Array([1, 2]) }, { ttl: 60 })
    expect(await storage.get('bytes')).toEqual({ body: new Uint8Array([1, 2]) })
    await storage.set('bytes', null)
    expect(await storage.get('bytes')).toBeNull()
    await storage.set('bytes', 1, { ttl: 1 })
    await clock.advance(1000)
    expect(await storage.get('bytes')).toBeNull()
  })
})
