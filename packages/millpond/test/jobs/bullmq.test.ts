// The job table in BullMQ, over a real Redis: its suite, and what who has BullMQ already expects of it.
import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { type BullmqJobs, bullmqJobs } from '../../src/jobs/bullmq/index.ts'
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts'
import type { JobsOptions } from '../../src/jobs/options.ts'
import { describeJobStore } from '../../src/testing/index.ts'
import { describeWith, type RedisService, startRedis } from '../services/index.ts'
import { until } from '../services/until.ts'

describeWith('redis', 'BullMQ', () => {
  let server: RedisService
  let client: Redis
  const ending: (() => unknown)[] = []
  const queue = (): string => `q-${randomUUID()}`
  /** The queue as somebody else's program has it. */
  const theirs = (name: string): Queue => {
    const opened = new Queue(name, { connection: client })
    ending.push(() => opened.close())
    return opened
  }
  const run = (store: BullmqJobs, handlers: JobsOptions['handlers'], more: Partial<JobsOptions> = {}): Jobs => {
    const jobs = createJobs({
      store,
      clock: systemClock(),
      poll: 20,
      retry: { attempts: 2, base: 1 },
      handlers,
      ...more,
    })
    jobs.start()
    ending.push(() => jobs.stop())
    return jobs
  }
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis({ port: server.port, host: '127.0.0.1' })
  })
  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end()
  })
  afterAll(async () => {
    client?.disconnect()
    await server?.stop()
  })

  describeJobStore(
    { describe, it },
    {
      name: 'bullmq',
      open: async (options) => {
        const name = queue()
        const on = (which: string) => bullmqJobs({ client, queue: which, ...options })
        return { store: on(name), again: async () => on(name), elsewhere: async () => on(queue()) }
      },
    },
  )

  it('its jobs lie in the states that BullMQ shows, with their payload as data', async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    for (const id of ['first', 'second', 'third', 'fourth'])
      await store.add({ id, kind: 'mail', payload: '{"to":"ada"}', due: { inMs: 0 } })
    await store.add({ id: 'later', kind: 'mail', payload: '[1]', due: { inMs: 60_000 } })
    await store.claim(['mail'], 3, 'l1', 60_000)
    await store.complete('first', 'l1')
    await store.fail('second', 'l1', 'Error: no', undefined)
    const bull = theirs(`${name}.mail`)
    expect(await bull.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed')).toEqual({
      waiting: 1,
      active: 1,
      delayed: 1,
      completed: 1,
      failed: 1,
    })
    const [failed, active] = [await bull.getJob('second'), await bull.getJob('third')]
    expect([active?.name, active?.data, failed?.failedReason, failed?.stacktrace]).toEqual([
      'mail',
      { to: 'ada' },
      'Error: no',
      ['Error: no'],
    ])
    expect(await store.queueNames()).toEqual([`${name}.mail`])
    expect((await store.get('second'))?.attempts).toBe(1)
  })

  it('a handler takes what other programs add by BullMQ, and tries it again by its own rules', async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    const seen: unknown[] = []
    const jobs = run(store, {
      mail: (payload, { id, attempt }) => {
        seen.push([payload, id, attempt])
        if (attempt === 1) throw new Error('not yet')
      },
    })
    const bull = theirs(`${name}.mail`)
    const { id = '' } = await bull.add('anything', { to: 'ada' })
    await until('it has been done', async () => (await jobs.get(id))?.state === 'done')
    expect(seen).toEqual([
      [{ to: 'ada' }, id, 1],
      [{ to: 'ada' }, id, 2],
    ])
    await bull.add('anything', undefined, { delay: 3_600_000, priority: 3 })
    const [later] = await jobs.list({ kind: 'mail' })
    expect([later?.payload, later?.state, (later?.dueAt ?? 0) - (later?.createdAt ?? 0)]).toEqual([
      '{}',
      'waiting',
      3_600_000,
    ])
    expect([await jobs.cancel(later?.id ?? ''), await jobs.list()]).toEqual([true, []])
  })

  it("goes on with what BullMQ's job schedulers repeat, and keeps of others' jobs what they ask for", async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    const bull = theirs(`${name}.mail`)
    await bull.upsertJobScheduler(
      'hourly',
      { every: 40 },
      { name: 'digest', data: { to: 'all' }, opts: { removeOnComplete: true } },
    )
    const seen: unknown[] = []
    run(store, { mail: (payload) => void seen.push(payload) })
    await until('it has come three times', () => seen.length >= 3)
    await bull.removeJobScheduler('hourly')
    expect(seen.slice(0, 2)).toEqual([{ to: 'all' }, { to: 'all' }])
    expect(await bull.getJobCountByTypes('completed')).toBe(0)
  })

  it('finds its jobs on a server that has come back empty, and leaves nothing on a client when it is closed', async () => {
    const store = bullmqJobs({ client, queue: queue() })
    await store.add({ id: 'a', kind: 'mail', payload: '1', due: { inMs: 60_000 } })
    await client.flushall()
    expect([await store.get('a'), await store.list()]).toEqual([undefined, []])
    expect(await store.add({ id: 'a', kind: 'mail', payload: '1', due: { inMs: 60_000 } })).toBe(true)
    expect([(await store.get('a'))?.state, (await store.list()).length]).toEqual(['waiting', 1])
    await store.close()
    const listeners = client.listenerCount('error') + client.listenerCount('close') + client.listenerCount('ready')
    for (let i = 0; i < 20; i++) {
      const one = bullmqJobs({ client, queue: queue() })
      await one.claim(['a', 'b', 'c'], 1, 'l', 1000)
      await one.close()
    }
    expect(client.listenerCount('error') + client.listenerCount('close') + client.listenerCount('ready')).toBe(
      listeners,
    )
  })

  it("a worker of BullMQ's takes what was added here", async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    await store.add({ id: 'a:b', kind: 'mail', payload: '{"to":"ada"}', due: { inMs: 0 } })
    const seen: unknown[] = []
    const connection = new Redis({ port: server.port, host: '127.0.0.1', maxRetriesPerRequest: null })
    const worker = new Worker(`${name}.mail`, async (job) => void seen.push([job.name, job.data]), { connection })
    ending.push(
      () => connection.disconnect(),
      () => worker.close(),
    )
    await until('it has been done', async () => (await store.get('a:b'))?.state === 'done')
    expect(seen).toEqual([['mail', { to: 'ada' }]])
  })

  it('what is paused by hand waits, and what is tried again by hand has all its tries', async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    const bull = theirs(`${name}.mail`)
    await bull.pause()
    const tries: number[] = []
    let isBroken = true
    const jobs = run(store, {
      mail: (_, { attempt }) => {
        tries.push(attempt)
        if (isBroken || attempt === 1) throw new Error('broken')
      },
    })
    await jobs.add('mail', 1, { id: 'a' })
    const other = await jobs.add('sms', 1)
    expect((await store.claim(['mail', 'sms'], 5, 'l', 60_000)).jobs.map(({ id }) => id)).toEqual([other])
    expect(tries).toEqual([])
    await bull.resume()
    await until('it has failed', async () => (await jobs.get('a'))?.state === 'failed')
    isBroken = false
    await (await bull.getJob('a'))?.retry()
    await until('it has been done', async () => (await jobs.get('a'))?.state === 'done')
    expect(tries).toEqual([1, 2, 1, 2])
  })

  it('a repeated job is one row for all processes, runs in one of them, and now when it is promoted by hand', async () => {
    const name = queue()
    const runs: string[] = []
    let running = 0
    let most = 0
    const processes = ['one', 'two', 'three'].map((process) => {
      const jobs = run(bullmqJobs({ client, queue: name }), {})
      jobs.repeat('report', { every: '1s', atStart: true }, async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 30))
        running--
        runs.push(process)
      })
      return jobs
    })
    await until('it has run twice', () => runs.length >= 2)
    const bull = theirs(`${name}.millpond.repeat.report`)
    const [row] = await bull.getDelayed()
    await row?.promote()
    await until('it has run out of turn', () => runs.length >= 3)
    await until('it waits again', async () => (await bull.getDelayedCount()) === 1)
    const [report] = (await processes[1]?.repeating()) ?? []
    expect([
      report?.state,
      report?.runs.length,
      most,
      await bull.getJobCountByTypes('delayed', 'completed', 'failed', 'waiting', 'active'),
    ]).toEqual(['waiting', runs.length, 1, 1])
    expect((report?.dueAt ?? 0) - Date.now()).toBeGreaterThan(0)
  })

  it('ids and kinds may be what BullMQ itself takes for something else', async () => {
    const name = queue()
    const store = bullmqJobs({ client, queue: name })
    const ids = [
      'failed',
      'wait',
      'meta',
      'id',
      '17',
      '-1',
      '0',
      'a:b',
      '%41',
      'A',
      'repeat:x:1',
      'a:lock',
      '{b}',
      '%2541',
    ]
    for (const id of ids)
      expect(await store.add({ id, kind: 'mail', payload: JSON.stringify(id), due: { at: 5 } })).toBe(true)
    for (const id of ids) expect((await store.get(id))?.payload).toBe(JSON.stringify(id))
    expect((await store.list()).map(({ id }) => id).sort()).toEqual([...ids].sort())
    for (const { id } of (await store.claim(['mail'], 50, 'l', 60_000)).jobs)
      expect(await store.complete(id, 'l')).toBe(true)
    expect(await store.list()).toEqual([])
    const dotted = bullmqJobs({ client, queue: `${name}.a` })
    const other = bullmqJobs({ client, queue: name })
    await dotted.add({ id: 'x', kind: 'b', payload: '1', due: { inMs: 0 } })
    expect((await other.claim(['a.b', 'a:b'], 5, 'l', 60_000)).jobs).toEqual([])
    await other.add({ id: 'y', kind: 'a:b', payload: '1', due: { inMs: 0 } })
    expect((await other.claim(['a.b', 'a:b'], 5, 'l', 60_000)).jobs.map(({ id }) => id)).toEqual(['y'])
  })

  it('kinds take turns: none waits behind one that always has something', async () => {
    const store = bullmqJobs({ client, queue: queue() })
    for (let i = 0; i < 6; i++) await store.add({ id: `busy-${i}`, kind: 'busy', payload: '1', due: { inMs: 0 } })
    await store.add({ id: 'quiet', kind: 'quiet', payload: '1', due: { inMs: 0 } })
    const taken: string[] = []
    for (let i = 0; i < 2; i++) {
      const { jobs, nextInMs } = await store.claim(['busy', 'quiet'], 1, 'l', 60_000)
      taken.push(...jobs.map(({ id }) => id))
      expect(nextInMs).toBe(0)
    }
    expect(taken.sort()).toEqual(['busy-0', 'quiet'])
  })

  it('a process that ends in a run leaves it to another, without counting it as a failure of the queue', async () => {
    const name = queue()
    const dying = bullmqJobs({ client, queue: name })
    await dying.add({ id: 'a', kind: 'mail', payload: '1', due: { inMs: 0 } })
    for (let i = 0; i < 2; i++)
      await until('it is taken', async () => (await dying.claim(['mail'], 1, `l${i}`, 1)).jobs.length === 1)
    const attempts: number[] = []
    run(
      bullmqJobs({ client, queue: name }),
      { mail: (_, { attempt }) => void attempts.push(attempt) },
      { retry: { attempts: 9 } },
    )
    await until('it has been done', async () => (await dying.get('a'))?.state === 'done')
    expect(attempts).toEqual([3])
  })

  it('lists more than a page by due time', async () => {
    const store = bullmqJobs({ client, queue: queue() })
    const at = Date.now() + 60_000
    await Promise.all(
      Array.from({ length: 210 }, (_, i) =>
        store.add({ id: `j${String(i).padStart(3, '0')}`, kind: i < 5 ? 'b' : 'a', payload: '1', due: { at: at - i } }),
      ),
    )
    const listed = await store.list({ limit: 1000 })
    expect([listed.length, listed[0]?.id, listed.at(-1)?.id]).toEqual([210, 'j209', 'j000'])
    expect((await store.list({ offset: 205, limit: 10 })).map(({ id }) => id)).toEqual([
      'j004',
      'j003',
      'j002',
      'j001',
      'j000',
    ])
    expect((await store.list({ kind: 'a', limit: 1 })).map(({ id }) => id)).toEqual(['j209'])
  })

  it('a frozen server is a typed error in time', async () => {
    const own = new Redis({ port: server.port, host: '127.0.0.1' })
    ending.push(() => own.disconnect())
    const store = bullmqJobs({ client: own, queue: 'frozen', timeout: 100 })
    await own.ping()
    server.pause()
    try {
      await expect(store.get('a')).rejects.toMatchObject({
        code: 'JOB_STORE_FAILED',
        message: expect.stringContaining('[bullmq] job get: no answer within 100 ms'),
      })
    } finally {
      server.resume()
    }
  })

  it('refuses what is not a client or a prefix', () => {
    // @ts-expect-error options of a connection
    expect(() => bullmqJobs({ client: { host: 'localhost' } })).toThrow(/client.*a client of ioredis/)
    expect(() => bullmqJobs({ client, prefix: 'a:b' })).toThrow(/prefix: "a:b" is not a prefix/)
    const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'shop:' })
    expect(() => bullmqJobs({ client: prefixed })).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/client: .*keyPrefix \("shop:"\).*bullmqJobs\(\{ prefix \}\)/),
      }),
    )
  })
})
