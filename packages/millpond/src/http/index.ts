// `millpond/http`: a shared HTTP cache by the RFCs, for node:http and compatible frameworks.
import { checkOptions, fn, withMethods } from '../core/checks.ts'
import type { Backing } from './contract.ts'
import { HttpCache } from './node/http-cache.ts'
import { HTTP_CACHE, type HttpCacheOptions } from './settings.ts'

export type { Backing, HttpReceipt } from './contract.ts'
export type { HttpStats } from './counts.ts'
export type { ClientRequest, Reply, Sink, Upstream, UpstreamCall, UpstreamRequest } from './exchange.ts'
export type { HttpCache, Listener, Middleware } from './node/http-cache.ts'
export type { GroupNames, Purge } from './purge.ts'
export type { RawFields } from './rules/fields.ts'
export { INPUTS, type RequestFacts } from './rules/request.ts'
export { HTTP_CACHE, type HttpCacheOptions, type Settings } from './settings.ts'
export { storedKeys } from './stored-keys.ts'

const backing = withMethods<Backing>('a cache, such as createCache()', 'peek', 'getEntry', 'getOrSet', 'set')

interface ToldOfErrors {
  readonly onError?: (error: unknown) => void
}

/**
 * An HTTP cache over a cache of `createCache`, which should not be used otherwise, or a namespace of it.
 * @throws MillpondError `OPTION_INVALID` and `DURATION_INVALID` for options; `OPTION_INVALID` where the package
 * structured-headers is missing.
 * @example const http = createHttpCache(createCache({ tiers: [memory({ maxBytes: '256mb', maxEntries: 100_000 })] }))
 * createServer(http.listener(app)).listen(8080)
 */
export function createHttpCache(cache: Backing, options: ToldOfErrors & HttpCacheOptions = {}): HttpCache {
  backing(cache, 'createHttpCache')
  checkOptions<ToldOfErrors & HttpCacheOptions>(options, { ...HTTP_CACHE, onError: fn() }, 'createHttpCache')
  const { onError = () => {}, ...rest } = options
  return new HttpCache(cache, rest, onError)
}
