// Next's handlers over one cache for two replicas: what users of other handlers report, played on ours.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { type NextCacheEntry, nextIncrementalCache, nextUseCache } from 'millpond/next'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Marks } from '../../src/compat/next-marks.ts'
import { patient } from '../services/index.ts'

let folder: string
let caches: Cache[]
const clock = fakeClock({ now: Date.now() })
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-next-'))
  caches = [1, 2].map(() => createCache({ tiers: [memory(), patient(sqlite({ path: join(folder, 'cache.db') }))] }))
})
afterEach(async () => {
  for (const cache of caches) await cache.close()
  rmSync(folder, { recursive: true, force: true })
})
const replica = (at: 0 | 1): Cache => caches[at] ?? expect.fail('no such replica')
const handlers = () => [nextUseCache(replica(0)), nextUseCache(replica(1))] as const

const streamed = (...chunks: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })
const entry = (text: string, more: Partial<NextCacheEntry> = {}): NextCacheEntry => ({
  value: streamed(text),
  tags: [],
  stale: 300,
  timestamp: Date.now(),
  expire: 3600,
  revalidate: 900,
  ...more,
})
const textOf = async (found: NextCacheEntry | undefined): Promise<string | undefined> =>
  found === undefined ? undefined : new Response(found.value).text()
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
/** Marks are in whole milliseconds: what is made after one is younger. */
const later = (): Promise<void> => {
  const now = Date.now()
  return expect.poll(() => Date.now() > now, { interval: 1 }).toBe(true)
}

