// The event 'removal': what has left memory and why, told where nothing can be disturbed.
import { createCache, memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { CacheEvents } from '../../src/core/events.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, open } from './setups.ts'

type Left = CacheEvents['removal']

/** Sets that listeners may make: where they hold the loop the test fails, and does not go on for ever. */
const ENOUGH = 100_000

const small = (maxEntries = 2) => [memory({ maxEntries, policy: 'lru', pressure: false })]

describe('removal listener', () => {
  closeAfterEach()

  it('names key, namespace and reason of whatever leaves, and is heard before the call that took it has returned', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: small(3) })
    const left: Left[] = []
    cache.on('removal', (entry) => left.push(entry))
    const take = () => left.splice(0)
    for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, 1, { tags: ['t'] })
    expect(take()).toEqual([{ key: 'a', namespace: 'default', reason: 'capacity_limit' }])
    await cache.delete('b')
    expect(take()).toEqual([{ key: 'b', namespace: 'default', reason: 'manual' }])
    await cache.invalidateTags(['t'])
    await cache.get('c')
    expect(take()).toEqual([{ key: 'c', namespace: 'default', reason: 'tag_based' }])
    await cache.clear()
    expect(take()).toEqual([{ key: 'd', namespace: 'default', reason: 'cleared' }])
    await cache.set('f', 1)
    expect((await cache.delete('f', { reason: 'superseded' })).reason).toBe('superseded')
    expect(take()).toEqual([{ key: 'f', namespace: 'default', reason: 'superseded' }])
    await cache.namespace('brief').set('e', 1, { ttl: 1000 })
    await clock.run(2000)
    expect(take()).toEqual([{ key: 'e', namespace: 'brief', reason: 'ttl_expired' }])
  })

  it('counts the same as the statistics', async () => {
    const cache = open({ tiers: small() })
    const told: Record<string, number> = {}
    cache.on('removal', ({ reason }) => {
      told[reason] = (told[reason] ?? 0) + 1
    })
    for (let i = 0; i < 100; i++) await cache.set(`k${i}`, i)
    await cache.delete('k99')
    expect(told).toEqual({ capacity_limit: 98, manual: 1 })
    expect(told).toEqual(cache.stats().evictions)
  })

  it('is silent about a value that another one replaces, and without listeners', async () => {
    const cache = open({ tiers: small() })
    const left: Left[] = []
    const stop = cache.on('removal', (entry) => left.push(entry))
    await cache.set('a', 1)
    await cache.set('a', 2)
    stop()
    await cache.delete('a')
    expect(left).toEqual([])
  })

  it('lets a listener read, set and delete, also while a clear or an eviction takes several', async () => {
    const cache = open({ tiers: small(50) })
    const work: Promise<unknown>[] = []
    const stop = cache.on('removal', ({ key, reason }) => {
      if (reason === 'cleared') work.push(cache.set(`again ${key}`, key), cache.delete('k7'))
      else work.push(cache.delete('k60'), cache.get(key))
    })
    for (let i = 0; i < 60; i++) await cache.set(`k${i}`, i)
    await cache.clear()
    await Promise.all(work)
    stop()
    const { entries } = cache.stats()
    expect(entries).toBe(50)
    for (let i = 10; i < 60; i++) expect(cache.peek(`again k${i}`)).toBe(`k${i}`)
    for (let i = 0; i < 200; i++) await cache.set(`after ${i}`, i)
    expect(cache.stats().entries).toBe(50)
    for (let i = 150; i < 200; i++) expect(cache.peek(`after ${i}`)).toBe(i)
  })

  it('does not starve the event loop when each listener makes another entry leave', async () => {
    const cache = open({ tiers: small() })
    let left = ENOUGH
    cache.on('removal', ({ key }) => {
      if (left-- > 0) void cache.set(key, 1)
    })
    for (const key of ['a', 'b', 'c']) await cache.set(key, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(left).toBeGreaterThan(0)
    left = 0
    expect(cache.stats().entries).toBe(2)
  })

  it('does not starve it when an asynchronous listener does so', async () => {
    const cache = open({ tiers: small() })
    let left = ENOUGH
    cache.on('removal', async ({ key }) => {
      await Promise.resolve()
      if (left-- > 0) await cache.set(key, 1)
    })
    for (const key of ['a', 'b', 'c']) await cache.set(key, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(left).toBeGreaterThan(0)
    left = 0
    expect(cache.stats().entries).toBe(2)
  })

  it('reports a listener that throws, and goes on', async () => {
    const cache = open({ tiers: small() })
    const warnings: string[] = []
    const left: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    cache.on('removal', () => {
      throw new Error('mine')
    })
    cache.on('removal', ({ key }) => left.push(key))
    for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, 1)
    expect(left).toEqual(['a', 'b'])
    expect(warnings).toEqual(["a listener of 'removal' threw", "a listener of 'removal' threw"])
  })

  it('says nothing of what a closed cache lets go', async () => {
    const cache = createCache({ tiers: small() })
    const left: Left[] = []
    cache.on('removal', (entry) => left.push(entry))
    for (const key of ['a', 'b', 'c']) await cache.set(key, 1)
    await cache.close()
    expect(left).toEqual([{ key: 'a', namespace: 'default', reason: 'capacity_limit' }])
  })
})
