// The PostgreSQL tier when the server is slow, frozen, killed, emptied, restarted or refuses.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { change, commitItem, key, tag } from '../../src/testing/ledger-subject.ts'
import { until } from '../../src/testing/runner.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { item } from '../../src/testing/tier.ts'
import {
  type PostgresTier,
  type PostgresTierOptions,
  postgres,
  postgresSchema,
} from '../../src/tiers/postgres/index.ts'
import { SCHEMA_VERSION } from '../../src/tiers/postgres/schema.ts'
import { describeWith, PATIENCE, type PostgresService, startPostgres } from '../services/index.ts'
import { answers, FAILED, text, UNREACHABLE } from './faults.ts'

describeWith('postgres', 'the postgres tier under faults', () => {
  let server: PostgresService
  let proxy: FaultProxy
  let schema = ''
  const closing: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    server = await startPostgres()
    proxy = await startFaultProxy({ to: { port: server.port } })
  })
  beforeEach(() => {
    schema = `faults_${randomBytes(4).toString('hex')}`
  })
  afterEach(async () => {
    server.resume()
    await proxy.heal()
    for (const close of closing.splice(0).reverse()) await close()
    proxy.resetCounts()
  })
  afterAll(async () => {
    await proxy.close()
    await server.stop()
  })

  const throughProxy = (): string => server.url.replace(`:${server.port}/`, `:${proxy.port}/`)
  function open(options: PostgresTierOptions = {}): PostgresTier {
    const tier = postgres({
      schema,
      ...PATIENCE,
      ...(options.pool === undefined && { url: throughProxy() }),
      ...options,
    })
    closing.push(() => tier.close())
    return tier
  }
  /** The first use makes the schema, which may take longer than a command. */
  async function opened(options: PostgresTierOptions = {}): Promise<PostgresTier> {
    const tier = open(options)
    await until('the tier to answer', () => answers(tier))
    return tier
  }
  function pool(config: pg.PoolConfig = {}): pg.Pool {
    const own = new pg.Pool({ connectionString: throughProxy(), connectionTimeoutMillis: 20_000, ...config })
    closing.push(() => own.end())
    return own
  }

  describe('round trips', () => {
    test('constructing connects nothing', async () => {
      open()
      await new Promise((resolve) => setImmediate(resolve))
      expect(proxy.counts.connections).toBe(0)
    })

    test('T10: a batch is one statement to read, to write and to drop; so is a step of the ledger', async () => {
      const own = pool({ max: 1 })
      const tier = await opened({ pool: own, sweepEvery: Number.POSITIVE_INFINITY })
      const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
      const { position } = await tier.ledger.pull('ns')
      let statements = 0
      own.on('acquire', () => {
        statements++
      })
      const counted = async (work: Promise<unknown>): Promise<number> => {
        statements = 0
        await work
        return statements
      }
      const write = keys.map((name) => ({ key: name, body: Buffer.from(name), expiresAt: Number.POSITIVE_INFINITY }))
      expect(await counted(tier.write(keys.map((name) => item(name))))).toBe(1)
      expect(await counted(tier.read(keys))).toBe(1)
      expect(await counted(tier.drop(keys))).toBe(1)
      expect(
        await counted(tier.ledger.advance('ns', change(keys.map(key), { drop: keys, write, unmovedSince: position }))),
      ).toBe(1)
      expect(await counted(tier.ledger.pull('ns', position))).toBe(1)
      const now = await tier.ledger.pull('ns')
      expect(
        await counted(
          tier.ledger.commit(
            'ns',
            keys.map((name) => commitItem(name, now.position)),
          ),
        ),
      ).toBe(1)
      expect(await counted(tier.ledger.lease('ns', 'k', 'id', 1000))).toBe(1)
    })
  })

  test('one statement that waits too long is given up, on the server too; others go on meanwhile', async () => {
    const tier = await opened({ commandTimeout: 200 })
    await tier.ledger.advance('ns', change([tag('t')]))
    const blocker = new pg.Client({ connectionString: server.url })
    await blocker.connect()
    closing.push(() => blocker.end())
    await blocker.query(`BEGIN; UPDATE ${schema}.ledger SET seq = seq WHERE ns = 'ns'`)
    const stuck = tier.ledger.advance('ns', change([tag('t')]))
    stuck.catch(() => {})
    for (let round = 0; round < 10; round++) await tier.ledger.advance('other', change([tag('t')]))
    await expect(stuck).rejects.toMatchObject(UNREACHABLE)
    expect(await answers(tier), 'in time').toBe(true)
    // The server gives up too, while the lock is still held.
    const waiting = () => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    await until('no statement to wait for a lock', async () => (await waiting()).length === 0)
    await blocker.query('ROLLBACK')
    expect((await tier.ledger.advance('ns', change([tag('t')]))).position.seq).toBe(2)
  })

  describe('G6: epochs by the identity of the server', () => {
    async function begun(options: PostgresTierOptions = {}) {
      const tier = await opened(options)
      const { position } = await tier.ledger.pull('ns')
      await tier.ledger.commit('ns', [commitItem('k', position)])
      await tier.ledger.advance('ns', change([tag('t')]))
      return { tier, position }
    }
    async function expectNewEpoch(tier: PostgresTier, position: { epoch: string; seq: number }): Promise<void> {
      expect(await tier.ledger.commit('ns', [commitItem('k', position)])).toEqual([false])
      const answer = await tier.ledger.pull('ns', position)
      expect(answer).toMatchObject({ kind: 'snapshot', floor: 0, lines: [], position: { seq: 0 } })
      expect(answer.position.epoch).not.toBe(position.epoch)
    }

    test('restarted with its data: entries are there, the epoch is new, commits of the old one are refused', async () => {
      const { tier, position } = await begun()
      await server.restart()
      await until('the tier to answer', () => answers(tier))
      expect((await tier.read(['k']))[0]?.asOf).toEqual(position)
      await expectNewEpoch(tier, position)
    })

    test('killed and restarted empty: the schema is made again', async () => {
      const { tier, position } = await begun()
      await server.kill()
      await expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      await server.restart({ empty: true })
      await until('the tier to answer', () => answers(tier))
      expect(await text(tier, 'k')).toBeUndefined()
      await expectNewEpoch(tier, position)
    })

    test('a process of the server crashed: the same server, which may have lost asynchronous commits', async () => {
      const { tier, position } = await begun()
      const [started] = await server.query('SELECT pg_postmaster_start_time()')
      const [victim, other] = [
        new pg.Client({ connectionString: server.url }),
        new pg.Client({ connectionString: server.url }),
      ]
      const ended = new Promise((resolve) => other.once('end', resolve))
      for (const client of [victim, other]) {
        client.on('error', () => {})
        await client.connect()
      }
      const { rows } = await victim.query('SELECT pg_backend_pid() AS pid')
      process.kill(rows[0].pid, 'SIGKILL')
      // Once the server has noticed, it ends all connections, and comes back by itself.
      await ended
      await until(
        'the recovery',
        () =>
          server.query('SELECT 1').then(
            (all) => all.length === 1,
            () => false,
          ),
        10_000,
      )
      await until('the tier to answer', () => answers(tier))
      expect(await server.query('SELECT pg_postmaster_start_time()')).toEqual([started])
      await expectNewEpoch(tier, position)
    })

    test('old rows put back, as from a dump', async () => {
      const { tier, position } = await begun()
      await server.query(`CREATE TABLE ${schema}.dump AS TABLE ${schema}.ledger`)
      const { position: later } = await tier.ledger.advance('ns', change([key('k')], { drop: ['k'] }))
      expect(later.epoch).toBe(position.epoch)
      await server.query(`TRUNCATE ${schema}.ledger`)
      await server.query(`INSERT INTO ${schema}.ledger TABLE ${schema}.dump`)
      await expectNewEpoch(tier, position)
    })

    test('the schema was dropped while it runs', async () => {
      const { tier, position } = await begun({ commandTimeout: 5000 })
      await server.query(`SET client_min_messages = warning; DROP SCHEMA ${schema} CASCADE`)
      expect(await text(tier, 'k')).toBeUndefined()
      await expectNewEpoch(tier, position)
    })

    test('a reconnection to the same server keeps the epoch', async () => {
      const { tier } = await begun()
      const { position } = await tier.ledger.pull('ns')
      await proxy.set({ kind: 'reset' })
      await expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      await proxy.heal()
      await until('the tier to answer', () => answers(tier))
      expect((await tier.ledger.pull('ns')).position).toEqual(position)
    })

    test('a server that takes no writes is no place for a ledger, until it does', async () => {
      const { tier } = await begun()
      const admin = new pg.Client({ connectionString: server.url, options: '-c default_transaction_read_only=off' })
      await admin.connect()
      closing.push(async () => {
        await admin.query('ALTER SYSTEM RESET default_transaction_read_only')
        await admin.query('SELECT pg_reload_conf()')
        await admin.end()
      })
      await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
      await admin.query('SELECT pg_reload_conf()')
      await until(
        'writes to be refused',
        () =>
          tier.write([item('k')]).then(
            () => false,
            () => true,
          ),
        5000,
      )
      await expect(tier.ledger.pull('ns')).rejects.toMatchObject(UNREACHABLE)
      await admin.query('ALTER SYSTEM RESET default_transaction_read_only')
      await admin.query('SELECT pg_reload_conf()')
      await until(
        'writes to be taken',
        () =>
          tier.write([item('k')]).then(
            () => true,
            () => false,
          ),
        10_000,
      )
    })
  })

  // An 'error' event without a listener would end the program: here it fails the test run.
  describe('connections that the server ends', () => {
    const others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

    test('in the same breath as its greeting', async () => {
      const tier = open({ poolSize: 1, connectTimeout: 5000, commandTimeout: 5000, notify: false })
      await proxy.set({ kind: 'half-open', dead: 'down' })
      const read = expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      await until(
        'the server to have greeted',
        async () => (await server.query(`SELECT pid ${others} AND state = 'idle'`)).length === 1,
      )
      await server.query(`SELECT pg_terminate_backend(pid) ${others}`)
      await until('it to have ended', async () => (await server.query(`SELECT pid ${others}`)).length === 0)
      await proxy.heal()
      await read
      await until('the tier to answer', () => answers(tier))
    })

    test('after the tier was closed and did not wait any longer', async () => {
      const tier = await opened({ notify: false, commandTimeout: 250, connectTimeout: 1000 })
      await proxy.set({ kind: 'half-open', dead: 'up' })
      await tier.close()
      const [ended] = await server.query(`SELECT count(pg_terminate_backend(pid)) AS count ${others}`)
      expect(Number(ended?.count)).toBeGreaterThan(0)
      await until('them to have ended', async () => (await server.query(`SELECT pid ${others}`)).length === 0)
      // Their last words have passed by now.
      await proxy.heal()
      await until('them to be gone', () => proxy.connections.length === 0)
    })
  })

  describe('schemas and roles', () => {
    test('a newer schema is refused by name', async () => {
      await (await opened()).close()
      await server.query(`UPDATE ${schema}.meta SET version = 99`)
      const tier = open()
      await expect(tier.read(['k'])).rejects.toMatchObject({
        code: 'SCHEMA_NEWER',
        message: expect.stringContaining('version 99'),
      })
      await expect(tier.ledger.pull('ns')).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
      await server.query(`UPDATE ${schema}.meta SET version = ${SCHEMA_VERSION}`)
      await until('the tier to answer', () => answers(tier))
    })

    test('an older schema is brought up to date, and named where that is not allowed', async () => {
      await (await opened()).close()
      await server.query(`DROP FUNCTION ${schema}.advance`)
      await server.query(`UPDATE ${schema}.meta SET version = 1`)
      await expect(open({ install: false }).read(['k'])).rejects.toMatchObject({
        code: 'TIER_FAILED',
        message: expect.stringContaining(
          `the schema "${schema}" has version 1, but this Millpond needs ${SCHEMA_VERSION}: run postgresSchema()`,
        ),
      })
      const tier = await opened()
      expect((await tier.ledger.advance('ns', change([key('k')]))).position.seq).toBeGreaterThan(0)
    })

    test('one of version 8 is brought up to date with what lies in it, and can be bounded', async () => {
      const statements = readFileSync(new URL('./schemas/postgres-8.sql', import.meta.url), 'utf8')
      await server.query(statements.replaceAll('as_of_8', schema))
      // As a process of that version leaves it: by the functions of then. Today's process also looks for this table.
      await server.query(`CREATE TABLE ${schema}.heartbeat ()`)
      await server.query(`UPDATE ${schema}.meta SET version = ${SCHEMA_VERSION}`)
      const then = await opened({ install: false })
      const { position } = await then.ledger.advance('ns', change([key('gone')]))
      await then.write(['one', 'two'].map((name) => ({ ...item(name), asOf: position })))
      await then.close()
      await server.query(`DROP TABLE ${schema}.heartbeat`)
      await server.query(`UPDATE ${schema}.meta SET version = 8`)
      const now = await opened({ maxEntries: 100, sweepEvery: Number.POSITIVE_INFINITY })
      expect([await text(now, 'one'), await text(now, 'two')]).toEqual(['body of one', 'body of two'])
      expect((await now.ledger.pull('ns')).position).toEqual(position)
      expect((await now.ledger.advance('ns', change([key('k')]))).position).toEqual({
        ...position,
        seq: position.seq + 1,
      })
      expect((await now.usage()).entries).toBe(2)
      await now.write(Array.from({ length: 99 }, (_, at) => item(`more ${at}`)))
      expect((await now.usage()).entries).toBeLessThanOrEqual(100)
    })

    test('what is installed has not changed since its version was raised', () => {
      // Where this fails: raise SCHEMA_VERSION, or the schemas that stand will not get what is new. Then say the new
      // digest.
      const statements = postgresSchema({ bounded: true })
      expect([SCHEMA_VERSION, createHash('sha256').update(statements).digest('hex')]).toEqual([
        10,
        '7c5defa99409068ec4655f6a894b227f268621003a73fff588dab93c205e6209',
      ])
    })

    test('a schema that is not there and may not be made is said so', async () => {
      await expect(open({ install: false }).read(['k'])).rejects.toMatchObject({
        code: 'TIER_FAILED',
        message: expect.stringContaining(`the schema "${schema}" does not exist: run postgresSchema()`),
      })
    })

    test('ten processes that start at once make one schema', async () => {
      const tiers = Array.from({ length: 10 }, () => open({ commandTimeout: 10_000, poolSize: 1 }))
      const pulls = await Promise.all(tiers.map((tier) => tier.ledger.pull('ns')))
      expect(new Set(pulls.map((answer) => answer.position.epoch)).size).toBe(1)
      // Once: functions that were made anew meanwhile would have failed under the calls of those that were first.
      const made = `SELECT DISTINCT xmin::text FROM pg_proc WHERE pronamespace = to_regnamespace($1)
        UNION SELECT xmin::text FROM pg_namespace WHERE nspname = $1`
      expect(await server.query(made, [schema])).toHaveLength(1)
    })

    test('unlogged entries are unlogged; the record is not', async () => {
      await opened({ unlogged: true })
      const sql =
        'SELECT relname, relpersistence FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = ANY ($2) ORDER BY relname'
      expect(await server.query(sql, [schema, ['entry', 'ledger']])).toEqual([
        { relname: 'entry', relpersistence: 'u' },
        { relname: 'ledger', relpersistence: 'p' },
      ])
    })
  })

  describe('pools', () => {
    test("a pool of the user's serves and stays open; its parsers do not matter; followers have a connection of their own", async () => {
      const own = pool({ max: 2, types: { getTypeParser: () => () => 'nonsense' } })
      const tier = await opened({ pool: own })
      const other = await opened()
      await tier.write([item('k', 'body', Date.now() + 60_000, 7)])
      expect((await tier.read(['k']))[0]?.asOf.seq).toBe(7)
      const { position } = await tier.ledger.pull('ns')
      let woken = 0
      tier.ledger.follow?.('ns', () => woken++)
      await until('the follower to be woken', async () => {
        await other.ledger.advance('ns', change([tag('t')]))
        return woken > 1
      })
      expect((await tier.ledger.pull('ns', position)).kind).toBe('tail')
      await tier.close()
      expect((await own.query('SELECT 1 AS one')).rowCount).toBe(1)
    })

    test("tiers that come and go over a pool of the user's leave one listener on each connection, however many they are", async () => {
      const own = pool({ max: 1 })
      const listeners = async (): Promise<number> => {
        const client = await own.connect()
        const count = client.listenerCount('error')
        client.release()
        return count
      }
      await (await opened({ pool: own })).close()
      const one = await listeners()
      for (let count = 0; count < 12; count++) {
        const tier = open({ pool: own })
        expect(await tier.read(['k'])).toEqual([undefined])
        await tier.close()
      }
      expect(await listeners()).toBe(one)
    })

    test('a pool that is exhausted by others fails in time, and is used again', async () => {
      const own = pool({ max: 1 })
      const tier = await opened({ pool: own, commandTimeout: 100 })
      const held = await own.connect()
      const waited = stopwatch()
      await expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      expect(waited(), 'in time').toBeLessThan(1000)
      held.release()
      await until('the tier to answer', () => answers(tier))
    })

    test('sessions in another isolation are refused, not accepted', async () => {
      await opened()
      const tier = open({ pool: pool({ options: '-c default_transaction_isolation=serializable' }) })
      await expect(tier.ledger.pull('ns')).rejects.toMatchObject({
        message: expect.stringContaining('needs READ COMMITTED'),
      })
    })

    test('without prepared statements and without notifications', async () => {
      const tier = await opened({ prepare: false, notify: false })
      await tier.write([item('k')])
      expect(await text(tier, 'k')).toBe('body of k')
      let woken = 0
      tier.ledger.follow?.('ns', () => woken++)()
      const { position } = await tier.ledger.advance('ns', change([tag('t')]))
      expect((await tier.ledger.pull('ns')).position).toEqual(position)
      expect(woken).toBe(0)
    })
  })

  describe('many at once', () => {
    test('batches that meet in opposite orders all succeed', async () => {
      const tier = await opened({ commandTimeout: 10_000, poolSize: 8 })
      const names = Array.from({ length: 60 }, (_, index) => `k${index}`)
      const orders = [names, [...names].reverse()]
      await Promise.all(
        Array.from({ length: 40 }, (_, round) => {
          const order = orders[round % 2] ?? names
          if (round % 4 < 2) return tier.write(order.map((name) => item(name, `round ${round}`)))
          return round % 8 < 4
            ? tier.drop(order)
            : tier.ledger.advance(`ns${round % 3}`, change([tag('t')], { drop: order }))
        }),
      )
      await tier.write(names.map((name) => item(name)))
      expect(await tier.drop(names)).toBe(60)
    })

    test('numbers are in the order of commits: a reader never sees a later one before an earlier one', async () => {
      const tier = await opened({ commandTimeout: 10_000, poolSize: 8 })
      const start = (await tier.ledger.pull('ns')).position
      let isDone = false
      const moves = Promise.all(
        Array.from({ length: 200 }, (_, index) => tier.ledger.advance('ns', change([key(`k${index}`)]))),
      ).finally(() => {
        isDone = true
      })
      // Told where it is waited for, below.
      moves.catch(() => undefined)
      while (!isDone) {
        const answer = await tier.ledger.pull('ns', start)
        expect(answer.lines.map((line) => line.seq)).toEqual(
          Array.from({ length: answer.position.seq }, (_, index) => index + 1),
        )
      }
      await moves
    })

    test('G1: a commit that comes while an invalidation is under way waits for it, and is refused', async () => {
      const tier = await opened({ commandTimeout: 10_000 })
      const { position } = await tier.ledger.pull('ns')
      await tier.ledger.commit('ns', [commitItem('k', position)])
      const blocker = new pg.Client({ connectionString: server.url })
      await blocker.connect()
      closing.push(() => blocker.end())
      const waiting = () => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
      // Holds the invalidation up after it has recorded its target and before it has dropped the entry.
      await blocker.query(`BEGIN; SELECT 1 FROM ${schema}.entry FOR UPDATE`)
      const advanced = tier.ledger.advance('ns', change([key('k')], { drop: ['k'] }))
      await until('the invalidation to wait', async () => (await waiting()).length === 1)
      const committed = tier.ledger.commit('ns', [commitItem('k', position)])
      await until('the commit to wait', async () => (await waiting()).length === 2)
      await blocker.query('ROLLBACK')
      expect((await advanced).dropped).toBe(1)
      expect(await committed).toEqual([false])
      expect(await text(tier, 'k')).toBeUndefined()
    })
  })

  test('G8: of more targets than one answer may hold the newest come, and a floor stands for the rest', async () => {
    const tier = await opened({ commandTimeout: 10_000 })
    const names = (step: number) => Array.from({ length: 6000 }, (_, index) => tag(`t${step}/${index}`))
    for (let step = 1; step <= 5; step++) await tier.ledger.advance('ns', change(names(step)))
    const snapshot = await tier.ledger.pull('ns')
    expect(snapshot.lines.map((line) => [line.seq, line.targets.length])).toEqual([
      [3, 6000],
      [4, 6000],
      [5, 6000],
    ])
    // An entry of number 1, whose tag moved with number 2, is below the floor; one of number 2 is judged by the lines.
    expect(snapshot.floor).toBe(2)
    expect(await tier.ledger.commit('ns', [commitItem('k', { ...snapshot.position, seq: 0 })])).toEqual([true])
    expect(await tier.ledger.pull('ns', { ...snapshot.position, seq: 4 })).toMatchObject({ kind: 'tail', floor: 0 })
  })

  describe('sweeping', () => {
    test('expired rows, ended leases and histories that no record names leave the tables', async () => {
      const tier = await opened({ sweepEvery: 10, commandTimeout: 5000 })
      await tier.ledger.advance('ns', change([tag('t')]))
      await tier.ledger.lease('ns', 'k', 'id', 1)
      await server.query(`DELETE FROM ${schema}.ledger`)
      await tier.ledger.advance('ns', change([tag('t')]))
      await tier.write(Array.from({ length: 1200 }, (_, index) => item(`short/${index}`, 'x', Date.now() + 100)))
      await tier.write([item('long', 'x', Date.now() + 60_000), item('ever', 'x')])
      const count = async (table: string) =>
        Number((await server.query(`SELECT count(*) AS n FROM ${schema}.${table}`))[0]?.n)
      await until(
        'the tables to be swept',
        async () => (await count('entry')) === 2 && (await count('lease')) === 0,
        10_000,
      )
      await until(
        'the old history to be swept',
        async () => (await count('target')) === 1 && (await count('line')) === 1,
        10_000,
      )
    })
  })
})
