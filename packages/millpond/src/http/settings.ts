// The settings of an HTTP cache, resolved once.
import { checkOptions, duration, flag, fn, type Shape, share, text, texts, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { cacheName } from './rules/cache-status.ts'
import type { RequestFacts } from './rules/request.ts'
import { needStructuredFields } from './rules/structured.ts'

export interface HttpCacheOptions {
  /** In `Cache-Status` (RFC 9211). Default `Millpond`. */
  readonly name?: string | undefined
  /** `false`: a private cache, for one user. Default `true`. */
  readonly shared?: boolean | undefined
  /** Freshness of answers that say nothing about it. Default 0: they are not stored. */
  readonly defaultTtl?: Duration | undefined
  /**
   * Share of the time since `Last-Modified` that an answer without explicit freshness is fresh for, 0 to 1 (RFC 9111
   * 4.2.2). Default 0.1.
   */
  readonly heuristic?: number | undefined
  /** Targeted fields, the first one that is there decides (RFC 9213). Default `['cdn-cache-control']`. */
  readonly targets?: readonly string[] | undefined
  /** How long answers are kept past their freshness, to be validated or used when the origin fails. Default `'1d'`. */
  readonly keepStale?: Duration | undefined
  /**
   * How long past its freshness an answer that says nothing about it is used while the origin cannot be reached.
   * Default `'1h'`.
   */
  readonly staleIfUnreachable?: Duration | undefined
  /** Whether answers with `Set-Cookie` may be stored. Default `false`. */
  readonly storeSetCookie?: boolean | undefined
  /**
   * Request fields that make an answer personal unless it says that it is public. `Authorization` always does. Default
   * `['cookie']`.
   */
  readonly credentials?: readonly string[] | undefined
  /**
   * Whether `X-Forwarded-Host`, `X-Original-URL`, `X-HTTP-Method-Override` and their like are part of the key, since an
   * application may heed them. Default `true`; `false` where the origin never sees them.
   */
  readonly keyInputs?: boolean | undefined
  /** Whether the client's `Cache-Control` counts. Default `true`. */
  readonly honourClient?: boolean | undefined
  /**
   * Whose a request's answers are, where the URL does not say it: part of the key, so that tenants share nothing. Tell
   * it from what the client cannot choose, or what is checked before the cache. `undefined`: nobody's alone. Default:
   * the URL says it all.
   */
  readonly tenant?: ((request: RequestFacts) => string | undefined) | undefined
  /**
   * Who asks: what one session asks for one after the other is told to whoever predicts what comes next
   * (`millpond/insight`); stored nowhere. `undefined`: nobody who is known. Needs a cache with `for({ session })`, as
   * those of `createCache` are. Default: nobody is.
   */
  readonly session?: ((request: RequestFacts) => string | undefined) | undefined
  /**
   * Content codings that the origin chooses from, the one it prefers first: requests then share an answer that varies
   * by `Accept-Encoding` when they come to the same one. Default: what `Accept-Encoding` says counts as it is.
   */
  readonly codings?: readonly string[] | undefined
  /** The longest body that is stored, in bytes. Default 16 MB. */
  readonly maxBodyBytes?: number | undefined
  /** What the client that asked has left is still fetched for the store up to this many bytes. Default 1 MB. */
  readonly finishBytes?: number | undefined
  /** `false`: no `Cache-Status` is sent. Default `true`. */
  readonly cacheStatus?: boolean | undefined
  /** For tests. */
  readonly now?: (() => number) | undefined
}

export interface Settings {
  readonly name: string
  readonly isShared: boolean
  readonly defaultTtlMs: number
  readonly heuristic: number
  readonly targets: readonly string[]
  readonly keepStaleMs: number
  readonly staleIfUnreachableMs: number
  readonly storeSetCookie: boolean
  readonly credentials: readonly string[]
  readonly keyInputs: boolean
  readonly honourClient: boolean
  readonly tenant: ((request: RequestFacts) => string | undefined) | undefined
  readonly session: ((request: RequestFacts) => string | undefined) | undefined
  readonly codings: readonly string[] | undefined
  readonly maxBodyBytes: number
  readonly finishBytes: number
  readonly inlineBytes: number
  readonly cacheStatus: boolean
  readonly now: () => number
}

const MB = 1024 * 1024
/** Strings are sent without a copy, bytes in pieces with one. */
const INLINE_BYTES = 64 * 1024
const fields = texts('a list of field names')
/** The checks of `HttpCacheOptions`, for who takes them among options of its own: see `millpond/options`. */
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
 * @throws MillpondError `OPTION_INVALID` and `DURATION_INVALID`, naming the option; `OPTION_INVALID` where
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
