// Apollo Server's `KeyValueCache` over a cache: for `new ApolloServer({ cache })`, its data sources and its persisted
// queries.
import { checkOptions, duration, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import type { Cache } from '../engine/cache.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Lasting } from './lasting.ts'
import { keyOf } from './next-names.ts'

/** Default lifetimes of entries. */
export interface ApolloCacheOptions {
  /** The TTL of entries for which Apollo specifies none. Default: unlimited; memory evicts when it is full. */
  readonly ttl?: Duration | undefined
}

/** Apollo's `KeyValueCache`. */
export interface ApolloCache<V = string> {
  /** The stored value; undefined if there is none. */
  get(key: string): Promise<V | undefined>
  /** `ttl` in seconds; `null`: for ever. */
  set(key: string, value: V, options?: { ttl?: number | null }): Promise<void>
  /** Whether there was such an entry. */
  delete(key: string): Promise<boolean>
}

const OPTIONS: Shape<ApolloCacheOptions> = { ttl: duration }
const SECOND = 1000

/**
 * A `KeyValueCache` over a cache or a namespace of it.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const server = new ApolloServer({ typeDefs, resolvers, cache: apolloCache(cache.namespace('apollo')) })
 */
export function apolloCache<V = string>(cache: Cache, options: ApolloCacheOptions = {}): ApolloCache<V> {
  cacheGiven(cache, 'apolloCache')
  checkOptions<ApolloCacheOptions>(options, OPTIONS, 'apolloCache')
  const ever = options.ttl === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.ttl, 'ttl')
  const lasting = new Lasting()
  return {
    get: (key) => cache.get<V>(keyOf(key)),
    async set(name, value, said) {
      // A data source names its entries by URLs, however long they are.
      const key = keyOf(name)
      const seconds = said?.ttl
      // Not a number is no TTL, as in Apollo's own adapter for Keyv.
      const isGiven = seconds !== undefined && !Number.isNaN(seconds)
      const ttl = isGiven ? (seconds === null ? Number.POSITIVE_INFINITY : Math.max(0, seconds * SECOND)) : ever
      if (ttl <= 0 || value === undefined) await cache.delete(key)
      else await cache.set(key, value, lasting.of(endless(ttl)))
    },
    async delete(name) {
      const key = keyOf(name)
      const held = await cache.get(key, { quiet: true })
      await cache.delete(key)
      return held !== undefined
    },
  }
}
