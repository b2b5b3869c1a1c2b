// The result of a route, cached by getOrSet: one computation for concurrent requests, and a tag to invalidate it.
// @ts-check
import fastify from 'fastify'
import { createCache } from 'millpond'

/** @type {string[]} */
const orders = ['book', 'pen']
let computed = 0
const report = async () => ({ computed: ++computed, orders: orders.length })

const cache = createCache({ name: 'shop', defaults: { ttl: '10m', staleFor: '1h' } })
const app = fastify({ forceCloseConnections: true })
app.get('/report', () => cache.getOrSet('report', report, { tags: ['orders'] }))
app.post('/orders/:item', async ({ params }, reply) => {
  orders.push(Object(params).item)
  await cache.invalidateTags(['orders']) // after the write
  return reply.code(204).send()
})
app.addHook('onClose', () => cache.close())

console.log(`fastify ${await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })}`)
process.once('SIGTERM', () => app.close())
