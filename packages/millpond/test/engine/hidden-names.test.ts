// G24, where names are keyed: a canary in keys and tags is searched for in all that tiers and ledger hold; and
// everything works as it does where they lie in the clear.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, type CacheOptions, MillpondError, memory, type Tier, type TierConfiguration } from 'millpond'
import { jsonCodec, keyring, valueCodec } from 'millpond/codec'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  describeWith,
  PATIENCE,
  type PostgresService,
  patient,
  type RedisService,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

const CANARY = 'CANARY-61d0'
const KEY = `${CANARY}-key@example.com`
const TUPLE = ['user', `${CANARY}-tuple`] as const
const TAG = `${CANARY}-tag`
const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
const keyNames = randomBytes(32)
let count = 0

const bytesIn = (folder: string): Buffer =>
  Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))

interface Place {
  /** Of one process. */
  tier(): Tier
  bytes(): Promise<Buffer>
}

const keyed = (place: Place, more: CacheOptions = {}, timeout?: TierConfiguration['timeout']): Cache =>
  open({
    name: `hidden${count}`,
    dependencies: 'tracked',
    tiers: [memory(), patient(place.tier(), timeout)],
    codec: { encrypt, keyNames },
    ...more,
  })

/** A ledger that does not answer in time on a busy machine is no fault: it is asked once more. */
async function through<T>(act: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof MillpondError && error.code === 'LEDGER_UNREACHABLE')) throw error
    }
}

function hiddenSuite(placeOf: () => Place): void {
  closeAfterEach()

  test('G24: no key and no tag is in the tier or its ledger, and who has the secret reads both', async () => {
    count++
    const place = placeOf()
    const [a, b] = [keyed(place), keyed(place)]
    await through(() => a.set(KEY, 1, { tags: [TAG] }))
    await b.getOrSet(TUPLE, () => 2, { tags: [TAG], dependsOn: [KEY] })
    await b.getOrSet('computed', async () => ((await b.get<number>(KEY)) ?? 0) + 1)
    await a.namespace('other').getOrSet('abroad', async () => ((await a.get<number>(KEY)) ?? 0) + 1)
    await through(() => a.set([...TUPLE, 'gone'], 3, { tags: [TAG], priority: 'high' }))
    await through(() => a.delete([...TUPLE, 'gone']))
    await through(() => a.invalidateTags([`${TAG}-2`]))
    await Promise.all([a.flush(), b.flush()])
    const bytes = await place.bytes()
    expect([bytes.includes(CANARY), bytes.includes(`hidden${count}:default:`)]).toEqual([false, true])
    const c = keyed(place)
    expect(await c.getEntry(KEY)).toMatchObject({ value: 1, tags: [TAG] })
    expect(await c.getMany([KEY, TUPLE])).toEqual([1, 2])
    expect([...c.entries()].map(({ key }) => key).sort()).toEqual([KEY, JSON.stringify(TUPLE)].sort())
    const explained = await c.explain(KEY)
    expect(explained).toMatchObject({ key: KEY, verdict: 'hit', storageKey: expect.not.stringContaining(CANARY) })
    expect(explained.tiers.at(-1)).toMatchObject({ state: 'fresh', tags: [TAG] })
    expect((await c.invalidate({ tags: [TAG] }, { dryRun: true })).wouldRemove).toBe(3)
  })

  test('what one process forgets, by key, tag or dependency, others forget, in memory too', async () => {
    count++
    const place = placeOf()
    const [a, b] = [keyed(place), keyed(place)]
    for (const forget of [
      () => a.delete(KEY),
      () => a.invalidateTags([TAG]),
      () => a.delete('base'),
      () => a.set(KEY, 'new'),
      () => a.expire(KEY),
      () => a.clear(),
    ]) {
      await through(() =>
        a.setMany([
          ['base', 0],
          [KEY, 'old'],
        ]),
      )
      await through(() => b.set(KEY, 'old', { tags: [TAG], dependsOn: ['base'] }))
      await until('it to be there', async () => (await b.get(KEY)) === 'old')
      await until('the other process to know', async () => (await a.get(KEY, { consistency: 'strong' })) === 'old')
      await through<unknown>(forget)
      await until('it to be forgotten', async () => b.peek(KEY) === undefined || b.peek(KEY) === 'new')
      // Nor is it there where the other process asks anew, which it does when it was not told in time.
      expect(await b.get(KEY, { consistency: 'strong' })).not.toBe('old')
    }
  })

  test('G25: erasure finds it, by its key and by its tag', async () => {
    count++
    const place = placeOf()
    // An erasure waits for as long as a tier may take.
    const here = () => keyed(place, {}, '2s')
    const [a, b] = [here(), here()]
    for (const subject of [{ keys: [KEY] }, { tags: [TAG] }]) {
      await through(() => a.set(KEY, 1, { tags: [TAG] }))
      await through(() => a.set('other', 2))
      await until('it to be there', async () => (await b.get(KEY)) === 1)
      await Promise.all([a.flush(), b.flush()])
      const { isProven, tiers } = await through(() => a.erase(subject))
      expect([isProven, tiers[0]?.state, (tiers[0]?.removed ?? 0) > 0 || 'keys' in subject]).toEqual([
        true,
        'proven',
        true,
      ])
      for (const cache of [a, b]) expect([...cache.entries()].map(({ key }) => key)).not.toContain(KEY)
      const c = keyed(place)
      expect([await c.get(KEY), await c.get('other')]).toEqual([undefined, 2])
    }
  })

  test('S1: what a former key has sealed is sealed anew under its name', async () => {
    count++
    const place = placeOf()
    const keys = { k1: randomBytes(32), k2: randomBytes(32) }
    const a = keyed(place, { codec: { encrypt: keyring({ current: 'k1', keys }), keyNames } })
    await through(() => a.set(KEY, 1, { tags: [TAG] }))
    await a.close()
    const b = keyed(place, { codec: { encrypt: keyring({ current: 'k2', keys }), keyNames } })
    expect(await b.reseal()).toMatchObject({ seen: 1, resealed: 1, unreadable: 0 })
    const c = keyed(place, { codec: { encrypt: keyring({ current: 'k2', keys: { k2: keys.k2 } }), keyNames } })
    expect(await c.getEntry(KEY)).toMatchObject({ value: 1, tags: [TAG] })
  })
}

