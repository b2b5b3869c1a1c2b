// Erasure (G25): a canary is searched for in what every tier really holds, byte by byte, after it was stored in every
// way there is.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
  type Cache,
  type CacheOptions,
  type Erased,
  type ErasureSubject,
  memory,
  type Tier,
  type TierConfiguration,
} from 'millpond'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  describeWith,
  type MemcachedService,
  PATIENCE,
  type PostgresService,
  patient,
  type RedisService,
  startMemcached,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { closeAfterEach, gate, newFolder, open } from './setups.ts'

/** For a busy machine; an erasure waits as long as a command may be on its way, so it is no longer. */
const unhurried = (use: Tier): TierConfiguration => ({ use, timeout: '1s' })

const CANARY = 'CANARY-5f2b'
const OTHER = 'OTHER-77c1'
let count = 0

/** All bytes under a path. */
function bytesUnder(path: string): Buffer {
  if (!statSync(path).isDirectory()) return readFileSync(path)
  return Buffer.concat(readdirSync(path).map((name) => bytesUnder(join(path, name))))
}

/**
 * Everything that puts a subject's value somewhere: written, overwritten, loaded, invalid, over, large, in another
 * process.
 */
async function fill(a: Cache, b: Cache): Promise<void> {
  const value = (name: string) => ({ text: `${CANARY} ${name}`, more: 'x'.repeat(200) })
  await a.set('written', value('first'), { tags: ['subject'] })
  await a.set('written', value('second'), { tags: ['subject', 'more'] })
  await b.getOrSet('loaded', () => value('loaded'), { tags: ['subject'] })
  await a.set('void', value('void'), { tags: ['subject'] })
  await a.invalidateTags(['more'])
  await a.set('over', value('over'), { tags: ['subject'], ttl: 1 })
  await a.set('large', CANARY.repeat(100_000), { tags: ['subject'] })
  await a.set('large', `${CANARY}!`.repeat(90_000), { tags: ['subject'] })
  await a.set('other', { text: OTHER })
  await a.set('other large', OTHER.repeat(50_000))
  await Promise.all([a.flush(), b.flush()])
}

/** A read whose deadline is over on a busy machine is a miss; what is gone stays one. */
const isThere = (cache: Cache, key: string, value: unknown): Promise<unknown> =>
  until(`${key} to be read`, async () => isDeepStrictEqual(await cache.get(key), value))

/**
 * What a tier failed at is what the test fails with: it tells an answer that came too late from a copy that is left.
 */
async function eraseAll(cache: Cache, subject: ErasureSubject): Promise<Erased> {
  const erased = await cache.erase(subject)
  for (const { error } of erased.tiers) if (error !== undefined) throw error
  return erased
}

interface Place {
  /** Tiers of a process: all see the same. */
  tiers(): (Tier | TierConfiguration)[]
  bytes(): Promise<Buffer>
}

