// Nest's caching of what handlers of routes return, by URL: under the names of `@nestjs/cache-manager`, so that an
// application changes an import.
//
// An answer is kept as JSON, which it becomes on its way out anyway. What has no JSON of its own (files, streams,
// responses that a handler writes itself) is made by the handler for each caller.
import {
  type CallHandler,
  type CustomDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common'
import { refused } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError } from '../core/errors.ts'
import type { Cache } from '../engine/cache.ts'
import { endless } from './endless.ts'
import { answerOf, type RouteAnswer, valuesIn, valuesOf } from './nest-answers.ts'
import { MILLPOND_CACHE } from './nest-cache.ts'
import { keyOf, tagsOf } from './next-names.ts'

/** What a decorator of a route takes instead of a value: a function of Nest's context. */
export type OfContext<T> = (context: ExecutionContext) => T | Promise<T>

/** The name of a request's entry; nothing: the request is not cached. */
export type KeyOfRequest = string | null | undefined

// Those of @nestjs/cache-manager, whose decorators are understood, too.
const KEY = 'cache_module:cache_key'
const TTL = 'cache_module:cache_ttl'
const TAGS = 'millpond:cache_tags'
/** Of Nest itself: a route of server-sent events. */
const SSE = '__sse__'
/** A handler may take as long as it takes without a cache. */
const NEVER = 0

/**
 * Names the entry of a route, instead of its URL: a text for all its requests, or a function of the context. A request
 * for which it returns nothing is not cached.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * \@CacheKey((context) => `cart:${context.switchToHttp().getRequest().user.id}`)
 */
export function CacheKey(key: string | OfContext<KeyOfRequest>): CustomDecorator {
  if ((typeof key !== 'string' || key === '') && typeof key !== 'function')
    throw refused(key, 'CacheKey', "a text, such as 'deals', or a function of the context")
  return SetMetadata(KEY, key)
}

/**
 * How long the entries of a route or controller live: a duration (numbers are milliseconds; 0: unlimited, as in
 * cache-manager), or a function of the context. Default: that of the cache.
 * @throws MillpondError `DURATION_INVALID`.
 */
export function CacheTTL(ttl: Duration | OfContext<Duration>): CustomDecorator {
  if (typeof ttl !== 'function') parseDuration(ttl, 'CacheTTL')
  return SetMetadata(TTL, ttl)
}

/**
 * Tags of the entries of a route, for `InvalidateTags` and `cache.invalidateTags`: a list, or a function of the
 * context.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function CacheTags(tags: readonly string[] | OfContext<readonly string[]>): CustomDecorator {
  if (
    typeof tags !== 'function' &&
    !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag !== ''))
  )
    throw refused(tags, 'CacheTags', 'an array of tags, or a function from the context to it')
  return SetMetadata(TAGS, tags)
}

/**
 * Caches what handlers return: `@UseInterceptors(CacheInterceptor)`, or `{ provide: APP_INTERCEPTOR, useClass:
 * CacheInterceptor }` for all routes. Concurrent requests for one URL share one execution. Cached are GET requests
 * without an `Authorization` or `Cookie` header for which no guard has set `request.user`, and whatever has a
 * `CacheKey`; never GraphQL and server-sent events, nor a response whose status the handler has set.
 * The response has a header `X-Cache`: `HIT` or `MISS`.
 */
export class CacheInterceptor implements NestInterceptor {
  /** Methods whose requests are cached by their URL. */
  protected allowedMethods: readonly string[] = ['GET']
  readonly #cache: Cache
  readonly #log = new Logger('CacheInterceptor')
  readonly #told = new Set<string>()

