// A server with the cache before it, an application behind it that plays what a test says, and a client that shows all
// that it was sent.
import {
  type Agent,
  type ClientRequest,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHttpCache, type HttpCache, type HttpCacheOptions } from '../../src/http/index.ts'
import { type Cache, createCache, memory } from '../../src/index.ts'

export interface Shown {
  readonly status: number
  readonly reason: string
  readonly headers: IncomingMessage['headers']
  readonly raw: readonly string[]
  readonly body: string
  readonly bytes: Buffer
  /** The connection broke before the end. */
  readonly isCut: boolean
}

export interface Asking {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string
  /** Keeps connections; default: one for each request. */
  readonly agent?: Agent
}

export type Play = (request: IncomingMessage, response: ServerResponse) => unknown

/** Listens on a free loopback port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** One request over a connection of its own. */
export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, agent }: Asking = {},
): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = httpRequest(
      { port, host: '127.0.0.1', path, method, headers, agent: agent ?? false },
      (response) => {
        const chunks: Buffer[] = []
        const show = (isCut: boolean): void => {
          const bytes = Buffer.concat(chunks)
          const { statusCode = 0, statusMessage = '', headers: parsed, rawHeaders: raw } = response
          resolve({
            status: statusCode,
            reason: statusMessage,
            headers: parsed,
            raw,
            body: bytes.toString(),
            bytes,
            isCut,
          })
        }
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => show(false))
        response.on('error', () => show(true))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

export interface Stage {
  readonly http: HttpCache
  readonly cache: Cache
  readonly port: number
  /** Requests that reached the application. */
  readonly seen: IncomingMessage[]
  /** The time by which the cache judges. */
  clock: { now: number }
  ask(path: string, asking?: Asking): Promise<Shown>
  /** The `Cache-Status` member without its name and its time. */
  verdict(path: string, asking?: Asking): Promise<string>
  /** Requests that reached the server, also those that the cache answers or lets wait. */
  readonly arrived: IncomingMessage[]
  readonly errors: unknown[]
  close(): Promise<void>
}

/** An application before which the cache stands. */
export async function stage(play: Play, options: HttpCacheOptions = {}): Promise<Stage> {
  const cache = createCache({ tiers: [memory({ maxEntries: 10_000 })] })
  const clock = { now: Date.now() }
  const errors: unknown[] = []
  const http = createHttpCache(cache, { now: () => clock.now, onError: (error) => errors.push(error), ...options })
  const seen: IncomingMessage[] = []
  const listener = http.listener((request, response) => {
    seen.push(request)
    return play(request, response)
  })
  const server = createServer(listener)
  const arrived: IncomingMessage[] = []
  server.on('request', (request) => arrived.push(request))
  const port = await listen(server)
  const asked = (path: string, asking?: Asking): Promise<Shown> => ask(port, path, asking)
  return {
    http,
    cache,
    port,
    seen,
    clock,
    arrived,
    errors,
    ask: asked,
    verdict: async (path, asking) => verdictOf(await asked(path, asking)),
    async close() {
      await close(server)
      await cache.close()
    },
  }
}

export function verdictOf({ headers }: Shown): string {
  return String(headers['cache-status'] ?? 'none')
    .replace(/^Millpond; /, '')
    .replace(/; ttl=-?\d+/, '')
}
