// `millpond/http/koa`: the cache as a Koa middleware. `http.listener(app.callback())` before the whole application is
// faster.
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
      // Koa keeps its hands off what the cache answers by itself.
      context.respond = false
      res.once('close', () => resolve(undefined))
      // Koa assumes 404 from the start; an answer of the cache says its own status.
      run(req, res, () => {
        context.respond = true
        next().then(resolve, reject)
      })
    })
}
