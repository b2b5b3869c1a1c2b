// What other caches were reported to do wrong, tried here. Each names its report.
import { createServer, request as httpRequest } from 'node:http'
import { gunzipSync } from 'node:zlib'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { cachedFetch } from '../../src/http/fetch.ts'
import { createHttpCache, type HttpCacheOptions } from '../../src/http/index.ts'
import { compression } from '../../src/http/middlewares/index.ts'
import { createCache } from '../../src/index.ts'
import { ask, close, listen, type Play, type Stage, stage, verdictOf } from './stage.ts'

let open: Pick<Stage, 'close'> | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play, options?: HttpCacheOptions): Promise<Stage> {
  const made = await stage(application, options)
  open = made
  return made
}

describe('validation', () => {
  it.each(['must-revalidate', 'proxy-revalidate'])('%s outweighs max-stale (nodejs/undici#5511)', async (directive) => {
    const {
      ask: asked,
      seen,
      clock,
    } = await play((_, response) => {
      response.writeHead(200, { 'Cache-Control': `max-age=1, stale-if-error=600, ${directive}`, ETag: '"a"' }).end('a')
    })
    await asked('/a')
    clock.now += 5000
    await asked('/a', { headers: { 'Cache-Control': 'max-stale=600' } })
    expect(seen.at(-1)?.headers['if-none-match']).toBe('"a"')
    expect(seen).toHaveLength(2)
  })
  it('a 304 that leaves fields out takes none away, and one with a length changes none (kornelski/http-cache-semantics#26, squid-cache/squid#378)', async () => {
    const { ask: asked, clock } = await play((request, response) => {
      if (request.headers['if-none-match'] === '"a"')
        response.writeHead(304, { 'Content-Length': '0', 'Cache-Control': 'max-age=60' }).end()
      else
        response
          .writeHead(200, {
            'Cache-Control': 'max-age=1',
            ETag: '"a"',
            'Content-Encoding': 'x-odd',
            'Content-Type': 'text/odd',
            'X-Kept': '1',
          })
          .end('whole')
    })
    await asked('/a')
    clock.now += 5000
    for (let round = 0; round < 2; round++) {
      const { headers, body } = await asked('/a')
      expect([
        body,
        headers['content-length'],
        headers['content-encoding'],
        headers['content-type'],
        headers['x-kept'],
      ]).toEqual(['whole', '5', 'x-odd', 'text/odd', '1'])
    }
  })
  it('a 304 takes directives back (meziantou/Meziantou.Framework#2901)', async () => {
    const {
      ask: asked,
      seen,
      clock,
    } = await play((request, response) => {
      const control =
        request.headers['if-none-match'] === undefined ? 'max-age=1, immutable, stale-if-error=600' : 'max-age=600'
      response
        .writeHead(request.headers['if-none-match'] === undefined ? 200 : 304, {
          'Cache-Control': control,
          ETag: '"a"',
        })
        .end()
    })
    await asked('/a')
    clock.now += 5000
    await asked('/a')
    await asked('/a', { headers: { 'Cache-Control': 'max-age=0' } })
    expect(seen).toHaveLength(3)
  })
  it('a body that breaks off while an old one is replaced leaves the old one (varnishcache/varnish-cache#1648)', async () => {
    let count = 0
    const made = await play((_, response) => {
      if (++count === 2) {
        response.writeHead(200, { 'Cache-Control': 'max-age=60', ETag: '"b"', 'Content-Length': '100' })
        response.write('half')
        setTimeout(() => response.end(), 5)
      } else if (count === 3) response.writeHead(304, { ETag: '"a"', 'Cache-Control': 'max-age=60' }).end()
      else response.writeHead(200, { 'Cache-Control': 'max-age=1', ETag: '"a"' }).end('old')
    })
    await made.ask('/a')
    made.clock.now += 5000
    expect((await made.ask('/a')).isCut).toBe(true)
    expect([(await made.ask('/a')).body, made.seen.at(-1)?.headers['if-none-match']]).toEqual(['old', '"a"'])
    expect(await made.verdict('/a')).toBe('hit')
  })
  it('a conditional request that comes first leaves the whole answer for others (hiero-ledger/hiero-mirror-node#11026)', async () => {
    const app = express()
    let calls = 0
    app.get('/a', (_, response) => {
      calls++
      response.set({ 'Cache-Control': 'max-age=60', ETag: '"a"' }).send('whole')
    })
    const http = createHttpCache(createCache())
    const server = createServer(http.listener(app))
    const port = await listen(server)
    open = { close: () => close(server) }
    const first = await ask(port, '/a', { headers: { 'If-None-Match': '"a"' } })
    expect([first.status, first.body, first.headers['content-type']]).toEqual([304, '', undefined])
    const second = await ask(port, '/a')
    expect([second.status, second.body, second.headers['content-type'], calls]).toEqual([
      200,
      'whole',
      'text/html; charset=utf-8',
      1,
    ])
  })
  it('conditions apply to responses that are not stored, too: no client is sent what it has', async () => {
    const { ask: asked } = await play((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'private, max-age=60', ETag: '"a"' }).end('whole')
    })
    const first = await asked('/a', { headers: { 'If-None-Match': '"a"' } })
    expect([first.status, first.body]).toEqual([304, ''])
    expect((await asked('/a', { method: 'POST', headers: { 'If-None-Match': '"a"' } })).status).toBe(200)
  })
})

