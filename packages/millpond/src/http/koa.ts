// `millpond/http/koa`: the cache as a Koa middleware. `http.listener(app.callback())` in front of the whole application
// is faster.
import type { Middleware } from 'koa'
import { httpCache } from './given.ts'
import type { HttpCache } from './node/http-cache.ts'

/**
 * Before the middlewares whose answers are to be cached.
 * @example
 * app.use(koaCache(http))
 */
export function koaCache(http: HttpCache): Middleware {
  const run = httpCache(http, 'koaCache').middleware()
  return (context, next) =>
    new Promise((resolve, reject) => {
      const { req, res } = context
      // Koa does not touch what the cache answers itself.
      context.respond = false
      res.once('close', () => resolve(undefined))
      // Koa assumes 404 from the start; an answer of the cache has its own status.
      run(req, res, () => {
        context.respond = true
        next().then(resolve, reject)
      })
    })
}
