// Next 16 over a cache, for any number of replicas: `cacheHandlers` ('use cache') and `cacheHandler` (pages, routes,
// fetches).
//
// The tags of an entry are tags here: revalidating them is one step of the ledger, which also invalidates entries in
// progress. Soft tags (of paths) are known only when an entry is read, and a stale tag lets its entries be served once
// more: for these each tag has marks, the times at which it was revalidated, which every replica sees.
import { randomUUID } from 'node:crypto'
import { checkOptions, type Shape, text } from '../core/checks.ts'
import { type Key, MAX_TAGS } from '../core/key.ts'
import type { Cache } from '../engine/cache.ts'
import type { LoadContext } from '../engine/loader.ts'
import { cacheGiven } from './cache-given.ts'
import { endless } from './endless.ts'
import { Marks } from './next-marks.ts'
import { keyOf, tagsOf } from './next-names.ts'
import { bytesOf, streamOf } from './streams.ts'

/** An entry of `'use cache'` as given by Next. TTLs in seconds, `timestamp` in epoch milliseconds. */
export interface NextCacheEntry {
  /** The result, as a stream that can be read once. */
  value: ReadableStream<Uint8Array>
  /** Its own tags, without the soft ones. */
  tags: string[]
  /** Seconds for which the browser may use it without asking. */
  stale: number
  /** When it was made, epoch milliseconds. */
  timestamp: number
  /** Seconds from `timestamp` after which it is not used any more. */
  expire: number
  /** Seconds from `timestamp` after which it is made again in the background; -1: at once. */
  revalidate: number
}

