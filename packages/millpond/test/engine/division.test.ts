// Shares of the keys with settings of their own: a key has those of its arm by whatever way it is stored, and a call
// that says its own is right.
import { hashOf, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import type { Cache } from '../../src/index.ts'
import { closeAfterEach, open } from './setups.ts'

const MINUTE = 60_000
const KEYS = Array.from({ length: 8 }, (_, at) => `key:${at}`)
const armOf = (hash: number): number => hash & 1
/** Of an arm of five minutes, and one as it is. */
const division = { armOf, arms: [{}, { ttl: '5m' }] } as const
const wantedOf = (key: string, name = 'default', usual = MINUTE): number =>
  armOf(hashOf(key, hashOf(name, 0))) === 1 ? 5 * MINUTE : usual
const wanted = (name?: string, usual?: number): number[] => KEYS.map((key) => wantedOf(key, name, usual))

const livesOf = async (cache: Cache, keys: readonly string[] = KEYS): Promise<number[]> => {
  const lives: number[] = []
  for (const key of keys) {
    const entry = await cache.getEntry(key)
    lives.push(entry.kind === 'hit' ? (entry.ttlMs ?? 0) : 0)
  }
  return lives
}

async function setLeased(cache: Cache, key: string): Promise<void> {
  const entry = await cache.getEntry(key, { lease: true })
  if (entry.kind !== 'miss') throw new Error(`there is a ${entry.kind}`)
  await cache.set(key, 1, { lease: entry.lease })
}

describe.each([
  ['memory', () => [memory()]],
  ['memory over SQLite', () => [memory(), sqlite({ path: ':memory:' })]],
  ['SQLite', () => [sqlite({ path: ':memory:' })]],
])('a divided cache: %s', (_, tiers) => {
  closeAfterEach()
  const make = (usual: number = MINUTE) => {
    const clock = fakeClock({ now: Date.now() })
    return { clock, cache: open({ tiers: tiers(), clock, defaults: { ttl: usual } }) }
  }

  it.each<[string, (cache: Cache) => Promise<unknown>]>([
    ['getOrSet', (cache) => Promise.all(KEYS.map((key) => cache.getOrSet(key, () => 1)))],
    ['getOrSetMany', (cache) => cache.getOrSetMany(KEYS, { load: async (ids) => ids.map(() => 1) })],
    ['set', (cache) => Promise.all(KEYS.map((key) => cache.set(key, 1)))],
    ['setMany', (cache) => cache.setMany(KEYS.map((key) => [key, 1]))],
    [
      'touch',
      async (cache) => {
        await cache.setMany(
          KEYS.map((key) => [key, 1]),
          { ttl: '30s' },
        )
        for (const key of KEYS) await cache.touch(key)
      },
    ],
    [
      'a set under a lease',
      async (cache) => {
        for (const key of KEYS) await setLeased(cache, key)
      },
    ],
    [
      'a source',
      (cache) => {
        cache.source('key:', () => 1)
        return Promise.all(KEYS.map((key) => cache.refresh(key)))
      },
    ],
    [
      'a transaction',
      (cache) =>
        cache.transaction({ keys: KEYS }, (transaction) => {
          for (const key of KEYS) transaction.set(key, 1)
        }),
    ],
  ])('%s gives each key the time of its arm', async (_verb, store) => {
    const { cache } = make()
    const undivide = cache.divide(division)
    await store(cache)
    await cache.flush()
    expect(await livesOf(cache)).toEqual(wanted())
    undivide()
    await cache.clear()
    await cache.setMany(KEYS.map((key) => [key, 1]))
    expect(new Set(await livesOf(cache))).toEqual(new Set([MINUTE]))
  })

  it('tells recorders the time of the arm, also of what is set under a lease', async () => {
    const { cache } = make()
    const told = new Map<string, number>()
    cache.record({ set: (_hash, _bytes, key, _namespace, ttlMs) => void told.set(key, ttlMs) })
    cache.divide(division)
    for (const key of KEYS) await setLeased(cache, key)
    expect(KEYS.map((key) => told.get(key))).toEqual(wanted())
  })

  it('stores what an arm stores where nothing is stored otherwise', async () => {
    const { cache } = make(0)
    cache.divide(division)
    await cache.setMany(KEYS.map((key) => [key, 1]))
    expect(await livesOf(cache)).toEqual(wanted('default', 0))
    await cache.clear()
    await cache.transaction({ keys: KEYS }, (transaction) => {
      for (const key of KEYS) transaction.set(key, 1)
    })
    expect(await livesOf(cache)).toEqual(wanted('default', 0))
    await cache.clear()
    await Promise.all(KEYS.map((key) => cache.getOrSet(key, () => 1)))
    await cache.flush()
    expect(await livesOf(cache)).toEqual(wanted('default', 0))
  })

  it('leaves a time alone that a call says, and divides tenants by keys of their own', async () => {
    const { cache } = make()
    cache.divide(division)
    await cache.setMany(
      KEYS.map((key) => [key, 1]),
      { ttl: '7s' },
    )
    expect(new Set(await livesOf(cache))).toEqual(new Set([7000]))
    for (const key of KEYS) await cache.touch(key, '9s')
    expect(new Set(await livesOf(cache))).toEqual(new Set([9000]))
    const acme = cache.for({ tenant: 'acme' })
    await acme.setMany(KEYS.map((key) => [key, 1]))
    expect(await livesOf(acme)).toEqual(wanted(acme.name))
  })
})

describe('what a shared tier holds', () => {
  closeAfterEach()
  it('keeps the time that it was stored with where it is brought up to memory', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({
      tiers: [memory({ maxEntries: 2 }), sqlite({ path: ':memory:' })],
      clock,
      defaults: { ttl: '1m' },
    })
    await cache.setMany(KEYS.map((key) => [key, 1]))
    await cache.flush()
    cache.divide(division)
    for (const key of KEYS) await cache.get(key)
    expect(new Set(await livesOf(cache))).toEqual(new Set([MINUTE]))
  })
})