describe('hidden names: SQLite', () => {
  hiddenSuite(() => {
    const folder = newFolder()
    return { tier: () => sqlite({ path: join(folder, 'cache.db') }), bytes: async () => bytesIn(folder) }
  })
})

describeWith('redis', 'hidden names: Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  })
  afterAll(() => server.stop())
  hiddenSuite(() => ({
    tier: () => redis({ url: server.url, ...PATIENCE }),
    async bytes() {
      await server.command('CONFIG', 'SET', 'rdbcompression', 'no')
      await server.command('SAVE')
      const log = join(server.folder, 'appendonlydir')
      return Buffer.concat([bytesIn(log), readFileSync(join(server.folder, 'dump.rdb'))])
    },
  }))
})

describeWith('postgres', 'hidden names: PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
    const first = open({ tiers: [patient(postgres({ url: server.url, ...PATIENCE }))] })
    await until('the ledger to answer', async () => (await first.explain('k')).ledger.isTrusted)
    await first.close()
  })
  afterAll(() => server.stop())
  hiddenSuite(() => ({
    tier: () => postgres({ url: server.url, ...PATIENCE }),
    async bytes() {
      const tables = await server.query(
        "select schemaname || '.' || quote_ident(tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
      )
      const rows = await Promise.all(tables.map(({ name }) => server.query(`select * from ${name}`)))
      return Buffer.concat(
        rows
          .flat()
          .flatMap((row) =>
            Object.values(row).map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)))),
          ),
      )
    },
  }))
})

