// T12, T14: plain functions, plug-ins, settings from the environment.

import { join } from 'node:path'
import { createCache } from 'millpond'
import { fromEnvironment } from 'millpond/environment'
import { hitRatioPlugin, timingPlugin } from 'millpond/observe'
import { cacheClear, cacheDelete, cacheGet, cacheSet, defaultCache, useCache } from 'millpond/simple'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, open } from './setups.ts'

describe('small programs', () => {
  closeAfterEach()

  it('T12: plain functions over a default cache', async () => {
    expect(await cacheGet('k')).toBeUndefined()
    expect(await cacheGet('k', 'fallback')).toBe('fallback')
    await cacheSet('k', 'v', { ttl: '10m', tags: ['t'] })
    expect(await cacheGet('k')).toBe('v')
    await defaultCache().invalidateTags(['t'])
    expect(await cacheGet('k')).toBeUndefined()
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

  it('T14: settings by environment', async () => {
    const path = join(newFolder(), 'env.db')
    const cache = open(
      await fromEnvironment({ CACHE_DEFAULT_TIMEOUT: '60', CACHE_KEY_PREFIX: 'shop', CACHE_SQLITE_PATH: path, CACHE_MAX_SIZE_MB: '8' }),
    )
    expect(cache.info()).toMatchObject({
      name: 'shop',
      config: { ttlMs: 60_000, tiers: ['memory', 'sqlite'] },
      memory: { maxBytes: 8 * 2 ** 20 },
    })
    expect((await fromEnvironment({ REDIS_HOST: '127.0.0.1', REDIS_PORT: '1', REDIS_DB: '2' })).tiers).toHaveLength(2)
    expect((await fromEnvironment({ MEMCACHED_SERVERS: '127.0.0.1:1,127.0.0.2', REDIS_PORT: '1', REDIS_HOST: 'h' })).tiers).toMatchObject([
      { kind: 'memory' },
      { name: 'memcached' },
      { name: 'redis' },
    ])
    await expect(fromEnvironment({ MEMCACHED_SERVERS: '' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('memcached servers'),
    })
    await expect(fromEnvironment({ CACHE_DEFAULT_TIMEOUT: 'soon' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('CACHE_DEFAULT_TIMEOUT: "soon"'),
    })
    await expect(fromEnvironment({ REDIS_URL: 'nonsense' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
