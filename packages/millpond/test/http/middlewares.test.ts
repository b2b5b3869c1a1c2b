// The middlewares, each alone and all together, over real sockets.
import { createServer, type RequestListener, type Server } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpCache, type Middleware } from '../../src/http/index.ts'
import { cacheHeaders, compression, edgeTag, recordTraffic, requestMetrics } from '../../src/http/middlewares/index.ts'
import { createCache } from '../../src/index.ts'
import { ask, close, listen, verdictOf } from './stage.ts'

let server: Server | undefined
afterEach(async () => {
  if (server !== undefined) await close(server)
  server = undefined
})
/** The middlewares one after the other, then the application. */
async function serve(chain: readonly Middleware[], application: RequestListener): Promise<number> {
  server = createServer((request, response) => {
    const run = (at: number): void => {
      const middleware = chain[at]
      if (middleware === undefined) application(request, response)
      else middleware(request, response, () => run(at + 1))
    }
    run(0)
  })
  return listen(server)
}
const TEXT = 'hello '.repeat(1000)
const text: RequestListener = (_, response) => {
  response.setHeader('Content-Type', 'text/plain')
  response.end(TEXT)
}

describe('cacheHeaders', () => {
  it('says what the application does not, private unless told otherwise', async () => {
    const port = await serve([cacheHeaders({ profile: 'search' })], text)
    expect((await ask(port, '/')).headers['cache-control']).toBe('private, max-age=180')
    expect((await ask(port, '/', { method: 'POST' })).headers['cache-control']).toBeUndefined()
  })
  it('leaves what the application says, and errors', async () => {
    const port = await serve([cacheHeaders({ maxAge: '1h', public: true })], (request, response) => {
      if (request.url === '/own') response.writeHead(200, { 'Cache-Control': 'no-store' })
      else response.writeHead(404, 'Gone Fishing')
      response.end()
    })
    expect((await ask(port, '/own')).headers['cache-control']).toBe('no-store')
    const missing = await ask(port, '/x')
    expect([missing.status, missing.reason, missing.headers['cache-control']]).toEqual([404, 'Gone Fishing', undefined])
  })
  it('makes strong tags, and adds to Vary', async () => {
    const port = await serve(
      [
        cacheHeaders({
          public: true,
          maxAge: 60_000,
          sharedMaxAge: '2m',
          immutable: true,
          staleWhileRevalidate: '10s',
          staleIfError: '1d',
          etag: true,
          vary: ['X-A', 'Accept'],
        }),
      ],
      (_, response) => {
        response.setHeader('Vary', 'x-a')
        response.end('hello')
      },
    )
    const { headers } = await ask(port, '/')
    expect(headers['cache-control']).toBe(
      'public, max-age=60, s-maxage=120, immutable, stale-while-revalidate=10, stale-if-error=86400',
    )
    expect([headers.etag, headers.vary]).toEqual([expect.stringMatching(/^"[\w-]{27}"$/), 'x-a, Accept'])
  })
  it('names tags for the edge when it is asked to, beside those of the application, and otherwise none (N4)', async () => {
    const port = await serve(
      [cacheHeaders({ public: true, edgeTags: ['deals', 'org 7', 'a,b', 'ä'] })],
      (_, response) => {
        response.setHeader('Surrogate-Key', 'own deals')
        response.end('x')
      },
    )
    const { headers } = await fetch(`http://127.0.0.1:${port}/`)
    expect(headers.get('surrogate-key')).toBe('own deals org%207 a%2Cb %C3%A4')
    expect(headers.get('cache-tag')).toBe('own,deals,org%207,a%2Cb,%C3%A4')
    const plain = await fetch(
      `http://127.0.0.1:${await serve([cacheHeaders({ public: true })], (_, response) => response.end('x'))}/`,
    )
    expect([plain.headers.get('surrogate-key'), plain.headers.get('cache-tag')]).toEqual([null, null])
  })

  it.each([
    [50, 50, 'public, max-age=0'],
    [51, 50, 'private, no-cache'],
    [1000, undefined, 'public, max-age=0'],
    [1001, undefined, 'private, no-cache'],
  ])('of %i tags, where the edge takes %s, answers: %s', async (count, maxEdgeTags, control) => {
    const edgeTags = Array.from({ length: count }, (_, at) => `t${at}`)
    const port = await serve([cacheHeaders({ public: true, maxAge: 0, edgeTags, maxEdgeTags })], (_, response) =>
      response.end('x'),
    )
    const { headers } = await fetch(`http://127.0.0.1:${port}/`)
    expect([headers.get('cache-control'), headers.get('cache-tag')?.split(',').length]).toEqual([
      control,
      control[1] === 'u' ? count : undefined,
    ])
  })

  it('lets no edge keep what has more tags than edges take, and names one long tag by its hash', async () => {
    const many = Array.from({ length: 2000 }, (_, at) => `tag-${at}-long`)
    const port = await serve([cacheHeaders({ public: true, edgeTags: many })], (_, response) => {
      response.setHeader('CDN-Cache-Control', 'max-age=60')
      response.end('x')
    })
    const { headers } = await fetch(`http://127.0.0.1:${port}/`)
    expect(
      ['cache-control', 'surrogate-key', 'cache-tag', 'cdn-cache-control'].map((name) => headers.get(name)),
    ).toEqual(['private, no-cache', null, null, null])
    expect(edgeTag('x'.repeat(256))).toHaveLength(256)
    expect(edgeTag('x'.repeat(257))).toMatch(/^sha256-[\w-]{43}$/)
    expect(edgeTag('ü'.repeat(600))).toMatch(/^sha256-/)
  })

  it('refuses a wrong rule when it is made', () =>
    expect(() => cacheHeaders({ maxAge: 'x' as never })).toThrow(/maxAge/))
})

