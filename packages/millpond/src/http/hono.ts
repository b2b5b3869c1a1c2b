// `millpond/http/hono`: the cache as a Hono middleware. On Node, `http.listener(getRequestListener(app.fetch))` in
// front of the whole application is faster.
import type { MiddlewareHandler } from 'hono'
import { cachedFetch } from './fetch.ts'
import { httpCache } from './given.ts'
import type { HttpCache } from './node/http-cache.ts'

/**
 * Before the routes that are to be cached.
 * @example
 * app.use('/products/*', honoCache(http))
 */
export function honoCache(http: HttpCache): MiddlewareHandler {
  httpCache(http, 'honoCache')
  return async (context, next) => {
    let isAsked = false
    const answer = cachedFetch(http, async (request) => {
      // A second fetch within one request (after a 304 about something else) would run the routes twice.
      if (isAsked) throw new Error('the routes have already answered')
      isAsked = true
      context.req.raw = request
      await next()
      return context.res
    })
    const response = await answer(context.req.raw)
    // Replaced, or Hono would merge the fields of both.
    context.res = undefined
    context.res = response
  }
}
