// T12: plain functions, plug-ins.

import { createCache, memory } from 'millpond'
import { hitRatioPlugin, timingPlugin } from 'millpond/observe'
import { cacheClear, cacheDelete, cacheGet, cacheSet, defaultCache, useCache } from 'millpond/simple'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, open } from './setups.ts'

describe('small programs', () => {
  closeAfterEach()

  it('T12: plain functions over a default cache', async () => {
    expect(await cacheGet('k')).toBeUndefined()
    expect(await cacheGet('k', 'fallback')).toBe('fallback')
    await cacheSet('k', 'v', { ttl: '10m', tags: ['t'] })
    expect(await cacheGet('k')).toBe('v')
    await defaultCache().invalidateTags(['t'])
    expect(await cacheGet('k')).toBeUndefined()
    await cacheSet('nothing', null)
    expect(await cacheGet('nothing', 'fallback')).toBeNull()
    await cacheSet('k', 'v')
    expect(await cacheDelete('k')).toBe(true)
    expect(await cacheDelete('k')).toBe(false)
    await cacheSet('k', 'v')
    await cacheClear()
    expect(await cacheGet('k')).toBeUndefined()
    const own = createCache()
    await useCache(own)?.close()
    await cacheSet('mine', 1)
    expect(own.peek('mine')).toBe(1)
    await own.close()
  })

  it('T12: plug-ins run around each operation, in order, namespaces included', async () => {
    const seen: string[] = []
    const timing = timingPlugin()
    const ratio = hitRatioPlugin()
    const trace = (name: string) => ({
      name,
      around: async (operation: { verb: string }, next: () => Promise<unknown>) => {
        seen.push(`${name} ${operation.verb}`)
        return next()
      },
    })
    const cache = open({ plugins: [trace('outer'), trace('inner'), timing, ratio] })
    await cache.set('k', 1)
    await cache.get('k')
    await cache.namespace('n').get('none')
    expect(seen).toEqual(['outer set', 'inner set', 'outer get', 'inner get', 'outer get', 'inner get'])
    expect(ratio.report()).toEqual({ hits: 1, misses: 1, hitRate: 0.5 })
    expect(timing.report().get).toMatchObject({ count: 2 })
    expect(cache.peek('k')).toBe(1)
  })

  it('T12: the hit ratio counts reads by every verb, as the statistics do', async () => {
    const ratio = hitRatioPlugin()
    const cache = open({
      plugins: [ratio],
      tiers: [memory(), sqlite({ path: ':memory:' })],
      defaults: { staleFor: '1h' },
    })
    const other = cache.namespace('other')
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ])
    await cache.getMany(['a', 'b', 'none']) // 2 hits, 1 miss
    await Promise.all([1, 2].map(() => cache.getOrSet('c', async () => 3))) // 1 miss, and one that joins its load
    await cache.getOrSet('c', async () => 4) // 1 hit
    await cache.getOrSetMany(['c', 'd'], { load: async (ids) => ids.map(() => 5) }) // 1 hit, 1 miss
    await other.getEntry('a') // 1 miss
    await other.getOrSetEntry('a', async () => 1) // 1 miss
    await cache.expire('a')
    expect(await cache.getOrSet('a', async () => 9)).toBe(1) // stale: a hit
    await cache.flush()
    const collection = cache.collection('users', { load: async (id: number) => ({ id }) })
    await collection.get(7) // 1 miss
    await collection.get(7) // 1 hit
    const { hits, misses } = [cache, other]
      .map((one) => one.stats())
      .reduce((sum, one) => ({ hits: sum.hits + one.hits, misses: sum.misses + one.misses }), { hits: 0, misses: 0 })
    expect({ hits, misses }).toEqual({ hits: 6, misses: 6 })
    expect(ratio.report()).toEqual({ hits, misses, hitRate: 0.5 })
  })
})
