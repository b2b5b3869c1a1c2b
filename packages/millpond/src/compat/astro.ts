// Astro 7's cache provider over a cache, for any number of servers: the `entrypoint` of `cache: { provider: {
// entrypoint } }` in its configuration.
//
// A page is rendered between a read and a write, under a lease obtained with the miss: if anything was invalidated
// meanwhile, in any process, it is not stored. Whether a page may be stored is known only after rendering, so
// concurrent requests do not share a render's response: they wait for the render and then read, unless the previous
// page could not be stored.
import { createHash } from 'node:crypto'
import { checkOptions, flag, options as optionsOf, type Shape, texts } from '../core/checks.ts'
import { MAX_DURATION_MS } from '../core/duration.ts'
import { MillpondError, reasonOf } from '../core/errors.ts'
import type { Cache } from '../engine/cache.ts'
import type { Lease } from '../engine/held-lease.ts'
import { cacheGiven } from './cache-given.ts'

/** Which part of a query belongs to a page. */
export interface AstroQueryOptions {
  /** Whether `?a=1&b=2` and `?b=2&a=1` are the same page. Default true. */
  readonly sort?: boolean | undefined
  /** Only these parameters identify a page. */
  readonly include?: readonly string[] | undefined
  /**
   * All parameters except these identify a page; `*` matches any characters. Default: tracking parameters (`utm_*`,
   * `fbclid` and the like).
   */
  readonly exclude?: readonly string[] | undefined
}

/** How pages are distinguished. */
export interface AstroCacheOptions {
  /** Which part of a query identifies a page. Default: all of it, sorted, without tracking parameters. */
  readonly query?: AstroQueryOptions | undefined
}

/** A request as Astro hands it over. */
export interface AstroCacheContext {
  /** The request; only those with `GET` are answered from the cache. */
  readonly request: Request
  /** Keeps the process running until the work is done, where the platform offers it. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
  /** Called with the reason why a page is not stored, if given. */
  readonly logger?: { warn(message: string): void } | undefined
}

/** Astro's `CacheProvider`, of the kind that handles requests itself. */
export interface AstroCacheProvider {
  /** Names the provider in Astro's messages. */
  readonly name: string
  /**
   * The stored page, or that which `next` renders, stored if its response permits. The field `X-Astro-Cache` says
   * which.
   */
  onRequest(context: AstroCacheContext, next: () => Promise<Response>): Promise<Response>
  /** Invalidates pages by path, with all their queries that are one page, and by tags; with neither, nothing. */
  invalidate(options: {
    readonly path?: string | undefined
    readonly tags?: string | readonly string[] | undefined
  }): Promise<void>
}

interface Page {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array<ArrayBuffer>
}

/** The entry of an address: its page, or the request headers by which its pages vary. */
interface Held {
  readonly vary: readonly string[]
  readonly page?: Page
}

interface Life {
  readonly ttl: number
  readonly staleFor: number
  readonly tags: readonly string[]
}

const QUERY: Shape<AstroQueryOptions> = {
  sort: flag,
  include: texts('a list of parameter names'),
  exclude: texts('a list of parameter names, such as ["utm_*"]'),
}
const OPTIONS: Shape<AstroCacheOptions> = { query: optionsOf(QUERY) }
/** Tracking parameters of campaigns, advertisements and analytics: no page depends on them. */
const MARKS =
  'utm_*,fbclid,gclid,gbraid,wbraid,dclid,msclkid,twclid,li_fat_id,mc_cid,mc_eid,_ga,_gl,_hsenc,_hsmi,_ke,oly_anon_id,oly_enc_id,rb_clickid,s_cid,vero_id,wickedid,yclid,__s,ref'.split(
    ',',
  )
const COOKIES = Symbol.for('astro.cookies')
const SECOND = 1000
/** Longer than anyone waits for a page. */
const LEASE = { for: '60s', wait: false } as const
const STATE = 'X-Astro-Cache'
const PATH_TAG = 'astro-path:'
const LONG = 256
const MOST_PASSED = 10_000

/**
 * The default export of the module that `cache: { provider: { entrypoint } }` of Astro's configuration names. Pages are
 * entries of the given cache, with their tags unchanged: `cache.invalidateTags` reaches them as
 * `Astro.cache.invalidate` does.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * export default astroCache(createCache({ name: 'site', tiers: [memory({ maxBytes: '64mb' }), redis({ url })] }))
 */
export function astroCache(
  cache: Cache,
  options: AstroCacheOptions = {},
): (config?: AstroCacheOptions) => AstroCacheProvider {
  cacheGiven(cache, 'astroCache')
  checkOptions<AstroCacheOptions>(options, OPTIONS, 'astroCache')
  return (config) => provide(cache, nameBy({ ...options, ...config }))
}

