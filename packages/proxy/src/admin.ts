// The admin port, for people and scrapers on this machine: /metrics, /health, POST /purge.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { HttpCache, Purge } from 'millpond/http'
import { isError } from 'millpond/options'
import { metricsText } from './metrics.ts'
import type { Origins } from './origins.ts'

const MOST_BYTES = 64 * 1024

export function adminServer(http: HttpCache, origins: () => Origins): Server {
  const since = new Date().toISOString()
  return createServer((request, response) => {
    answer(request, response, { http, since, origins: origins() }).catch((error: unknown) => {
      send(response, 400, { error: isError(error) ? error.message : String(error) })
    })
  })
}

interface Asked {
  readonly http: HttpCache
  /** Since when its metrics count, RFC 3339. */
  readonly since: string
  readonly origins: Origins
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { http, since, origins }: Asked,
): Promise<void> {
  const { method, url } = request
  // A page in a browser on this machine cannot send this content type without a preflight request.
  const isPurge = method === 'POST' && url === '/purge'
  if (isPurge && request.headers['content-type'] !== 'application/json')
    send(response, 415, { error: 'send application/json' })
  else if (isPurge) send(response, 200, await http.purge(JSON.parse(await textOf(request)) as Purge))
  else if (method === 'GET' && url === '/metrics') {
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
    response.end(metricsText(http.stats(), origins.states(), process.memoryUsage()))
  } else if (method === 'GET' && url === '/health') {
    const states = origins.states()
    const { hits, stale, validated, stored, collapsed, failed, passed } = http.stats()
    const answers = {
      hits,
      stale,
      validated,
      stored,
      collapsed,
      failed,
      passed: Object.values(passed).reduce((sum, one) => sum + one, 0),
    }
    send(response, states.some(({ isUp }) => isUp) ? 200 : 503, { origins: states, since, answers })
  } else send(response, 404, { error: 'use GET /metrics, GET /health or POST /purge' })
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += (chunk as Buffer).length
    if (length > MOST_BYTES) throw new Error(`at most ${MOST_BYTES} bytes are accepted`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}