describe('hidden names', () => {
  closeAfterEach()
  const place = (): Place => {
    const folder = newFolder()
    return { tier: () => sqlite({ path: join(folder, 'cache.db') }), bytes: async () => bytesIn(folder) }
  }

  test('are others in another namespace, cache, or of another secret', async () => {
    const one = place()
    const names = await Promise.all(
      [
        keyed(one),
        keyed(one).namespace('a'),
        keyed(one).for({ tenant: 'a' }),
        keyed(one, { name: 'x' }),
        keyed(one, { codec: { encrypt, keyNames: randomBytes(32) } }),
      ].map(async (cache) => (await cache.explain(KEY)).storageKey.split(':').at(-1) ?? ''),
    )
    expect(new Set(names).size).toBe(5)
    for (const name of names) expect(name).toMatch(/^[\w-]{43}$/)
  })

  test('of one namespace alone, in a restart file and an outbox too', async () => {
    count++
    const folder = newFolder()
    const start = (): Cache =>
      open({
        name: `hidden${count}`,
        tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })],
        restart: { path: join(folder, 'restart') },
        outbox: sqliteOutbox({ path: join(folder, 'outbox.db') }),
      })
    const cache = start()
    const users = cache.namespace('users', { codec: { encrypt, keyNames } })
    await users.set(KEY, 1, { tags: [TAG] })
    await cache.set('clear-key', 1)
    await users.invalidateTags([`${TAG}-2`])
    await cache.close()
    const bytes = bytesIn(folder)
    expect([bytes.includes(CANARY), bytes.includes('clear-key')]).toEqual([false, true])
    const again = start().namespace('users', { codec: { encrypt, keyNames } })
    expect(await again.get(KEY)).toBe(1)
  })

  test('cannot be matched: patterns, prefixes and jobs are refused', async () => {
    const cache = keyed(place())
    const refused = expect.objectContaining({ code: 'PATTERN_INVALID', message: expect.stringContaining('hidden') })
    for (const attempt of [
      () => cache.invalidatePattern('user:*'),
      () => cache.invalidatePattern(/^user/, { dryRun: true }),
      () => cache.invalidate({ prefix: ['user'] }),
      () => cache.invalidate({ pattern: 'a*', olderThan: '1h' }),
      () => cache.schedule({ pattern: 'a*' }, { in: '1h' }),
    ])
      await expect(attempt()).rejects.toEqual(refused)
    for (const criteria of [{ key: KEY }, { tags: [TAG] }])
      await expect(cache.schedule(criteria, { in: '1h' })).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('job'),
      })
    expect(await cache.schedule({ all: true }, { in: '1h' })).toEqual(expect.any(String))
  })

  test('are told to no server by queued writes: a stream is refused, a journal is a local file', async () => {
    const cache = keyed(place())
    const options = {
      key: (id: string) => ['user', id],
      load: (): number | undefined => undefined,
      store: () => {},
      write: 'write-behind' as const,
    }
    expect(() =>
      cache.collection('streamed', { ...options, writeBehind: { stream: { url: 'redis://127.0.0.1:1' } } }),
    ).toThrow(expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('keyNames') }))
    const users = cache.collection('journaled', { ...options, writeBehind: { journal: join(newFolder(), 'journal') } })
    await users.set(KEY, 1)
    await users.flush()
  })

  test('are refused without encryption, of no secret, and of one tier alone; no message shows the secret', () => {
    const secret = randomBytes(31).toString('hex')
    const tier = (codec: ReturnType<typeof valueCodec>) => [memory(), { use: sqlite({ path: ':memory:' }), codec }]
    for (const [code, attempt] of [
      ['OPTION_INVALID', () => valueCodec({ keyNames })],
      ['OPTION_INVALID', () => valueCodec({ keyNames, encrypt, readsPlain: true })],
      ['KEYRING_INVALID', () => valueCodec({ keyNames: secret, encrypt })],
      ['OPTION_INVALID', () => open({ tiers: tier(valueCodec({ encrypt, keyNames })) })],
      ['OPTION_INVALID', () => open({ codec: { encrypt, keyNames }, tiers: tier(jsonCodec()) })],
      ['OPTION_INVALID', () => open({ codec: { encrypt, keyNames }, tiers: tier(valueCodec({ encrypt })) })],
    ] as const)
      expect(attempt).toThrow(expect.objectContaining({ code, message: expect.not.stringContaining(secret) }))
    expect(() =>
      open({ codec: { encrypt, keyNames }, tiers: tier(valueCodec({ encrypt, keyNames, format: 'packed' })) }),
    ).not.toThrow()
  })
})