describe('compression', () => {
  it.each([
    ['br', 'gzip, br', brotliDecompressSync],
    ['gzip', 'gzip, br;q=0.5', gunzipSync],
  ])('%s for %s', async (coding, accept, undo) => {
    const port = await serve([compression({ codings: ['br', 'gzip'] })], text)
    const { headers, bytes } = await ask(port, '/', { headers: { 'Accept-Encoding': accept } })
    expect([headers['content-encoding'], headers.vary, headers['content-length']]).toEqual([
      coding,
      'Accept-Encoding',
      undefined,
    ])
    expect(undo(bytes).toString()).toBe(TEXT)
  })
  it('of a stream that is written in pieces', async () => {
    const port = await serve([compression()], (_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', ETag: '"e"' })
      for (let at = 0; at < 100; at++) response.write(`${TEXT}\n`)
      response.end()
    })
    const { headers, bytes } = await ask(port, '/', { headers: { 'Accept-Encoding': 'gzip' } })
    expect([headers['content-encoding'], headers.etag, gunzipSync(bytes).length]).toEqual([
      'gzip',
      'W/"e"',
      100 * (TEXT.length + 1),
    ])
  })
  it.each<[string, Record<string, string>, string, string]>([
    ['it is not requested', {}, '', TEXT],
    ['it is refused', {}, 'gzip;q=0, br;q=0', TEXT],
    ['it is short', {}, 'gzip', 'short'],
    ['it is an image', { 'Content-Type': 'image/png' }, 'gzip', TEXT],
    ['it is encoded', { 'Content-Encoding': 'x' }, 'gzip', TEXT],
    ['it must not be changed', { 'Cache-Control': 'no-transform' }, 'gzip', TEXT],
  ])('does nothing when %s', async (_, headers, accept, body) => {
    const port = await serve([compression()], (_request, response) => {
      for (const [name, value] of Object.entries({ 'Content-Type': 'text/plain', ...headers }))
        response.setHeader(name, value)
      response.end(body)
    })
    const shown = await ask(port, '/', { headers: accept === '' ? {} : { 'Accept-Encoding': accept } })
    expect([shown.headers['content-encoding'], shown.body]).toEqual([headers['Content-Encoding'], body])
  })
})

