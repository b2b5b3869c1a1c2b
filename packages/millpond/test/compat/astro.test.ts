// Astro's cache provider, by the contract of its `CacheProvider` (7.3), and by what users of its own one have reported.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { type AstroCacheProvider, astroCache } from 'millpond/astro'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { patient } from '../services/index.ts'

const clock = fakeClock({ now: Date.now() })
let folder: string
let cache: Cache
let pages: AstroCacheProvider
const warnings: string[] = []
const open = (): Cache =>
  createCache({ clock, tiers: [memory({ maxEntries: 100 }), patient(sqlite({ path: join(folder, 'pages.db') }))] })
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-astro-'))
  cache = open()
  pages = astroCache(cache)()
  warnings.length = 0
})
afterEach(async () => {
  await cache.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Made {
  readonly status?: number
  readonly maxAge?: number
  readonly swr?: number
  readonly tags?: string
  readonly headers?: Record<string, string>
}
/** As Astro makes it of `Astro.cache.set`. */
const made = (body: string | null, { status = 200, maxAge = 60, swr, tags, headers }: Made = {}): Response =>
  new Response(body, {
    status,
    headers: {
      ...(maxAge > 0 && {
        'CDN-Cache-Control': `max-age=${maxAge}${swr === undefined ? '' : `, stale-while-revalidate=${swr}`}`,
      }),
      ...(tags !== undefined && { 'Cache-Tag': tags }),
      ...headers,
    },
  })
interface Answer {
  readonly state: string | null
  readonly body: string
  readonly status: number
}
interface Asked {
  readonly headers?: Record<string, string>
  readonly on?: AstroCacheProvider
}
const logger = { warn: (message: string) => void warnings.push(message) }
/** Resolves when all that goes on behind the answer is done, but for what a test waits for itself. */
async function ask(
  path: string,
  next: () => Response | Promise<Response>,
  { headers, on = pages }: Asked = {},
): Promise<Answer> {
  const works: Promise<unknown>[] = []
  const request = new Request(new URL(path, 'http://site.test'), headers === undefined ? {} : { headers })
  const response = await on.onRequest({ request, logger, waitUntil: (work) => void works.push(work) }, async () =>
    next(),
  )
  const body = await response.text()
  await Promise.all(works)
  return { state: response.headers.get('X-Astro-Cache'), body, status: response.status }
}
const never = (): Response => expect.fail('it was rendered')

it('renders once, and answers with the same page: status, fields and body', async () => {
  expect(await ask('/a', () => made('page', { status: 404, headers: { 'X-Own': '1' } }))).toEqual({
    state: 'MISS',
    body: 'page',
    status: 404,
  })
  const request = new Request('http://site.test/a')
  const again = await pages.onRequest({ request }, async () => never())
  expect([again.status, again.headers.get('X-Own'), again.headers.get('X-Astro-Cache'), await again.text()]).toEqual([
    404,
    '1',
    'HIT',
    'page',
  ])
  // A status that may not have a body.
  await ask('/none', () => made(null, { status: 204 }))
  expect(await ask('/none', never)).toEqual({ state: 'HIT', body: '', status: 204 })
})

it('keeps bytes as they are', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
  const answer = () =>
    pages.onRequest(
      { request: new Request('http://site.test/image') },
      async () => new Response(bytes, { headers: made('').headers }),
    )
  await (await answer()).arrayBuffer()
  const [one, two] = [await answer(), await answer()]
  expect(new Uint8Array(await one.arrayBuffer())).toEqual(bytes)
  expect(new Uint8Array(await two.arrayBuffer())).toEqual(bytes)
})

it.each([
  ['no word about caching', () => made('x', { maxAge: 0 })],
  ['Set-Cookie', () => made('x', { headers: { 'Set-Cookie': 'a=b' } })],
  [
    'a cookie that Astro has yet to write',
    () => {
      const response = made('x')
      Reflect.set(response, Symbol.for('astro.cookies'), { headers: () => ['a=b'] })
      return response
    },
  ],
  ['Vary: Cookie', () => made('x', { headers: { Vary: 'Accept-Language, Cookie' } })],
  ['Vary: *', () => made('x', { headers: { Vary: '*' } })],
  ['a failure that a rule for its route covers', () => made('x', { status: 500 })],
])('does not keep what has %s', async (_name, response) => {
  let renders = 0
  const next = () => {
    renders++
    return response()
  }
  expect([(await ask('/a', next)).state, (await ask('/a', next)).state, renders]).toEqual([null, null, 2])
})

it('says what it does not keep, and keeps what has cookies of Astro that are none', async () => {
  await ask('/a', () => made('x', { headers: { Vary: 'Cookie' } }))
  expect(warnings).toEqual(['/a is not cached: its response has Vary: Cookie'])
  const response = made('x')
  Reflect.set(response, Symbol.for('astro.cookies'), { headers: () => [] })
  await ask('/b', () => response)
  expect((await ask('/b', never)).state).toBe('HIT')
})

it('tells pages apart by origin, path and query, but not by the order of parameters or marks of campaigns', async () => {
  await ask('/list?b=2&a=1&utm_source=x', () => made('one'))
  expect((await ask('/list?a=1&b=2&UTM_medium=y&fbclid=z', never)).body).toBe('one')
  expect((await ask('/list?a=1', () => made('two'))).state).toBe('MISS')
  expect((await ask('http://other.test/list?a=1&b=2', () => made('three'))).state).toBe('MISS')
  const some = astroCache(cache.namespace('some'))({ query: { include: ['page'] } })
  await ask('/list?page=1&sort=x', () => made('by page'), { on: some })
  expect((await ask('/list?sort=y&page=1', never, { on: some })).body).toBe('by page')
  const most = astroCache(cache.namespace('most'), { query: { exclude: ['s_*'], sort: false } })()
  await ask('/list?a=1&b=2&s_id=7', () => made('ordered'), { on: most })
  expect((await ask('/list?a=1&b=2', never, { on: most })).body).toBe('ordered')
  expect((await ask('/list?b=2&a=1', () => made('other order'), { on: most })).state).toBe('MISS')
  expect(() => astroCache(cache)({ query: { include: ['a'], exclude: ['b'] } })).toThrow('include and exclude')
})

it('has a page for each value of the fields that it varies by', async () => {
  const french = { headers: { 'Accept-Language': 'fr' } }
  const german = { headers: { 'Accept-Language': 'de' } }
  const next = (body: string) => () => made(body, { headers: { Vary: 'Accept-Language' } })
  expect((await ask('/a', next('un'), french)).state).toBe('MISS')
  expect((await ask('/a', never, french)).body).toBe('un')
  expect((await ask('/a', next('eins'), german)).state).toBe('MISS')
  expect([(await ask('/a', never, french)).body, (await ask('/a', never, german)).body]).toEqual(['un', 'eins'])
  await pages.invalidate({ path: '/a' })
  expect([(await ask('/a', next('deux'), french)).state, (await ask('/a', next('zwei'), german)).state]).toEqual([
    'MISS',
    'MISS',
  ])
})

it('forgets by tag and by path, in every server, and by the tags of the cache itself', async () => {
  const other = open()
  const there = astroCache(other)()
  await ask('/a?y=2&x=1', () => made('a', { tags: 'products, product:7' }))
  await ask('/b', () => made('b', { tags: 'products' }))
  expect((await ask('/b', never, { on: there })).body).toBe('b')
  await there.invalidate({ path: '/a?x=1&y=2' })
  clock.advance(500)
  expect((await ask('/a?x=1&y=2', () => made('a2', { tags: 'products' }))).state).toBe('MISS')
  expect((await ask('/b', never)).state).toBe('HIT')
  await there.invalidate({ tags: ['products'] })
  clock.advance(500)
  expect([
    (await ask('/a?x=1&y=2', () => made('a3'))).state,
    (await ask('/b', () => made('b2', { tags: 'deals' }))).state,
  ]).toEqual(['MISS', 'MISS'])
  await cache.invalidateTags(['deals'])
  expect((await ask('/b', () => made('b3'))).state).toBe('MISS')
  await other.close()
})

it('does not keep a page that was being rendered when its tag was forgotten, here or elsewhere', async () => {
  const other = open()
  for (const vary of [undefined, 'Accept']) {
    const path = `/${vary ?? 'plain'}`
    const answer = await ask(path, async () => {
      await other.invalidateTags(['products'])
      return made('old', { tags: 'products', headers: vary === undefined ? {} : { Vary: vary } })
    })
    // This server hears of it within 500 ms.
    clock.advance(500)
    expect([answer.body, (await ask(path, () => made('new', { tags: 'products' }))).body]).toEqual(['old', 'new'])
  }
  await other.close()
})

it('answers with the page of before while one request makes it anew', async () => {
  await ask('/a', () => made('one', { maxAge: 1, swr: 60 }))
  clock.advance(2000)
  let renders = 0
  const next = () => {
    renders++
    return made('two', { maxAge: 60 })
  }
  const both = await Promise.all([1, 2].map(() => ask('/a', next)))
  expect(both.map(({ state, body }) => [state, body])).toEqual([
    ['STALE', 'one'],
    ['STALE', 'one'],
  ])
  expect([renders, (await ask('/a', never)).body]).toEqual([1, 'two'])
})

it('goes on with the page of before where it cannot be made anew, and lets go of it where it has become somebody’s own', async () => {
  for (const path of ['/fails', '/breaks', '/private']) await ask(path, () => made('one', { maxAge: 1, swr: 60 }))
  clock.advance(2000)
  const failing = () => made('error', { status: 503 })
  expect((await ask('/fails', failing)).state).toBe('STALE')
  expect((await ask('/breaks', () => Promise.reject(new Error('no database')))).state).toBe('STALE')
  expect((await ask('/private', () => made('mine', { headers: { 'Set-Cookie': 'a=b' } }))).state).toBe('STALE')
  expect(warnings).toContain('/breaks could not be regenerated: no database')
  expect([(await ask('/fails', failing)).state, (await ask('/breaks', () => made('two'))).state]).toEqual([
    'STALE',
    'STALE',
  ])
  expect((await ask('/private', () => made('yours', { maxAge: 0 }))).state).toBeNull()
})

it('renders once for all who ask at once, and lets nobody wait for what cannot be kept', async () => {
  let renders = 0
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const slow = (maxAge: number) => async () => {
    renders++
    await held
    return made('page', { maxAge })
  }
  const all = [1, 2, 3].map(() => ask('/a', slow(60)))
  release()
  expect([(await Promise.all(all)).map(({ body }) => body), renders]).toEqual([['page', 'page', 'page'], 1])
  // Known by now: this one is never kept. All three are rendered at the same time, or this would never end.
  await ask('/own', () => made('x', { maxAge: 0 }))
  let together = 0
  let all3 = (): void => {}
  const met = new Promise<void>((resolve) => {
    all3 = resolve
  })
  const own = async () => {
    if (++together === 3) all3()
    await met
    return made('own', { maxAge: 0 })
  }
  expect((await Promise.all([1, 2, 3].map(() => ask('/own', own)))).map(({ body }) => body)).toEqual([
    'own',
    'own',
    'own',
  ])
})

it('passes on what a render fails with, and renders anew', async () => {
  await expect(ask('/a', () => Promise.reject(new Error('no database')))).rejects.toThrow('no database')
  expect((await ask('/a', () => made('page'))).state).toBe('MISS')
  expect((await ask('/a', never)).state).toBe('HIT')
})

it('takes addresses, fields and times of any length, and tells where a page cannot be kept', async () => {
  const long = `/a?q=${'x'.repeat(20_000)}`
  await ask(long, () => made('long', { maxAge: 1e12 }))
  expect((await ask(long, never)).body).toBe('long')
  await pages.invalidate({ path: long })
  expect((await ask(long, () => made('again'))).state).toBe('MISS')
  await ask('/tags', () => made('x', { tags: Array.from({ length: 200 }, (_, at) => `t${at}`).join() }))
  expect(warnings).toEqual([expect.stringMatching(/^\/tags was not cached: .*201 tags/)])
})

it('lets other methods pass, and fields of answers that cannot be changed', async () => {
  const request = new Request('http://site.test/a', { method: 'POST', body: 'x' })
  expect((await pages.onRequest({ request }, async () => made('posted'))).headers.has('X-Astro-Cache')).toBe(false)
  const fixed = Response.redirect('http://site.test/b', 302)
  expect((await ask('/a', () => fixed)).state).toBeNull()
})