/** The type that `cacheHandlers: { default, remote }` of Next's configuration expects. */
export interface NextUseCacheHandler {
  /** An entry of which no tag, soft ones included, has expired since; undefined if there is none. */
  get(cacheKey: string, softTags: string[]): Promise<NextCacheEntry | undefined>
  /** Stores an entry once it is complete. Does not reject: failures are events of the cache, and nothing is stored. */
  set(cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>
  /** Reads from the shared ledger what has been revalidated, once per request. */
  refreshTags(): Promise<void>
  /** The latest time, epoch milliseconds, before which entries of one of the tags are expired; 0: never. */
  getExpiration(tags: string[]): Promise<number>
  /**
   * Expires entries with these tags; with `durations` they are stale first, and expire after `expire` seconds if it is
   * given.
   */
  updateTags(tags: string[], durations?: { expire?: number }): Promise<void>
}

interface Kept extends Omit<NextCacheEntry, 'value'> {
  readonly value: Uint8Array
}

const SECOND = 1000
/** No timeout for generating an entry: Next itself aborts it. */
const NEVER = 0

/**
 * The default export of the module that `cacheHandlers` of Next's configuration names. It uses two namespaces of the
 * cache, `next` and `next-tags`.
 * @throws MillpondError `OPTION_INVALID`.
 * @example
 * export default nextUseCache(cache)
 */
export function nextUseCache(cache: Cache): NextUseCacheHandler {
  cacheGiven(cache, 'nextUseCache')
  const entries = cache.namespace('next')
  const marks = new Marks(cache, entries)
  const pending = new Map<string, Promise<void>>()
  /** Makes each load unique, here and in other replicas, since it reads a stream that cannot be shared. */
  const own = randomUUID()
  let serial = 0

  const keep = async (key: string, pendingEntry: Promise<NextCacheEntry>): Promise<void> => {
    // Loads detect what was revalidated since they began. The result is written, so that other replicas drop what they
    // hold.
    const load = async (context: LoadContext): Promise<Kept | undefined> => {
      const { value, ...entry } = await pendingEntry
      const bytes = await bytesOf(value)
      context.addTags(...ledgerTags(entry.tags))
      context.setTtl(0)
      return (await context.isOutdated()) ? undefined : { ...entry, value: bytes }
    }
    const kept = await entries.getOrSet(['made', own, serial++], load, { timeout: { hard: NEVER } })
    const ttl = kept === undefined ? 0 : kept.timestamp + kept.expire * SECOND - Date.now()
    if (kept !== undefined && kept.expire > 0 && ttl > 0)
      await entries.set(keyOf(key), kept, { ttl: endless(ttl), tags: ledgerTags(kept.tags) })
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
      // On failure nothing is stored; the cache's events `loadError` and `tierError` report it.
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

/** How pages and fetches are cached. */
export interface NextCacheOptions {
  /** The build of the pages: other builds do not serve them. Default: none; fetches outlive a build in any case. */
  readonly buildId?: string | undefined
}

/** A page, route, image, redirect or fetch as given by Next. */
export interface NextIncrementalValue {
  /** Next's kind of response; `FETCH` is stored apart from the build. */
  readonly kind: string
  /** Its tags; absent for pages, which list theirs in a header. */
  readonly tags?: readonly string[] | undefined
  /** The response's headers; of them `x-next-cache-tags` is read. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

/** The context of a read. */
export interface NextGetContext {
  /** Next's kind of response, as it was stored. */
  readonly kind: string
  /** Tags that must not have been revalidated since, besides the entry's own. */
  readonly tags?: readonly string[] | undefined
  /** The same for tags of paths. */
  readonly softTags?: readonly string[] | undefined
}

/** The context of a write; times in seconds. */
export interface NextSetContext {
  /** Whether it is a fetch, if the value does not say its kind. */
  readonly fetchCache?: boolean | undefined
  /** Tags in addition to those of the value. */
  readonly tags?: readonly string[] | undefined
  /** When to regenerate it and when it expires; absent: it does not expire. */
  readonly cacheControl?: { readonly revalidate: number | false; readonly expire: number | undefined } | undefined
}

/** The result of a read. */
export interface NextFound<V> {
  /** When it was stored, epoch milliseconds; -1: serve it once more, and regenerate it. */
  readonly lastModified: number
  /** As it was stored; `null`: there is no such page. */
  readonly value: V | null
  /** As it was stored. */
  readonly cacheControl?: NextSetContext['cacheControl']
}

/** The class that `cacheHandler` of Next's configuration names: Next creates an instance per request. */
export interface NextIncrementalHandler {
  /** An entry of which no tag has expired since; `null` if there is none. */
  get<V extends NextIncrementalValue>(key: string, context: NextGetContext): Promise<NextFound<V> | null>
  /** Stores an entry with the tags of value and context. */
  set<V extends NextIncrementalValue>(key: string, value: V | null, context: NextSetContext): Promise<void>
  /**
   * Expires entries with these tags; with `durations` they are stale first, and expire after `expire` seconds if it is
   * given.
   */
  revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void>
  /** Does nothing: there is no cache per request. */
  resetRequestCache(): void
}

const OPTIONS: Shape<NextCacheOptions> = { buildId: text }
const TAGS_HEADER = 'x-next-cache-tags'
/** The most pages that are remembered as being made. */
const MOST_BEGUN = 10_000
const FETCH = 'FETCH'

interface Page {
  /** When it was stored, which is what Next counts from. */
  readonly lastModified: number
  /** When its making began: what was revalidated after that is not in it. */
  readonly madeAt: number
  readonly value: NextIncrementalValue | null
  readonly tags: readonly string[]
  readonly cacheControl?: NextSetContext['cacheControl']
}

/**
 * The default export of the module that `cacheHandler` of Next's configuration names. It uses two namespaces of the
 * cache, `next-pages` and `next-tags`.
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

  /** Since when pages are being made: the first read that Next answers by making one, until that is stored. */
  const begun = new Map<string, number>()
  const begin = (name: Key, at: number): void => {
    const page = JSON.stringify(name)
    if (begun.has(page)) return
    const [oldest] = begun.keys()
    if (begun.size >= MOST_BEGUN && oldest !== undefined) begun.delete(oldest)
    begun.set(page, at)
  }
  const isDue = ({ lastModified, cacheControl }: Page, now: number): boolean =>
    typeof cacheControl?.revalidate === 'number' && lastModified + cacheControl.revalidate * SECOND <= now

  return class implements NextIncrementalHandler {
    async get<V extends NextIncrementalValue>(key: string, context: NextGetContext): Promise<NextFound<V> | null> {
      const asked = Date.now()
      const name = nameOf(key, context.kind)
      const page = await pages.get<Page>(name)
      const { tags = [], softTags = [] } = context
      const state =
        page === undefined
          ? 'expired'
          : await marks.stateOf([...page.tags, ...tagsOf([...tags, ...softTags])], page.madeAt)
      if (page === undefined || state !== 'valid' || isDue(page, asked)) begin(name, asked)
      if (page === undefined || state === 'expired') return null
      const { lastModified, value, cacheControl } = page
      return {
        // Old enough that Next serves it once more and regenerates it in the background.
        lastModified: state === 'stale' ? -1 : lastModified,
        value: value === null ? null : (thawed(value) as V),
        ...(cacheControl !== undefined && { cacheControl }),
      }
    }

    async set<V extends NextIncrementalValue>(key: string, value: V | null, context: NextSetContext): Promise<void> {
      const tags = [...new Set(tagsOf([...tagsIn(value), ...(context.tags ?? [])]))]
      const { cacheControl } = context
      const ttl = endless(cacheControl?.expire === undefined ? undefined : cacheControl.expire * SECOND)
      const name = nameOf(key, value?.kind ?? (context.fetchCache === true ? FETCH : undefined))
      const lastModified = Date.now()
      const madeAt = begun.get(JSON.stringify(name)) ?? lastModified
      begun.delete(JSON.stringify(name))
      const page: Page = { lastModified, madeAt, value, tags, ...(cacheControl !== undefined && { cacheControl }) }
      await pages.set(name, page, { ttl, tags: tags.slice(0, MAX_TAGS) })
    }

    async revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void> {
      await marks.revalidate(tagsOf(typeof tags === 'string' ? [tags] : tags), durations)
    }

    resetRequestCache(): void {}
  }
}

/** Those beyond are known by their marks alone: a page has the tags of all that is on it. */
const ledgerTags = (tags: readonly string[]): string[] => [...new Set(tagsOf(tags))].slice(0, MAX_TAGS)

/** Pages list their tags in a header. */
function tagsIn(value: NextIncrementalValue | null): readonly string[] {
  const header = value?.headers?.[TAGS_HEADER]
  return [...(value?.tags ?? []), ...(typeof header === 'string' ? header.split(',').filter(Boolean) : [])]
}

/** Next removes its own headers before responding, so it gets a mutable copy. */
function thawed(value: NextIncrementalValue): NextIncrementalValue {
  return { ...value, ...(value.headers !== undefined && { headers: { ...value.headers } }) }
}