describe('metrics', () => {
  it('counts by route, bounded, and tells the time', async () => {
    const metrics = requestMetrics({ routeOf: ({ url }) => url ?? '', maxRoutes: 2 })
    const port = await serve([metrics.middleware], (request, response) => {
      response.statusCode = request.url === '/b' ? 500 : 200
      response.end()
    })
    for (const path of ['/a', '/a', '/b', '/c', '/d'])
      expect((await ask(port, path)).headers['server-timing']).toMatch(/^total;dur=[\d.]+$/)
    expect(metrics.read()).toMatchObject({
      '/a': { count: 2, errors: 0 },
      '/b': { count: 1, errors: 1 },
      other: { count: 2 },
    })
  })
})

describe('the recorder', () => {
  it('knows what is asked most, in bounded memory, and nothing of who is signed in', async () => {
    const recorder = recordTraffic({ maxUrls: 3 })
    const port = await serve([recorder.middleware], text)
    const asked = ['/a', '/b', '/a', '/c', '/a', '/b', '/d', '/a']
    for (const path of asked) await ask(port, path)
    await ask(port, '/account', { headers: { Cookie: 'id=1' } })
    await ask(port, '/a', { method: 'POST' })
    expect(recorder.top(2)).toEqual([
      { method: 'GET', endpoint: '/a', count: 4 },
      { method: 'GET', endpoint: '/b', count: 2 },
    ])
    expect(recorder.top().map(({ endpoint }) => endpoint)).toEqual(['/a', '/b', '/d'])
    // Another instance, warmed with it.
    const made: string[] = []
    const http = createHttpCache(createCache())
    const other = await serve([http.middleware()], (request, response) => {
      made.push(request.url ?? '')
      response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end()
    })
    const report = await createCache().warm(recorder.plan(`http://127.0.0.1:${other}`, 2))
    expect([report.warmed, made]).toEqual([2, ['/a', '/b']])
    expect(verdictOf(await ask(other, '/a'))).toBe('hit')
    recorder.reset()
    expect(recorder.top()).toEqual([])
    expect(() => recordTraffic({ maxUrls: 0 })).toThrow(/maxUrls/)
  })
})

describe('all together', () => {
  it('compresses once for each coding that is stored', async () => {
    let calls = 0
    const metrics = requestMetrics()
    const http = createHttpCache(createCache(), { codings: ['br', 'gzip'] })
    const chain = [
      metrics.middleware,
      http.middleware(),
      compression({ codings: ['br', 'gzip'] }),
      cacheHeaders({ public: true, profile: 'static', etag: true }),
    ]
    const port = await serve(chain, (request, response) => {
      calls++
      text(request, response)
    })
    const asked = async (accept: string): Promise<string[]> => {
      const shown = await ask(port, '/', { headers: { 'Accept-Encoding': accept } })
      return [String(shown.headers['content-encoding']), verdictOf(shown)]
    }
    expect(await asked('gzip, deflate, br')).toEqual(['br', 'fwd=uri-miss; fwd-status=200; stored'])
    expect(await asked('br, gzip')).toEqual(['br', 'hit'])
    expect(await asked('gzip')).toEqual(['gzip', 'fwd=vary-miss; fwd-status=200; stored'])
    expect(await asked('deflate, gzip;q=0.7')).toEqual(['gzip', 'hit'])
    expect(await asked('identity')).toEqual(['undefined', 'fwd=vary-miss; fwd-status=200; stored'])
    expect(calls).toBe(3)
    expect(metrics.read().all).toMatchObject({ count: 5, hits: 2 })
  })
})
