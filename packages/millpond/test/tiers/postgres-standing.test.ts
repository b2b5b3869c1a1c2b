// One question for all namespaces, and one heartbeat for a process, on a real PostgreSQL: what is lost is told again,
// processes of an earlier program are waited for, and what is left behind is swept.
import { randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LedgerPlace } from '../../src/core/contracts.ts'
import { ledgerCases } from '../../src/testing/ledger.ts'
import { change, key } from '../../src/testing/ledger-subject.ts'
import { type PostgresTier, postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'
import { compile } from '../histories/compile.mjs'
import { describeWith, PATIENCE, type PostgresService, startPostgres } from '../services/index.ts'

describeWith('postgres', 'standing and heartbeats on PostgreSQL', () => {
  let server: PostgresService
  let schema = ''
  beforeAll(async () => {
    server = await startPostgres({ args: ['-c', 'max_prepared_transactions=4'] })
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    schema = `test_${randomBytes(4).toString('hex')}`
  })

  const opened: PostgresTier[] = []
  afterEach(() => Promise.all(opened.splice(0).map((tier) => tier.close())))
  const open = (): PostgresTier => {
    const tier = postgres({ url: server.url, schema, ...PATIENCE, poolSize: 4 })
    opened.push(tier)
    return tier
  }
  const beat = async (
    { ledger }: PostgresTier,
    id: string,
    count: number,
    moved: LedgerPlace[] = [],
    left: string[] = [],
  ): Promise<unknown> => ledger.heartbeat?.(id, { count, moved, left })
  const place = async ({ ledger }: PostgresTier, namespace: string): Promise<LedgerPlace> => ({
    namespace,
    position: (await ledger.pull(namespace)).position,
  })
  const seen = async ({ ledger }: PostgresTier, namespace: string): Promise<unknown> =>
    (await ledger.nodes?.(namespace))?.map(({ id, seq }) => `${id} ${seq}`).sort()
  const count = async (table: string): Promise<number> => {
    const [row] = await server.query(`SELECT count(*)::integer AS count FROM ${schema}.${table}`)
    return Number((row as { count?: number } | undefined)?.count)
  }
  const sweep = (): Promise<unknown> => server.query(`SELECT ${schema}.sweep(1, 1000)`)

  test('a step that has not committed has moved nothing, and has moved the namespace once it has', async () => {
    const tier = open()
    const places = [await place(tier, 'a'), await place(tier, 'b')]
    await server.query(`BEGIN; UPDATE ${schema}.ledger SET seq = seq + 1 WHERE ns = 'a'; PREPARE TRANSACTION 'step'`)
    expect(await tier.ledger.unmoved?.(places)).toEqual([true, true])
    await server.query(`COMMIT PREPARED 'step'`)
    expect(await tier.ledger.unmoved?.(places)).toEqual([false, true])
  })

  test.each([
    ['the row of this run of the server', () => server.query(`TRUNCATE ${schema}.server`)],
    ['the record', () => server.query(`DELETE FROM ${schema}.ledger`)],
    ['the whole schema', () => server.query(`DROP SCHEMA ${schema} CASCADE`)],
  ])('G6: nothing stands where %s is lost', async (_, lose) => {
    const tier = open()
    const places = [await place(tier, 'a'), await place(tier, 'b')]
    expect(await tier.ledger.unmoved?.(places)).toEqual([true, true])
    await lose()
    expect(await tier.ledger.unmoved?.(places)).toEqual([false, false])
  })

  test('G6: nothing stands after a restart of the server', async () => {
    const tier = open()
    const places = [await place(tier, 'a')]
    await server.restart()
    expect(await open().ledger.unmoved?.(places)).toEqual([false])
  })

  test('a process whose row or positions are lost, or went back, is in no namespace that it was not told of since', async () => {
    const tier = open()
    const places = [await place(tier, 'a'), await place(tier, 'b')]
    await beat(tier, 'me', 1, places)
    expect(await beat(tier, 'me', 2)).toBe(true)
    await server.query(`TRUNCATE ${schema}.heartbeat`)
    expect(await beat(tier, 'me', 3, places.slice(0, 1))).toBe(false)
    expect([await seen(tier, 'a'), await seen(tier, 'b')]).toEqual([['me 0'], []])
    await server.query(`UPDATE ${schema}.heartbeat SET count = 1`)
    expect(await beat(tier, 'me', 4, places)).toBe(false)
    expect(await beat(tier, 'me', 5)).toBe(true)
    expect(await seen(tier, 'b')).toEqual(['me 0'])
  })

  test('G3: who reports as programs did before there were heartbeats is waited for', async () => {
    const tier = open()
    const { position } = await place(tier, 'a')
    await tier.ledger.advance('a', change([key('k')]))
    for (const [id, ageMs] of [
      ['old', 0],
      ['ended', 60_000],
    ])
      await server.query(
        `INSERT INTO ${schema}.node (epoch, id, seq, at) VALUES ($1, $2, 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $3::bigint)`,
        [position.epoch, id, ageMs],
      )
    await beat(tier, 'me', 1, [await place(tier, 'a')])
    expect(await seen(tier, 'a')).toEqual(['me 1', 'old 0'])
  })

  test('namespaces and processes may be called as they like', async () => {
    const tier = open()
    const names = ['', 'n', '__proto__', 'a b', 'ä\u0000€', '{}', '","', '\\']
    const places = await Promise.all(names.map((name) => place(tier, name)))
    expect(await tier.ledger.unmoved?.(places)).toEqual(names.map(() => true))
    for (const id of ['n', '{a}', 'ü"', '__proto__']) await beat(tier, id, 1, places)
    for (const name of names)
      expect(await seen(tier, name), name).toEqual(['n 0', '{a} 0', 'ü" 0', '__proto__ 0'].sort())
    await beat(tier, 'n', 2, [], names)
    expect(await seen(tier, '\\')).toEqual(['{a} 0', 'ü" 0', '__proto__ 0'].sort())
  })

  test('G3: a role that has the grants of an earlier version alone trusts nothing, since it cannot say that it lives', async () => {
    await server.query(postgresSchema({ schema }))
    await server.query(`CREATE ROLE ${schema}_app LOGIN`)
    await server.query(postgresGrants({ schema, role: `${schema}_app` }))
    await server.query(`REVOKE ALL ON ${schema}.heartbeat FROM ${schema}_app`)
    const url = server.url.replace('postgres@', `${schema}_app@`)
    const app = postgres({ url, schema, ...PATIENCE, install: false })
    opened.push(app)
    await expect(app.ledger.pull('a')).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      message: expect.stringContaining('run postgresGrants()'),
    })
    await server.query(postgresGrants({ schema, role: `${schema}_app` }))
    await expect.poll(() => beat(app, 'one', 1).catch(() => 'fails'), { timeout: 10_000 }).toBe(false)
    expect((await app.ledger.pull('a')).position.seq).toBe(0)
  })

  test('heartbeats of one process that arrive at once, in any order, leave it where the last one says', async () => {
    const tier = open()
    const a = await place(tier, 'a')
    await beat(tier, 'me', 1, [a])
    const { position } = await tier.ledger.advance('a', change([key('k')]))
    const counts = Array.from({ length: 40 }, (_, at) => at + 2).sort(() => Math.random() - 0.5)
    await Promise.all(
      counts.map((one) =>
        one === 41 ? beat(tier, 'me', one, [{ namespace: 'a', position }]) : beat(tier, 'me', one, [a], ['b']),
      ),
    )
    expect(await seen(tier, 'a')).toEqual(['me 1'])
  })

  test('the sweep removes processes that have ended and epochs that are over, and nobody who lives', async () => {
    const tier = open()
    const places = [await place(tier, 'a'), await place(tier, 'b')]
    for (const id of ['ended', 'me']) await beat(tier, id, 1, places)
    await server.query(`UPDATE ${schema}.heartbeat SET at = at - 20000 WHERE id = 'ended'`)
    await server.query(`DELETE FROM ${schema}.ledger WHERE ns = 'b'`)
    await sweep()
    expect(await count('heartbeat')).toBe(1)
    expect(await count('node')).toBe(1)
    expect(await seen(tier, 'a')).toEqual(['me 0'])
  })

  test('G3: a program of schema version 9 waits for a process with heartbeats while it lives, and no longer than until the sweep', async () => {
    const tier = open()
    await beat(tier, 'new', 1, [await place(tier, 'a')])
    // As that version asked who is to be waited for, with its own reports beside.
    const waitedFor = async (): Promise<unknown> =>
      (
        await server.query(
          `SELECT n.id FROM ${schema}.ledger l JOIN ${schema}.node n ON n.epoch = l.epoch
           WHERE l.ns = 'a' AND n.at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 3000 ORDER BY n.id`,
        )
      ).map(({ id }) => id)
    expect(await waitedFor()).toEqual(['new'])
    const silentFor = (ms: number): Promise<unknown> =>
      server.query(`UPDATE ${schema}.heartbeat SET at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint - ${ms}`)
    await silentFor(4000)
    await sweep()
    expect(await seen(tier, 'a'), 'it has ended, for this version').toEqual([])
    expect(await waitedFor(), 'too long rather than too short').toEqual(['new'])
    await silentFor(10_001)
    await sweep()
    expect(await waitedFor()).toEqual([])
  })

  const BEATS = 'src/tiers/postgres/heartbeats.ts'
  const STANDS = 'src/tiers/postgres/ledger-unmoved.ts'
  const defects = [
    {
      name: 'a late heartbeat that takes a process back',
      id: 'heartbeat-late',
      patches: [{ file: BEATS, find: 'IF v_count > p_count THEN', replace: 'IF false THEN' }],
    },
    {
      name: 'a lost heartbeat that nobody misses',
      id: 'heartbeat-gap',
      patches: [{ file: BEATS, find: ' AND p_count - v_count <= 1', replace: '' }],
    },
    {
      name: 'a process that comes back in all that it was in',
      id: 'heartbeat-silent',
      patches: [{ file: BEATS, find: 'RETURN v_at >', replace: 'RETURN v_count > 0 OR v_at >' }],
    },
    {
      name: 'a number that is not compared',
      id: 'stands',
      patches: [{ file: STANDS, find: 'l.seq = u.seq', replace: 'l.seq >= u.seq' }],
    },
    {
      name: 'an epoch that is not compared',
      id: 'stands-elsewhere',
      patches: [{ file: STANDS, find: 'l.epoch = u.epoch AND', replace: '' }],
    },
    {
      name: 'a hold that runs out unseen',
      id: 'stands-hold',
      patches: [{ file: STANDS, find: 'h.until <=', replace: '0 >' }],
    },
  ]
  describe.each(defects)('$name', ({ id, patches }) => {
    test('is found by the suite of ledgers', async () => {
      const folder = compile(patches)
      const library: { postgres: typeof postgres } = await import(
        /* @vite-ignore */ pathToFileURL(`${folder}/src/tiers/postgres/index.js`).href
      )
      const again = async (): Promise<PostgresTier> =>
        library.postgres({ url: server.url, schema, ...PATIENCE, poolSize: 4 })
      const loseRecord = async (namespace: string): Promise<void> =>
        void (await server.query(`DELETE FROM ${schema}.ledger WHERE ns = $1`, [Buffer.from(namespace)]))
      const suite = ledgerCases.find((one) => one.id === id)
      if (suite === undefined) throw new Error(`there is no case ${id}`)
      await expect(suite.run({ name: 'with a defect', open: again, again, loseRecord })).rejects.toThrow()
    })
  })
})