function canarySuite(placeOf: () => Place, fate: 'proven' | 'until' = 'proven'): void {
  closeAfterEach()
  const start = (place: Place, name: string, more: CacheOptions = {}): Cache =>
    open({ name, tiers: [memory({ maxBytes: '64mb' }), ...place.tiers()], ...more })

  test('G25: by tags, nothing is left, and nothing of others is gone', async () => {
    const place = placeOf()
    const name = `erase${count++}`
    const [a, b] = [start(place, name), start(place, name)]
    await fill(a, b)
    expect((await place.bytes()).includes(CANARY)).toBe(true)
    // A load that began before, and ends when all is over, and one that ends meanwhile.
    const [late, meanwhile] = [gate<string>(), gate<string>()]
    const timeout = { hard: '1m' } as const
    const loads = [
      b.getOrSet('late', () => late.promise, { tags: ['subject'], timeout }),
      a.getOrSet('mean', () => meanwhile.promise, { tags: ['subject'], timeout }),
    ]
    const erasing = eraseAll(a, { tags: ['subject'] })
    meanwhile.open(`${CANARY} meanwhile`)
    const erased = await erasing
    late.open(`${CANARY} late`)
    await Promise.all(loads)
    await Promise.all([a.flush(), b.flush()])
    expect(erased.tiers.map(({ state }) => state)).toContain(fate)
    expect(erased.isProven).toBe(fate === 'proven')
    expect(erased.unheard).toEqual([])
    expect((await place.bytes()).includes(CANARY)).toBe(false)
    expect((await place.bytes()).includes(OTHER)).toBe(true)
    for (const cache of [a, b])
      for (const key of ['written', 'loaded', 'void', 'large', 'late', 'mean']) {
        expect(await cache.get(key)).toBeUndefined()
        expect([...cache.entries()].map((entry) => entry.key)).not.toContain(key)
      }
    await isThere(b, 'other', { text: OTHER })
    await isThere(start(place, name), 'other large', OTHER.repeat(50_000))
  })

  test('G25: by keys', async () => {
    const place = placeOf()
    const name = `erase${count++}`
    const [a, b] = [start(place, name), start(place, name)]
    await fill(a, b)
    const erased = await eraseAll(b, { keys: ['written', 'loaded', 'void', 'over', 'large'] })
    expect(erased.isProven).toBe(fate === 'proven')
    expect((await place.bytes()).includes(CANARY)).toBe(false)
    await isThere(a, 'other', { text: OTHER })
  })

  test('G25: a tenant, in every namespace, also those that are not open here', async () => {
    const place = placeOf()
    const name = `erase${count++}`
    const [a, b] = [start(place, name), start(place, name)]
    await fill(b.for({ tenant: 'acme' }), b.namespace('reports').for({ tenant: 'acme' }))
    await fill(b.namespace('reports').for({ tenant: 'acme' }), b.for({ tenant: 'acme' }))
    await b.for({ tenant: 'bolt' }).set('k', OTHER)
    await b.flush()
    const erased = await eraseAll(a, { tenant: 'acme' })
    expect(erased.isProven).toBe(fate === 'proven')
    expect([...erased.namespaces].sort()).toEqual(['default~acme', 'reports~acme'])
    expect((await place.bytes()).includes(CANARY)).toBe(false)
    expect(await b.for({ tenant: 'acme' }).get('other')).toBeUndefined()
    await isThere(a.for({ tenant: 'bolt' }), 'k', OTHER)
  })
}

describe('erasure from SQLite, its file and its log', () => {
  canarySuite(() => {
    const folder = newFolder()
    return { tiers: () => [sqlite({ path: join(folder, 'cache.db') })], bytes: async () => bytesUnder(folder) }
  })
})

describe('erasure from the segments of the file tier', () => {
  canarySuite(() => {
    const folder = newFolder()
    const ledger = newFolder()
    return {
      tiers: () => [file({ path: folder }), sqlite({ path: join(ledger, 'ledger.db') })],
      bytes: async () => Buffer.concat([bytesUnder(folder), bytesUnder(ledger)]),
    }
  })
})

describeWith('redis', 'erasure from Redis, its dump and its log', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  })
  afterAll(() => server.stop())
  canarySuite(() => ({
    tiers: () => [unhurried(redis({ url: server.url, ...PATIENCE }))],
    async bytes() {
      // What the guide tells operators to do.
      await until('the log to be rewritten', async () => {
        const info = String(await server.command('INFO', 'persistence'))
        return info.includes('aof_rewrite_in_progress:0') && info.includes('rdb_bgsave_in_progress:0')
      })
      await server.command('BGREWRITEAOF')
      await until('the log to be rewritten', async () => {
        const info = String(await server.command('INFO', 'persistence'))
        return info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0')
      })
      await server.command('CONFIG', 'SET', 'rdbcompression', 'no')
      await server.command('SAVE')
      return bytesUnder(server.folder)
    },
  }))
})

