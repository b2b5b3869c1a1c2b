// A framework adapter takes the HTTP cache, not the cache below it.
import { withMethods } from '../core/checks.ts'
import type { HttpCache } from './node/http-cache.ts'

/** @throws MillpondError `OPTION_INVALID` */
export const httpCache = withMethods<HttpCache>(
  'an HTTP cache, such as createHttpCache(createCache())',
  'middleware',
  'listener',
)
