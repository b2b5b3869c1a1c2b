// One server of `npm run bench:http`, in a process of its own: `node server.js KIND PORT ORIGIN`. Tells its CPU time
// when asked.
import { createServer, type RequestListener } from 'node:http'
import { startProxy } from '@millpond/proxy'
import express from 'express'
import { createCache } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { Agent, cacheStores, interceptors } from 'undici'

const BODY = Buffer.alloc(2048, 'abcdefgh')
const HEADERS = {
  'Content-Type': 'text/plain',
  'Content-Length': String(BODY.length),
  'Cache-Control': 'max-age=3600',
  ETag: '"1"',
}
const FLAT = Object.entries(HEADERS).flat()
const JSON_BODY = { text: BODY.toString() }

/** What all are measured against: node:http with a header object. */
const bare: RequestListener = (_, response) => {
  response.writeHead(200, HEADERS)
  response.end(BODY)
}
const flat: RequestListener = (_, response) => {
  response.writeHead(200, 'OK', FLAT)
  response.end(BODY)
}

const [kind = '', portText = '', origin = ''] = process.argv.slice(2)
const port = Number(portText)
await start()
process.on('message', () => process.send?.(process.cpuUsage()))
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function start(): Promise<void> {
  if (kind === 'proxy') {
    await startProxy({ origin, port, host: '127.0.0.1' })
    return
  }
  await new Promise<void>((resolve) => createServer(listenerOf()).listen(port, '127.0.0.1', resolve))
}

function listenerOf(): RequestListener {
  const http = createHttpCache(createCache())
  switch (kind) {
    case 'bare':
      return bare
    case 'flat':
      return flat
    case 'millpond':
      return http.listener(bare)
    case 'express':
      return expressApp()
    case 'millpond-before-express':
      return http.listener(expressApp())
    case 'millpond-in-express':
      return expressApp(http)
    case 'undici-cache':
      return undiciProxy()
    default:
      throw new Error(`there is no server ${kind}`)
  }
}

function expressApp(http?: ReturnType<typeof createHttpCache>): RequestListener {
  const app = express()
  if (http !== undefined) app.use(http.middleware())
  app.get('/', (_, response) => {
    response.set('Cache-Control', 'max-age=3600').json(JSON_BODY)
  })
  return app
}

/** undici's own cache in the smallest proxy that uses it. */
function undiciProxy(): RequestListener {
  const dispatcher = new Agent().compose(interceptors.cache({ store: new cacheStores.MemoryCacheStore() }))
  return (request, response) => {
    dispatcher
      .request({ origin, path: request.url ?? '/', method: 'GET' })
      .then(({ statusCode, headers, body }) => {
        response.writeHead(statusCode, headers)
        body.pipe(response)
      })
      .catch(() => response.destroy())
  }
}
