// The job tables against their suite: memory, SQLite files, real Redis and PostgreSQL.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bullmqJobs } from '../../src/jobs/bullmq/index.ts'
import { memoryJobs } from '../../src/jobs/memory.ts'
import { postgresJobs, postgresJobsSchema } from '../../src/jobs/postgres.ts'
import { redisJobs } from '../../src/jobs/redis.ts'
import { sqliteJobs } from '../../src/jobs/sqlite.ts'
import { describeJobStore } from '../../src/testing/index.ts'
import {
  describeWith,
  type PostgresService,
  type RedisService,
  startCluster,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'

const queue = (): string => `q-${randomUUID()}`

describeJobStore(
  { describe, it },
  {
    name: 'memory',
    open: async (options) => {
      const store = memoryJobs(options)
      return { store, again: async () => store, elsewhere: async () => memoryJobs() }
    },
  },
)

describe('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-jobs-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  describeJobStore(
    { describe, it },
    {
      name: 'sqlite',
      open: async (options) => {
        const path = join(folder, `${randomUUID()}.db`)
        const on = (name: string) => sqliteJobs({ database: new Database(path), queue: name, ...options })
        return { store: on('a'), again: async () => on('a'), elsewhere: async () => on('b') }
      },
    },
  )

  it('a lock held by another process is waited for without blocking, and fails in the end', async () => {
    const path = join(folder, 'locked.db')
    const store = sqliteJobs({ database: new Database(path) })
    await store.add({ id: 'a', kind: 'k', payload: '1', due: { inMs: 0 } })
    const holder = new Database(path)
    holder.exec('BEGIN IMMEDIATE')
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const waiting = store.cancel('a')
    await until('others to have their turns', () => turns > 3)
    holder.exec('COMMIT')
    expect(await waiting).toBe(true)
    clearInterval(timer)
  })

  // libsql ends the whole process over such text, unless it is asked for bytes.
  it.each(['id', 'kind', 'payload', 'state', 'error', 'due_at', 'attempts', 'ready_at'])(
    'text that is not UTF-8 in %s is a job that fails or waits, and the others run',
    async (damaged) => {
      const path = join(folder, `${randomUUID()}.db`)
      const database = new Database(path)
      const store = sqliteJobs({ database })
      const job = (id: string) => ({ id, kind: 'k', payload: '1', due: { inMs: 0 } })
      await store.add(job('a'))
      await store.add(job('b'))
      database.exec(`UPDATE millpond_jobs SET ${damaged} = CAST(X'FF61' AS TEXT) WHERE id = 'a'`)
      const { jobs } = await store.claim(['k'], 10, 'lease', 60_000)
      expect(jobs.map(({ id }) => id)).toContain('b')
      expect(await store.complete('b', 'lease')).toBe(true)
      const known = await store.list()
      expect(known.some(({ id, state }) => id === 'b' || state === 'waiting')).toBe(
        ['kind', 'ready_at'].includes(damaged),
      )
      expect((await store.get('b'))?.state).toBe('done')
      if (damaged === 'id' || damaged === 'payload')
        expect(known.find(({ state }) => state === 'failed')?.error).toMatch(/the file is damaged/)
      expect((await store.claim(['k'], 10, 'next', 60_000)).nextInMs).not.toBe(0)
      expect(await store.add(job('c'))).toBe(true)
    },
  )
})

describeWith('redis', 'redis', () => {
  let server: RedisService
  const clients: Redis[] = []
  const connect = (): Redis => {
    const client = new Redis(server.url, { maxRetriesPerRequest: 1 })
    client.on('error', () => undefined)
    clients.push(client)
    return client
  }
  beforeAll(async () => {
    // Least privilege: what the documentation tells operators to grant.
    const rules =
      '~{millpond:jobs:*}:* ~{millpond:jobs:*} -@all +evalsha +eval +time +exists +hset +hmget +hdel +hincrby +zadd +zrem +zrange +zrangebyscore +del +pexpire +info +ping'
    server = await startRedis({ acl: { user: 'jobs', password: 'pass', rules } })
  })
  afterAll(async () => {
    for (const client of clients) client.disconnect()
    await server?.stop()
  })
  describeJobStore(
    { describe, it },
    {
      name: 'redis (least privilege)',
      open: async (options) => {
        const name = queue()
        const on = (which: string) => redisJobs({ client: connect(), queue: which, ...options })
        return { store: on(name), again: async () => on(name), elsewhere: async () => on(queue()) }
      },
    },
  )

  it('survives a restart of the server that forgets its scripts; an unreachable server is a typed error', async () => {
    const store = redisJobs({ client: connect(), queue: 'restarted' })
    await store.add({ id: 'a', kind: 'k', payload: '1', due: { inMs: 0 } })
    await server.restart()
    expect((await redisJobs({ client: connect(), queue: 'restarted' }).get('a'))?.state).toBe('waiting')
    await server.kill()
    const dead = redisJobs({
      client: new Redis(server.url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null }).on(
        'error',
        () => undefined,
      ),
      queue: 'x',
    })
    await expect(dead.get('a')).rejects.toMatchObject({ code: 'JOB_STORE_FAILED' })
    await server.restart({ empty: true })
  })

  it('a frozen server is a typed error in time', async () => {
    const client = connect()
    await redisJobs({ client, queue: 'frozen' }).list()
    const store = redisJobs({ client, queue: 'frozen', timeout: 100 })
    server.pause()
    try {
      await expect(store.get('a')).rejects.toMatchObject({
        code: 'JOB_STORE_FAILED',
        message: expect.stringContaining('no answer within 100 ms'),
      })
    } finally {
      server.resume()
    }
  })

  it('lists more than a page, and sweeps what has expired out of the list', async () => {
    const store = redisJobs({ client: connect(), queue: queue(), keepFailed: '20ms' })
    await Promise.all(
      Array.from({ length: 450 }, (_, i) =>
        store.add({ id: `j${String(i).padStart(3, '0')}`, kind: i < 250 ? 'a' : 'b', payload: '1', due: { at: i } }),
      ),
    )
    const { jobs } = await store.claim(['a'], 250, 'l', 60_000)
    await Promise.all(jobs.map((job) => store.fail(job.id, 'l', 'x', undefined)))
    await new Promise((resolve) => setTimeout(resolve, 60))
    const listed = await store.list({ limit: 1000 })
    expect([listed.length, listed[0]?.id, listed.at(-1)?.id]).toEqual([200, 'j250', 'j449'])
    expect((await store.list({ offset: 195, limit: 10 })).map((job) => job.id)).toEqual([
      'j445',
      'j446',
      'j447',
      'j448',
      'j449',
    ])
  })
})

