// Responses that say how long they may be cached, cached inside Hono and purged by tag.
// @ts-check
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createCache } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { honoCache } from 'millpond/http/hono'

let made = 0
const cache = createCache({ name: 'site' })
const http = createHttpCache(cache)
const app = new Hono()
app.use(honoCache(http))
app.get('/pages/:name', (context) =>
  context.text(`${context.req.param('name')}, made ${++made}`, 200, {
    'Cache-Control': 'max-age=300',
    'Cache-Tag': 'pages',
  }),
)
app.post('/publish', async (context) => {
  await http.purge({ tags: ['pages'], mode: 'soft' }) // kept, and made anew before the next use
  return context.body(null, 204)
})

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`hono http://127.0.0.1:${port}`),
)
process.once('SIGTERM', () => server.close(() => cache.close()))
