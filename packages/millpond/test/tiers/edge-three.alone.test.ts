// Three regions over three kinds of stores: what is invalidated anywhere is invalidated everywhere, and one is drained, filled and let serve.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cache, createCache, memory, type Tier } from '../../src/index.ts'
import { edge } from '../../src/tiers/edge/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { describeWith, type PostgresService, type RedisService, startPostgres, startRedis, until } from '../services/index.ts'
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

  const tiers: Record<Name, () => Tier> = {
    us: () => redis({ ...DRIVER, url: server.url, keyPrefix: `r${round}:` }),
    eu: () => postgres({ url: database.url, schema: `r${round}` }),
    ap: () => sqlite({ path: join(folder, `${round}.db`) }),
  }

  function start(region: Name): Cache {
    const regions = Object.fromEntries(NAMES.map((name) => [name, { ledger: tiers[name]() }]))
    const cache = createCache({ name: 'shop', tiers: [memory(), edge({ regions, region, origin: 'us', maxRegionLag: '2s' })] })
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
        const late = await Promise.all(Object.values(caches).map(async (cache) => (await cache.delete('warm')).acked({ timeout: 500 })))
        return late.flat().length === 0
      },
      30_000,
    )
    return caches
  }

  let source = 0
  const load = (): number => ++source
  const refuse = (): never => expect.fail('nothing has to be loaded')

  /** What lies in the stores of eu: the region that a body names, nothing for its own. */
  async function madeIn(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const store = tiers.eu()
    const found = await store.read(keys.map((key) => `shop:default:${key}`))
    await store.close()
    return found.map((stored) => stored && Buffer.from(stored.body.subarray(1, 1 + (stored.body[0] ?? 0))).toString())
  }

  test('an invalidation in each is one in all, and each of the others says so', async () => {
    const caches = await startAll()
    for (const at of NAMES) {
      for (const cache of Object.values(caches)) await cache.getOrSet('user:1', load, { tags: ['users'] })
      const receipt = await caches[at].invalidateTags(['users'])
      expect(await receipt.acked({ timeout: 5000 })).toEqual([])
      const before = source
      // A region that has applied it has processes that believe their memory for some moments more.
      for (const cache of Object.values(caches))
        await until('what was loaded since', async () => (await cache.getOrSet('user:1', load, { tags: ['users'] })) > before)
    }
  })

  test('one that is drained is neither read nor written, hears on, and is filled before it is read again', async () => {
    const caches = await startAll()
    const keys = Array.from({ length: 250 }, (_, n) => `deal:${n}`)
    for (const key of keys) await caches.us.getOrSet(key, load)
    await caches.eu.getOrSet('own', load)
    await until('what was loaded here', async () => (await madeIn(['own']))[0] === '')

    expect(await caches.us.regions?.drain({ region: 'eu' })).toEqual({ region: 'eu', isSafe: true, namespaces: 1, behind: [] })
    const list = await caches.eu.regions?.list()
    expect(list?.map(({ region, isOwn, isOrigin, standing }) => [region, isOwn, isOrigin, standing])).toEqual([
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
    expect(await (await caches.ap.delete('deal:0')).acked({ timeout: 5000 })).toEqual([])
    for (const cache of [eu, caches.us]) await until('what was loaded since', async () => (await cache.getOrSet('deal:0', load)) !== old)

    const filled = await eu.regions?.fill({ keysPerSecond: 2000 })
    expect(filled).toMatchObject({ from: 'us', isDone: true, keys: 250 })
    // The load of deal:0 above may be stored here by now, and is as new.
    expect(filled?.copied).toBeGreaterThanOrEqual(249)
    const third = start('eu')
    for (const key of keys.slice(1)) expect(await third.getOrSet(key, refuse)).toBe(await caches.us.get(key))
    expect(await third.getOrSet('deal:0', refuse)).not.toBe(old)
    expect(await madeIn(['deal:7'])).toEqual(['us'])
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
    // Half a second is enough for the other one, but not on a busy machine; nobody runs in the third.
    expect(drained).toMatchObject({ region: 'eu', isSafe: false, namespaces: 1, behind: expect.arrayContaining(['ap']) })
    await us.regions?.drain({ region: 'ap', timeout: 0 })
    await expect(us.regions?.drain()).rejects.toThrow(/drain\.region: "us" is the last that serves: let .* serve first, or say force: true/)
    await us.regions?.serve('ap')
    await expect(us.regions?.drain({ region: 'mars' })).rejects.toThrow(
      /drain\.region: "mars" is none of the regions: there are "us", "eu", "ap"/,
    )
    await expect(us.regions?.fill()).rejects.toThrow(/fill\.from: undefined names no region, and this one has no origin/)
    await expect(eu.regions?.fill({ from: 'eu' })).rejects.toThrow(/fill\.from: "eu" is the region itself: name another one/)
  })
})
