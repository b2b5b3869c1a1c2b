// `cacheManager` as cache-manager's `createCache`; stores are not its affair.
import type { CreateCacheOptions } from 'cache-manager'
import { createCache as create } from 'millpond'
import { cacheManager } from 'millpond/compat/cache-manager'

export { KeyvAdapter } from 'cache-manager'
export const createCache = ({ ttl, refreshThreshold, cacheId }: CreateCacheOptions = {}) =>
  cacheManager(create(), { ttl, refreshThreshold, cacheId })
