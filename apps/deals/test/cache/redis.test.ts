// Redis as the middle tier: shared by two services, and no reason to fail when it is not there (T9, X5, G3).
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  describeWith,
  freePort,
  type RedisService,
  startCluster,
  startRedis,
  until,
} from '../../../../packages/millpond/test/services/index.ts'
import { isHit, SMALL, type Subject, startSubject } from '../service-under-test.ts'

const STATISTICS = '/api/cached/organizations/1/statistics/?days=30'
const manager = { userId: 2, organizationId: 1 }

describeWith('redis', 'Redis as the middle tier', () => {
  let redis: RedisService
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  test('two services on one database: what one changes, the other does not show half a second later', async () => {
    const env = { REDIS_URL: redis.url }
    const first = await startSubject({ env })
    // The same database; the cache file is each service's own only by its folder, so both use one.
    const second = await startSubject({ env, folder: first.folder })
    try {
      expect(first.service.tiers).toEqual(['memory', 'redis', 'sqlite'])
      // What Redis could not be given in time, or was not asked for in time, is computed again.
      const types = ['overview', 'trends', 'sources', 'payments', 'pipeline']
      const left = [7, 30, 90, 365].flatMap((days) =>
        types.map((type) => `/api/cached/analytics/deal-analytics/?days=${days}&type=${type}`),
      )
      await until('an answer that the other has computed', async () => {
        const path = left.pop() ?? expect.fail('none of twenty was taken from the other')
        expect((await first.get(path, manager)).status).toBe(200)
        return isHit(await second.get(path, manager))
      })
      const shared = await second.get(STATISTICS, manager)
      let made = 0
      const written = await until('a write that Redis was told of in time', async () => {
        const reply = await first.send('POST', '/api/deals/', manager, { title: 'From the first', product: 'Weir' })
        made++
        return reply.json.invalidation === 'done' && reply
      })
      await new Promise((resolve) => setTimeout(resolve, 500))
      const after = await second.get(STATISTICS, manager)
      expect(after.json.version['org:1:deals']).toBe(written.json.version['org:1:deals'])
      expect(after.json.deals.opened).toBe(shared.json.deals.opened + made)
    } finally {
      await first.stop()
      await second.stop()
    }
  })

  test('a write whose invalidation cannot be delivered is committed, seen here at once, and delivered when Redis is back', async () => {
    const subject: Subject = await startSubject({ env: { REDIS_URL: redis.url } })
    try {
      const before = await subject.get(STATISTICS, manager)
      redis.pause()
      const written = await subject.send('POST', '/api/deals/', manager, { title: 'In the dark', product: 'Weir' })
      expect(written.status).toBe(201)
      expect(written.json.invalidation).toBe('pending')
      expect((await subject.get(STATISTICS, manager)).json.deals.opened).toBe(before.json.deals.opened + 1)
      redis.resume()
      await until('Redis to be used again', async () => isHit(await subject.get(STATISTICS, manager)))
      expect((await subject.get(STATISTICS, manager)).json.deals.opened).toBe(before.json.deals.opened + 1)
    } finally {
      redis.resume()
      await subject.stop()
    }
  })
})

describeWith('redis', 'a Redis Cluster as the middle tier', () => {
  test('is used when its nodes are named, and examined node by node', async () => {
    const group = await startCluster({ masters: 3, replicasEach: 0 })
    const nodes = group.addresses.map(({ host, port }) => `${host}:${port}`)
    const subject = await startSubject({ env: { REDIS_CLUSTER: nodes.join(',') } })
    try {
      expect(subject.service.tiers).toEqual(['memory', 'redis', 'sqlite'])
      await until('an answer that is kept', async () => isHit(await subject.get(STATISTICS, manager)))
      const admin = { userId: 1, organizationId: 1 }
      const made = await subject.send('POST', '/api/admin/caching/configurations/', admin, {
        name: 'apart',
        cache_type: 'redis',
      })
      const tested = await subject.send(
        'POST',
        `/api/admin/caching/configurations/${made.json.id}/test_connection/`,
        admin,
      )
      expect(tested.json).toMatchObject({ ok: true, tested: 'new connection' })
      const reached = tested.json.steps.filter(({ step }: { step: string }) => step === 'server')
      expect(reached.map(({ detail }: { detail: string }) => detail.replace(/: .*$/, ''))).toEqual(nodes)
    } finally {
      await subject.stop()
      await group.stop()
    }
  })
})

describeWith('redis', 'a Redis that is not there', () => {
  test('the service starts without it, says so, answers, and uses it when it comes', async () => {
    const server = await startRedis()
    const { url } = server
    await server.kill()
    const subject = await startSubject({ args: SMALL, env: { REDIS_URL: url } })
    try {
      expect(subject.said.some((line) => line.includes('Redis does not answer'))).toBe(true)
      expect((await subject.get(STATISTICS, manager)).status).toBe(200)
      expect((await subject.get('/api/cache-management/cache-status/', manager)).json.cache).toBe('waiting for redis')
      await server.restart()
      await until('Redis to be used', async () => isHit(await subject.get(STATISTICS, manager)))
      await until(
        'the state to say so',
        async () => (await subject.get('/api/cache-management/cache-status/', manager)).json.cache === 'ok',
      )
    } finally {
      await subject.stop()
      await server.stop()
    }
  })

  test('nothing listens at all', async () => {
    const subject = await startSubject({ env: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` } })
    try {
      const [first, second] = [await subject.get(STATISTICS, manager), await subject.get(STATISTICS, manager)]
      expect([first.status, second.status]).toEqual([200, 200])
      expect(second.text).toBe(first.text)
    } finally {
      await subject.stop()
    }
  })
})