describe("'use cache'", () => {
  it('gives what was set, in every replica, with a stream of its own each time', async () => {
    const [a, b] = handlers()
    await a.set(
      'k',
      Promise.resolve(entry('', { value: streamed('one ', 'two'), tags: ['x'], expire: Number.POSITIVE_INFINITY })),
    )
    const first = await b.get('k', [])
    expect(first).toMatchObject({ tags: ['x'], stale: 300, revalidate: 900, expire: Number.POSITIVE_INFINITY })
    const reader = first?.value.getReader()
    const chunk = await reader?.read()
    chunk?.value?.fill(0)
    await expect.poll(async () => textOf(await b.get('k', []))).toBe('one two')
    await expect.poll(async () => textOf(await a.get('k', []))).toBe('one two')
    await a.set('empty', Promise.resolve(entry('')))
    await expect.poll(async () => textOf(await b.get('empty', []))).toBe('')
    expect(await a.get('unknown', [])).toBeUndefined()
  })

  it('waits for an entry that is being set, and for nothing once it has failed', async () => {
    const [a] = handlers()
    const { promise, resolve } = deferred<NextCacheEntry>()
    const set = a.set('k', promise)
    const got = a.get('k', [])
    resolve(entry('late'))
    expect(await textOf(await got)).toBe('late')
    await set
    await a.set('broken', Promise.reject(new Error('render failed')))
    const half = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array([1]))
        controller.error(new Error('connection lost'))
      },
    })
    await a.set('half', Promise.resolve(entry('', { value: half })))
    expect([await a.get('broken', []), await a.get('half', [])]).toEqual([undefined, undefined])
  })

  it('keeps an entry until it expires, and one that expires at once not at all', async () => {
    const cache = createCache({ clock })
    const handler = nextUseCache(cache)
    await handler.set('dynamic', Promise.resolve(entry('x', { expire: 0 })))
    await handler.set('over', Promise.resolve(entry('x', { timestamp: Date.now() - 3_600_001 })))
    await handler.set('hour', Promise.resolve(entry('x')))
    expect([await handler.get('dynamic', []), await handler.get('over', [])]).toEqual([undefined, undefined])
    expect(await handler.get('hour', [])).toBeDefined()
    await clock.advance(3_600_000)
    expect(await handler.get('hour', [])).toBeUndefined()
    await cache.close()
  })

  it('is gone by its own tags in all replicas, and what is made afterwards stays', async () => {
    const [a, b] = handlers()
    await a.set('k', Promise.resolve(entry('old', { tags: ['x', 'y'] })))
    await expect.poll(async () => textOf(await b.get('k', []))).toBe('old')
    await later()
    await a.updateTags(['y'])
    await b.refreshTags()
    expect([await a.get('k', []), await b.get('k', [])]).toEqual([undefined, undefined])
    await later()
    await b.set('k', Promise.resolve(entry('new', { tags: ['x', 'y'] })))
    await a.refreshTags()
    for (const one of [a, b]) await expect.poll(async () => textOf(await one.get('k', []))).toBe('new')
  })

  it('stores nothing that was being made when its tag was revalidated elsewhere', async () => {
    const [a, b] = handlers()
    const { promise, resolve } = deferred<NextCacheEntry>()
    const begun = deferred<void>()
    const watched = Object.assign(Object.create(promise), {
      // biome-ignore lint/suspicious/noThenProperty: says when it is waited for
      then: (...given: Parameters<typeof promise.then>) => {
        begun.resolve()
        return promise.then(...given)
      },
    })
    const set = a.set('k', watched)
    await begun.promise
    await b.updateTags(['x'])
    // As if made a second later: no clock is asked.
    resolve(entry('overtaken', { tags: ['x'], timestamp: Date.now() + 1000 }))
    await set
    expect(await a.get('k', [])).toBeUndefined()
  })

  it('serves a stale tag once more, and no longer than it may', async () => {
    const [a, b] = handlers()
    await a.set('k', Promise.resolve(entry('old', { tags: ['x'] })))
    await a.set('other', Promise.resolve(entry('old', { tags: ['y'] })))
    await later()
    await a.updateTags(['x'], { expire: 3600 })
    await b.refreshTags()
    expect(await b.get('k', [])).toMatchObject({ revalidate: -1, tags: ['x'] })
    expect(await b.get('other', [])).toMatchObject({ revalidate: 900 })
    await later()
    await b.set('k', Promise.resolve(entry('new', { tags: ['x'] })))
    await a.refreshTags()
    expect(await a.get('k', [])).toMatchObject({ revalidate: 900 })
    await later()
    await b.updateTags(['x'], { expire: 0 })
    await a.refreshTags()
    expect(await a.get('k', [])).toBeUndefined()
  })

  it('knows of paths that were revalidated, by soft tags and by their expiration', async () => {
    const [a, b] = handlers()
    await a.set('k', Promise.resolve(entry('old')))
    expect(await b.getExpiration(['_N_T_/shop', '_N_T_/layout'])).toBe(0)
    await expect.poll(async () => textOf(await b.get('k', ['_N_T_/shop']))).toBe('old')
    await later()
    const before = Date.now()
    await a.updateTags(['_N_T_/shop'])
    await b.refreshTags()
    expect(await b.getExpiration(['_N_T_/layout', '_N_T_/shop'])).toBeGreaterThanOrEqual(before)
    expect(await b.get('k', ['_N_T_/shop'])).toBeUndefined()
    await expect.poll(async () => textOf(await b.get('k', ['_N_T_/about']))).toBe('old')
  })

  it('stores what one replica has made while another is still making the same', async () => {
    const [a, b] = handlers()
    const [began, end] = [deferred<void>(), deferred<void>()]
    const value = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          began.resolve()
          await end.promise
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const slow = a.set('k', Promise.resolve(entry('', { value })))
    await began.promise
    await b.set('k', Promise.resolve(entry('of b')))
    expect(await textOf(await b.get('k', []))).toBe('of b')
    end.resolve()
    await slow
  })

  it('takes what is older than the revalidations that it remembers for revalidated', async () => {
    const cache = createCache({ tiers: [memory({ maxEntries: 10 })] })
    const marks = new Marks(cache, cache.namespace('next'), 3)
    const before = Date.now() - 1
    await marks.revalidate(['first', 'second', 'third'], undefined)
    expect(await marks.stateOf(['never'], before)).toBe('valid')
    const between = Date.now()
    await later()
    await marks.revalidate(
      Array.from({ length: 20 }, (_, at) => `tag-${at}`),
      undefined,
    )
    expect([await marks.stateOf(['first'], before), await marks.stateOf(['another'], between)]).toEqual([
      'expired',
      'expired',
    ])
    expect(await marks.stateOf(['first'], Date.now())).toBe('valid')
    await cache.close()
  })

  it('forgets no revalidation in a cache of memory that is full', async () => {
    const cache = createCache({ tiers: [memory({ maxEntries: 10 })] })
    const handler = nextUseCache(cache)
    await handler.updateTags(['_N_T_/shop'])
    for (let at = 0; at < 200; at++) await handler.getExpiration([`_N_T_/${at}`])
    expect(await handler.getExpiration(['_N_T_/shop'])).toBeGreaterThan(0)
    await cache.close()
  })
})

