// The proxy's settings: from code, from a JSON file, from the command line; validated once, with messages that show the
// value.
import { readFileSync } from 'node:fs'
import { memory } from 'millpond'
import { HTTP_CACHE, type HttpCacheOptions } from 'millpond/http'
import {
  check,
  checkOptions,
  flag,
  fn,
  isError,
  options as optionsOf,
  type Resolved,
  refused,
  required,
  type Shape,
  text,
  whole,
} from 'millpond/options'

export interface ProxyOptions {
  /** The origin: `http://127.0.0.1:3000`. Several share the load; one that is unreachable is skipped for a while. */
  readonly origin: string | readonly string[]
  /** Default 8080; 0 takes a free one. */
  readonly port?: number | undefined
  /** The address to listen on. Default: all. */
  readonly host?: string | undefined
  /**
   * Strictly the RFCs: nothing is hidden from the origin, `Set-Cookie` and responses to requests with cookies are
   * stored if the response permits it, no retries, no fields added to requests. Default `false`.
   */
  readonly strict?: boolean | undefined
  /** Memory for stored responses. Default `'256mb'`. */
  readonly memory?: string | number | undefined
  /** A Redis that several proxies share, below their memory; needs the package ioredis. */
  readonly redis?: string | undefined
  /**
   * How often a GET, HEAD, OPTIONS or QUERY is retried whose connection broke before the response began. Default 1; 0
   * in strict mode.
   */
  readonly retries?: number | undefined
  /** Milliseconds to connect. Default 5,000. */
  readonly connectTimeout?: number | undefined
  /** Milliseconds until a response begins, and between two chunks of it. Default 60,000. */
  readonly originTimeout?: number | undefined
  /** Milliseconds for a client to send its header; up to five times as much for the content. Default 60,000. */
  readonly clientTimeout?: number | undefined
  /** Connections to each origin. Default 128. */
  readonly connections?: number | undefined
  /** The largest header section, in bytes, of either side. Default 16,384. */
  readonly maxHeaderBytes?: number | undefined
  /** The largest content of a request, in bytes. Default: no limit. */
  readonly maxRequestBytes?: number | undefined
  /**
   * A health check path (healthy: a status below 500), requested at the start and every 5 s. Default: none; a failed
   * connection marks an origin as unhealthy.
   */
  readonly healthPath?: string | undefined
  /** Whether `X-Forwarded-*` of clients is trusted: only behind another proxy. Default `false`. */
  readonly trustForwarded?: boolean | undefined
  /** Port of `/metrics`, `/health` and `POST /purge`, on 127.0.0.1 only. Default: none. */
  readonly adminPort?: number | undefined
  /** One JSON line per answer. Default: none. */
  readonly accessLog?: ((line: string) => void) | undefined
  /** Called with errors that clients do not see. Default: ignored. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** How responses are cached (`millpond/http`). */
  readonly cache?: HttpCacheOptions | undefined
}

export type ProxySettings = Resolved<
  Omit<ProxyOptions, 'origin' | 'redis' | 'host' | 'healthPath' | 'adminPort' | 'accessLog'>
> &
  Pick<ProxyOptions, 'redis' | 'host' | 'healthPath' | 'adminPort' | 'accessLog'> & { readonly origins: readonly URL[] }

const number = whole(0, Number.MAX_SAFE_INTEGER, true)
const port = whole(0, 65_535)
const OPTIONS: Shape<ProxyOptions> = {
  origin: required(origins),
  port,
  host: text,
  strict: flag,
  memory: (value) => memory({ maxBytes: value as string }).limits.maxBytes,
  redis: text,
  retries: number,
  connectTimeout: number,
  originTimeout: number,
  clientTimeout: number,
  connections: number,
  maxHeaderBytes: number,
  maxRequestBytes: number,
  healthPath: check(
    (value): value is string => typeof value === 'string' && value.startsWith('/'),
    "a path such as '/health'",
  ),
  trustForwarded: flag,
  adminPort: port,
  accessLog: fn('a function that takes a line'),
  onError: fn('a function that takes an error'),
  cache: optionsOf(HTTP_CACHE),
}

/** Strict mode for the cache: only the response decides. */
const STRICT: HttpCacheOptions = { storeSetCookie: true, credentials: [], keyInputs: false }

/** @throws MillpondError `OPTION_INVALID`, naming the option, the value and the remedy. */
export function resolveOptions(options: ProxyOptions): ProxySettings {
  checkOptions<ProxyOptions>(options, OPTIONS, '')
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
    // A field that the origin does not get need not be part of the key.
    cache: { ...(isStrict ? STRICT : { keyInputs: options.trustForwarded ?? false }), ...options.cache },
    ...(redis === undefined ? {} : { redis }),
    ...(host === undefined ? {} : { host }),
    ...(healthPath === undefined ? {} : { healthPath }),
    ...(adminPort === undefined ? {} : { adminPort }),
    ...(accessLog === undefined ? {} : { accessLog }),
  }
}

const originsOf = (given: ProxyOptions['origin']): URL[] =>
  (typeof given === 'string' ? [given] : given).map((text) => new URL(text))

function origins(given: unknown, at: string): ProxyOptions['origin'] {
  const list: unknown = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || list.length === 0)
    throw refused(given, at, "an address such as 'http://127.0.0.1:3000', or a list of them")
  return list.map((text: unknown) => {
    const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
    if (
      url === undefined ||
      !/^https?:$/.test(url.protocol) ||
      url.pathname !== '/' ||
      url.search !== '' ||
      url.username !== ''
    )
      throw refused(text, at, "an origin, which is scheme, host and port only: 'http://127.0.0.1:3000'")
    return url.origin
  })
}

/** A JSON file with the names of `ProxyOptions`. @throws Error naming the file. */
export function readConfig(path: string): Partial<ProxyOptions> {
  try {
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config
  } catch (cause) {
    throw new Error(`[millpond] ${path} cannot be read: ${isError(cause) ? cause.message : String(cause)}`, { cause })
  }
  throw new Error(`[millpond] ${path} does not contain an object: give { "origin": "http://127.0.0.1:3000" }`)
}
