// The settings of an HTTP cache, resolved once.
import { checkOptions, duration, flag, fn, type Shape, share, text, texts, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { cacheName } from './rules/cache-status.ts'
import type { RequestFacts } from './rules/request.ts'
import { needStructuredFields } from './rules/structured.ts'

export interface HttpCacheOptions {
  /** The name in `Cache-Status` (RFC 9211). Default `Millpond`. */
  readonly name?: string | undefined
  /** `false`: a private cache, for one user. Default `true`. */
  readonly shared?: boolean | undefined
  /** Freshness of answers without any information about it. Default 0: they are not stored. */
  readonly defaultTtl?: Duration | undefined
  /**
   * Share of the time since `Last-Modified` during which an answer without explicit freshness is fresh, 0 to 1 (RFC
   * 9111 4.2.2). Default 0.1.
   */
  readonly heuristic?: number | undefined
  /** Targeted fields, the first present one decides (RFC 9213). Default `['cdn-cache-control']`. */
  readonly targets?: readonly string[] | undefined
  /**
   * How long answers are kept past their freshness, for validation or for use when the origin fails. Default `'1d'`.
   */
  readonly keepStale?: Duration | undefined
  /**
   * How long past its freshness an answer without any information about it is used while the origin is unreachable.
   * Default `'1h'`.
   */
  readonly staleIfUnreachable?: Duration | undefined
  /** Whether answers with `Set-Cookie` may be stored. Default `false`. */
  readonly storeSetCookie?: boolean | undefined
  /**
   * Request fields that make an answer private unless it is explicitly public. `Authorization` always does. Default
   * `['cookie']`.
   */
  readonly credentials?: readonly string[] | undefined
  /**
   * Whether `X-Forwarded-Host`, `X-Original-URL`, `X-HTTP-Method-Override` and the like are part of the key, since an
   * application may use them. Default `true`; `false` if the origin never sees them.
   */
  readonly keyInputs?: boolean | undefined
  /** Whether the client's `Cache-Control` is honoured. Default `true`. */
  readonly honourClient?: boolean | undefined
  /**
   * The tenant of a request, if the URL does not determine it: part of the key, so that tenants share nothing. Derive
   * it from what the client cannot choose, or what is verified in front of the cache. `undefined`: no tenant. Default:
   * the URL determines everything.
   */
  readonly tenant?: ((request: RequestFacts) => string | undefined) | undefined
  /**
   * The session of a request: the sequence of a session's requests is used for prediction (`millpond/insight`), and not
   * stored. `undefined`: unknown. Needs a cache with `for({ session })`, such as those of `createCache`. Default: none.
   */
  readonly session?: ((request: RequestFacts) => string | undefined) | undefined
  /**
   * Content codings that the origin chooses from, in its order of preference: requests then share an answer that varies
   * by `Accept-Encoding` if they lead to the same one. Default: the value of `Accept-Encoding` counts as it is.
   */
  readonly codings?: readonly string[] | undefined
  /** The longest body that is stored, in bytes. Default 16 MB. */
  readonly maxBodyBytes?: number | undefined
  /** If the client has left, its answer is still fetched for the store up to this many bytes. Default 1 MB. */
  readonly finishBytes?: number | undefined
  /** `false`: no `Cache-Status` is sent. Default `true`. */
  readonly cacheStatus?: boolean | undefined
  /** For tests. */
  readonly now?: (() => number) | undefined
}

export interface Settings {
  /** The name in `Cache-Status`. */
  readonly name: string
  /** `false`: a private cache, for one user. */
  readonly isShared: boolean
  /** Freshness of answers without any information about it; 0: they are not stored. */
  readonly defaultTtlMs: number
  /** Share of the time since `Last-Modified` during which an answer without explicit freshness is fresh. */
  readonly heuristic: number
  /** Targeted fields in lower case; the first present one decides. */
  readonly targets: readonly string[]
  /** How long answers are kept past their freshness. */
  readonly keepStaleMs: number
  /** How long past its freshness an answer without any information about it is used while the origin is unreachable. */
  readonly staleIfUnreachableMs: number
  /** Whether answers with `Set-Cookie` may be stored. */
  readonly storeSetCookie: boolean
  /** Request fields in lower case that make an answer private unless it is explicitly public. */
  readonly credentials: readonly string[]
  /** Whether fields such as `X-Forwarded-Host`, which an application may use, are part of the key. */
  readonly keyInputs: boolean
  /** Whether the client's `Cache-Control` is honoured. */
  readonly honourClient: boolean
  /** The tenant of a request, part of the key; undefined: the URL determines everything. */
  readonly tenant: ((request: RequestFacts) => string | undefined) | undefined
  /** The session of a request, for prediction; undefined: none is read. */
  readonly session: ((request: RequestFacts) => string | undefined) | undefined
  /**
   * Content codings of the origin in lower case, in its order of preference; undefined: the client's field counts as it
   * is.
   */
  readonly codings: readonly string[] | undefined
  /** The longest body that is stored. */
  readonly maxBodyBytes: number
  /** How much of an answer is still fetched for the store after its client has left. */
  readonly finishBytes: number
  /** Text up to this size is stored as a string together with its head; everything else in pieces. */
  readonly inlineBytes: number
  /** Whether `Cache-Status` is sent. */
  readonly cacheStatus: boolean
  /** Epoch milliseconds. */
  readonly now: () => number
}

const MB = 1024 * 1024
/** Strings are sent without a copy, bytes in pieces with one. */
const INLINE_BYTES = 64 * 1024
const fields = texts('a list of field names')
/** The checks of `HttpCacheOptions`, for packages that embed them in their own options: see `millpond/options`. */
export const HTTP_CACHE: Shape<HttpCacheOptions> = {
  name: text,
  shared: flag,
  defaultTtl: duration,
  heuristic: share,
  targets: fields,
  keepStale: duration,
  staleIfUnreachable: duration,
  storeSetCookie: flag,
  credentials: fields,
  keyInputs: flag,
  honourClient: flag,
  tenant: fn('a function from a request to its tenant'),
  session: fn('a function from a request to its user'),
  codings: texts('a list of content codings'),
  maxBodyBytes: whole(0),
  finishBytes: whole(0),
  cacheStatus: flag,
  now: fn('a function that returns epoch milliseconds'),
}

/**
 * @throws MillpondError `OPTION_INVALID` and `DURATION_INVALID`, naming the option; `OPTION_INVALID` if
 * structured-headers is missing.
 */
export function resolveSettings(options: HttpCacheOptions): Settings {
  checkOptions<HttpCacheOptions>(options, HTTP_CACHE, 'createHttpCache')
  needStructuredFields()
  const { defaultTtl = 0, keepStale = '1d', staleIfUnreachable = '1h', heuristic = 0.1 } = options
  return {
    name: cacheName(options.name ?? 'Millpond'),
    isShared: options.shared ?? true,
    defaultTtlMs: parseDuration(defaultTtl, 'defaultTtl'),
    heuristic,
    targets: lowerCase(options.targets ?? ['cdn-cache-control']),
    keepStaleMs: parseDuration(keepStale, 'keepStale'),
    staleIfUnreachableMs: parseDuration(staleIfUnreachable, 'staleIfUnreachable'),
    storeSetCookie: options.storeSetCookie ?? false,
    credentials: lowerCase(options.credentials ?? ['cookie']),
    keyInputs: options.keyInputs ?? true,
    honourClient: options.honourClient ?? true,
    tenant: options.tenant,
    session: options.session,
    codings: options.codings === undefined ? undefined : lowerCase(options.codings),
    maxBodyBytes: options.maxBodyBytes ?? 16 * MB,
    finishBytes: options.finishBytes ?? MB,
    inlineBytes: INLINE_BYTES,
    cacheStatus: options.cacheStatus ?? true,
    now: options.now ?? Date.now,
  }
}

const lowerCase = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase())
