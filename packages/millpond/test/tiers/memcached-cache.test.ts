// A cache over memory, Memcached and a Redis that keeps the ledger.
import { memory } from 'millpond'
import { type MemcachedTier, memcached } from 'millpond/tiers/memcached'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeAfterEach, open } from '../engine/setups.ts'
import { describeWith, type MemcachedService, type RedisService, startMemcached, startRedis } from '../services/index.ts'

describeWith('memcached', 'a cache with a Memcached tier', () => {
  let servers: MemcachedService[]
  let ledger: RedisService
  let count = 0
  beforeAll(async () => {
    servers = await Promise.all([startMemcached(), startMemcached()])
    ledger = await startRedis()
  })
  afterAll(() => Promise.all([...servers, ledger].map((one) => one.stop())))
  closeAfterEach()

  const tierOf = (): MemcachedTier => memcached({ servers: servers.map(({ host, port }) => ({ host, port })), retryAfter: 20 })
  const openTwo = (tier = tierOf()) => {
    const name = `memcached${count++}`
    const [one, other] = [tier, tierOf()].map((far) =>
      open({ name, tiers: [memory(), far, redis({ url: ledger.url })], defaults: { ttl: '1m' } }),
    )
    if (one === undefined || other === undefined) throw new Error('there are two')
    return { name, one, other }
  }

  it('alone it is refused, with what to add', () => {
    expect(() => open({ tiers: [memory(), tierOf()] })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('redis') }),
    )
  })

  it('T2: what one process stored the other finds there, and promotes', async () => {
    const { one, other } = openTwo()
    await one.set(['user', 7], { name: 'Ada' })
    await one.flush()
    expect(await other.getEntry(['user', 7])).toMatchObject({ kind: 'hit', tier: 'memcached', value: { name: 'Ada' } })
    expect(other.peek(['user', 7])).toEqual({ name: 'Ada' })
  })

  it('G1: an entry that missed its drop while its server was frozen is not believed when it is back', async () => {
    const { one, other } = openTwo()
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
    await one.setMany(keys.map((key) => [key, 'old']))
    await one.flush()
    for (const server of servers) server.pause()
    try {
      await other.deleteMany(keys)
    } finally {
      for (const server of servers) server.resume()
    }
    const read = await Promise.all(keys.map((key) => one.getOrSet(key, () => 'new')))
    expect(new Set(read)).toEqual(new Set(['new']))
  })

  it('G23, G25: clear leaves nothing of the namespace, and all of others', async () => {
    const tier = tierOf()
    const { name, one } = openTwo(tier)
    const others = one.namespace('others')
    await one.setMany(Array.from({ length: 50 }, (_, at) => [`k ${at}`, at]))
    await others.set('kept', 1)
    await one.flush()
    await one.clear()
    const left: string[] = []
    for await (const keys of tier.scan('')) left.push(...keys)
    expect(left.filter((key) => key.startsWith(name))).toEqual([`${name}:others:kept`])
  })
})
