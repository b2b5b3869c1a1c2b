// Cache headers for answers without their own: Cache-Control by kind of data, and optionally a strong ETag.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkOptions, duration, flag, type Shape, texts, whole } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { tellEdge } from '../edge-tags.ts'
import type { Middleware } from '../node/http-cache.ts'
import { type ProfileName, profile, profileTtl } from '../wrappers/profiles.ts'
import { beforeHead } from './head.ts'

export interface HeaderRule {
  /** TTL by kind of data; `maxAge` takes precedence. */
  readonly profile?: ProfileName | undefined
  /** `max-age`, in whole seconds. Default: the TTL of the `profile`, or of `api` without one. */
  readonly maxAge?: Duration | undefined
  /** For shared caches. */
  readonly sharedMaxAge?: Duration | undefined
  /** Whether answers are public. Default `false`: `private`. */
  readonly public?: boolean | undefined
  /** Adds `immutable`: a browser does not validate it even on a reload. Default `false`. */
  readonly immutable?: boolean | undefined
  /** Adds `stale-while-revalidate` (RFC 5861). Default: absent. */
  readonly staleWhileRevalidate?: Duration | undefined
  /** Adds `stale-if-error` (RFC 5861). Default: absent. */
  readonly staleIfError?: Duration | undefined
  /** Fields that select the answer, added to `Vary`. */
  readonly vary?: readonly string[] | undefined
  /** A strong entity tag for answers that are sent in one piece. Default `false`. */
  readonly etag?: boolean | undefined
  /**
   * Tags for the edge, added to `Surrogate-Key` and `Cache-Tag` of the application. Default: none. If there are more
   * than edges accept (16 KB, `maxEdgeTags`), only browsers may store the answer.
   */
  readonly edgeTags?: readonly string[] | undefined
  /** How many tags of one answer the edge reads; it ignores further ones. 50 for CloudFront. Default 1,000. */
  readonly maxEdgeTags?: number | undefined
}

const RULE: Shape<HeaderRule> = {
  profile,
  maxAge: duration,
  sharedMaxAge: duration,
  public: flag,
  immutable: flag,
  staleWhileRevalidate: duration,
  staleIfError: duration,
  vary: texts('a list of field names'),
  etag: flag,
  edgeTags: texts('a list of tags'),
  maxEdgeTags: whole(1),
}

/**
 * Sets headers that the application has not set, for GET and HEAD with a status below 400. The rule may depend on the
 * request; `undefined` leaves the answer alone.
 * @throws MillpondError `OPTION_INVALID` and `DURATION_INVALID` when it is made with a fixed rule that is wrong.
 * @example app.use('/api/search', cacheHeaders({ profile: 'search' }))
 */
export function cacheHeaders(rule: HeaderRule | ((request: IncomingMessage) => HeaderRule | undefined)): Middleware {
  if (typeof rule !== 'function') checkOptions<HeaderRule>(rule, RULE, 'cacheHeaders')
  const fixed = typeof rule === 'function' ? undefined : cacheControlOf(rule)
  return (request, response, next) => {
    const { method } = request
    const ours = typeof rule === 'function' ? rule(request) : rule
    if (ours === undefined || (method !== 'GET' && method !== 'HEAD')) {
      next()
      return
    }
    if (ours.etag === true) tagWhole(response)
    beforeHead(response, (status) => {
      if (status >= 400) return
      if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', fixed ?? cacheControlOf(ours))
      for (const name of ours.vary ?? []) vary(response, name)
      if (ours.edgeTags !== undefined) tellEdge(headOf(response), ours.edgeTags, ours.maxEdgeTags)
    })
    next()
  }
}

function cacheControlOf(rule: HeaderRule): string {
  const seconds = (duration: Duration, name: string): number => Math.floor(parseDuration(duration, name) / 1000)
  const { profile = 'api', maxAge = profileTtl(profile), sharedMaxAge, staleWhileRevalidate, staleIfError } = rule
  return [
    rule.public === true ? 'public' : 'private',
    `max-age=${seconds(maxAge, 'maxAge')}`,
    ...(sharedMaxAge === undefined ? [] : [`s-maxage=${seconds(sharedMaxAge, 'sharedMaxAge')}`]),
    ...(rule.immutable === true ? ['immutable'] : []),
    ...(staleWhileRevalidate === undefined
      ? []
      : [`stale-while-revalidate=${seconds(staleWhileRevalidate, 'staleWhileRevalidate')}`]),
    ...(staleIfError === undefined ? [] : [`stale-if-error=${seconds(staleIfError, 'staleIfError')}`]),
  ].join(', ')
}

const headOf = (response: ServerResponse) => ({
  get: (name: string) => {
    const value = response.getHeader(name)
    return value === undefined
      ? undefined
      : Array.isArray(value)
        ? value.join(name === 'Cache-Tag' ? ',' : ' ')
        : String(value)
  },
  set: (name: string, value: string) => response.setHeader(name, value),
  remove: (name: string) => response.removeHeader(name),
})

/** Adds a name to `Vary`, once. */
export function vary(response: ServerResponse, name: string): void {
  const known = String(response.getHeader('Vary') ?? '')
  const names = known.split(',').map((part) => part.trim().toLowerCase())
  if (!names.includes(name.toLowerCase()) && !names.includes('*'))
    response.setHeader('Vary', known === '' ? name : `${known}, ${name}`)
}

/** Only for answers in one piece: for a stream, a tag would have to wait for its end. */
function tagWhole(response: ServerResponse): void {
  const end = response.end.bind(response)
  const own = (...args: unknown[]): ServerResponse => {
    const [chunk, encoding] = args
    const isBody = typeof chunk === 'string' || chunk instanceof Uint8Array
    if (isBody && !response.headersSent && !response.hasHeader('ETag') && response.statusCode === 200) {
      const bytes =
        typeof chunk === 'string'
          ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
          : chunk
      response.setHeader('ETag', `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`)
    }
    return Reflect.apply(end, undefined, args) as ServerResponse
  }
  Object.assign(response, { end: own })
}
