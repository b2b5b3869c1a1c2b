// An outbox in the user's own database: what commits is invalidated, whichever process dies in between, and what is
// rolled back is not.
import { join } from 'node:path'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import Database from 'libsql'
import { createCache } from 'millpond'
import { type RunSql, type TransactionOutboxOptions, transactionOutbox } from 'millpond/invalidate'
import { fakeClock } from 'millpond/testing'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeAfterEach, gate, newFolder, open } from '../engine/setups.ts'
import { describeWith, type PostgresService, startPostgres } from '../services/index.ts'

closeAfterEach()

describeWith('postgres', 'an outbox in PostgreSQL', () => {
  let server: PostgresService
  let pool: pg.Pool
  const runOf =
    (client: pg.Pool | pg.PoolClient): RunSql =>
    async (sql, parameters) =>
      (await client.query(sql, [...parameters])).rows

  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, max: 4 })
    pool.on('error', () => undefined)
    await pool.query('CREATE SCHEMA shop; CREATE TABLE deals (id int PRIMARY KEY, stage text)')
  })
  beforeEach(async () => {
    await pool.query(
      "DELETE FROM deals; INSERT INTO deals VALUES (1, 'open'); DROP TABLE IF EXISTS millpond_outbox, shop.notes",
    )
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  async function make(options: Partial<TransactionOutboxOptions> = {}) {
    const cache = open()
    const outbox = transactionOutbox({
      dialect: 'postgres',
      run: runOf(pool),
      invalidate: ({ namespace, criteria, mode }) => cache.namespace(namespace).invalidate(criteria, { mode }),
      ...options,
    })
    await outbox.install()
    await outbox.install()
    const stage = () =>
      cache.getOrSet(['deal', 1], async () => (await pool.query('SELECT stage FROM deals')).rows[0].stage)
    return { cache, outbox, stage }
  }

  it('with pg: what commits is forgotten, what is rolled back is not', async () => {
    const { outbox, stage, cache } = await make()
    const write = async (end: 'COMMIT' | 'ROLLBACK') => {
      const client = await pool.connect()
      await client.query('BEGIN')
      await client.query("UPDATE deals SET stage = 'won'")
      await outbox.note(runOf(client), { keys: [['deal', 1]], tags: ['lists'] })
      expect(await outbox.settle()).toEqual({ applied: 0, left: 0 }) // not yet
      await client.query(end)
      client.release()
    }
    expect(await stage()).toBe('open')
    await cache.set('list', 1, { tags: ['lists'] })
    await write('ROLLBACK')
    expect([await outbox.settle(), await stage(), await cache.has('list')]).toEqual([
      { applied: 0, left: 0 },
      'open',
      true,
    ])
    await write('COMMIT')
    expect([await outbox.settle(), await stage(), await cache.has('list')]).toEqual([
      { applied: 1, left: 0 },
      'won',
      false,
    ])
    expect(await outbox.settle()).toEqual({ applied: 0, left: 0 })
  })

  it('with Kysely, in a schema of its own, in another namespace', async () => {
    const { outbox, cache } = await make({ table: 'shop.notes' })
    const db = new Kysely<{ deals: { id: number; stage: string } }>({ dialect: new PostgresDialect({ pool }) })
    await cache.namespace('reports').set('total', 7)
    await db.transaction().execute(async (trx) => {
      await trx.updateTable('deals').set({ stage: 'lost' }).execute()
      const run: RunSql = async (sql, parameters) =>
        (await trx.executeQuery<object>(CompiledQuery.raw(sql, [...parameters]))).rows
      await outbox.note(run, { key: 'total' }, { namespace: 'reports' })
    })
    expect(await outbox.settle()).toEqual({ applied: 1, left: 0 })
    expect(await cache.namespace('reports').has('total')).toBe(false)
  })

  it('is settled by another process where the one that committed has died', async () => {
    const clock = fakeClock()
    const { outbox } = await make()
    await outbox.note(runOf(pool), { keys: [['deal', 1]] })
    const { outbox: other, stage, cache } = await make({ clock, every: '5s' })
    expect(await stage()).toBe('open')
    await pool.query("UPDATE deals SET stage = 'won'")
    other.start()
    const gone = new Promise((resolve) => cache.on('invalidate', resolve))
    await clock.run(5001)
    await gone
    expect(await stage()).toBe('won')
    await other.stop()
    expect((await pool.query('SELECT * FROM millpond_outbox')).rows).toEqual([])
  })
})

