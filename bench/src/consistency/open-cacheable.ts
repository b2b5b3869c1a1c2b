// cacheable as its README sets it up: memory, @keyv/redis as the secondary store, CacheableSync between processes.
import KeyvRedis from '@keyv/redis'
import { Cacheable, createKeyv } from 'cacheable'
import type { ContenderCache, ContenderOptions } from './contender.ts'
import { redisMessages } from './redis-messages.ts'

export async function openCacheable({
  url,
  ttlMs,
  maxEntries,
  tags: withTags,
}: ContenderOptions): Promise<ContenderCache> {
  const secondary = new KeyvRedis<unknown>(url)
  const provider = await redisMessages(url)
  const cache = new Cacheable({
    primary: createKeyv({ ttl: ttlMs, lruSize: maxEntries }),
    secondary,
    ttl: ttlMs,
    tags: withTags,
    sync: { qified: provider },
  })
  for (const one of [cache, cache.primary, cache.secondary, secondary]) one?.on('error', () => undefined)
  return {
    getOrSet: async <T>(
      key: string,
      load: () => Promise<T>,
      { ttlMs: ttl, tags }: { ttlMs?: number; tags?: readonly string[] } = {},
    ) => {
      if (tags === undefined) {
        // Without `throwErrors` a loader's error would become `undefined`.
        return cache.getOrSet(key, load, { throwErrors: 'function', ...(ttl === undefined ? {} : { ttl }) })
      }
      // Its getOrSet takes no tags: the way that its documentation shows is to set them with the value.
      const held = await cache.get<T>(key)
      if (held !== undefined) return held
      const value = await load()
      await cache.set(key, value, { ttl: ttl ?? ttlMs, tags: [...tags] })
      return value
    },
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany([...keys]),
    set: (key, value, tags) => cache.set(key, value, tags === undefined ? {} : { tags: [...tags] }),
    setMany: (entries) => cache.setMany(entries.map(([key, value]) => ({ key, value }))),
    delete: async (key) => {
      await cache.delete(key)
      return true
    },
    invalidateTag: async (tag) => {
      await cache.tags.invalidateTag(tag)
      return true
    },
    close: () => Promise.allSettled([cache.disconnect(), provider.disconnect()]),
  }
}