describe('what is stored', () => {
  it('a temporary redirect only if it says so (nodejs/undici#4334)', async () => {
    const { ask: asked, seen } = await play(
      (request, response) => {
        response
          .writeHead(307, { Location: '/b', ...(request.url === '/said' ? { 'Cache-Control': 'max-age=60' } : {}) })
          .end()
      },
      { defaultTtl: '1h' },
    )
    for (const path of ['/a', '/a', '/said', '/said']) await asked(path)
    expect(seen.map(({ url }) => url)).toEqual(['/a', '/a', '/said'])
  })
  it('one coding, as it says, however the application writes (kwhitley/apicache#120, gin-contrib/cache#69)', async () => {
    const text = 'compressible '.repeat(200)
    for (const isBefore of [true, false]) {
      const app = express()
      const http = createHttpCache(createCache(), { codings: ['gzip'] })
      if (isBefore) app.use(compression({ codings: ['gzip'] }) as express.RequestHandler)
      app.use(http.middleware() as express.RequestHandler)
      if (!isBefore) app.use(compression({ codings: ['gzip'] }) as express.RequestHandler)
      app.get('/a', (_, response) => {
        response.set({ 'Cache-Control': 'max-age=60', 'Content-Type': 'text/plain' })
        response.write(text.slice(0, 100))
        response.end(text.slice(100))
      })
      const server = createServer(app)
      const port = await listen(server)
      try {
        for (let round = 0; round < 3; round++) {
          const packed = await ask(port, '/a', { headers: { 'Accept-Encoding': 'gzip' } })
          expect([packed.headers['content-encoding'], gunzipSync(packed.bytes).toString()]).toEqual(['gzip', text])
          const plain = await ask(port, '/a', { headers: { 'Accept-Encoding': 'gzip;q=0, deflate' } })
          expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, text])
        }
      } finally {
        await close(server)
      }
    }
  })
  it('nothing by what only a server inside may say (CVE-2024-46982 of Next.js, and its kin)', async () => {
    const made = await play((request, response) => {
      response.writeHead(Number(request.headers['x-invoke-status'] ?? 200), { 'Cache-Control': 's-maxage=60' })
      response.end(request.headers['x-now-route-matches'] === undefined ? 'page' : 'data')
    })
    await made.ask('/a', { headers: { 'X-Now-Route-Matches': '1' } })
    await made.ask('/b', { headers: { 'X-Invoke-Status': '204' } })
    expect([(await made.ask('/a')).body, (await made.ask('/b')).status]).toEqual(['page', 200])
  })
})

describe('behind', () => {
  it('a question that fails is put again (nginx/nginx#880), and one that is confirmed freshens (nodejs/undici#4596)', async () => {
    const made = await play(() => {})
    const { http, clock } = made
    let mode: 'whole' | 'fail' | 'same' = 'whole'
    let calls = 0
    const handler = cachedFetch(http, () => {
      calls++
      if (mode === 'fail') throw new Error('down')
      const headers = { 'Cache-Control': 'max-age=60, stale-while-revalidate=600', ETag: '"a"' }
      return new Response(mode === 'same' ? null : 'a', { status: mode === 'same' ? 304 : 200, headers })
    })
    let ttl = 0
    const get = async (): Promise<string> => {
      const response = await handler(new Request('http://a.example/a'))
      await new Promise((resolve) => setImmediate(resolve))
      ttl = Number(/; ttl=(-?\d+)/.exec(response.headers.get('cache-status') ?? '')?.[1])
      return `${await response.text()} ${verdictOf({ headers: Object.fromEntries(response.headers) } as never)}`
    }
    await get()
    clock.now += 100_000
    mode = 'fail'
    expect([await get(), await get()]).toEqual(['a hit', 'a hit'])
    await expect.poll(() => calls).toBe(3)
    mode = 'same'
    expect(await get()).toBe('a hit')
    // A read between the answer and its being stored asks once more.
    await expect.poll(async () => (await get()) && ttl).toBeGreaterThan(0)
    const asked = calls
    expect(asked).toBeGreaterThan(3)
    await get()
    expect(calls).toBe(asked)
  })
})

