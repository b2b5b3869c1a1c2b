// cache-manager as its README sets up two layers: memory and @keyv/redis as stores.
import KeyvRedis from '@keyv/redis'
import { createCache } from 'cache-manager'
import { createKeyv } from 'cacheable'
import { Keyv } from 'keyv'
import type { ContenderCache, ContenderOptions } from './contender.ts'

export async function openCacheManager({ url, ttlMs, maxEntries }: ContenderOptions): Promise<ContenderCache> {
  const far = new KeyvRedis<unknown>(url)
  const stores = [createKeyv({ ttl: ttlMs, lruSize: maxEntries }), new Keyv({ store: far })]
  for (const one of [...stores, far]) one.on('error', () => undefined)
  const cache = createCache({ ttl: ttlMs, stores })
  return {
    getOrSet: (key, load, { ttlMs: ttl } = {}) =>
      ttl === undefined ? cache.wrap(key, load) : cache.wrap(key, load, ttl),
    get: (key) => cache.get(key),
    getMany: (keys) => cache.mget([...keys]),
    set: (key, value) => cache.set(key, value),
    setMany: (entries) => cache.mset(entries.map(([key, value]) => ({ key, value }))),
    delete: async (key) => {
      await cache.del(key)
      return true
    },
    close: () => cache.disconnect(),
  }
}
