// Change notifications against a real PostgreSQL: what is told, after which commit, and what happens after a gap.
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import {
  type ChangesFollower,
  type FollowOptions,
  followPostgresChanges,
  type TableChange,
} from '../../src/invalidate/postgres-changes.ts'
import { installChangesSql, removeChangesSql } from '../../src/invalidate/postgres-triggers.ts'
import { describeWith, type PostgresService, startPostgres } from '../services/index.ts'
import { until } from '../services/until.ts'

const tables = [
  { table: 'users', model: 'User' },
  { table: 'crm.Deals', key: 'deal_id', model: 'Deal' },
]

describeWith('postgres', 'PostgreSQL change notifications', () => {
  let server: PostgresService
  let pool: pg.Pool
  let follower: ChangesFollower | undefined
  let heard: TableChange[] = []
  const errors: unknown[] = []
  const only = (model: string): string[] =>
    heard.filter((change) => change.model === model).map(({ id, kind }) => `${kind} ${id ?? 'all'}`)

  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, max: 4 })
    pool.on('error', () => undefined)
    await pool.query(
      'CREATE TABLE users (id bigint PRIMARY KEY, name text, team int); CREATE SCHEMA crm; CREATE TABLE crm."Deals" (deal_id text PRIMARY KEY, title text)',
    )
    await pool.query(installChangesSql({ tables }))
    // May be run again.
    await pool.query(installChangesSql({ tables }))
  })
  beforeEach(async () => {
    await pool.query('DELETE FROM users; DELETE FROM crm."Deals"')
    heard = []
  })
  afterEach(async () => {
    await follower?.close()
    follower = undefined
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  async function follow(more: Partial<FollowOptions> = {}): Promise<ChangesFollower> {
    follower = followPostgresChanges({
      tables,
      connect: async () => {
        const client = new pg.Client({ connectionString: server.url, connectionTimeoutMillis: 20_000 })
        await client.connect()
        return client
      },
      clock: systemClock(),
      changed: async (changes) => heard.push(...changes),
      onError: (error) => errors.push(error),
      reconnectMs: [10, 100],
      ...more,
    })
    await follower.ready
    return follower
  }
  /** Everything that was committed before has been heard when this change has. */
  async function heardAll(): Promise<void> {
    const id = `mark-${Math.random()}`
    await pool.query('INSERT INTO crm."Deals" VALUES ($1)', [id])
    await until('the mark is heard', () => heard.some((change) => change.id === id))
    heard = heard.filter((change) => change.id !== id)
  }

  it('I5: single rows by their keys, after the commit and not after a rollback', async () => {
    await follow()
    expect([only('User'), only('Deal'), follower?.gaps, follower?.isListening]).toEqual([
      ['delete all', 'save all'],
      ['delete all', 'save all'],
      0,
      true,
    ])
    heard = []
    await pool.query("INSERT INTO users VALUES (1, 'a'), (2, 'b')")
    await pool.query("UPDATE users SET name = 'c' WHERE id = 2")
    await pool.query('DELETE FROM users WHERE id = 1')
    await pool.query("UPDATE users SET name = 'd' WHERE id = 99")
    await pool.query('INSERT INTO crm."Deals" VALUES ($1)', ['odd \'"\n{}😀'])
    const client = await pool.connect()
    await client.query("BEGIN; INSERT INTO users VALUES (3, 'x'); ROLLBACK")
    await client.query("BEGIN; INSERT INTO users VALUES (4, 'x')")
    await heardAll()
    expect([only('User').sort(), only('Deal')]).toEqual([
      ['delete 1', 'save 1', 'save 2', 'save 2'],
      ['save odd \'"\n{}😀'],
    ])
    await client.query('COMMIT')
    client.release()
    await until('the commit is heard', () => only('User').includes('save 4'))
  })

  it('a changed key tells the old and the new one; TRUNCATE, many rows and long keys tell the whole table', async () => {
    await follow()
    await pool.query("INSERT INTO users VALUES (1, 'a')")
    await heardAll()
    heard = []
    await pool.query('UPDATE users SET id = 7 WHERE id = 1')
    await heardAll()
    expect(only('User').sort()).toEqual(['save 1', 'save 7'])
    heard = []
    await pool.query("INSERT INTO users SELECT g, 'bulk' FROM generate_series(100, 299) g")
    await heardAll()
    expect(only('User')).toHaveLength(200)
    heard = []
    await pool.query("UPDATE users SET name = 'bulk' WHERE id >= 100; INSERT INTO users VALUES (9000)")
    await pool.query("INSERT INTO users SELECT g, 'bulk' FROM generate_series(300, 500) g")
    await heardAll()
    expect(only('User').slice(-3)).toEqual(['save 9000', 'delete all', 'save all'])
    heard = []
    // Over what NOTIFY takes, although it is one row: the statement itself must not fail.
    await pool.query('INSERT INTO crm."Deals" SELECT repeat(\'é\', 3900)')
    await pool.query('TRUNCATE users')
    await heardAll()
    expect([only('Deal'), only('User')]).toEqual([
      ['delete all', 'save all'],
      ['delete all', 'save all'],
    ])
  })

  it('after a lost connection every table is reported as a whole, before single changes again', async () => {
    await follow()
    heard = []
    await pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'; INSERT INTO users VALUES (50, 'missed')",
    )
    await until('it listens again', () => follower?.gaps === 1 && follower.isListening)
    expect(only('User').slice(0, 2)).toEqual(['delete all', 'save all'])
    await pool.query("INSERT INTO users VALUES (51, 'heard')")
    await until('the next change is heard', () => only('User').includes('save 51'))
  })

  it('a half-open connection is found out, and a server that restarts is followed again', async () => {
    await follow({ checkMs: 150 })
    server.pause()
    await until('the silence is noticed', () => follower?.isListening === false)
    server.resume()
    await until('it listens again', () => follower?.isListening === true)
    const gaps = follower?.gaps ?? 0
    await server.restart()
    await until('it listens after the restart', () => (follower?.gaps ?? 0) > gaps && follower?.isListening === true)
    heard = []
    await pool.query("INSERT INTO users VALUES (60, 'after')")
    await until('changes are heard', () => only('User').includes('save 60'))
  })

  it('changes that could not be applied are reported as a whole until they are', async () => {
    let fails = 0
    await follow({
      changed: async (changes) => {
        if (fails-- > 0) throw new Error('ledger down')
        heard.push(...changes)
      },
    })
    heard = []
    fails = 3
    await pool.query("INSERT INTO users VALUES (70, 'x')")
    await until('it is applied', () => only('User').length > 0 && follower?.isListening === true)
    expect([only('User'), errors.some((error) => String(error).includes('ledger down'))]).toEqual([
      ['delete all', 'save all'],
      true,
    ])
  })

  it('a forged or garbled notification can only invalidate', async () => {
    await follow()
    heard = []
    for (const payload of ['', 'garbage', '{"o":1}', '[]'])
      await pool.query("SELECT pg_notify('millpond_changes', $1)", [payload])
    await until('each one counts as everything', () => only('User').length >= 2)
    await pool.query(`SELECT pg_notify('millpond_changes', '{"o":"UPDATE","t":"public.other","k":["1"]}')`)
    await pool.query(`SELECT pg_notify('millpond_changes', '{"o":"UPDATE","t":"public.users","k":[{"a":1}]}')`)
    await heardAll()
    expect(new Set(heard.map(({ model, id }) => `${model} ${id ?? 'all'}`))).toEqual(new Set(['User all', 'Deal all']))
  })

  it('a follower without a server begins when there is one; close ends it for good', async () => {
    let tries = 0
    const waiting = followPostgresChanges({
      tables,
      connect: async () => {
        if (tries++ < 3) throw new Error('no server')
        const client = new pg.Client({ connectionString: server.url })
        await client.connect()
        return client
      },
      clock: systemClock(),
      changed: async (changes) => heard.push(...changes),
      reconnectMs: [5, 10],
    })
    await waiting.ready
    expect([tries, waiting.gaps, waiting.isListening]).toEqual([4, 0, true])
    await waiting.close()
    heard = []
    await pool.query('INSERT INTO users VALUES (80)')
    expect([heard, waiting.isListening]).toEqual([[], false])
    const never = followPostgresChanges({
      tables,
      connect: () => Promise.reject(new Error('x')),
      clock: systemClock(),
      changed: async () => undefined,
    })
    await never.close()
    await never.ready
  })

  it('removes what it installed', async () => {
    await pool.query('CREATE TABLE temporary_one (id int PRIMARY KEY)')
    const one = { tables: [{ table: 'temporary_one' }], channel: 'other' }
    await pool.query(installChangesSql(one))
    await pool.query(removeChangesSql(one))
    await pool.query(removeChangesSql(one))
    const { rows } = await pool.query(
      "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'temporary_one'::regclass) + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'other_%') AS left",
    )
    expect(Number(rows[0].left)).toBe(0)
  })

  it('refuses names that are more than a name', () => {
    for (const table of ['a"; DROP', '', 'a.b.c', "a'", 'a b'])
      expect(() => installChangesSql({ tables: [{ table }] })).toThrow(/table/)
    expect(() => installChangesSql({ tables: [{ table: 'a', key: 'x"' }] })).toThrow(/key/)
    expect(() => installChangesSql({ tables: [{ table: 'a' }], channel: "x'" })).toThrow(/channel/)
    expect(() => installChangesSql({ tables: [{ table: 'x'.repeat(60) }] })).toThrow(/shorter channel/)
  })
})
