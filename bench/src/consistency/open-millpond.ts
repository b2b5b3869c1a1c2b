// Ours: memory over Redis; the tier brings ledger and bus.
import { createCache, memory } from 'millpond'
import { valueCodec } from 'millpond/codec'
import { redis } from 'millpond/tiers/redis'
import type { ContenderCache, ContenderOptions } from './contender.ts'

export async function openMillpond({ url, ttlMs, maxEntries, format }: ContenderOptions): Promise<ContenderCache> {
  const cache = createCache({
    name: 'contest',
    tiers: [memory({ maxEntries }), redis({ url })],
    defaults: { ttl: ttlMs },
    codec: format && valueCodec({ format }),
  })
  return {
    getOrSet: (key, load, { ttlMs: ttl, tags } = {}) => {
      if (ttl === undefined && tags === undefined) return cache.getOrSet(key, load)
      return cache.getOrSet(key, load, {
        ...(ttl === undefined ? {} : { ttl }),
        ...(tags === undefined ? {} : { tags }),
      })
    },
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany(keys),
    set: (key, value, tags) => cache.set(key, value, tags === undefined ? {} : { tags }),
    setMany: (entries) => cache.setMany(entries),
    delete: async (key) => (await cache.delete(key)).isApplied,
    invalidateTag: async (tag) => (await cache.invalidateTags([tag])).isApplied,
    close: () => cache.close(),
  }
}