describeWith('redis', 'erasure from tiers that each host has of its own', () => {
  closeAfterEach()
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const hosts = (more: CacheOptions = {}) =>
    [newFolder(), newFolder()].map((folder) => {
      const tiers = [
        memory(),
        sqlite({ path: join(folder, 'cache.db') }),
        { ...unhurried(redis({ url: server.url, ...PATIENCE })), ttl: '10m' as const },
      ]
      return { folder, cache: open({ name: `hosts${count}`, tiers, ...more }) }
    })

  test('G25: another host drops its copies when it hears, and nothing is called proven that hosts may hold which do not hear', async () => {
    count++
    const [a, b] = hosts()
    if (a === undefined || b === undefined) throw new Error('there are two')
    await a.cache.set('k', CANARY, { tags: ['subject'] })
    await b.cache.set('l', OTHER)
    expect(await b.cache.get('k')).toBe(CANARY)
    await Promise.all([a.cache.flush(), b.cache.flush()])
    expect(bytesUnder(b.folder).includes(CANARY)).toBe(true)
    const { isProven, tiers } = await a.cache.erase({ tags: ['subject'] })
    expect([isProven, tiers.map(({ name, state }) => [name, state])]).toEqual([
      false,
      [
        ['sqlite', 'until'],
        ['redis', 'proven'],
      ],
    ])
    await until('the other host to have done its part', async () => !bytesUnder(b.folder).includes(CANARY))
    expect([bytesUnder(a.folder).includes(CANARY), bytesUnder(b.folder).includes(OTHER)]).toEqual([false, true])
  })
})

describeWith('postgres', 'erasure from a table of PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
    const first = open({ tiers: [patient(postgres({ url: server.url, ...PATIENCE }))] })
    await until('the ledger to answer', async () => (await first.explain('k')).ledger.isTrusted)
    await first.close()
  })
  afterAll(() => server.stop())
  canarySuite(() => ({
    tiers: () => [unhurried(postgres({ url: server.url, ...PATIENCE }))],
    async bytes() {
      const tables = await server.query(
        "select schemaname || '.' || quote_ident(tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
      )
      const rows = await Promise.all(tables.map(({ name }) => server.query(`select * from ${name}`)))
      return Buffer.concat(
        rows
          .flat()
          .flatMap((row) =>
            Object.values(row).map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))),
          ),
      )
    },
  }))
})

describeWith('memcached', 'erasure from Memcached', () => {
  let server: MemcachedService
  let ledger: RedisService
  beforeAll(async () => {
    ;[server, ledger] = await Promise.all([startMemcached({ args: ['-m', '256'] }), startRedis()])
  })
  afterAll(() => Promise.all([server.stop(), ledger.stop()]))
  canarySuite(() => {
    return {
      tiers: () => [
        unhurried(memcached({ servers: `127.0.0.1:${server.port}`, ...PATIENCE })),
        unhurried(redis({ url: ledger.url, ...PATIENCE })),
      ],
      async bytes() {
        const tier = memcached({ servers: `127.0.0.1:${server.port}`, ...PATIENCE })
        const all: Uint8Array[] = []
        for await (const names of tier.scan(''))
          for (const one of await tier.read(names)) all.push(one?.body ?? new Uint8Array())
        await tier.close()
        return Buffer.concat(all)
      },
    }
  }, 'until')
})

