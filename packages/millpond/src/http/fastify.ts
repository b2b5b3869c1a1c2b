// `millpond/http/fastify`: the cache as a Fastify plugin. `serverFactory` with `http.listener` before the whole
// application is faster.
import type { FastifyInstance } from 'fastify'
import { httpCache } from './given.ts'
import type { HttpCache } from './node/http-cache.ts'

/**
 * Registered like any plugin; it holds for the instance that registers it, and for what is registered below it.
 * @example
 * await app.register(fastifyCache(http))
 */
export function fastifyCache(http: HttpCache): (app: FastifyInstance) => Promise<void> {
  const run = httpCache(http, 'fastifyCache').middleware()
  const plugin = async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRequest', (request, reply, next) => {
      // The hook does not go on where the cache answers: Fastify waits for nothing then.
      run(request.raw, reply.raw, () => next())
    })
  }
  // Fastify's mark for a plugin that works on the instance it is given.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}
