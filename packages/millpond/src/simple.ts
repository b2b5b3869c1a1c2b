// Plain functions over one default cache, for small programs: only memory, 1,000 entries, five minutes, unless
// `useCache` says otherwise.

import type { Key } from './core/key.ts'
import type { EntryOptions } from './core/options.ts'
import { createCache } from './create.ts'
import type { Cache } from './engine/cache.ts'

let current: Cache | undefined

/** The cache behind the plain functions; created by the first call. */
export function defaultCache(): Cache {
  current ??= createCache({ name: 'default' })
  return current
}

/** Puts another cache behind the plain functions. Closing the former one is the caller's business; it is returned. */
export function useCache(cache: Cache): Cache | undefined {
  const former = current
  current = cache
  return former
}

/** The fresh value, including `null`; `fallback` if there is none. */
export async function cacheGet<T = unknown>(key: Key, fallback?: T): Promise<T | undefined> {
  const value = await defaultCache().get<T>(key)
  return value === undefined ? fallback : value
}

/** Stores a value: `cacheSet('user:7', user, { ttl: '10m', tags: ['users'] })`. */
export function cacheSet(key: Key, value: unknown, options?: EntryOptions): Promise<void> {
  return defaultCache().set(key, value, options)
}

/** `true` if there was something to delete. */
export async function cacheDelete(key: Key): Promise<boolean> {
  return (await defaultCache().delete(key)).removed > 0
}

/** Clears the cache behind the plain functions. */
export async function cacheClear(): Promise<void> {
  await defaultCache().clear()
}
