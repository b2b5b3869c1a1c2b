// The parts of a request in the key of a view: method, path, query, the named fields and cookies, the signed-in user.
import { createHash } from 'node:crypto'
import { flag, type Shape, texts } from '../../core/checks.ts'
import { MillpondError, show } from '../../core/errors.ts'

/** A request of any framework: fetch's `Request`, node:http's, Express's, Koa's context, Hono's `c.req.raw`. */
export interface RequestLike {
  /** Default `GET`. */
  readonly method?: string
  /** Absolute, or a path with its query; the host is then that of the field `Host`. Default `/`. */
  readonly url?: string
  /** The URL before a router shortened it, as in Express; takes precedence over `url`. */
  readonly originalUrl?: string
  /** The request's fields; names in lower case if it is a plain object. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface VaryOptions {
  /** Request fields (`'accept-language'`) and cookies (`'cookie:theme'`) that change the result. */
  readonly varyOn?: readonly string[] | undefined
  /** Whether each signed-in user has separate results (by `Authorization` and all cookies). Default `true`. */
  readonly varyOnAuth?: boolean | undefined
  /** Whether the query changes the result. Default `true`. */
  readonly varyOnParams?: boolean | undefined
}

export const VARY: Shape<VaryOptions> = { varyOn: texts('a list of field names'), varyOnAuth: flag, varyOnParams: flag }

/** @throws MillpondError `OPTION_INVALID` if the first argument is not a request. */
export function requestParts(request: unknown, options: VaryOptions): string[] {
  if (!isRequest(request))
    throw new MillpondError(
      'OPTION_INVALID',
      `the first argument of the view is ${show(request)}: it must be the request, or give the option key`,
    )
  const { pathname, searchParams, host } = new URL(request.originalUrl ?? request.url ?? '/', 'http://relative')
  const parts = [request.method ?? 'GET', host === 'relative' ? (headerOf(request, 'host') ?? '') : host, pathname]
  if (options.varyOnParams !== false) {
    // The order of names does not matter to a view; the order of the values of one name may.
    searchParams.sort()
    parts.push(searchParams.toString())
  }
  if (options.varyOnAuth !== false)
    parts.push(secret(headerOf(request, 'authorization')), secret(headerOf(request, 'cookie')))
  for (const name of options.varyOn ?? []) {
    const cookie = /^cookie:(.+)$/i.exec(name)?.[1]
    parts.push(
      JSON.stringify(
        (cookie === undefined ? headerOf(request, name.toLowerCase()) : cookieOf(request, cookie)) ?? null,
      ),
    )
  }
  return parts
}

function isRequest(value: unknown): value is RequestLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    'headers' in value &&
    typeof value.headers === 'object' &&
    value.headers !== null
  )
}

function headerOf({ headers }: RequestLike, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name]
  return typeof value === 'string' ? value : value?.join(', ')
}

function cookieOf(request: RequestLike, name: string): string | undefined {
  for (const pair of headerOf(request, 'cookie')?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** Keys may be listed: they must not reveal credentials. */
const secret = (text: string | undefined): string =>
  text === undefined ? '' : createHash('sha256').update(text).digest('base64url')
