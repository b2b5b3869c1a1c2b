// Three regions over three kinds of stores: what is invalidated anywhere is invalidated everywhere, and one is drained,
// filled and let serve.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { edge } from '../../src/tiers/edge/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import {
  describeWith,
  type PostgresService,
  type RedisService,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { DRIVER } from './redis-driver.ts'

const NAMES = ['us', 'eu', 'ap'] as const
type Name = (typeof NAMES)[number]

describeWith('postgres', 'T7: three regions over Redis, PostgreSQL and SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-regions-'))
  let server: RedisService
  let database: PostgresService
  const open: Cache[] = []
  let round = 0

  beforeAll(async () => {
    ;[server, database] = await Promise.all([startRedis(), startPostgres()])
  }, 60_000)
  afterEach(async () => {
    await Promise.all(open.splice(0).map((cache) => cache.close()))
    round++
  })
  afterAll(async () => {
    await Promise.all([server.stop(), database.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  const tiers = {
    us: (patience: { commandTimeout?: '20s' } = {}) =>
      redis({ ...DRIVER, url: server.url, keyPrefix: `r${round}:`, ...patience }),
    eu: (patience: { commandTimeout?: '20s' } = {}) =>
      postgres({ url: database.url, schema: `r${round}`, ...patience }),
    ap: () => sqlite({ path: join(folder, `${round}.db`) }),
  }

  function start(region: Name): Cache {
    const regions = Object.fromEntries(NAMES.map((name) => [name, { ledger: tiers[name]() }]))
    const cache = createCache({ name: 'shop', tiers: [memory(), edge({ regions, region, origin: 'us' })] })
    open.push(cache)
    return cache
  }

  /** All have heard of all, so that nothing is cleared any more. */
  async function startAll(): Promise<Record<Name, Cache>> {
    const caches = { us: start('us'), eu: start('eu'), ap: start('ap') }
    await until(
      'regions that have heard each other',
      async () => {
        for (const cache of Object.values(caches)) await cache.getOrSet('warm', () => 1).catch(() => {})
        const late = await Promise.all(
          Object.values(caches).map(async (cache) => (await cache.delete('warm')).acked({ timeout: 500 })),
        )
        return late.flat().length === 0
      },
      30_000,
    )
    return caches
  }

  let source = 0
  const load = (): number => ++source

  /** What lies in the stores of a region: the region that a body names, nothing for its own. */
  async function madeIn(keys: readonly string[], at: 'us' | 'eu' = 'eu'): Promise<readonly (string | undefined)[]> {
    const store = tiers[at]({ commandTimeout: '20s' })
    const found = await store.read(keys.map((key) => `shop:default:${key}`))
    await store.close()
    return found.map((stored) => stored && Buffer.from(stored.body.subarray(1, 1 + (stored.body[0] ?? 0))).toString())
  }

  /**
   * In the stores of its region, too: a command that the store did not answer in time has left them in memory alone.
   */
  const store = (cache: Cache, at: 'us' | 'eu', values: ReadonlyMap<string, number>) =>
    until('all of it in the store', async () => {
      const made = await madeIn([...values.keys()], at)
      const missing = [...values].filter((_, index) => made[index] === undefined)
      if (missing.length > 0) await cache.setMany(missing).catch(() => {})
      return missing.length === 0
    })

  test('an invalidation in each is one in all, and each of the others says so', async () => {
    const caches = await startAll()
    for (const at of NAMES) {
      for (const cache of Object.values(caches)) await cache.getOrSet('user:1', load, { tags: ['users'] })
      const receipt = await caches[at].invalidateTags(['users'])
      expect(await receipt.acked({ timeout: 20_000 })).toEqual([])
      const before = source
      // A region that has applied it has processes that trust their memory for some moments more.
      for (const cache of Object.values(caches))
        await until(
          'what was loaded since',
          async () => (await cache.getOrSet('user:1', load, { tags: ['users'] })) > before,
        )
    }
  })

  test('one that is drained is neither read nor written, hears on, and is filled before it is read again', async () => {
    const caches = await startAll()
    const keys = Array.from({ length: 250 }, (_, n) => `deal:${n}`)
    const values = new Map<string, number>()
    for (const key of keys) values.set(key, await caches.us.getOrSet(key, load))
    await store(caches.us, 'us', values)
    await store(caches.eu, 'eu', new Map([['own', await caches.eu.getOrSet('own', load)]]))
    expect(await madeIn(['own'])).toEqual([''])

    expect(await caches.us.regions?.drain({ region: 'eu' })).toEqual({
      region: 'eu',
      isSafe: true,
      namespaces: 1,
      behind: [],
    })
    const list = await caches.eu.regions?.list()
    expect(list?.map(({ region, isOwn, isOrigin, state }) => [region, isOwn, isOrigin, state])).toEqual([
      ['eu', true, false, 'drained'],
      ['us', false, true, 'serving'],
      ['ap', false, false, 'serving'],
    ])

    // A second process has nothing in memory: the origin answers, and nothing stays here.
    const eu = start('eu')
    const rest = [...keys]
    await until('an answer of the origin', async () => {
      const before = source
      await eu.getOrSet(rest.pop() ?? '', load)
      return source === before
    })
    const before = source
    await eu.getOrSet('own', load)
    expect(source).toBe(before + 1)
    expect(await madeIn(keys.slice(rest.length))).toEqual(keys.slice(rest.length).map(() => undefined))
    const old = await eu.getOrSet('deal:0', load)
    expect(await (await caches.ap.delete('deal:0')).acked({ timeout: 20_000 })).toEqual([])
    for (const cache of [eu, caches.us])
      await until('what was loaded since', async () => (await cache.getOrSet('deal:0', load)) !== old)

    values.set('deal:0', await caches.us.getOrSet('deal:0', load))
    await store(caches.us, 'us', values)

    const filled = await eu.regions?.fill({ keysPerSecond: 2000 })
    expect(filled).toMatchObject({ from: 'us', isDone: true, keys: 250 })
    // The load of deal:0 above may be stored here by now, and is as new.
    expect(filled?.copied).toBeGreaterThanOrEqual(249)
    const third = start('eu')
    expect(new Set(await madeIn(keys.slice(1)))).toEqual(new Set(['us']))
    // What a store does not answer in time is not there for once.
    for (const key of keys.slice(1))
      await until(`${key} as it is in us`, async () => (await third.get(key)) === values.get(key))
    const last = await until('deal:0', () => third.get('deal:0'))
    expect(last).not.toBe(old)
  })

  test('it is not safe to stop where somebody has not heard it to the end, and the last one stays', async () => {
    const us = start('us')
    const eu = start('eu')
    await until('both heard', async () => {
      await eu.getOrSet('warm', () => 1).catch(() => {})
      await us.getOrSet('warm', () => 1).catch(() => {})
      return (await us.regions?.list())?.find(({ region }) => region === 'eu')?.isHeard === true
    })
    await eu.delete('warm')
    const drained = await eu.regions?.drain({ timeout: 500 })
    // Half a second is enough for the other one, but not on a busy machine; no process runs in the third.
    expect(drained).toMatchObject({
      region: 'eu',
      isSafe: false,
      namespaces: 1,
      behind: expect.arrayContaining(['ap']),
    })
    await us.regions?.drain({ region: 'ap', timeout: 0 })
    await expect(us.regions?.drain()).rejects.toThrow(
      /drain\.region: "us" is the last serving region: let .* serve first, or use force: true/,
    )
    await us.regions?.serve('ap')
    await expect(us.regions?.drain({ region: 'mars' })).rejects.toThrow(
      /drain\.region: "mars" is not one of the regions: those are "us", "eu", "ap"/,
    )
    await expect(us.regions?.fill()).rejects.toThrow(/fill\.from: undefined is missing, and this region has no origin/)
    await expect(eu.regions?.fill({ from: 'eu' })).rejects.toThrow(
      /fill\.from: "eu" is the region itself: name another one/,
    )
  })
})