  /** @param cache that of `MillpondModule`. */
  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** Answers from the cache, or runs the handler. */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<ReturnType<CallHandler['handle']>> {
    const key = isCached(context) ? await this.trackBy(context) : undefined
    if (key === undefined || key === null || key === '') return next.handle()
    let own: { readonly values: readonly unknown[] } | undefined
    let hasFailed = false
    try {
      const kept = await this.#cache.getOrSet<RouteAnswer | undefined>(
        keyOf(key),
        async (control) => {
          hasFailed = true
          const status = statusOf(context)
          const values = await valuesOf(next.handle())
          hasFailed = false
          own = { values }
          // A hit would have that of the route.
          const answer = statusOf(context) === status ? this.#keep(values, context) : undefined
          if (answer === undefined) return undefined
          const ttl = await metadata<Duration>(TTL, context)
          if (ttl !== undefined) control.setTtl(endless(parseDuration(ttl, 'CacheTTL')))
          control.addTags(...tagsOf((await metadata<readonly string[]>(TAGS, context)) ?? []))
          return answer
        },
        { timeout: { hard: NEVER } },
      )
      const values = own === undefined ? valuesIn(kept) : undefined
      tell(context, values === undefined ? 'MISS' : 'HIT')
      return given(values ?? own?.values, next)
    } catch (error) {
      // A cache that fails takes no response along.
      if (own === undefined && (hasFailed || !(error instanceof MillpondError))) throw error
      return given(own?.values, next)
    }
  }

  /**
   * The entry's name; nothing: not cached. Override it to tell requests apart by more than their URL; what this one
   * returns nothing for is private, so then return nothing too.
   */
  protected trackBy(context: ExecutionContext): KeyOfRequest | Promise<KeyOfRequest> {
    if (hasKey(context)) return metadata<string | null>(KEY, context)
    if (context.getType() !== 'http' || !this.isRequestCacheable(context)) return undefined
    return urlOf(context.switchToHttp().getRequest())
  }

  /** Whether a request without a `CacheKey` is cached. */
  protected isRequestCacheable(context: ExecutionContext): boolean {
    const { method, headers, user } = context.switchToHttp().getRequest<Request>()
    // A guard may know a user by something else, such as a key in a header of its own.
    const isAnyone = headers.authorization === undefined && headers.cookie === undefined
    return this.allowedMethods.includes(method) && isAnyone && (user === undefined || user === null)
  }

  #keep(values: readonly unknown[], context: ExecutionContext): RouteAnswer | undefined {
    const answer = answerOf(values)
    if (typeof answer !== 'string') return answer
    const route = `${context.getClass().name}.${context.getHandler().name}`
    // Otherwise what `ClassSerializerInterceptor` leaves out would be shown from the second response on.
    if (!this.#told.has(route))
      this.#log.warn(
        `${route} is not cached: it returns an instance of ${answer}. Return plain objects, or name ClassSerializerInterceptor after CacheInterceptor`,
      )
    this.#told.add(route)
    return undefined
  }
}
Injectable()(CacheInterceptor)
Inject(MILLPOND_CACHE)(CacheInterceptor, undefined, 0)

interface Request {
  readonly method: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly url: string
  readonly originalUrl?: string
  /** As guards set it. */
  readonly user?: unknown
}
interface Response {
  readonly statusCode?: number
  readonly headersSent?: boolean
  readonly sent?: boolean
  setHeader?(name: string, value: string): unknown
  header?(name: string, value: string): unknown
}

/** Without those whose handlers are called for parts of an answer, or whose answers do not end. */
const isCached = (context: ExecutionContext): boolean =>
  context.getType<string>() !== 'graphql' && onHandler(SSE, context) !== true

/** As the client sent it: a router beneath another sees a part of it. */
const urlOf = ({ originalUrl, url }: Request): string => originalUrl ?? url

function onHandler(name: string, context: ExecutionContext): unknown {
  const get: unknown = Reflect.get(Reflect, 'getMetadata')
  if (typeof get !== 'function') return undefined
  return get(name, context.getHandler()) ?? (name === TTL || name === TAGS ? get(name, context.getClass()) : undefined)
}

const hasKey = (context: ExecutionContext): boolean => onHandler(KEY, context) !== undefined

async function metadata<T>(name: string, context: ExecutionContext): Promise<T | undefined> {
  const one = onHandler(name, context)
  return (typeof one === 'function' ? await one(context) : one) as T | undefined
}

/** Nest takes whatever can be iterated for what a handler returns. */
const given = (values: readonly unknown[] | undefined, next: CallHandler): ReturnType<CallHandler['handle']> =>
  values === undefined ? next.handle() : (values as unknown as ReturnType<CallHandler['handle']>)

const statusOf = (context: ExecutionContext): number | undefined =>
  context.getType() === 'http' ? context.switchToHttp().getResponse<Response>().statusCode : undefined

function tell(context: ExecutionContext, state: 'HIT' | 'MISS'): void {
  if (context.getType() !== 'http') return
  const response = context.switchToHttp().getResponse<Response>()
  if (response.headersSent === true || response.sent === true) return
  if (response.setHeader !== undefined) response.setHeader('X-Cache', state)
  else response.header?.('X-Cache', state)
}
