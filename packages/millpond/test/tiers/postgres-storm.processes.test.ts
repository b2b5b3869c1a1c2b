// A PostgreSQL that stumbles under the invalidations of a hundred namespaces: it is not held down by those that retry.
import { randomBytes } from 'node:crypto'
import { createCache, memory } from 'millpond'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
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

  test('G5: a thousand invalidations a second over a hundred namespaces and four connections are acknowledged', async () => {
    const schema = `many_${randomBytes(4).toString('hex')}`
    const cache = createCache({
      name: 'many',
      tiers: [memory(), postgres({ url: server.url, schema, connectTimeout: '20s', poolSize: 4 })],
    })
    onTestFinished(() => cache.close())
    const lag = watchLag()
    onTestFinished(() => lag.stop())
    await expect
      .poll(
        async () => {
          const all = await Promise.allSettled(NAMES.map((name) => cache.namespace(name).delete('k')))
          return all.filter(({ status }) => status === 'rejected').length
        },
        { timeout: 60_000 },
      )
      .toBe(0)
    const told: { readonly from: number; readonly to: number; readonly isAcked: boolean }[] = []
    const sent: Promise<unknown>[] = []
    for (const began = performance.now(); performance.now() - began < 3000; ) {
      for (; sent.length < performance.now() - began; ) {
        const from = performance.now()
        const note = (isAcked: boolean) => () => void told.push({ from, to: performance.now(), isAcked })
        sent.push(
          cache
            .namespace(NAMES[sent.length % NAMES.length] ?? '')
            .delete(`k${sent.length}`)
            .then(note(true), note(false)),
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(sent)
    expect(told.length).toBeGreaterThan(2500)
    const rejected = told.filter(({ isAcked }) => !isAcked)
    // Each on its own, over these connections, nine of ten were rejected.
    expect(rejected.length).toBeLessThan(told.length / 2)
    // While this process stood still, an answer may have lain there.
    expect(rejected.filter(({ to }) => !lag.isIn(to - 300, to)).length, 'in time').toBe(0)
    expect(Math.max(...told.map(({ from, to }) => to - from)), 'in time').toBeLessThan(3000)
  })

  test.each([
    ['that are new', false],
    ['of which one has much in force', true],
  ])('a hundred namespaces %s are known in a few round trips', async (_, isLarge) => {
    const schema = `far_${randomBytes(4).toString('hex')}`
    const maker = await ready({ schema, sweepEvery: Number.POSITIVE_INFINITY })
    if (isLarge) {
      await Promise.all(NAMES.map((name) => maker.ledger.pull(`far:${name}:`)))
      for (let from = 0; from < 1500; from += 500)
        await maker.ledger.advance('far:n7:', change(Array.from({ length: 500 }, (_, at) => key(`k${from + at}`))))
    }
    await maker.close()
    const delayMs = 10
    const proxy = await startFaultProxy({ to: { port: Number(new URL(server.url).port) } })
    onTestFinished(() => proxy.close())
    const url = new URL(server.url)
    url.port = String(proxy.port)
    const tier = postgres({ url: url.href, schema, ...PATIENCE })
    onTestFinished(() => tier.close())
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => tier.ledger.pull(name)))
    await proxy.set({ kind: 'delay', ms: delayMs })
    const began = performance.now()
    const answers = await Promise.all(NAMES.map((name) => tier.ledger.pull(`far:${name}:`)))
    const took = performance.now() - began
    expect(answers.filter(({ kind }) => kind === 'snapshot')).toHaveLength(100)
    const large = answers[7]
    if (isLarge) expect(large?.lines.flatMap(({ targets }) => targets)).toHaveLength(1500)
    expect(new Set(answers.map(({ position }) => position.epoch)).size).toBe(100)
    // One by one they would be fifty round trips of twenty milliseconds.
    expect(took, 'in time').toBeLessThan(20 * 2 * delayMs)
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

  test('a namespace that is locked holds up no others that begin with it', async () => {
    const schema = `begin_${randomBytes(4).toString('hex')}`
    const tier = await ready({ schema, sweepEvery: Number.POSITIVE_INFINITY })
    onTestFinished(() => tier.close())
    const holder = new pg.Client({ connectionString: server.url })
    holder.on('error', () => undefined)
    await holder.connect()
    onTestFinished(() => holder.end())
    await holder.query(`SELECT pg_advisory_lock(${lockKey(schema, 'ledger', 'n7')})`)
    const known = await Promise.allSettled(NAMES.slice(0, 20).map((name) => tier.ledger.pull(name)))
    expect(NAMES.slice(0, 20).filter((_, at) => known[at]?.status === 'rejected')).toEqual(['n7'])
    await holder.query('SELECT pg_advisory_unlock_all()')
    await expect.poll(() => tier.ledger.pull('n7').then(({ position }) => position.seq)).toBe(0)
  })

  test('processes that begin the same hundred namespaces at once, in other orders, agree on each', async () => {
    const schema = `same_${randomBytes(4).toString('hex')}`
    await (await ready({ schema })).close()
    const tiers = [7, 13, 29, 71].map((step) => ({ step, tier: postgres({ url: server.url, schema, ...PATIENCE }) }))
    onTestFinished(async () => void (await Promise.all(tiers.map(({ tier }) => tier.close()))))
    await Promise.all(tiers.map(({ tier }) => tier.ledger.pull('a')))
    const known = await Promise.all(
      tiers.map(async ({ step, tier }) => {
        const order = NAMES.map((_, at) => NAMES[(at * step) % NAMES.length] ?? '')
        const all = await Promise.all(order.map((name) => tier.ledger.pull(name)))
        return new Map(order.map((name, at) => [name, all[at]?.position]))
      }),
    )
    for (const name of NAMES) expect(new Set(known.map((its) => its.get(name)?.epoch)).size, name).toBe(1)
    expect(new Set(NAMES.map((name) => known[0]?.get(name)?.epoch)).size).toBe(100)
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

/** When the event loop of this process was late by 50 ms: what happened meanwhile says nothing of the server. */
function watchLag() {
  const late: (readonly [from: number, to: number])[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last > 55) late.push([last, now])
    last = now
  }, 5)
  return {
    isIn: (from: number, to: number): boolean => late.some(([begin, end]) => from < end && to > begin),
    stop: () => clearInterval(timer),
  }
}
