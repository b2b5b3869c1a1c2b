// The proxy: a server, the cache, the origins behind it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Cache, createCache, memory } from 'millpond'
import { createHttpCache, type HttpCache } from 'millpond/http'
import { logAnswer } from './access-log.ts'
import { adminServer } from './admin.ts'
import { answeredHere } from './max-forwards.ts'
import { type ProxyOptions, type ProxySettings, resolveOptions } from './options.ts'
import { Origins } from './origins.ts'
import { tunnel } from './upgrade.ts'
import { originFor } from './upstream.ts'

export interface CachingProxy {
  /** The HTTP cache that answers: for purges and figures. */
  readonly http: HttpCache
  /** The port that it listens on. */
  readonly port: number
  /** The port of `/metrics`, if there is one. */
  readonly adminPort: number | undefined
  /** Uses other origins and timeouts from now on; running requests end as they began. */
  reload(options: ProxyOptions): void
  /**
   * Stops accepting connections, waits for running requests for at most `graceMs` (default 30,000), then closes
   * everything.
   */
  close(graceMs?: number): Promise<void>
}

/** The most entries: memory is bounded by bytes. */
const MOST_ENTRIES = 1_000_000
const GRACE_MS = 30_000
/** How often the server checks for clients that are too slow. */
const LEAST_CHECK_MS = 100
const MOST_CHECK_MS = 5_000

/**
 * Starts a caching reverse proxy. Resolves when it listens.
 * @throws Error naming the invalid option; the system's error if the port is in use.
 */
export async function startProxy(options: ProxyOptions): Promise<CachingProxy> {
  const settings = resolveOptions(options)
  const cache = await openCache(settings)
  const http = createHttpCache(cache, { ...settings.cache, onError: settings.onError })
  return new RunningProxy(settings, cache, http).listen()
}

async function openCache({ memory: maxBytes, redis: url }: ProxySettings): Promise<Cache> {
  const near = memory({ maxBytes, maxEntries: MOST_ENTRIES })
  if (url === undefined) return createCache({ name: 'http', tiers: [near] })
  const { redis } = await import('millpond/tiers/redis')
  return createCache({ name: 'http', tiers: [near, redis({ url })] })
}

class RunningProxy implements CachingProxy {
  readonly http: HttpCache
  #settings: ProxySettings
  readonly #cache: Cache
  #origins: Origins
  readonly #server: Server
  readonly #admin: Server | undefined
  readonly #tunnels = new Set<Duplex>()

  constructor(settings: ProxySettings, cache: Cache, http: HttpCache) {
    this.http = http
    this.#settings = settings
    this.#cache = cache
    this.#origins = new Origins(settings)
    const { maxHeaderBytes, clientTimeout } = settings
    const limits = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: clientTimeout,
      requestTimeout: 5 * clientTimeout,
      connectionsCheckingInterval: Math.max(LEAST_CHECK_MS, Math.min(MOST_CHECK_MS, clientTimeout / 2)),
    }
    this.#server = createServer(limits, (request, response) => this.#answer(request, response))
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      tunnel(request, socket, head, this.#origins, this.#settings, this.#tunnels),
    )
    if (settings.adminPort !== undefined) this.#admin = adminServer(http, () => this.#origins)
  }

  async listen(): Promise<CachingProxy> {
    const { port, host, adminPort } = this.#settings
    await listenAt(this.#server, port, host)
    if (this.#admin !== undefined && adminPort !== undefined) await listenAt(this.#admin, adminPort, '127.0.0.1')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get adminPort(): number | undefined {
    return (this.#admin?.address() as AddressInfo | undefined)?.port
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { accessLog, maxRequestBytes } = this.#settings
    if (accessLog !== undefined) logAnswer(request, response, accessLog)
    // Node builds the header object on first access, which most hits do not need.
    if (
      maxRequestBytes !== Number.POSITIVE_INFINITY &&
      Number(request.headers['content-length'] ?? 0) > maxRequestBytes
    ) {
      response.writeHead(413, { Connection: 'close', 'Content-Length': '0' }).end()
      return
    }
    if (answeredHere(request, response)) return
    this.http.handle(request, response, () => originFor(request, this.#origins, this.#settings))
  }

  reload(options: ProxyOptions): void {
    const { port, adminPort, host } = this.#settings
    this.#settings = {
      ...resolveOptions(options),
      port,
      ...(adminPort === undefined ? {} : { adminPort }),
      ...(host === undefined ? {} : { host }),
    }
    const former = this.#origins
    this.#origins = new Origins(this.#settings)
    former.close().catch(this.#settings.onError)
  }

  async close(graceMs = GRACE_MS): Promise<void> {
    const closed = Promise.all(
      [this.#server, this.#admin].map((server) => server && new Promise((resolve) => server.close(resolve))),
    )
    for (const client of this.#tunnels) client.destroy()
    this.#server.closeIdleConnections()
    this.#admin?.closeAllConnections()
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(timer)
    await this.#origins.destroy()
    await this.#cache.close()
  }
}

function listenAt(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}
