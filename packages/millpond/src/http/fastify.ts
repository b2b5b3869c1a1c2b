// `millpond/http/fastify`: the cache as a Fastify plugin. `serverFactory` with `http.listener` in front of the whole
// application is faster.
import type { FastifyInstance } from 'fastify'
import { httpCache } from './given.ts'
import type { HttpCache } from './node/http-cache.ts'

/**
 * Registered like any plugin; it applies to the instance that registers it, and everything registered below it.
 * @example await app.register(fastifyCache(http))
 */
export function fastifyCache(http: HttpCache): (app: FastifyInstance) => Promise<void> {
  const run = httpCache(http, 'fastifyCache').middleware()
  const plugin = async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRequest', (request, reply, next) => {
      // If the cache answers, the hook does not continue: Fastify does not wait for anything then.
      run(request.raw, reply.raw, () => next())
    })
  }
  // Fastify's marker of a plugin without its own scope.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}
