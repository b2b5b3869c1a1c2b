// The contenders: ours, bentocache, cacheable, cache-manager.
import type { Contender } from './contender.ts'
import { openBentocache } from './open-bentocache.ts'
import { openCacheManager } from './open-cache-manager.ts'
import { openCacheable } from './open-cacheable.ts'
import { openMillpond } from './open-millpond.ts'

export const contenders: readonly Contender[] = [
  { name: 'millpond', setup: 'memory and redis, which brings its own bus', hasTags: true, open: openMillpond },
  {
    name: 'bentocache',
    setup: 'memoryDriver, redisDriver and redisBusDriver on ioredis; grace off, as it is by default',
    hasTags: true,
    open: openBentocache,
  },
  {
    name: 'cacheable',
    setup:
      'its memory store, @keyv/redis behind it, and CacheableSync over Redis pub/sub; tags on only in the rows about tags',
    hasTags: true,
    open: openCacheable,
  },
  {
    name: 'cache-manager',
    setup: 'CacheableMemory and @keyv/redis as stores; it has neither a bus nor tags',
    hasTags: false,
    open: openCacheManager,
  },
]

/** Throws an `Error` for an unknown name. */
export function contenderByName(name: string): Contender {
  const found = contenders.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`no contender ${JSON.stringify(name)}; there are ${contenders.map((one) => one.name).join(', ')}`)
  return found
}
