// Faults that were reported of others' use of the same stores, tried on ours with their neighbours. Each names its
// report.
import { statSync } from 'node:fs'
import { createCache, memory } from 'millpond'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { type SqliteTier, sqlite } from 'millpond/tiers/sqlite'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { until } from '../../src/testing/runner.ts'
import { item } from '../../src/testing/tier.ts'
import {
  describeWith,
  type MemcachedService,
  PATIENCE,
  type PostgresService,
  startMemcached,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { answers } from './faults.ts'
import { openRaw, temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const closing: { close(): Promise<unknown> }[] = []
const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
  closing.push(one)
  return one
}
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})

const bodyOf = async (tier: Tier, key: string): Promise<string | undefined> => {
  const [stored] = await tier.read([key])
  return stored && Buffer.from(stored.body).toString()
}

describe('sqlite', () => {
  const MIB = 2 ** 20
  const written = async (tier: SqliteTier, from: number): Promise<void> => {
    await tier.write(
      Array.from({ length: 16 }, (_, at) => ({ ...item(`k${from + at}`), body: Buffer.alloc(MIB / 16, 'x') })),
    )
  }

  test('the log stays small beside readers that never pause, and a listing that is abandoned (gotosocial#2808, BYK/loreai#1221)', async () => {
    const path = `${folder()}.db`
    const [writer, reader] = [opened(sqlite({ path, maxBytes: 8 * MIB })), opened(sqlite({ path, maxBytes: 8 * MIB }))]
    await written(writer, 0)
    const listing = reader.scan('')[Symbol.asyncIterator]()
    expect((await listing.next()).value).toHaveLength(16)
    let largest = 0
    for (let round = 1; round < 48; round++) {
      await Promise.all([written(writer, round * 16), reader.read(['k0', `k${round * 16 - 1}`]), reader.usage()])
      largest = Math.max(largest, statSync(`${path}-wal`).size)
    }
    expect(largest).toBeLessThan(17 * MIB)
    await listing.return?.()
  })

  test.for(['libsql', 'node'] as const)(
    'what was read leaves no statement half way that keeps the log from being emptied: %s (ibireme/YYCache#129)',
    async (driver, { skip }) => {
      skip(driver === 'node' && !process.getBuiltinModule?.('node:sqlite'), 'this Node has no node:sqlite')
      const path = `${folder()}.db`
      const tier = opened(sqlite({ path, driver }))
      await tier.write([item('a'), item('b')])
      expect(await tier.read(['a', 'b', 'none'])).toHaveLength(3)
      await tier.usage()
      for await (const keys of tier.scan('')) expect(keys).toHaveLength(2)
      const raw = openRaw(path)
      expect(raw.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toMatchObject({ busy: 0 })
      raw.close()
      expect(statSync(`${path}-wal`).size).toBe(0)
      expect(await bodyOf(tier, 'a')).toBe('body of a')
    },
  )

  test('a read waits for no writer, not even for one that holds the lock for long (jkelin/cache-sqlite-lru-ttl#2)', async () => {
    const path = `${folder()}.db`
    const tier = opened(sqlite({ path, deadline: '10s' }))
    await tier.write([item('a')])
    const raw = openRaw(path)
    raw.exec('BEGIN IMMEDIATE')
    try {
      let isWritten = false
      const write = tier.write([item('b')]).then(() => {
        isWritten = true
      })
      for (let read = 0; read < 50; read++) expect(await bodyOf(tier, 'a')).toBe('body of a')
      expect(isWritten).toBe(false)
      raw.exec('ROLLBACK')
      await write
    } finally {
      raw.close()
    }
    expect(await bodyOf(tier, 'b')).toBe('body of b')
  })
})

describeWith('postgres', 'postgres', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  test('columns of another type under statements that are prepared: answered, not an error for as long as the connection lives (porsager/postgres#120, oven-sh/bun#29484)', async () => {
    const tier = opened(postgres({ url: server.url, schema: 'altered', poolSize: 1, ...PATIENCE }))
    await tier.write([item('a')])
    expect(await bodyOf(tier, 'a')).toBe('body of a')
    await server.query(
      'ALTER TABLE altered.entry ALTER COLUMN epoch TYPE varchar(200), ALTER COLUMN body SET STORAGE EXTENDED',
    )
    for (let read = 0; read < 2; read++) expect(await bodyOf(tier, 'a')).toBe('body of a')
    expect((await tier.ledger.pull('ns')).position.seq).toBe(0)
    await server.query('ALTER TABLE altered.ledger ALTER COLUMN epoch TYPE varchar(200)')
    for (let pull = 0; pull < 2; pull++) expect((await tier.ledger.pull('ns')).position.seq).toBe(0)
  })

  test('statements that somebody has thrown away, as poolers do, are prepared anew (porsager/postgres#547, garrytan/gbrain#169)', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 })
    pool.on('error', () => undefined)
    try {
      const tier = opened(postgres({ pool, schema: 'thrown', notify: false, ...PATIENCE }))
      await tier.write([item('a')])
      expect(await bodyOf(tier, 'a')).toBe('body of a')
      await pool.query('DISCARD ALL')
      expect(await bodyOf(tier, 'a')).toBe('body of a')
      await pool.query('DEALLOCATE ALL')
      await tier.write([item('b')])
      expect(await bodyOf(tier, 'b')).toBe('body of b')
    } finally {
      await closing.pop()?.close()
      await pool.end()
    }
  })
})