function provide(cache: Cache, nameOf: (url: URL) => string): AstroCacheProvider {
  /** Reads and renders in progress that may yield a page, by address. */
  const underWay = new Map<string, Promise<void>>()
  /** Addresses whose last page could not be stored: requests there do not wait for each other. */
  const passed = new Set<string>()

  /**
   * Renders, and stores the page in the background if it may be stored. @returns the response, and when it has been
   * stored.
   */
  const render = async (
    at: Address,
    lease: Lease | undefined,
    { request, logger }: AstroCacheContext,
    next: Next,
    isAnew = false,
  ) => {
    const response = await next().catch((error) => {
      lease?.release()
      throw error
    })
    const life = lifeOf(response)
    const obstacle = life === undefined ? undefined : obstacleTo(response)
    if (obstacle !== undefined) logger?.warn(`${at.path} is not cached: its response has ${obstacle}`)
    if (life === undefined || obstacle !== undefined) {
      lease?.release()
      // Otherwise the old page would be served until it expires, although it should no longer be kept. An error says
      // nothing about it.
      if (isAnew && response.status < 500) await cache.delete(at.key)
      if (passed.size >= MOST_PASSED) passed.clear()
      passed.add(at.name)
      return { response, stored: Promise.resolve() }
    }
    passed.delete(at.name)
    if (lease === undefined) return { response: marked(response, 'MISS'), stored: Promise.resolve() }
    const stored = pageOf(response.clone())
      .then((page) => store(at, page, varyOf(response), life, lease, request))
      .catch((error) => logger?.warn(`${at.path} was not cached: ${reasonOf(error)}`))
      .finally(() => lease.release())
    return { response: marked(response, 'MISS'), stored }
  }

  const store = async (
    at: Address,
    page: Page,
    vary: readonly string[],
    life: Life,
    lease: Lease,
    request: Request,
  ): Promise<void> => {
    const options = { ...life, tags: [...life.tags, at.tag] }
    if (vary.length === 0 || at.values !== undefined) {
      await cache.set(at.key, { vary: [], page } satisfies Held, { ...options, lease })
      return
    }
    // Only now is it known which pages there are. The lease of the address also covers its page, if the address entry
    // is still there once the page has a lease of its own.
    if ((await cache.set(at.key, { vary } satisfies Held, { ...options, lease })) !== 'stored') return
    const variant = at.of(request, vary)
    const found = await cache.getEntry<Held>(variant.key, { lease: LEASE })
    if (found.lease === undefined) return
    try {
      const held = await cache.getEntry<Held>(at.key, { consistency: 'strong' })
      if (held.kind === 'hit')
        await cache.set(variant.key, { vary: [], page } satisfies Held, { ...options, lease: found.lease })
    } finally {
      found.lease.release()
    }
  }

  /** From memory, from a lower tier, or rendered. */
  const answer = async (at: Address, context: AstroCacheContext, next: Next): Promise<Answered> => {
    const found = await cache.getEntry<Held>(at.key, { lease: LEASE })
    if (found.kind === 'miss') return render(at, found.lease, context, next)
    const { vary, page } = found.value
    if (page === undefined) {
      found.lease?.release()
      // At most once: the entry of a variant is a page.
      return at.values === undefined
        ? answer(at.of(context.request, vary), context, next)
        : render(at, undefined, context, next)
    }
    if (found.kind === 'hit') return { response: responseOf(page, 'HIT'), stored: Promise.resolve() }
    if (found.lease === undefined) return { response: responseOf(page, 'STALE'), stored: Promise.resolve() }
    const anew = render(at, found.lease, context, next, true)
      .then(({ response, stored }) => {
        void response.body?.cancel().catch(() => {})
        return stored
      })
      .catch((error) => context.logger?.warn(`${at.path} could not be regenerated: ${reasonOf(error)}`))
    context.waitUntil?.(anew)
    return { response: responseOf(page, 'STALE'), stored: Promise.resolve() }
  }

  return {
    name: 'millpond',
    async onRequest(context, next) {
      const { request } = context
      if (request.method !== 'GET') return next()
      const at = addressOf(nameOf(new URL(request.url)))
      const held = cache.peek<Held>(at.key)
      const near =
        held === undefined || held.page !== undefined ? held : cache.peek<Held>(at.of(request, held.vary).key)
      if (near?.page !== undefined) return responseOf(near.page, 'HIT')
      const waited = at.of(request, held?.vary ?? []).key.join()
      const other = underWay.get(waited)
      if (other !== undefined && !passed.has(at.name)) await other
      let settle = (): void => {}
      const mine = new Promise<void>((resolve) => {
        settle = resolve
      })
      underWay.set(waited, mine)
      const end = (): void => {
        settle()
        if (underWay.get(waited) === mine) underWay.delete(waited)
      }
      try {
        const { response, stored } = await answer(at, context, next)
        const kept = stored.finally(end)
        context.waitUntil?.(kept)
        return response
      } catch (error) {
        end()
        throw error
      }
    },
    async invalidate({ path, tags = [] }) {
      const all = [...(typeof tags === 'string' ? [tags] : tags)]
      if (path !== undefined) all.push(addressOf(nameOf(new URL(path, 'http://localhost'))).tag)
      if (all.length > 0) await cache.invalidateTags(all)
    },
  }
}

