// Storage of ocache (cached functions and handlers of h3 and Nitro) over a cache.
import type { Cache } from '../engine/cache.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Lasting } from './lasting.ts'

/** ocache's `StorageInterface`. */
export interface OcacheStorage {
  /** The stored value; `null` if there is none. */
  get<T = unknown>(key: string): Promise<T | null>
  /** `null` removes; `ttl` in seconds. */
  set<T = unknown>(key: string, value: T, options?: { ttl?: number }): Promise<void>
  /** Bytes stay bytes. */
  readonly binary: true
}

/**
 * A storage for the option `storage` of a cached function or handler.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * const user = defineCachedFunction(load, { storage: ocacheStorage(cache.namespace('functions')) })
 */
export function ocacheStorage(cache: Cache): OcacheStorage {
  cacheGiven(cache, 'ocacheStorage')
  const lasting = new Lasting()
  return {
    binary: true,
    get: async <T>(key: string) => (await cache.get<T>(key)) ?? null,
    async set(key, value, options) {
      const ttl = endless(options?.ttl === undefined ? undefined : options.ttl * 1000)
      if (value === null || value === undefined || ttl <= 0) await cache.delete(key)
      else await cache.set(key, value, lasting.of(ttl))
    },
  }
}
