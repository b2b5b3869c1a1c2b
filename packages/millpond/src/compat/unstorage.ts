// An unstorage driver over a cache: for `createStorage`, and for Nitro and Nuxt, which use it.
//
// It has no `watch`: without it unstorage itself reports what this process writes and removes, and an invalidation by
// tag in another process could not name the keys.
import type { Driver, StorageValue } from 'unstorage'
import { checkOptions, duration, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { decodeKey } from '../core/key.ts'
import type { Cache } from '../engine/cache.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Lasting } from './lasting.ts'
import { setEach } from './set-each.ts'

/** The lifetimes of a storage's items. */
export interface UnstorageOptions {
  /**
   * The TTL of items that are stored without one. Default: unlimited, as with other drivers; memory evicts when it is
   * full.
   */
  readonly ttl?: Duration | undefined
}

/** The options of an item: unstorage's `ttl`, in seconds. */
interface ItemOptions {
  readonly ttl?: number
}

const OPTIONS: Shape<UnstorageOptions> = { ttl: duration }
const SECOND = 1000

/**
 * A driver for `createStorage({ driver })`, or for `storage.mount(base, driver)`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const storage = createStorage({ driver: unstorageDriver(cache) })
 */
export function unstorageDriver(cache: Cache, options: UnstorageOptions = {}): Driver<UnstorageOptions, Cache> {
  cacheGiven(cache, 'unstorageDriver')
  checkOptions<UnstorageOptions>(options, OPTIONS, 'unstorageDriver')
  const ever = options.ttl === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.ttl, 'ttl')
  const livesFor = ({ ttl }: ItemOptions): number => (ttl === undefined ? ever : endless(ttl * SECOND))

  const lasting = new Lasting()

  const set = async (key: string, value: unknown, item: ItemOptions = {}): Promise<void> => {
    const ttl = livesFor(item)
    if (ttl <= 0 || value === undefined) await cache.delete(key)
    else await cache.set(key, value, lasting.of(ttl))
  }
  const get = async (key: string): Promise<StorageValue> => (await cache.get<StorageValue>(key)) ?? null

  return {
    name: 'millpond',
    flags: { ttl: true },
    options,
    getInstance: () => cache,
    hasItem: (key) => cache.has(key),
    getItem: get,
    getItemRaw: get,
    setItem: set,
    setItemRaw: set,
    async getItems(items) {
      const values = await cache.getMany<StorageValue>(items.map(({ key }) => key))
      return items.map(({ key }, at) => ({ key, value: values[at] ?? null }))
    },
    async setItems(items, common) {
      await setEach(
        cache,
        items.map(({ key, value, options: own }) => ({ key, value, ttl: livesFor({ ttl: own?.ttl ?? common?.ttl }) })),
      )
    },
    async removeItem(key) {
      await cache.delete(key)
    },
    async getMeta(key) {
      const entry = await cache.getEntry(key, { quiet: true })
      if (entry.kind !== 'hit') return null
      return {
        mtime: new Date(entry.createdAt),
        ...(entry.lastReadAt !== undefined && { atime: new Date(entry.lastReadAt) }),
        ...(entry.ttlMs !== undefined && { ttl: entry.ttlMs / SECOND }),
      }
    },
    async getKeys(base = '') {
      const keys: string[] = []
      for await (const encoded of cache.keys()) {
        const key = decodeKey(encoded)
        if (typeof key === 'string' && key.startsWith(base)) keys.push(key)
      }
      return keys
    },
    async clear(base = '') {
      await (base === '' ? cache.clear() : cache.invalidate({ prefix: base }))
    },
    dispose: () => cache.flush(),
  }
}
