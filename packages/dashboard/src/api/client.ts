// The admin API for browsers: one base, one way to sign in, problem documents (RFC 9457) as errors. Works without
// React.

import { checkOptions, fn, text } from '../checks.ts'

/** Where the admin API is and how it is called. */
export interface CacheClientOptions {
  /** Default `/api/admin/caching`. */
  readonly apiBaseUrl?: string | undefined
  /** Default: the browser's `fetch`. */
  readonly fetcher?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Headers that sign the caller in; requested before each call. */
  readonly auth?: (() => Readonly<Record<string, string>>) | undefined
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface SendOptions {
  readonly query?: Query | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

/** A client of the admin API. Every call rejects with `ApiError`. */
export interface CacheClient {
  /** The address of the routes, without a slash at its end: `apiBaseUrl`. */
  readonly base: string
  /** Gets JSON; paths are relative to `base`. Rejects with `ApiError` for a status of 400 or above. */
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>
  /** Sends JSON and gets JSON. Rejects with `ApiError` for a status of 400 or above. */
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, options?: SendOptions): Promise<T>
  /** The raw response: an export, a stream. */
  raw(method: string, path: string, options?: SendOptions & { readonly body?: unknown }): Promise<Response>
}

/** The server's refusal, or that it did not answer (`status` 0). */
export class ApiError extends Error {
  /** The HTTP status; 0 without a response. */
  readonly status: number
  /** The control plane's error code. */
  readonly code: string
  /** Identifies the request in its log. */
  readonly requestId: string | undefined
  /** How long it asks to wait. */
  readonly retryAfterMs: number | undefined
  /** The problem document. */
  readonly document: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    message: string,
    document: Readonly<Record<string, unknown>> = {},
    headers?: Headers,
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.document = document
    this.requestId = headers?.get('x-request-id') ?? undefined
    const seconds = Number(headers?.get('retry-after') ?? Number.NaN)
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined
  }

  /** Of a response: its status, its body as JSON if it is, its headers. */
  static of(status: number, body: unknown, headers: Headers): ApiError {
    const fields = isRecord(body) ? body : {}
    const detail = typeof fields.detail === 'string' ? fields.detail : `the server answered ${status}`
    return new ApiError(status, typeof fields.code === 'string' ? fields.code : 'error', detail, fields, headers)
  }
}

const OPTIONS = {
  apiBaseUrl: text("an address such as '/api/admin/caching'"),
  fetcher: fn('a function like fetch'),
  auth: fn('a function that returns headers'),
}

/**
 * Calls the routes of a control plane, with the credentials of the page's user.
 * @throws TypeError naming the option that is not allowed @example const client = createCacheClient({ auth: () => ({
 * Authorization: `Bearer ${token}` }) })
 */
export function createCacheClient(options: CacheClientOptions = {}): CacheClient {
  checkOptions<CacheClientOptions>(options, OPTIONS, 'createCacheClient')
  const base = (options.apiBaseUrl ?? '/api/admin/caching').replace(/\/$/, '')
  const fetcher = options.fetcher ?? ((url: string, init: RequestInit) => fetch(url, init))

  const raw: CacheClient['raw'] = async (method, path, { query, headers, signal, body } = {}) => {
    const isWrite = method !== 'GET'
    let response: Response
    try {
      response = await fetcher(`${base}/${path}${search(query)}`, {
        method,
        credentials: 'same-origin',
        headers: {
          Accept: 'application/json',
          ...(isWrite ? { 'X-Requested-With': 'millpond' } : {}),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(method === 'POST' && path !== 'batch/' ? { 'Idempotency-Key': newKey() } : {}), // a batch changes nothing
          ...options.auth?.(),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new ApiError(
        0,
        'unreachable',
        `no answer came from ${base}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    if (!response.ok) throw ApiError.of(response.status, await response.json().catch(() => undefined), response.headers)
    return response
  }
  // Responses are trusted to match the server's schema: the only place where they are.
  const read = async <T>(response: Response): Promise<T> =>
    (response.status === 204 ? undefined : await response.json()) as T
  return {
    base,
    raw,
    get: async (path, query, signal) => read(await raw('GET', path, { query, signal })),
    send: async (method, path, body, more) => read(await raw(method, path, { ...more, body })),
  }
}

export function search(query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `crypto.randomUUID` exists only over TLS and on loopback. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
