// A cache over memory, Memcached and a Redis that keeps the ledger.
import { memory, type Tier, type TierConfiguration } from 'millpond'
import { type MemcachedTier, type MemcachedTierOptions, memcached } from 'millpond/tiers/memcached'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeAfterEach, open } from '../engine/setups.ts'
import {
  describeWith,
  type MemcachedService,
  PATIENCE,
  patient,
  type RedisService,
  startMemcached,
  startRedis,
} from '../services/index.ts'

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

  const tierOf = (more: MemcachedTierOptions = PATIENCE): MemcachedTier =>
    memcached({ servers: servers.map(({ host, port }) => ({ host, port })), retryAfter: 20, ...more })
  const openOn = (name: string, far: Tier | TierConfiguration = patient(tierOf())) =>
    open({
      name,
      maxStale: '20s',
      tiers: [memory(), far, patient(redis({ url: ledger.url, ...PATIENCE }))],
      defaults: { ttl: '1m' },
    })
  const openTwo = (tiers: readonly (Tier | TierConfiguration)[] = [patient(tierOf()), patient(tierOf())]) => {
    const name = `memcached${count++}`
    const [one, other] = tiers.map((far) => openOn(name, far))
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

  it('a value above a mebibyte lies in pieces: whole for the other process, a miss once a piece is gone, and cleared with the rest', async () => {
    const tier = tierOf()
    const { name, one, other } = openTwo([patient(tier), patient(tierOf())])
    const value = Array.from({ length: 15_000 }, (_, at) => `${at} ${'x'.repeat(80)}`)
    await one.set('large', value)
    await one.flush()
    expect(await other.getEntry('large')).toMatchObject({ tier: 'memcached', value })
    const lying = async (): Promise<string[]> => {
      const seen: string[] = []
      for await (const keys of tier.scan(`${name}:`)) seen.push(...keys)
      return seen
    }
    const pieces = (await lying()).filter((key) => key.includes('#piece:'))
    expect(pieces.length).toBeGreaterThan(3)
    await tier.drop(pieces.slice(3, 4))
    const third = openOn(name)
    expect(await third.getEntry('large')).toMatchObject({ kind: 'hit', tier: 'redis' })
    // It goes up to Memcached again.
    await third.flush()
    expect(await openOn(name).getEntry('large')).toMatchObject({ tier: 'memcached', value })
    await one.clear()
    await one.flush()
    expect(await lying()).toEqual([])
  })

  it('G1: an entry that missed its drop while its server was frozen is not accepted when it is back', async () => {
    const { one, other } = openTwo([tierOf({}), tierOf({})])
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
    await one.setMany(keys.map((key) => [key, 'old']))
    await one.flush()
    for (const server of servers) server.pause()
    try {
      await other.deleteMany(keys)
    } finally {
      for (const server of servers) server.resume()
    }
    // What is judged is what lies in Memcached, not how soon a process hears.
    await expect.poll(() => keys.filter((key) => one.peek(key) !== undefined)).toEqual([])
    const read = await Promise.all(keys.map((key) => one.getOrSet(key, () => 'new')))
    expect(new Set(read)).toEqual(new Set(['new']))
  })

  it('G23, G25: clear leaves nothing of the namespace, and all of others', async () => {
    const tier = tierOf()
    const { name, one } = openTwo([patient(tier), patient(tierOf())])
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
