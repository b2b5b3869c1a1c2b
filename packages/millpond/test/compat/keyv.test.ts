// A Keyv over a cache, and cache-manager over that Keyv: the real ones.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache as createCacheManager } from 'cache-manager'
import { Keyv } from 'keyv'
import { type Cache, createCache, memory, type Tier } from 'millpond'
import { keyvStore } from 'millpond/keyv'
import { fakeClock, simulatedServer } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { patient } from '../services/index.ts'

const opened: Cache[] = []
const folders: string[] = []
const open = (...given: Parameters<typeof createCache>): Cache => {
  const cache = createCache(...given)
  opened.push(cache)
  return cache
}
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function all<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const found: T[] = []
  for await (const item of items ?? []) found.push(item)
  return found
}

describe('Keyv', () => {
  it('keeps values of its own kinds, in texts or as they are', async () => {
    const cache = open()
    const texts = new Keyv({ store: keyvStore(cache), namespace: 'texts' })
    const plain = new Keyv({ store: keyvStore(cache), namespace: 'plain' })
    plain.serialize = undefined
    plain.deserialize = undefined
    for (const keyv of [texts, plain]) {
      for (const value of [0, '', false, null, { a: [1, { b: 2 }] }, Buffer.from('bar')]) {
        expect(await keyv.set('k', value)).toBe(true)
        expect(await keyv.get('k')).toEqual(value)
      }
    }
    await plain.set('map', new Map([[1, new Date(5)]]))
    expect(await plain.get('map')).toEqual(new Map([[1, new Date(5)]]))
  })

  it("clears one namespace, and leaves the others and the cache's own entries", async () => {
    const cache = open()
    await cache.set('own', 1)
    const [a, b] = ['a', 'b'].map((namespace) => new Keyv({ store: keyvStore(cache), namespace }))
    for (let at = 0; at < 1000; at++) await a?.set(`k${at}`, at)
    await b?.set('k1', 'b')
    await a?.clear()
    expect(await a?.get('k1')).toBeUndefined()
    expect(await a?.delete('k1')).toBe(false)
    expect(await b?.get('k1')).toBe('b')
    expect(await cache.get('own')).toBe(1)
  })

  it('is right where two Keyvs share one store, although Keyv tells it of the last one alone', async () => {
    const store = keyvStore(open())
    const a = new Keyv({ store, namespace: 'a' })
    await a.set('k', 'of a')
    const b = new Keyv({ store, namespace: 'b' })
    await b.set('k', 'of b')
    await a.set('later', 1)
    await b.clear()
    expect(await a.getMany(['k', 'later'])).toEqual(['of a', 1])
    expect(await b.get('k')).toBeUndefined()
  })

  it('clears a namespace whose name begins with that of another in the same store', async () => {
    const store = keyvStore(open())
    const outer = new Keyv({ store, namespace: 'a' })
    await outer.set('k', 'outer')
    const inner = new Keyv({ store, namespace: 'a:b' })
    await inner.set('k', 'inner')
    await inner.clear()
    expect([await inner.get('k'), await outer.get('k')]).toEqual([undefined, 'outer'])
  })

  it('clears everything where it has no namespace', async () => {
    const keyv = new Keyv({ store: keyvStore(open()), namespace: '' })
    await keyv.set('k', 1)
    await keyv.clear()
    expect(await keyv.has('k')).toBe(false)
  })

  it('keeps for ever what has no time, or for as long as the store says', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock })
    const ever = new Keyv({ store: keyvStore(cache) })
    const hour = new Keyv({ store: keyvStore(cache, { ttl: '1h' }), namespace: 'hour' })
    await ever.set('k', 1)
    await ever.set('zero', 1, 0)
    await ever.set('endless', 1, Number.MAX_SAFE_INTEGER)
    await hour.set('k', 1)
    await clock.advance(30 * 60_000)
    expect(await hour.get('k')).toBe(1)
    await clock.advance(30 * 60_000)
    expect(await hour.get('k')).toBeUndefined()
    await clock.advance(400 * 86_400_000)
    expect(await ever.getMany(['k', 'zero', 'endless'])).toEqual([1, 1, 1])
  })

  it('lets an entry live for the milliseconds that Keyv says, and one whose time is over not at all', async () => {
    const clock = fakeClock({ now: Date.now() })
    const keyv = new Keyv({ store: keyvStore(open({ clock })), ttl: 2000 })
    await keyv.set('k', 1, 1000)
    await keyv.setMany([
      { key: 'a', value: 1, ttl: 500 },
      { key: 'b', value: 2 },
      { key: 'c', value: 3, ttl: 500 },
    ])
    expect(await keyv.get(['k', 'a', 'b', 'c', 'd'])).toEqual([1, 1, 2, 3, undefined])
    await clock.advance(500)
    expect(await keyv.hasMany(['k', 'a', 'b', 'c'])).toEqual([true, false, true, false])
    await clock.advance(1500)
    expect(await keyv.hasMany(['k', 'a', 'b', 'c'])).toEqual([false, false, false, false])
    await keyv.set('k', 'before')
    expect(await keyv.set('k', 'over', -5)).toBe(true)
    expect(await keyv.get('k')).toBeUndefined()
  })

  it('says whether something was deleted, once', async () => {
    const keyv = new Keyv({ store: keyvStore(open()) })
    await keyv.set('a', 1)
    expect(await keyv.delete(['a', 'b'])).toBe(true)
    expect(await keyv.delete(['a', 'b'])).toBe(false)
    expect(await keyv.delete([])).toBe(false)
  })

  it('keyv#1821: keeps the keys of two namespaces apart where Keyv leaves that to its stores', async () => {
    const cache = open()
    const [a, b] = ['a', 'b'].map((namespace) => new Keyv({ store: keyvStore(cache), namespace, useKeyPrefix: false }))
    if (a === undefined || b === undefined) throw new Error('two')
    await cache.set('x', 'own')
    for (const key of ['x', 'a:x', 'b:x']) await a.set(key, `a's ${key}`)
    expect(await b.getMany(['x', 'a:x', 'b:x'])).toEqual([undefined, undefined, undefined])
    await b.setMany(['x', 'a:x', 'b:x'].map((key) => ({ key, value: `b's ${key}` })))
    expect(await a.getMany(['x', 'a:x', 'b:x'])).toEqual(["a's x", "a's a:x", "a's b:x"])
    expect(await Promise.all([a.has('x'), b.hasMany(['x', 'y'])])).toEqual([true, [true, false]])
    expect(new Map(await all<[string, string]>(b.iterator?.('')))).toEqual(
      new Map(['x', 'a:x', 'b:x'].map((key) => [key, `b's ${key}`])),
    )
    expect([await a.delete(['x', 'y']), await a.get('x'), await b.get('x')]).toEqual([true, undefined, "b's x"])
    await b.clear()
    expect([await a.get('a:x'), await b.get('a:x'), await cache.get('x')]).toEqual(["a's a:x", undefined, 'own'])
  })

  it('refuses what is not a key, whoever asks the store itself', async () => {
    const store = keyvStore(open())
    new Keyv({ store, namespace: 'a', useKeyPrefix: false })
    await expect(store.get(undefined as never)).rejects.toMatchObject({ code: 'KEY_INVALID' })
  })

  it.each([true, false])('walks the entries of its namespace, over all tiers (prefixes: %s)', async (useKeyPrefix) => {
    const cache = open({ tiers: [memory({ maxEntries: 10 }), patient(sqlite({ path: ':memory:' }))] })
    await cache.set('own', 1)
    const keyv = new Keyv({ store: keyvStore(cache), namespace: 'a', useKeyPrefix })
    const other = new Keyv({ store: keyvStore(cache), namespace: 'b' })
    const many = Array.from({ length: 250 }, (_, at) => ({ key: `k${at}`, value: at }))
    await keyv.setMany(many)
    await other.set('k', 1)
    await keyv.delete('k7')
    const found = new Map(await all<[string, number]>(keyv.iterator?.('')))
    expect(found).toEqual(new Map(many.filter(({ key }) => key !== 'k7').map(({ key, value }) => [key, value])))
    await keyv.clear()
    expect(await all(keyv.iterator?.(''))).toEqual([])
  })

  it('is invalidated in every process', async () => {
    folders.push(mkdtempSync(join(tmpdir(), 'millpond-keyv-')))
    const path = join(folders[0] ?? '', 'cache.db')
    const [here, there] = [1, 2].map(
      () => new Keyv({ store: keyvStore(open({ tiers: [memory(), patient(sqlite({ path }))] })) }),
    )
    await here?.set('k', 'old')
    await expect.poll(() => there?.get('k'), { interval: 20 }).toBe('old')
    await here?.set('k', 'new')
    await expect.poll(() => there?.get('k'), { interval: 20 }).toBe('new')
    await here?.clear()
    await expect.poll(() => there?.get('k'), { interval: 20 }).toBeUndefined()
  })

  it('answers without a tier that fails, and tells Keyv of it', async () => {
    const tier = simulatedServer().connect()
    const broken: Tier = { ...tier, name: 'broken', read: () => Promise.reject(new Error('the server is away')) }
    const keyv = new Keyv({ store: keyvStore(open({ tiers: [memory(), broken] })) })
    const told: unknown[] = []
    keyv.on('error', (error: unknown) => told.push(error))
    expect(await keyv.get('k')).toBeUndefined()
    expect(told.map(String).join()).toContain('the server is away')
  })

  it('refuses in the way of Keyv what it cannot store, and anything once the cache is closed', async () => {
    const cache = open()
    const keyv = new Keyv({ store: keyvStore(cache) })
    keyv.serialize = undefined
    keyv.deserialize = undefined
    const told: unknown[] = []
    keyv.on('error', (error: unknown) => told.push(error))
    expect(await keyv.set('k', { f: () => {} })).toBe(false)
    expect(await keyv.set('k', 1, Number.NaN)).toBe(false)
    expect(await keyv.get('k')).toBeUndefined()
    await keyv.disconnect()
    expect(await keyv.set('k', 1)).toBe(true)
    await cache.close()
    expect(await keyv.set('k', 1)).toBe(false)
    expect(told).toMatchObject([{ code: 'VALUE_UNSUPPORTED' }, { code: 'DURATION_INVALID' }, { code: 'CLOSED' }])
  })

  it('takes no other thing for a cache', () => {
    expect(() => keyvStore(new Map() as never)).toThrow(/keyvStore: .* is not allowed: give a cache from createCache/)
  })
})

describe('cache-manager 7 over it', () => {
  it('reads, writes, wraps, and says the time', async () => {
    const manager = createCacheManager({
      stores: [new Keyv({ store: keyvStore(open()) })],
      ttl: 60_000,
      refreshThreshold: 1000,
    })
    await manager.set('a', { n: 1 })
    await manager.mset([
      { key: 'b', value: 2 },
      { key: 'c', value: 3, ttl: 5 },
    ])
    expect(await manager.mget(['a', 'b', 'x'])).toEqual([{ n: 1 }, 2, undefined])
    const until = (await manager.ttl('a')) ?? 0
    expect(until - Date.now()).toBeGreaterThan(50_000)
    let loads = 0
    const load = async (): Promise<number> => ++loads
    expect(await Promise.all([1, 2, 3].map(() => manager.wrap('w', load)))).toEqual([1, 1, 1])
    await manager.del('a')
    await manager.mdel(['b'])
    expect(await manager.mget(['a', 'b', 'w'])).toEqual([undefined, undefined, 1])
    await manager.clear()
    expect(await manager.get('w')).toBeUndefined()
  })
})