describe('pages and fetches', () => {
  const page = (tags: string) => ({
    kind: 'APP_PAGE',
    html: '<p>shop</p>',
    rscData: Buffer.from('rsc'),
    headers: { 'x-next-cache-tags': tags } as Record<string, string>,
    status: 200,
    postponed: undefined,
    segmentData: new Map([['/_tree', Buffer.from('tree')]]),
  })
  const open = (at: 0 | 1, buildId?: string) => new (nextIncrementalCache(replica(at), { buildId }))({ dev: false })
  const asPage = { kind: 'APP_PAGE' }
  const asFetch = { kind: 'FETCH', tags: ['deals'], softTags: ['_N_T_/shop'] }

  it('come back in every replica as they were, with Maps and Buffers, and Next may take headers away', async () => {
    const cacheControl = { revalidate: 60, expire: 3600 }
    await open(0).set('/shop', page('deals,_N_T_/shop'), { cacheControl })
    const found = await open(1).get<ReturnType<typeof page>>('/shop', asPage)
    expect(found?.value).toEqual(page('deals,_N_T_/shop'))
    expect(found?.value?.segmentData.get('/_tree')?.toString()).toBe('tree')
    expect(found?.cacheControl).toEqual(cacheControl)
    delete found?.value?.headers['x-next-cache-tags']
    expect((await open(1).get<ReturnType<typeof page>>('/shop', asPage))?.value?.headers).toEqual({
      'x-next-cache-tags': 'deals,_N_T_/shop',
    })
    await open(0).set('/gone', null, { cacheControl })
    expect(await open(1).get('/gone', asPage)).toMatchObject({ value: null })
  })

  it('are gone by a tag or a path, in all replicas, and stale where they may be served once more', async () => {
    await open(0).set('/shop', page('deals,_N_T_/shop'), {})
    await open(0).set('/about', page('_N_T_/about'), {})
    await open(0).set('f', { kind: 'FETCH', tags: ['deals'], data: { body: '[]' } } as never, {
      fetchCache: true,
      tags: ['deals'],
    })
    expect(await open(1).get('f', asFetch)).not.toBeNull()
    await later()
    await open(1).revalidateTag(['_N_T_/about'], { expire: 3600 })
    expect(await open(1).get('/about', asPage)).toMatchObject({ lastModified: -1 })
    await open(1).revalidateTag('deals')
    expect([await open(1).get('/shop', asPage), await open(1).get('f', asFetch)]).toEqual([null, null])
    await expect.poll(() => open(0).get('/shop', asPage), { interval: 20 }).toBeNull()
  })

  it('of another build are not served, but for fetches', async () => {
    await open(0, 'one').set('/shop', page(''), {})
    await open(0, 'one').set('f', { kind: 'FETCH', tags: [] }, { fetchCache: true })
    expect(await open(0, 'two').get('/shop', asPage)).toBeNull()
    expect(await open(0, 'one').get('/shop', asPage)).not.toBeNull()
    expect(await open(0, 'two').get('f', { kind: 'FETCH' })).not.toBeNull()
  })
})