describe('an outbox in SQLite', () => {
  function make(options: Partial<TransactionOutboxOptions> = {}) {
    const database = new Database(join(newFolder(), 'shop.db'))
    const run: RunSql = async (sql, parameters) => {
      const statement = database.prepare(sql)
      if (statement.reader) return statement.all(...parameters) as object[]
      statement.run(...parameters)
      return []
    }
    const asked: unknown[] = []
    const errors: unknown[] = []
    const outbox = transactionOutbox({
      dialect: 'sqlite',
      run,
      invalidate: async ({ criteria }) => asked.push(criteria.tags?.[0]),
      onError: (error) => errors.push(error),
      ...options,
    })
    return { database, run, outbox, asked, errors }
  }

  it('keeps what cannot be applied, and lets nothing wait behind it', async () => {
    let isDown = true
    const { run, outbox, database, errors } = make({
      invalidate: async ({ criteria }) => {
        if (criteria.tags?.[0] === 't7') throw new Error('the ledger does not answer')
        return { isApplied: criteria.tags?.[0] !== 't8' || !isDown }
      },
    })
    await outbox.install()
    for (let at = 0; at < 250; at++) await outbox.note(run, { tags: [`t${at}`] })
    database.prepare("INSERT INTO millpond_outbox VALUES ('a', 'not JSON', 0), ('b', '{}', 0)").run()
    expect(await outbox.settle()).toEqual({ applied: 248, left: 4 })
    expect(errors).toHaveLength(3)
    isDown = false
    expect(await outbox.settle()).toEqual({ applied: 1, left: 3 })
  })

  it('looks once more for who asks while it looks: its row may be behind the first look', async () => {
    const ends = gate()
    const { run, outbox, asked } = make({
      invalidate: async ({ criteria }) => {
        asked.push(criteria.tags?.[0])
        if (criteria.tags?.[0] === 'first') await ends.promise
      },
    })
    await outbox.install()
    await outbox.note(run, { tags: ['first'] })
    const first = outbox.settle()
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await outbox.note(run, { tags: ['second'] })
    const [second, third] = [outbox.settle(), outbox.settle()]
    ends.open()
    expect(await Promise.all([first, second, third])).toEqual([
      { applied: 1, left: 0 },
      { applied: 1, left: 0 },
      { applied: 1, left: 0 },
    ])
    expect(asked).toEqual(['first', 'second'])
  })

  it('refuses what is no outbox, and criteria that name nothing, before a row is written', async () => {
    const { run, outbox, database } = make()
    await outbox.install()
    await expect(outbox.note(run, {})).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(outbox.note(undefined as never, { tags: ['t'] })).rejects.toThrow(
      /give one that runs a statement within the transaction/,
    )
    await expect(outbox.note(run, { tags: ['t'] }, { space: 'x' } as never)).rejects.toThrow(
      /unknown option "note.space"/,
    )
    expect(database.prepare('SELECT * FROM millpond_outbox').all()).toEqual([])
    for (const [options, message] of [
      [{ table: 'a"; DROP TABLE b' }, /table: .* is not allowed/],
      [{ dialect: 'mysql' }, /dialect/],
      [{ every: 0 }, /every: 0 is not a valid interval/],
    ] as const)
      expect(() => make(options as Partial<TransactionOutboxOptions>)).toThrow(message)
    const odd = make({ run: async () => [{ id: 1 }] })
    await expect(odd.outbox.settle()).rejects.toThrow(/is not a row of the outbox/)
  })

  it('can be used as a cache says it', async () => {
    const cache = createCache()
    const { outbox, run } = make({
      invalidate: (due) => cache.namespace(due.namespace).invalidate(due.criteria, { mode: due.mode }),
    })
    await outbox.install()
    await cache.set('k', 1)
    await outbox.note(run, { pattern: 'k*' }, { mode: 'expire' })
    await outbox.settle()
    expect((await cache.getEntry('k')).kind).toBe('stale')
    await cache.close()
  })
})