describeWith('memcached', 'memcached', () => {
  let server: MemcachedService
  beforeAll(async () => {
    server = await startMemcached()
  })
  afterAll(() => server.stop())

  test('a life of more than thirty days is no instant in 1970, on either side of the border (3rd-Eden/memcached#345, symfony#23970)', async () => {
    const tier = opened(memcached({ servers: `127.0.0.1:${server.port}`, ...PATIENCE }))
    const day = 86_400_000
    const lives = [
      30 * day - 2000,
      30 * day - 1000,
      30 * day,
      30 * day + 1000,
      31 * day,
      200 * day,
      40_000 * day,
      Number.POSITIVE_INFINITY,
    ]
    await tier.write(lives.map((ms, at) => ({ ...item(`k${at}`), expiresAt: Date.now() + ms })))
    const stored = await tier.read(lives.map((_, at) => `k${at}`))
    expect(stored.map((one) => one && Buffer.from(one.body).toString())).toEqual(lives.map((_, at) => `body of k${at}`))
  })
})

describeWith('redis', 'redis', () => {
  test('a server that became a replica: typed, at once, and written to again when it is a master, in a new epoch (redis-rb/redis-client#69, StackExchange.Redis#2264)', async () => {
    const [server, other] = [await startRedis(), await startRedis()]
    try {
      const tier = opened(redis({ url: server.url, ...PATIENCE }))
      await tier.write([item('a')])
      const { position } = await tier.ledger.pull('ns')
      await server.command('REPLICAOF', '127.0.0.1', other.port)
      await expect(tier.write([item('b')])).rejects.toMatchObject({ code: 'TIER_FAILED' })
      await expect(tier.write([item('b')])).rejects.toMatchObject({ code: 'TIER_FAILED' })
      // Until then it has what it had, and its history goes on.
      await until('it to have taken the data of the other', async () =>
        String(await server.command('INFO', 'replication')).includes('master_link_status:up'),
      )
      await server.command('REPLICAOF', 'NO', 'ONE')
      await until('the tier to be used again', () => answers(tier), 10_000)
      await tier.write([item('b')])
      expect(await bodyOf(tier, 'b')).toBe('body of b')
      expect((await tier.ledger.pull('ns')).position.epoch).not.toBe(position.epoch)
    } finally {
      await closing.pop()?.close()
      await Promise.all([server.stop(), other.stop()])
    }
  })
})

describe('tiers together', () => {
  test('what is older than memory may keep it is promoted all the same, for as long as memory keeps an entry and no longer than it is fresh (shakacode/react_on_rails#5027, jaredwray/cacheable#67, #970, #1077)', async () => {
    const clock = fakeClock({ now: Date.now() })
    const store = sqlite({ path: ':memory:' })
    const cache = opened(createCache({ clock, tiers: [{ use: memory(), ttl: '10s' }, store] }))
    await cache.set('long', 1, { ttl: '1m' })
    await cache.set('short', 1, { ttl: '35s' })
    const from = async (key: string): Promise<string | undefined> => {
      const entry = await cache.getEntry(key)
      return entry.kind === 'hit' ? entry.tier : undefined
    }
    clock.advance(30_000)
    expect([await from('long'), await from('long')]).toEqual(['sqlite', 'memory'])
    expect([await from('short'), await from('short')]).toEqual(['sqlite', 'memory'])
    clock.advance(6000)
    expect([await from('long'), await from('short')]).toEqual(['memory', undefined])
    clock.advance(5000)
    expect([await from('long'), await from('long')]).toEqual(['sqlite', 'memory'])
    clock.advance(20_000)
    expect(await from('long')).toBeUndefined()
  })
})