describe('what users of other handlers report', () => {
  // The key of a 'use cache' function holds all its arguments, as long as they are and whatever is in them.
  it.each([
    ['of a megabyte', 'k'.repeat(1_000_000)],
    ['with a lone surrogate', 'a\ud800'],
    ['with NUL', 'a\0b'],
    ['that is empty', ''],
    ['that looks like a name of its own', '\u0001k'],
  ])('takes a key %s', async (_what, key) => {
    const [a, b] = handlers()
    await a.set(key, Promise.resolve(entry('one')))
    await a.set(`${key}x`, Promise.resolve(entry('two')))
    await expect.poll(async () => textOf(await b.get(key, []))).toBe('one')
    await expect.poll(async () => textOf(await b.get(`${key}x`, []))).toBe('two')
    const Pages = nextIncrementalCache(replica(0))
    await new Pages().set(key, { kind: 'PAGES' }, {})
    expect(await new Pages().get(key, { kind: 'PAGES' })).toMatchObject({ value: { kind: 'PAGES' } })
  })

  // Tags of paths are as long as paths are; an empty one comes of a tag that a variable should have made.
  it.each([
    ['is long', 'x'.repeat(5000)],
    ['is of a path', '_N_T_/caf%C3%A9/[...slug]/page'],
    ['has a lone surrogate', 'a\ud800'],
    ['has a comma', 'a,b'],
  ])('revalidates a tag that %s, beside empty ones and ones that are there twice', async (_what, tag) => {
    const [a, b] = handlers()
    await a.set('k', Promise.resolve(entry('old', { tags: [tag, '', tag] })))
    const Pages = nextIncrementalCache(replica(0))
    await new Pages().set('/p', { kind: 'FETCH', tags: [tag, ''] }, { fetchCache: true })
    await expect.poll(async () => (await b.get('k', ['', 'y'.repeat(5000)]))?.tags).toEqual([tag, '', tag])
    await later()
    await b.updateTags([tag, '', tag])
    await new Pages().revalidateTag([tag, ''])
    await a.refreshTags()
    expect([await a.get('k', []), await b.get('k', [])]).toEqual([undefined, undefined])
    expect(await a.getExpiration([tag])).toBeGreaterThan(0)
    expect(await new Pages().get('/p', { kind: 'FETCH', tags: [tag] })).toBeNull()
  })

  // vercel/next.js#95442: tags that get() does not look at; caching-tools/next-shared-cache#828: gone at "revalidate".
  it('serves what is older than "revalidate" until it expires, and a timestamp ahead of time as any other', async () => {
    const [a] = handlers()
    const timestamp = Date.now() - 1_000_000
    await a.set('k', Promise.resolve(entry('old', { timestamp, revalidate: 900, expire: 3600 })))
    expect(await textOf(await a.get('k', []))).toBe('old')
    await a.set('ahead', Promise.resolve(entry('ahead', { timestamp: Date.now() + 60_000, tags: ['z'] })))
    await a.updateTags(['z'])
    expect(await a.get('ahead', [])).toBeUndefined()
    await a.set('max', Promise.resolve(entry('max', { expire: 4_294_967_294, revalidate: 4_294_967_294 })))
    expect(await textOf(await a.get('max', []))).toBe('max')
  })

  // vercel/next.js#78095: Cannot read properties of undefined (reading 'some'); #53117: only one of several tags.
  it('keeps pages without headers, with lists in them, or that are null', async () => {
    const Pages = nextIncrementalCache(replica(0))
    const pages = new Pages()
    await pages.set('/none', { kind: 'PAGES' }, { cacheControl: { revalidate: false, expire: undefined } })
    const listed = { kind: 'APP_ROUTE', headers: { 'set-cookie': ['a', 'b'], 'x-next-cache-tags': 'a,,b' } }
    await pages.set('/listed', listed, {})
    await pages.set('/404', null, {})
    await later()
    await pages.revalidateTag(['unknown', 'b'])
    expect(await pages.get('/none', { kind: 'PAGES' })).toMatchObject({ value: { kind: 'PAGES' } })
    expect(await pages.get('/404', { kind: 'PAGES' })).toMatchObject({ value: null })
    expect(await pages.get('/listed', { kind: 'APP_ROUTE' })).toBeNull()
  })

  // mrjasonroy/cache-components-cache-handler#32: after revalidateTag(tag, 'max') an entry is never cached again.
  it('keeps what was made after its tag became stale, also when the time of the stale ones is over', async () => {
    const began = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: began })
    onTestFinished(() => void vi.useRealTimers())
    const cache = createCache()
    onTestFinished(() => cache.close())
    const a = nextUseCache(cache)
    await a.set('k', Promise.resolve(entry('old', { tags: ['x'] })))
    await a.set('never asked for', Promise.resolve(entry('old', { tags: ['x'] })))
    vi.setSystemTime(began + 1)
    await a.updateTags(['x'], { expire: 0.05 })
    vi.setSystemTime(began + 2)
    await a.set('k', Promise.resolve(entry('new', { tags: ['x'] })))
    vi.setSystemTime(began + 60)
    await a.refreshTags()
    expect(await textOf(await a.get('k', ['x']))).toBe('new')
    expect(await a.get('never asked for', [])).toBeUndefined()
    expect(await a.getExpiration(['x'])).toBe(began + 1)
  })

  it('what has expired stays so when its tag becomes stale again', async () => {
    const began = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: began })
    onTestFinished(() => void vi.useRealTimers())
    const [a, b] = handlers()
    await a.set('k', Promise.resolve(entry('old', { tags: ['x'] })))
    vi.setSystemTime(began + 1)
    await a.updateTags(['x'], { expire: 10 })
    vi.setSystemTime(began + 20_000)
    expect(await b.get('k', [])).toBeUndefined()
    await b.updateTags(['x'], { expire: 10 })
    await a.refreshTags()
    expect(await a.get('k', [])).toBeUndefined()
    expect(await b.get('k', [])).toBeUndefined()
    vi.setSystemTime(began + 20_001)
    await a.set('k', Promise.resolve(entry('new', { tags: ['x'] })))
    expect(await textOf(await a.get('k', []))).toBe('new')
  })

  // vercel/next.js#73124: more tags than an entry may have, of the many parts of a page.
  it('keeps and revalidates what has hundreds of tags, by the last one, too', async () => {
    const [a, b] = handlers()
    const tags = Array.from({ length: 700 }, (_, at) => `tag-${at}`)
    const Pages = nextIncrementalCache(replica(0))
    const header = { kind: 'APP_PAGE', headers: { 'x-next-cache-tags': tags.join() } }
    const found = async () => [
      await textOf(await b.get('k', [])),
      (await new Pages().get('/p', { kind: 'APP_PAGE' }))?.value?.kind,
    ]
    for (const revalidated of [tags.slice(-1), tags.slice(0, 1), tags]) {
      await a.set('k', Promise.resolve(entry('many', { tags })))
      await new Pages().set('/p', header, {})
      await expect.poll(found).toEqual(['many', 'APP_PAGE'])
      await later()
      await a.updateTags(revalidated)
      await new Pages().revalidateTag(revalidated)
      await b.refreshTags()
      expect(await found()).toEqual([undefined, undefined])
      await later()
    }
  })

  it.each([
    ['for good', undefined],
    ['stale for a while', { expire: 60 }],
  ])(
    'takes a page that was being made when its tag was revalidated (%s) for what it was before',
    async (_, durations) => {
      const Pages = nextIncrementalCache(replica(0))
      const [key, context] = ['/racing', { kind: 'APP_PAGE' }] as const
      const store = (words: string) => new Pages().set(key, { ...context, words, tags: ['racing'] }, {})
      const words = async (): Promise<unknown> => {
        const found = await new Pages().get(key, context)
        return found === null ? null : [(found.value as { words?: string }).words, found.lastModified === -1]
      }
      expect(await words()).toBeNull() // Next begins to make it
      await later()
      await new Pages().revalidateTag('racing', durations)
      await later()
      await store('old')
      expect(await words()).toEqual(durations === undefined ? null : ['old', true])
      await later()
      await store('new')
      expect(await words()).toEqual(['new', false])
      // What is read in between, and is made by nobody, does not count.
      await later()
      await new Pages().revalidateTag('racing', durations)
      await later()
      await store('made without a read')
      expect(await words()).toEqual(['made without a read', false])
    },
  )

  // caching-tools/next-shared-cache#360: errors where nothing has the tag, or none is given.
  it('revalidates nothing without an error', async () => {
    const [a] = handlers()
    const pages = new (nextIncrementalCache(replica(0)))()
    await a.updateTags([])
    await a.updateTags(['nobody has it', ''], {})
    await pages.revalidateTag('')
    await pages.revalidateTag([])
    expect([await a.getExpiration([]), await a.getExpiration([''])]).toEqual([0, 0])
  })
})
