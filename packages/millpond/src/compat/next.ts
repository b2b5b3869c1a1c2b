// Next 16 over a cache, for any number of replicas: `cacheHandlers` ('use cache') and `cacheHandler` (pages, routes,
// fetches).
//
// Tags that an entry carries are tags here: revalidating them is one step of the ledger, which also outdates what is
// being made at that moment. Soft tags (of paths) are known only when an entry is read, and a stale tag lets its
// entries be served once more: for these each tag has marks, times at which it was revalidated, which every replica
// sees.
import { randomUUID } from 'node:crypto'
import { checkOptions, type Shape, text } from '../core/checks.ts'
import type { Key } from '../core/key.ts'
import type { Cache } from '../engine/cache.ts'
import type { LoadContext } from '../engine/loader.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Marks } from './next-marks.ts'
import { keyOf, tagsOf } from './next-names.ts'
import { bytesOf, streamOf } from './streams.ts'

/** An entry of `'use cache'` as Next hands it over. Times to live in seconds, `timestamp` in epoch milliseconds. */
export interface NextCacheEntry {
  value: ReadableStream<Uint8Array>
  tags: string[]
  stale: number
  timestamp: number
  expire: number
  revalidate: number
}

/** What `cacheHandlers: { default, remote }` of Next's configuration name. */
export interface NextUseCacheHandler {
  get(cacheKey: string, softTags: string[]): Promise<NextCacheEntry | undefined>
  set(cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>
  /** Asks the shared ledger what has been revalidated, once for a request. */
  refreshTags(): Promise<void>
  getExpiration(tags: string[]): Promise<number>
  updateTags(tags: string[], durations?: { expire?: number }): Promise<void>
}

interface Kept extends Omit<NextCacheEntry, 'value'> {
  readonly value: Uint8Array
}

const SECOND = 1000
/** The generation of an entry may take its time: Next itself gives it up. */
const NEVER = 0

/**
 * The module that `cacheHandlers` of Next's configuration names exports this. It keeps what it needs in two namespaces
 * of the cache, `next` and `next-tags`.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * export default nextUseCache(cache)
 */
export function nextUseCache(cache: Cache): NextUseCacheHandler {
  cacheGiven(cache, 'nextUseCache')
  const entries = cache.namespace('next')
  const marks = new Marks(cache, entries)
  const pending = new Map<string, Promise<void>>()
  /** Of loads: each is its own, here and in other replicas, since what it reads is a stream that nobody else has. */
  const own = randomUUID()
  let serial = 0

  const keep = async (key: string, pendingEntry: Promise<NextCacheEntry>): Promise<void> => {
    // As a load, since a load knows what has been revalidated since it began. What comes of it is a write, so that
    // other replicas let go of what they hold.
    const load = async (context: LoadContext): Promise<Kept | undefined> => {
      const { value, ...entry } = await pendingEntry
      const bytes = await bytesOf(value)
      context.addTags(...tagsOf(entry.tags))
      context.setTtl(0)
      return (await context.isOutdated()) ? undefined : { ...entry, value: bytes }
    }
    const kept = await entries.getOrSet(['made', own, serial++], load, { timeout: { hard: NEVER } })
    const ttl = kept === undefined ? 0 : kept.timestamp + kept.expire * SECOND - Date.now()
    if (kept !== undefined && kept.expire > 0 && ttl > 0)
      await entries.set(keyOf(key), kept, { ttl: endless(ttl), tags: tagsOf(kept.tags) })
  }

  return {
    async get(key, softTags) {
      await pending.get(key)
      const kept = await entries.get<Kept>(keyOf(key))
      if (kept === undefined) return undefined
      const state = await marks.stateOf(tagsOf([...kept.tags, ...softTags]), kept.timestamp)
      if (state === 'expired') return undefined
      const { value, tags, ...times } = kept
      return { ...times, tags: [...tags], ...(state === 'stale' && { revalidate: -1 }), value: streamOf(value) }
    },
    async set(key, pendingEntry) {
      // What breaks stores nothing; the cache's events `loadError` and `tierError` tell of it.
      const kept = keep(key, pendingEntry).catch(() => {})
      pending.set(key, kept)
      await kept
      if (pending.get(key) === kept) pending.delete(key)
    },
    refreshTags: () => marks.refresh(),
    getExpiration: (tags) => marks.expiredAt(tagsOf(tags)),
    updateTags: (tags, durations) => marks.revalidate(tagsOf(tags), durations),
  }
}

/** How pages and fetches are kept. */
export interface NextCacheOptions {
  /**
   * Of the build whose pages these are: another build does not serve them. Default: none; fetches outlive a build in
   * any case.
   */
  readonly buildId?: string | undefined
}

/** A page, route, image, redirect or fetch as Next hands it over. */
export interface NextIncrementalValue {
  readonly kind: string
  readonly tags?: readonly string[] | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

/** What is asked for. */
export interface NextGetContext {
  readonly kind: string
  readonly tags?: readonly string[] | undefined
  readonly softTags?: readonly string[] | undefined
}

/** How a value is to be kept; seconds. */
export interface NextSetContext {
  readonly fetchCache?: boolean | undefined
  readonly tags?: readonly string[] | undefined
  readonly cacheControl?: { readonly revalidate: number | false; readonly expire: number | undefined } | undefined
}

/** What a read finds. */
export interface NextFound<V> {
  readonly lastModified: number
  readonly value: V | null
  readonly cacheControl?: NextSetContext['cacheControl']
}

/** What `cacheHandler` of Next's configuration names: Next makes one for each request. */
export interface NextIncrementalHandler {
  get<V extends NextIncrementalValue>(key: string, context: NextGetContext): Promise<NextFound<V> | null>
  set<V extends NextIncrementalValue>(key: string, value: V | null, context: NextSetContext): Promise<void>
  revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void>
  resetRequestCache(): void
}

const OPTIONS: Shape<NextCacheOptions> = { buildId: text }
const TAGS_HEADER = 'x-next-cache-tags'
const FETCH = 'FETCH'

interface Page {
  readonly lastModified: number
  readonly value: NextIncrementalValue | null
  readonly tags: readonly string[]
  readonly cacheControl?: NextSetContext['cacheControl']
}

/**
 * The module that `cacheHandler` of Next's configuration names exports this. It keeps what it needs in two namespaces
 * of the cache, `next-pages` and `next-tags`.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * export default nextIncrementalCache(cache, { buildId: process.env.BUILD_ID })
 */
export function nextIncrementalCache(
  cache: Cache,
  options: NextCacheOptions = {},
): new (
  context?: object,
) => NextIncrementalHandler {
  cacheGiven(cache, 'nextIncrementalCache')
  checkOptions<NextCacheOptions>(options, OPTIONS, 'nextIncrementalCache')
  const pages = cache.namespace('next-pages')
  const marks = new Marks(cache, pages)
  const nameOf = (key: string, kind: string | undefined): Key => [
    kind === FETCH ? FETCH : (options.buildId ?? ''),
    ...[keyOf(key)].flat(),
  ]

  return class implements NextIncrementalHandler {
    async get<V extends NextIncrementalValue>(key: string, context: NextGetContext): Promise<NextFound<V> | null> {
      const page = await pages.get<Page>(nameOf(key, context.kind))
      if (page === undefined) return null
      const { tags = [], softTags = [] } = context
      const state = await marks.stateOf([...page.tags, ...tagsOf([...tags, ...softTags])], page.lastModified)
      if (state === 'expired') return null
      const { lastModified, value, cacheControl } = page
      return {
        // So old that Next serves it once more and makes it anew behind.
        lastModified: state === 'stale' ? -1 : lastModified,
        value: value === null ? null : (thawed(value) as V),
        ...(cacheControl !== undefined && { cacheControl }),
      }
    }

    async set<V extends NextIncrementalValue>(key: string, value: V | null, context: NextSetContext): Promise<void> {
      const tags = [...new Set(tagsOf([...tagsIn(value), ...(context.tags ?? [])]))]
      const { cacheControl } = context
      const ttl = endless(cacheControl?.expire === undefined ? undefined : cacheControl.expire * SECOND)
      const page: Page = { lastModified: Date.now(), value, tags, ...(cacheControl !== undefined && { cacheControl }) }
      await pages.set(nameOf(key, value?.kind ?? (context.fetchCache === true ? FETCH : undefined)), page, {
        ttl,
        tags,
      })
    }

    async revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void> {
      await marks.revalidate(tagsOf(typeof tags === 'string' ? [tags] : tags), durations)
    }

    resetRequestCache(): void {}
  }
}

/** Pages name theirs in a header. */
function tagsIn(value: NextIncrementalValue | null): readonly string[] {
  const header = value?.headers?.[TAGS_HEADER]
  return [...(value?.tags ?? []), ...(typeof header === 'string' ? header.split(',').filter(Boolean) : [])]
}

/** Next takes its own headers away before it answers. */
function thawed(value: NextIncrementalValue): NextIncrementalValue {
  return { ...value, ...(value.headers !== undefined && { headers: { ...value.headers } }) }
}
