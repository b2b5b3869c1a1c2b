// T5: the bounds of the PostgreSQL tier: what the server counts, who keeps to it, what it locks.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createCache, memory } from '../../src/index.ts'
import { item, refusalsIn } from '../../src/testing/tier-subject.ts'
import { weightOf } from '../../src/tiers/postgres/bounds.ts'
import { type PostgresTierOptions, postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'
import { describeWith, PATIENCE, type PostgresService, patient, startPostgres } from '../services/index.ts'

const MIB = 1_048_576

describeWith('postgres', 'T5: a bounded postgres tier', () => {
  let server: PostgresService
  let schema = ''
  const closing: { close(): Promise<unknown> }[] = []
  beforeAll(async () => {
    server = await startPostgres()
    await server.query('CREATE ROLE service LOGIN NOSUPERUSER NOINHERIT')
  })
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((one) => one.close()))
  })
  afterAll(() => server.stop())

  const newSchema = (): string => {
    schema = `test_${randomBytes(4).toString('hex')}`
    return schema
  }
  const open = (options: Partial<PostgresTierOptions> = {}) => {
    const tier = postgres({ url: server.url, schema, ...PATIENCE, ...options })
    closing.push(tier)
    return tier
  }
  /** What is there, and what the server has counted of it. */
  const counts = async () => {
    const [row] = await server.query(`SELECT (SELECT count(*)::int FROM ${schema}.entry) AS entries,
      (SELECT coalesce(sum(${weightOf('e')}), 0)::int FROM ${schema}.entry e) AS bytes,
      (SELECT sum(entries)::int FROM ${schema}.usage) AS counted_entries, (SELECT sum(bytes)::int FROM ${schema}.usage) AS counted_bytes`)
    return row ?? {}
  }
  const expectExact = async () => {
    const { entries, bytes, counted_entries, counted_bytes } = await counts()
    expect({ entries: counted_entries, bytes: counted_bytes }).toEqual({ entries, bytes })
    return Number(entries)
  }
  const items = (from: number, count: number, bytes = 100) =>
    Array.from({ length: count }, (_, at) => item(`k${from + at}`, new Uint8Array(bytes)))

  /**
   * Three caches at once may keep the ledger busy for longer than a write waits for it: that one is sent later, and
   * must be counted as exactly.
   */
  const orLater = async (write: Promise<unknown>): Promise<void> => {
    await write.catch((error: unknown) => expect(error).toMatchObject({ code: 'LEDGER_UNREACHABLE' }))
  }

  it('counts exactly, whatever a cache does, and with several that do it at once', async () => {
    newSchema()
    const caches = [1, 2, 3].map((at) => {
      const tier = postgres({
        url: server.url,
        schema,
        ...PATIENCE,
        maxEntries: 100,
        sweepEvery: at === 1 ? 20 : Number.POSITIVE_INFINITY,
      })
      const cache = createCache({ tiers: [memory(), patient(tier)], defaults: { ttl: '1m' } })
      closing.push(cache)
      return cache
    })
    for (const cache of caches) await cache.get('k') // the schema is made
    await Promise.all(
      caches.map(async (cache, which) => {
        for (let round = 0; round < 15; round++) {
          // The same keys in opposite orders: there must be no deadlock.
          const keys = Array.from({ length: 30 }, (_, at) => `k${(which === 1 ? 29 - at : at) + round * 3}`)
          await orLater(cache.setMany(keys.map((key) => [key, { which, round, text: 'x'.repeat(round * 20) }])))
          await cache.getOrSetMany(
            keys.slice(0, 5).map((key) => `loaded ${key}`),
            { load: async (ids) => ids, tags: ['t'] },
          )
          await orLater(cache.set('short', 1, { ttl: 30 }))
          await orLater(cache.deleteMany(keys.slice(10, 15)))
          if (round % 5 === 4) await orLater(cache.invalidateTags(['t']))
        }
        await cache.flush()
      }),
    )
    expect(await expectExact()).toBeGreaterThan(50)
    await caches[0]?.clear()
    await caches[0]?.flush()
    expect(await expectExact()).toBe(0)
    await caches[0]?.set('k', 1)
    expect(await expectExact()).toBe(1)
    await server.query(`TRUNCATE ${schema}.entry`)
    expect((await open({ maxEntries: 100 }).usage()).entries).toBe(0)
  })

  it('what was there before counts, leaves first, and an unbounded tier on the schema keeps to the bounds, too', async () => {
    newSchema()
    const unbounded = open({ sweepEvery: Number.POSITIVE_INFINITY })
    await unbounded.write(items(0, 150))
    expect(unbounded.bounds).toBeUndefined()
    const bounded = open({ maxEntries: 200, sweepEvery: Number.POSITIVE_INFINITY })
    expect(await bounded.usage()).toMatchObject({ entries: 150, evicted: 0 })
    await unbounded.write(items(1000, 100))
    expect(await bounded.usage()).toMatchObject({ entries: 199, evicted: 51 })
    const there = await bounded.read(items(1000, 100).map(({ key }) => key))
    expect(there.filter((one) => one !== undefined).length).toBe(100)
    expect(await expectExact()).toBe(199)
    // What is written again is young again.
    const kept = (await bounded.read(items(0, 150).map(({ key }) => key))).findIndex((one) => one !== undefined)
    await unbounded.write(items(kept, 1))
    await unbounded.write(items(2000, 120))
    expect((await bounded.read([`k${kept}`, `k${kept + 1}`])).map((one) => one !== undefined)).toEqual([true, false])
  })

  it('bounds in bytes: of rows of every size, a large one takes as many of the small as it weighs', async () => {
    newSchema()
    const tier = open({ maxBytes: MIB, sweepEvery: Number.POSITIVE_INFINITY })
    expect(tier.limits).toMatchObject({ itemBytes: MIB / 8, entryBytes: 0 })
    for (let from = 0; from < 4000; from += 250) await tier.write(items(from, 250, 10))
    for (let at = 0; at < 7; at++) {
      expect(refusalsIn(await tier.write([item(`large ${at}`, randomBytes(MIB / 8))]))).toEqual([])
      expect((await tier.usage()).bytes).toBeLessThanOrEqual(MIB)
    }
    expect((await tier.read(['large 0', 'k0'])).map((one) => one !== undefined)).toEqual([true, false])
    expect((await tier.usage()).bytes).toBeGreaterThan(0.8 * MIB)
    // What is too large replaces, and is not stored.
    expect(refusalsIn(await tier.write([item('large 0', randomBytes(MIB / 8 + 1))]))).toEqual(['too_large'])
    expect(await tier.read(['large 0'])).toEqual([undefined])
    await expectExact()
  })

  it('the count of bytes is about what lies on the disk', async () => {
    newSchema()
    for (const bytes of [50, 1000, 5000, 60_000]) {
      const count = bytes > 10_000 ? 250 : 1000
      const tier = open({ maxBytes: 2 ** 30 })
      for (let from = 0; from < count; from += 250)
        await tier.write(items(from, 250, bytes).map((one) => ({ ...one, key: `shop:default:${bytes}:${one.key}` })))
      const counted = (await tier.usage()).bytes
      await server.query(`VACUUM FULL ${schema}.entry`)
      const [row] = await server.query(`SELECT pg_total_relation_size('${schema}.entry')::int AS bytes`)
      expect(counted / Number(row?.bytes)).toBeGreaterThan(0.85)
      expect(counted / Number(row?.bytes)).toBeLessThan(1.35)
      await tier.clear('')
    }
  })

  it('the sweep makes room ahead; who says other bounds is heard, and describe() shows them', async () => {
    newSchema()
    const tier = open({ maxEntries: 1000, sweepEvery: 20 })
    const cache = createCache({ name: 'bounded', tiers: [memory(), tier] })
    closing.push(cache)
    expect(cache.describe().tiers[1]).toMatchObject({ bounds: { max_entries: 1000, max_size_mb: 'unlimited' } })
    expect(cache.info().cacheLevels[1]).toMatchObject({ bounds: { maxEntries: 1000 } })
    await tier.write(items(0, 1000))
    await expect.poll(async () => (await tier.usage()).entries).toBe(970)
    const smaller = open({ maxEntries: 100, maxBytes: 2 * MIB })
    await smaller.read(['k1'])
    await tier.write(items(5000, 1))
    // The write leaves to a sweep of the same moment what that one holds.
    await expect.poll(async () => (await smaller.usage()).entries).toBeLessThanOrEqual(100)
  })

  it('a write that makes room locks rows alone, and waits for none', async () => {
    newSchema()
    const tier = open({ maxEntries: 100, sweepEvery: Number.POSITIVE_INFINITY })
    await tier.write(items(0, 100))
    const [writer, holder] = [new pg.Client(server.url), new pg.Client(server.url)]
    await Promise.all([writer.connect(), holder.connect()])
    try {
      // Somebody holds the oldest and a count. Rows of one write are as old as they stand in the order of keys: k0, k1,
      // k10, k11.
      await holder.query('BEGIN')
      await holder.query(`SELECT FROM ${schema}.entry ORDER BY born NULLS FIRST LIMIT 10 FOR UPDATE`)
      await holder.query(`SELECT FROM ${schema}.usage FOR UPDATE`)
      await writer.query("BEGIN; SET LOCAL lock_timeout = '1s'")
      await writer.query(
        `SELECT ${schema}.put('{e}', '{1}', ARRAY['new'::bytea], '{1}', '{3}', '{NULL}', '{true}', 'abc'::bytea)`,
      )
      const { rows } = await writer.query(
        `SELECT DISTINCT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND c.relnamespace = '${schema}'::regnamespace
         AND c.relkind = 'r'`,
      )
      expect(rows.length).toBeGreaterThan(2)
      for (const { mode } of rows) expect(['AccessShareLock', 'RowShareLock', 'RowExclusiveLock']).toContain(mode)
      await writer.query('COMMIT')
      await holder.query('COMMIT')
    } finally {
      await Promise.all([writer.end(), holder.end()])
    }
    expect((await tier.read(['k0', 'k18', 'new'])).map((one) => one !== undefined)).toEqual([true, false, true])
    expect(await expectExact()).toBe(100)
  })

  it('a role that may not install is told what to run, and then needs no more', async () => {
    newSchema()
    await server.query(postgresSchema({ schema }))
    await server.query(postgresGrants({ schema, role: 'service' }))
    const url = server.url.replace('postgres@', 'service@')
    await expect(open({ url, install: false, maxEntries: 100 }).read(['k'])).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringContaining('postgresSchema({ bounded: true })'),
    })
    await server.query(postgresSchema({ schema, bounded: true }))
    const tier = open({ url, install: false, maxEntries: 100, sweepEvery: Number.POSITIVE_INFINITY })
    await tier.write(items(0, 150))
    expect(await tier.usage()).toMatchObject({ entries: 100, evicted: 50 })
  })

  it.each([
    [{ maxEntries: 0 }, 'maxEntries'],
    [{ maxEntries: 99 }, 'maxEntries'],
    [{ maxBytes: 1000 }, 'maxBytes'],
    [{ maxBytes: '1gb' }, 'maxBytes'],
    [{ maxBytes: Number.POSITIVE_INFINITY }, 'maxBytes'],
  ])('%j is refused', (options, named) => {
    expect(() => postgres({ url: 'postgres://127.0.0.1:1/none', ...options } as PostgresTierOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(named) }),
    )
  })
})
