// A route that is cached in front of Express, and invalidated by a write.
// @ts-check
import express from 'express'
import { createCache, memory } from 'millpond'
import { createHttpCache } from 'millpond/http'

const prices = new Map([['7', 42]])
// With redis({ url }) as another tier, many processes share it.
const cache = createCache({ name: 'shop', tiers: [memory({ maxBytes: '64mb' })] })
const http = createHttpCache(cache)

const app = express()
app.use(http.middleware())
app.get('/prices/:id', (request, response) => {
  response
    .set({ 'Cache-Control': 'max-age=60', 'Surrogate-Key': 'prices' })
    .json({ price: prices.get(request.params.id) })
})
app.put('/prices/:id/:price', async (request, response) => {
  prices.set(request.params.id, Number(request.params.price))
  await http.purge({ tags: ['prices'] }) // before the answer: who has it reads the new price, in every process
  response.sendStatus(204)
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`express http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)
})
process.once('SIGTERM', () => server.close(() => cache.close()))
