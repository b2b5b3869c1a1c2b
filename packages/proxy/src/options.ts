// The proxy's settings: from code, from a JSON file, from the command line; checked once, with messages that show the value.
import { readFileSync } from 'node:fs'
import type { HttpCacheOptions } from 'millpond/http'

export interface ProxyOptions {
  /** Where the answers come from: `http://127.0.0.1:3000`. Several share the load; one that cannot be reached is left out for a while. */
  readonly origin: string | readonly string[]
  /** Default 8080; 0 takes a free one. */
  readonly port?: number
  /** Address to listen at. Default: all. */
  readonly host?: string
  /**
   * Only what the RFCs say: nothing is kept from the origin, `Set-Cookie` and answers to requests with cookies are stored where the answer
   * permits it, no retries, no fields added to requests. Default `false`.
   */
  readonly strict?: boolean
  /** How much memory the stored answers may take. Default `'256mb'`. */
  readonly memory?: string | number
  /** A Redis that several proxies share, below their memory; needs the package ioredis. */
  readonly redis?: string
  /** How often a GET, HEAD, OPTIONS or QUERY whose connection broke before an answer began is put again. Default 1; 0 in strict mode. */
  readonly retries?: number
  /** Milliseconds until a connection stands. Default 5,000. */
  readonly connectTimeout?: number
  /** Milliseconds until an answer begins, and between two pieces of it. Default 60,000. */
  readonly originTimeout?: number
  /** Milliseconds for a client to send its header, and at most five times as much for the content. Default 60,000. */
  readonly clientTimeout?: number
  /** Connections to each origin. Default 128. */
  readonly connections?: number
  /** The largest header section, in bytes, of either side. Default 16,384. */
  readonly maxHeaderBytes?: number
  /** The largest content of a request, in bytes. Default: no limit. */
  readonly maxRequestBytes?: number
  /** Path that says whether an origin is well (a status below 500), asked every 5 s. Default: none, a failed connection says it. */
  readonly healthPath?: string
  /** Whether `X-Forwarded-*` of clients is believed: only behind another proxy. Default `false`. */
  readonly trustForwarded?: boolean
  /** Port of `/metrics`, `/health` and `POST /purge`, on 127.0.0.1 only. Default: none. */
  readonly adminPort?: number
  /** One JSON line per answer. Default: none. */
  readonly accessLog?: (line: string) => void
  /** Told what goes wrong behind an answer. Default: nothing. */
  readonly onError?: (error: unknown) => void
  /** How the answers are cached (`millpond/http`). */
  readonly cache?: HttpCacheOptions
}

export type ProxySettings = Required<Omit<ProxyOptions, 'origin' | 'redis' | 'host' | 'healthPath' | 'adminPort' | 'accessLog'>> &
  Pick<ProxyOptions, 'redis' | 'host' | 'healthPath' | 'adminPort' | 'accessLog'> & { readonly origins: readonly URL[] }

const NUMBERS = [
  'port',
  'retries',
  'connectTimeout',
  'originTimeout',
  'clientTimeout',
  'connections',
  'maxHeaderBytes',
  'maxRequestBytes',
  'adminPort',
] as const
const NAMES: ReadonlySet<string> = new Set([
  ...NUMBERS,
  'origin',
  'host',
  'strict',
  'memory',
  'redis',
  'healthPath',
  'trustForwarded',
  'accessLog',
  'onError',
  'cache',
])

/** What strict mode means for the cache: the answer alone decides. */
const STRICT: HttpCacheOptions = { storeSetCookie: true, credentials: [], keyInputs: false }

/** @throws Error naming the option, the value and the remedy. */
export function resolveOptions(options: ProxyOptions): ProxySettings {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw fault(name, 'is not known', `there are ${[...NAMES].join(', ')}`)
  }
  for (const name of NUMBERS) {
    const value: unknown = options[name]
    const isRight = typeof value === 'number' && value >= 0 && (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY)
    if (value !== undefined && !isRight) throw fault(name, `${JSON.stringify(value)} is not allowed`, 'give a whole number from 0')
  }
  const isStrict = options.strict ?? false
  const { redis, host, healthPath, adminPort, accessLog } = options
  return {
    origins: originsOf(options.origin),
    port: options.port ?? 8080,
    strict: isStrict,
    memory: options.memory ?? '256mb',
    retries: options.retries ?? (isStrict ? 0 : 1),
    connectTimeout: options.connectTimeout ?? 5_000,
    originTimeout: options.originTimeout ?? 60_000,
    clientTimeout: options.clientTimeout ?? 60_000,
    connections: options.connections ?? 128,
    maxHeaderBytes: options.maxHeaderBytes ?? 16_384,
    maxRequestBytes: options.maxRequestBytes ?? Number.POSITIVE_INFINITY,
    trustForwarded: options.trustForwarded ?? false,
    onError: options.onError ?? (() => {}),
    // Where the origin is not told, the key need not tell either.
    cache: { ...(isStrict ? STRICT : { keyInputs: options.trustForwarded ?? false }), ...options.cache },
    ...(redis === undefined ? {} : { redis }),
    ...(host === undefined ? {} : { host }),
    ...(healthPath === undefined ? {} : { healthPath }),
    ...(adminPort === undefined ? {} : { adminPort }),
    ...(accessLog === undefined ? {} : { accessLog }),
  }
}

function originsOf(given: ProxyOptions['origin']): URL[] {
  const list = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || list.length === 0)
    throw fault('origin', `${JSON.stringify(given)} names none`, "give 'http://127.0.0.1:3000'")
  return list.map((text: unknown) => {
    const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '')
      throw fault('origin', `${JSON.stringify(text)} is not an origin`, "give scheme, host and port only: 'http://127.0.0.1:3000'")
    return url
  })
}

/** A JSON file with the names of `ProxyOptions`. @throws Error naming the file. */
export function readConfig(path: string): Partial<ProxyOptions> {
  try {
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config
  } catch (cause) {
    throw new Error(`[millpond] ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  throw new Error(`[millpond] ${path} holds no object: give { "origin": "http://127.0.0.1:3000" }`)
}

const fault = (name: string, what: string, remedy: string): Error => new Error(`[millpond] ${name}: ${what}: ${remedy}`)