describe('an erasure', () => {
  closeAfterEach()

  test('in memory alone', async () => {
    const cache = open()
    await cache.set('k', CANARY, { tags: ['subject'] })
    await cache.set('l', OTHER)
    expect(await cache.erase({ tags: ['subject'] })).toMatchObject({ isProven: true, tiers: [], writes: [] })
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['l'])
  })

  test('takes what was computed from what is erased', async () => {
    const folder = newFolder()
    const cache = open({ dependencies: 'declared', tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })] })
    await cache.set('user', CANARY)
    await cache.getOrSet('page', () => `<p>${CANARY}</p>`, { dependsOn: ['user'] })
    await cache.flush()
    expect(await cache.erase({ keys: ['user'] })).toMatchObject({ isProven: true })
    expect(bytesUnder(folder).includes(CANARY)).toBe(false)
  })

  test('writes the restart file anew, here and in other processes', async () => {
    const folder = newFolder()
    const tiers = () => [memory(), sqlite({ path: join(folder, 'cache.db') })]
    const of = (path: string) => open({ tiers: tiers(), restart: { path: join(folder, path) } })
    const [a, b] = [of('a.snapshot'), of('b.snapshot')]
    await a.set('k', CANARY, { tags: ['subject'], ttl: '1h' })
    await a.set('l', OTHER, { ttl: '1h' })
    await Promise.all([a.get('k'), b.get('k'), b.get('l')])
    await Promise.all([a.close(), b.close()])
    expect(readFileSync(join(folder, 'a.snapshot')).includes(CANARY)).toBe(true)
    const [c, d] = [of('a.snapshot'), of('b.snapshot')]
    await Promise.all([c.ready(), d.ready()])
    const heard = new Promise((resolve) => d.on('erased', resolve))
    expect(await c.erase({ tags: ['subject'] })).toMatchObject({ isProven: true })
    expect(await heard).toEqual({ id: expect.any(String), namespace: 'default', writes: [], isOwn: false })
    expect(bytesUnder(folder).includes(CANARY)).toBe(false)
    expect(readFileSync(join(folder, 'a.snapshot')).includes(OTHER)).toBe(true)
  })

  test('leaves nothing in a restart file that nothing was stored for', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const cache = open({ restart: { path } })
    await cache.ready()
    await cache.set('k', CANARY)
    expect(await cache.erase({ keys: ['k'] })).toMatchObject({ isProven: true })
  })

  test('reaches tiers that are switched off, and says which do not answer', async () => {
    const folder = newFolder()
    const [a, b] = [sqlite({ path: join(folder, 'a.db') }), sqlite({ path: join(folder, 'b.db') })]
    const cache = open({ tiers: [memory(), { use: a, name: 'a' }, { use: b, name: 'b' }] })
    await cache.set('k', CANARY, { tags: ['subject'] })
    await cache.configure({ tiers: { a: { enabled: false } } })
    expect(await cache.erase({ tags: ['subject'] })).toMatchObject({ isProven: true })
    expect(bytesUnder(folder).includes(CANARY)).toBe(false)
    await a.close()
    const { isProven, tiers } = await cache.erase({ tags: ['subject'] })
    expect([isProven, tiers.map(({ name, state }) => `${name} ${state}`)]).toEqual([false, ['a failed', 'b proven']])
  })

  test('of a tier that does not drop says why', async () => {
    const tier = sqlite({ path: join(newFolder(), 'cache.db') })
    const cache = open({ tiers: [{ ...unhurried(tier), breaker: { threshold: 2, openMs: 60_000 } }] })
    await cache.set('k', CANARY, { tags: ['subject'] })
    tier.drop = () => Promise.reject(new Error('disk is away'))
    const why = async () => (await cache.erase({ tags: ['subject'] })).tiers.map(({ error }) => String(error))
    expect(await why()).toEqual([
      expect.stringContaining('sqlite did not answer while it was searched (disk is away): erase again'),
    ])
    expect(await why()).toEqual([expect.stringContaining('(its breaker is open)')])
  })

  test('that the ledger does not hear of proves nothing, and says so', async () => {
    const folder = newFolder()
    const tier = sqlite({ path: join(folder, 'a.db') })
    const cache = open({ tiers: [memory(), tier], outbox: sqliteOutbox({ path: join(folder, 'outbox.db') }) })
    await cache.set('k', CANARY, { tags: ['subject'] })
    await tier.close()
    const { isProven, tiers } = await cache.erase({ tags: ['subject'] })
    expect([isProven, tiers[0]?.state]).toEqual([false, 'failed'])
    const without = open({ tiers: [memory(), tier] })
    await expect(without.erase({ tags: ['subject'] })).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
  })

  test('of a tenant that is opened meanwhile leaves its cache open, and closes namespaces that were opened only for it', async () => {
    const cache = open({ tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    const names = () => cache.info().namespaces.map(({ namespace }) => namespace)
    const erasing = cache.erase({ tenant: 'acme' })
    await until('the erasure to begin', () => names().includes('default~acme'))
    const acme = cache.for({ tenant: 'acme' })
    await erasing
    await acme.set('k', 1)
    expect(await acme.get('k')).toBe(1)
    await cache.erase({ tenant: 'bolt' })
    expect(names()).toEqual(['default', 'default~acme'])
  })

  test('of a tenant reaches what another process holds in memory alone, in a namespace that is open here for others', async () => {
    const path = join(newFolder(), 'cache.db')
    let scrubs = 0
    const tier = sqlite({ path })
    const scrub = tier.scrub?.bind(tier)
    tier.scrub = async () => {
      scrubs++
      await scrub?.()
    }
    const [a, b] = [open({ tiers: [memory(), tier] }), open({ tiers: [memory(), sqlite({ path })] })]
    a.namespace('reports')
    const its = b.namespace('reports').for({ tenant: 'acme' })
    await its.set('k', CANARY)
    await its.flush()
    // As if it had left for want of room.
    await tier.clear('')
    expect([...its.entries()].map(({ key }) => key)).toEqual(['k'])
    const { namespaces, isProven } = await a.erase({ tenant: 'acme' })
    expect([[...namespaces].sort(), isProven, scrubs]).toEqual([['default~acme', 'reports~acme'], true, 1])
    expect([...its.entries()]).toEqual([])
  })

  test('of a tier that falls silent while it is listed ends, and proves nothing', async () => {
    const tier = sqlite({ path: join(newFolder(), 'cache.db') })
    let isSilent = false
    const scan = tier.scan?.bind(tier)
    tier.scan = async function* (prefix) {
      if (isSilent) await new Promise(() => {})
      yield* scan?.(prefix) ?? []
    }
    const cache = open({ tiers: [{ use: tier, timeout: 5 }] })
    await cache.set('k', CANARY, { tags: ['subject'] })
    isSilent = true
    const { isProven, tiers } = await cache.erase({ tags: ['subject'] })
    expect([isProven, tiers[0]?.state, String(tiers[0]?.error)]).toEqual([
      false,
      'failed',
      expect.stringContaining('did not answer within'),
    ])
  })

  test('G23: of a tenant is not asked for by another', async () => {
    const cache = open()
    const [a, b] = [cache.for({ tenant: 'a' }), cache.for({ tenant: 'b' })]
    await a.set('k', 1)
    await b.set('k', 2)
    await expect(a.erase({ tenant: 'b' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await a.erase({ tenant: 'a' })
    expect([await a.get('k'), await b.get('k')]).toEqual([undefined, 2])
  })

  test.each<[string, unknown, string]>([
    ['nothing', {}, 'OPTION_INVALID'],
    ['two subjects', { tags: ['a'], keys: ['b'] }, 'OPTION_INVALID'],
    ['what is no subject', { tag: 'a' }, 'OPTION_INVALID'],
    ['no tenant', { tenant: '' }, 'OPTION_INVALID'],
    ['no tags', { tags: [7] }, 'TAG_INVALID'],
    ['no keys', { keys: 'k' }, 'OPTION_INVALID'],
  ])('is refused of %s', async (_what, subject, code) => {
    await expect(open().erase(subject as never)).rejects.toMatchObject({ code })
  })
})
