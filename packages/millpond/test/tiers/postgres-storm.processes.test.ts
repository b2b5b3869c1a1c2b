// A PostgreSQL that stumbles under the invalidations of a hundred namespaces: it is not held down by those that retry.
import { randomBytes } from 'node:crypto'
import { createCache, memory } from 'millpond'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { change, key } from '../../src/testing/ledger-subject.ts'
import { type PostgresTier, type PostgresTierOptions, postgres } from '../../src/tiers/postgres/index.ts'
import { lockKey } from '../../src/tiers/postgres/schema.ts'
import { describeWith, PATIENCE, type PostgresService, startPostgres } from '../services/index.ts'

const NAMES = Array.from({ length: 100 }, (_, at) => `n${at}`)

describeWith('postgres', 'a hundred namespaces over PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  const sessions = async (): Promise<number> =>
    Number((await server.query(`SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'`))[0]?.sessions)

  test('G5 G9: after a second in which the server is frozen all that is owed is acknowledged, over a few new connections', async () => {
    const schema = `storm_${randomBytes(4).toString('hex')}`
    const cache = createCache({
      name: 'storm',
      tiers: [memory(), postgres({ url: server.url, schema, connectTimeout: '20s' })],
    })
    onTestFinished(() => cache.close())
    const owing = (): string[] => NAMES.filter((name) => cache.namespace(name).stats().ledger.pending > 0)
    const invalidateAll = () => Promise.allSettled(NAMES.map((name, at) => cache.namespace(name).delete(`k${at}`)))
    await expect
      .poll(
        async () => {
          await Promise.all(NAMES.map((name) => cache.namespace(name).getOrSet('k', () => 1)))
          return (await invalidateAll()).filter(({ status }) => status === 'rejected').length + owing().length
        },
        { timeout: 60_000 },
      )
      .toBe(0)
    const before = await sessions()
    server.pause()
    onTestFinished(() => server.resume())
    const frozen = await invalidateAll()
    expect(frozen.every(({ status }) => status === 'rejected')).toBe(true)
    expect(owing()).toHaveLength(100)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    server.resume()
    await expect.poll(owing, { timeout: 20_000 }).toEqual([])
    // Four in the pool, one that listens, and those that asked whether the server is back; and this test's own.
    expect((await sessions()) - before).toBeLessThan(40)
  })

  test('a statement that is late costs no connection while others are answered', async () => {
    const schema = `late_${randomBytes(4).toString('hex')}`
    const tier = await ready({ schema, commandTimeout: 1000, poolSize: 2, sweepEvery: Number.POSITIVE_INFINITY })
    onTestFinished(() => tier.close())
    const { ledger } = tier
    const connections = async (): Promise<unknown[]> =>
      (await server.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'late' ORDER BY pid`)).map(
        ({ pid }) => pid,
      )
    await Promise.all([ledger.pull('a'), ledger.nodes?.('b')])
    const before = await connections()
    expect(before).toHaveLength(2)
    const holder = new pg.Client({ connectionString: server.url })
    holder.on('error', () => undefined)
    await holder.connect()
    onTestFinished(() => holder.end())
    await holder.query(`SELECT pg_advisory_lock(${lockKey(schema, 'ledger', 'a')})`)
    let isOver = false
    const late = ledger.advance('a', change([key('k')])).then(
      () => 'answered',
      () => 'late',
    )
    void late.then(() => (isOver = true))
    while (!isOver) {
      await ledger.nodes?.('b')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(await late).toBe('late')
    await holder.query('SELECT pg_advisory_unlock_all()')
    await expect.poll(() => ledger.pull('a').then(({ position }) => position.seq >= 0)).toBe(true)
    expect(await connections()).toEqual(before)
  })

  async function ready(options: PostgresTierOptions): Promise<PostgresTier> {
    const maker = postgres({ url: server.url, schema: options.schema, ...PATIENCE })
    await maker.ledger.pull('a')
    await maker.close()
    const tier = postgres({ url: `${server.url}?application_name=late`, connectTimeout: '20s', ...options })
    await expect.poll(() => tier.ledger.pull('a').then(() => 'answered', String), { timeout: 20_000 }).toBe('answered')
    return tier
  }
})