describe('a request', () => {
  it('whose content breaks off: the application sees it, and nothing is stored', async () => {
    const made = await play((request, response) => {
      request.on('error', () => {})
      request.resume().on('end', () => response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end('whole'))
    })
    const request = httpRequest({
      port: made.port,
      host: '127.0.0.1',
      path: '/a',
      method: 'POST',
      headers: { 'Content-Length': '10' },
    })
    request.on('error', () => {})
    request.write('half')
    await expect.poll(() => made.seen.length).toBe(1)
    request.destroy()
    expect(await made.verdict('/a')).toMatch(/^fwd=uri-miss/)
  })
})

describe('an answer that was invalidated on its way', () => {
  it.each<[string, (made: Stage) => Promise<unknown>, boolean]>([
    ['by its URL', (made) => made.http.purge({ urls: [`http://127.0.0.1:${made.port}/a`] }), true],
    ['by its tag', (made) => made.http.purge({ tags: ['t'] }), true],
    ['by a prefix', (made) => made.http.purge({ prefix: `http://127.0.0.1:${made.port}/` }), true],
    ['with everything', (made) => made.http.purge({ all: true }), true],
    ['by a POST', (made) => made.ask('/a', { method: 'POST' }), true],
    ['not by another tag', (made) => made.http.purge({ tags: ['other'] }), false],
  ])('is kept by no CDN: %s', async (_, invalidate, isOvertaken) => {
    let answer: () => void = () => {}
    const made = await play((request, response) => {
      const end = (): unknown =>
        response
          .writeHead(200, { 'Cache-Control': 'max-age=60', 'CDN-Cache-Control': 'max-age=60', 'Cache-Tag': 't' })
          .end('a')
      if (request.method === 'POST') response.end()
      else answer = end
    })
    const waiting = made.ask('/a')
    await expect.poll(() => made.seen.length).toBe(1)
    await invalidate(made)
    answer()
    const { headers, body } = await waiting
    expect([body, headers['cdn-cache-control']]).toEqual(['a', isOvertaken ? 'no-store' : 'max-age=60'])
    const next = made.ask('/a')
    if (isOvertaken) {
      await expect.poll(() => made.seen.filter(({ method }) => method === 'GET').length).toBe(2)
      answer()
    }
    expect((await next).headers['cdn-cache-control']).toBe('max-age=60')
  })
})

describe('dictionaries (RFC 9842)', () => {
  it.each([undefined, ['br', 'gzip']])(
    'answers by a dictionary go only to who has it and reads the coding (codings: %j)',
    async (codings) => {
      const made = await play(
        (request, response) => {
          const dictionary = request.headers['available-dictionary']
          const isRead = dictionary !== undefined && /\bdcb\b/.test(String(request.headers['accept-encoding']))
          response.writeHead(200, {
            'Cache-Control': 'max-age=60',
            Vary: 'Accept-Encoding, Available-Dictionary',
            'Use-As-Dictionary': 'match="/a*", id="next"',
            ...(isRead ? { 'Content-Encoding': 'dcb' } : {}),
          })
          response.end(isRead ? `by ${dictionary}` : 'plain')
        },
        codings === undefined ? {} : { codings },
      )
      const by = (accept: string, dictionary?: string) =>
        made.ask('/a', {
          headers: {
            'Accept-Encoding': accept,
            ...(dictionary === undefined ? {} : { 'Available-Dictionary': dictionary }),
          },
        })
      for (let round = 0; round < 2; round++) {
        expect((await by('br, dcb', ':x=:')).body).toBe('by :x=:')
        expect((await by('br, dcb', ':y=:')).body).toBe('by :y=:')
        expect((await by('br', ':x=:')).body).toBe('plain')
        const { body, headers } = await by('br, dcb')
        expect([body, headers['use-as-dictionary']]).toEqual(['plain', 'match="/a*", id="next"'])
      }
      expect(made.seen).toHaveLength(4)
    },
  )
})
