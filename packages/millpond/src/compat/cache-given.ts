// What an adapter accepts as a cache: checked by its methods, since a process may have loaded the library twice.
import { withMethods } from '../core/checks.ts'
import type { Cache } from '../engine/cache.ts'

export const cacheGiven = withMethods<Cache>(
  'a cache from createCache, or a namespace of one',
  'get',
  'set',
  'getOrSet',
  'deleteMany',
  'invalidateTags',
  'namespace',
)