describeWith('redis', 'redis cluster', () => {
  it('all keys of a queue lie in one slot, wherever that is', async () => {
    const group = await startCluster()
    const cluster = new Cluster(group.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    cluster.on('error', () => undefined)
    try {
      for (let i = 0; i < 6; i++) {
        const store = redisJobs({ client: cluster, queue: `queue-${i}` })
        expect(await store.add({ id: 'a', kind: 'k', payload: '1', due: { inMs: 0 } })).toBe(true)
        expect((await store.claim(['k', 'other'], 1, 'l', 1000)).jobs).toHaveLength(1)
        expect([(await store.list()).length, await store.complete('a', 'l'), (await store.get('a'))?.state]).toEqual([
          1,
          true,
          'done',
        ])
      }
      // BullMQ by a prefix in braces.
      const store = bullmqJobs({ client: cluster, prefix: '{bull}' })
      expect(await store.add({ id: '{a}', kind: 'mail', payload: '1', due: { at: 5 } })).toBe(true)
      await store.add({ id: 'b', kind: 'sms', payload: '1', due: { inMs: 60_000 } })
      expect((await store.claim(['mail', 'sms'], 1, 'l', 1000)).jobs).toHaveLength(1)
      expect([(await store.list()).length, await store.renew('{a}', 'l', 1), await store.complete('{a}', 'l')]).toEqual(
        [2, true, true],
      )
      expect([(await store.get('{a}'))?.state, await store.cancel('b')]).toEqual(['done', true])
      await store.close()
    } finally {
      cluster.disconnect()
      await group.stop()
    }
  })
})

describeWith('postgres', 'postgres', () => {
  let server: PostgresService
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, max: 8 })
    pool.on('error', () => undefined)
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })
  describeJobStore(
    { describe, it },
    {
      name: 'postgres',
      open: async (options) => {
        const name = queue()
        const on = (which: string) => postgresJobs({ pool, queue: which, ...options })
        return { store: on(name), again: async () => on(name), elsewhere: async () => on(queue()) }
      },
    },
  )

  it('many processes may start at once on an empty database', async () => {
    const stores = Array.from({ length: 8 }, () => postgresJobs({ pool, table: 'public.fresh_jobs' }))
    expect(await Promise.all(stores.map((store) => store.list()))).toEqual(stores.map(() => []))
  })

  it('works for a user who may not make tables, once somebody has', async () => {
    await pool.query(
      `${postgresJobsSchema('limited_jobs')} CREATE ROLE limited LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON limited_jobs TO limited`,
    )
    const limited = new pg.Pool({ connectionString: server.url.replace('postgres@', 'limited@'), max: 2 })
    limited.on('error', () => undefined)
    const refused = postgresJobs({ pool: limited, table: 'other_jobs' })
    await expect(refused.list()).rejects.toMatchObject({ code: 'JOB_STORE_FAILED' })
    const store = postgresJobs({ pool: limited, table: 'limited_jobs', install: false })
    expect(await store.add({ id: 'a', kind: 'k', payload: '1', due: { inMs: 0 } })).toBe(true)
    expect((await store.claim(['k'], 1, 'l', 1000)).jobs).toHaveLength(1)
    await limited.end()
  })

  it('a frozen server is a typed error in time', async () => {
    await postgresJobs({ pool }).list()
    const store = postgresJobs({ pool, timeout: 100 })
    server.pause()
    try {
      await expect(store.get('a')).rejects.toMatchObject({
        code: 'JOB_STORE_FAILED',
        message: expect.stringContaining('no answer within 100 ms'),
      })
    } finally {
      server.resume()
    }
  })

  it('lists nothing that is done, however it is asked', async () => {
    // @ts-expect-error done jobs are not listed
    await expect(postgresJobs({ pool }).list({ states: ['done'] })).rejects.toThrow(
      /states\[0\]: "done" is not allowed/,
    )
  })

  it('refuses table names that are more than a name', () => {
    for (const table of ['a; DROP TABLE b', 'A', '', 'a.b.c', '"x"'])
      expect(() => postgresJobs({ pool, table })).toThrow(/table/)
  })
})