type Next = () => Promise<Response>

interface Answered {
  readonly response: Response
  readonly stored: Promise<void>
}

/** The address of the pages of one URL. */
interface Address {
  readonly name: string
  readonly path: string
  readonly tag: string
  readonly key: readonly string[]
  /** The values of the varying request headers, if this is a variant. */
  readonly values?: readonly string[]
  of(request: Request, vary: readonly string[]): Address
}

function addressOf(name: string, values?: readonly string[]): Address {
  const path = name.slice(new URL(name).origin.length)
  return {
    name,
    path,
    tag: `${PATH_TAG}${short(path)}`,
    key: ['astro', short(name), ...(values ?? [])],
    ...(values !== undefined && { values }),
    of: (request, vary) =>
      vary.length === 0
        ? addressOf(name)
        : addressOf(
            name,
            vary.map((field) => `${field}=${short(request.headers.get(field) ?? '')}`),
          ),
  }
}

const short = (value: string): string =>
  value.length <= LONG ? value : createHash('sha256').update(value).digest('base64url')

/** @throws MillpondError `OPTION_INVALID`. */
function nameBy(given: AstroCacheOptions): (url: URL) => string {
  checkOptions<AstroCacheOptions>(given, OPTIONS, 'astroCache')
  const { sort = true, include, exclude = MARKS } = given.query ?? {}
  if (include !== undefined && given.query?.exclude !== undefined)
    throw new MillpondError('OPTION_INVALID', 'astroCache: query has both include and exclude: give only one of them')
  const escaped = exclude.map((name) => name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'))
  const left = new RegExp(`^(?:${escaped.join('|')})$`, 'i')
  const belongs = (name: string): boolean =>
    include === undefined ? exclude.length === 0 || !left.test(name) : include.includes(name)
  return ({ origin, pathname, searchParams }) => {
    const query = new URLSearchParams([...searchParams].filter(([name]) => belongs(name)))
    if (sort) query.sort()
    const text = query.toString()
    return `${origin}${pathname}${text === '' ? '' : `?${text}`}`
  }
}

/** The lifetime set through `Astro.cache`, as Astro writes it on the response. */
function lifeOf({ status, headers }: Response): Life | undefined {
  const said = new Map(
    (headers.get('cdn-cache-control') ?? '').split(',').map((part) => {
      const [name = '', value = ''] = part.trim().toLowerCase().split('=')
      return [name, Number(value)] as const
    }),
  )
  const seconds = said.get('max-age') ?? 0
  // An error response covered by a route rule was not meant to be cached.
  if (!(seconds > 0) || status >= 500) return undefined
  const stale = said.get('stale-while-revalidate') ?? 0
  const tags = (headers.get('cache-tag') ?? '').split(',').map((tag) => tag.trim())
  return {
    ttl: Math.min(seconds * SECOND, MAX_DURATION_MS),
    staleFor: stale > 0 ? Math.min(stale * SECOND, MAX_DURATION_MS) : 0,
    tags: [...new Set(tags.filter((tag) => tag !== ''))],
  }
}

/** Why the response is private, or may be. Cookies that Astro has not written yet are not among the headers. */
function obstacleTo(response: Response): string | undefined {
  const cookies: { headers?(): Iterable<string> } | undefined = Reflect.get(response, COOKIES)
  if (response.headers.has('set-cookie') || [...(cookies?.headers?.() ?? [])].length > 0) return 'Set-Cookie'
  return fieldsOf(response).find((field) => field === 'cookie' || field === '*') === undefined
    ? undefined
    : `Vary: ${response.headers.get('vary')}`
}

const fieldsOf = ({ headers }: Response): string[] =>
  (headers.get('vary') ?? '')
    .split(',')
    .map((field) => field.trim().toLowerCase())
    .filter((field) => field !== '')

const varyOf = (response: Response): string[] =>
  [...new Set(fieldsOf(response))].filter((field) => field !== 'set-cookie').sort()

async function pageOf(response: Response): Promise<Page> {
  return { status: response.status, headers: [...response.headers], body: new Uint8Array(await response.arrayBuffer()) }
}

function responseOf({ status, headers, body }: Page, state: string): Response {
  // Some statuses must not have a body, not even an empty one.
  const response = new Response(body.byteLength === 0 ? null : body, {
    status,
    headers: headers.map(([a, b]) => [a, b]),
  })
  response.headers.set(STATE, state)
  return response
}

/** The headers of `fetch` responses are immutable. */
function marked(response: Response, state: string): Response {
  try {
    response.headers.set(STATE, state)
    return response
  } catch {
    const copy = new Response(response.body, response)
    copy.headers.set(STATE, state)
    return copy
  }
}
