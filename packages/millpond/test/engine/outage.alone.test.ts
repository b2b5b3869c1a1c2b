// G4, G5, G6, G14: what holds while the shared tier is down, hung, restarted or not there yet.
import { type Cache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { describeWith, type RedisService, startRedis, until } from '../services/index.ts'
import { closeAfterEach, open } from './setups.ts'

const B = 500

describeWith('redis', 'outage of the shared tier', () => {
  let server: RedisService
  let name: string
  let count = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    name = `outage${count++}`
  })
  closeAfterEach()

  const cacheOn = (url: string): Cache =>
    open({ name, tiers: [memory(), redis({ url })], defaults: { ttl: '1m' }, maxStale: undefined })

  it('T9: a server that is not there yet: loads work, and it is used when it comes', async () => {
    const late = await startRedis()
    await late.kill()
    const cache = cacheOn(late.url)
    try {
      const states: string[] = []
      cache.on('ledger', ({ state }) => states.push(state))
      expect(await cache.getOrSet('k', () => 'v')).toBe('v')
      expect(states).toContain('down')
      expect(cache.info().health).toBe('degraded')
      await late.restart()
      await until('the ledger is there', async () => cache.info().health === 'ok')
      await cache.getOrSet('k2', () => 'shared')
      await cache.flush()
      expect(await cacheOn(late.url).get('k2'), 'in time').toBe('shared')
    } finally {
      await cache.close()
      await late.stop()
    }
  })

  it('G14: while it hangs, a stampede is one load, in at most 300 ms and the load; later reads do not wait at all', async () => {
    const cache = cacheOn(server.url)
    await cache.getOrSet('warm', () => 'warm')
    await server.pause()
    try {
      await new Promise((resolve) => setTimeout(resolve, B))
      const load = vi.fn(async () => 'v')
      const started = performance.now()
      expect(new Set(await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('k', load))))).toEqual(
        new Set(['v']),
      )
      expect(performance.now() - started, 'in time').toBeLessThan(300 + 100)
      expect(load).toHaveBeenCalledTimes(1)
      const again = performance.now()
      await cache.getOrSet('other', load)
      expect(performance.now() - again, 'in time').toBeLessThan(100)
    } finally {
      await server.resume()
    }
    await until('the ledger is back', async () => cache.info().health === 'ok')
    expect(await cache.getOrSet('warm', () => 'again'), 'in time').toBe('warm')
  })

  it('G14: also the first read after it stopped, while the ledger is still trusted', async () => {
    const cache = cacheOn(server.url)
    await cache.getOrSet('warm', () => 'warm')
    await server.pause()
    try {
      const started = performance.now()
      expect(await cache.getOrSet('cold', () => 'v')).toBe('v')
      expect(performance.now() - started, 'in time').toBeLessThan(300 + 100)
    } finally {
      await server.resume()
    }
    await until('the ledger is back', async () => cache.info().health === 'ok')
  })

  it('G4: memory is not trusted longer than B without an answer', async () => {
    const cache = cacheOn(server.url)
    await cache.set('k', 'v')
    expect(cache.peek('k'), 'in time').toBe('v')
    await server.pause()
    try {
      await new Promise((resolve) => setTimeout(resolve, B))
      expect(cache.peek('k')).toBeUndefined()
    } finally {
      await server.resume()
    }
    await until('memory is trusted again', async () => (await cache.get('k')) === 'v')
  })

  it('G4: maxStale serves local copies through an outage', async () => {
    const cache = open({ name, tiers: [memory(), redis({ url: server.url })], maxStale: '10s' })
    await cache.set('k', 'v')
    await server.pause()
    try {
      await new Promise((resolve) => setTimeout(resolve, B))
      const started = performance.now()
      expect(await cache.get('k')).toBe('v')
      expect(performance.now() - started, 'in time').toBeLessThan(20)
    } finally {
      await server.resume()
    }
  })

  it('G5: an invalidation that cannot reach the ledger rejects, holds here at once, and reaches the others before memory is trusted again', async () => {
    const [here, there] = [cacheOn(server.url), cacheOn(server.url)]
    await here.set('k', 'old', { tags: ['t'] })
    await here.set('k2', 'old', { tags: ['t'] })
    expect(await there.get('k'), 'in time').toBe('old')
    await server.pause()
    await expect(here.delete('k')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await expect(here.invalidateTags(['t'])).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect(here.peek('k')).toBeUndefined()
    expect(await here.get('k')).toBeUndefined()
    expect(await here.get('k2')).toBeUndefined()
    expect(await here.getOrSet('k', () => 'new')).toBe('new')
    await server.resume()
    await until('the ledger is back', async () => here.info().health === 'ok')
    expect(await here.get('k')).not.toBe('old')
    expect(await here.get('k2')).toBeUndefined()
    await new Promise((resolve) => setTimeout(resolve, B))
    expect(await there.get('k')).not.toBe('old')
    expect(await there.get('k2')).toBeUndefined()
  })

  it('G6: a server restarted empty begins a new epoch: memory is dropped, loads in flight are invalid', async () => {
    const own = await startRedis()
    const cache = cacheOn(own.url)
    try {
      await cache.set('k', 'v')
      const states: string[] = []
      cache.on('ledger', ({ state }) => states.push(state))
      await own.restart({ empty: true })
      await until('a new epoch', async () => states.includes('epoch'))
      expect(await cache.get('k')).toBeUndefined()
      expect(await cache.getOrSet('k', () => 'new')).toBe('new')
      await cache.flush()
      expect(await cache.get('k'), 'in time').toBe('new')
    } finally {
      await cache.close()
      await own.stop()
    }
  })

  it('G3: another process hears of an invalidation within B, as a rule within milliseconds', async () => {
    const [here, there] = [cacheOn(server.url), cacheOn(server.url)]
    await here.set('k', 'v0')
    const delays: number[] = []
    for (let i = 1; i <= 20; i++) {
      await until('the other has the value', async () => (await there.get('k')) === `v${i - 1}`)
      await here.set('k', `v${i}`)
      const acked = performance.now()
      while (there.peek('k') === `v${i - 1}`) await new Promise((resolve) => setImmediate(resolve))
      delays.push(performance.now() - acked)
    }
    expect(Math.max(...delays), 'in time').toBeLessThan(B)
    expect(delays.sort((a, b) => a - b)[10], 'in time').toBeLessThan(50)
  })
})
