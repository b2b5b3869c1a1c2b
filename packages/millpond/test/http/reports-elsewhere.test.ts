// More of what other caches were reported to do wrong, tried here with its neighbours: ranges of what is stale, HEAD
// and GET, variants, modes of frameworks.
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { type Play, type Shown, type Stage, stage, verdictOf } from './stage.ts'

let open: Stage | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play): Promise<Stage> {
  open = await stage(application)
  return open
}

const RANGE = { Range: 'bytes=2-5' }
const HEADERS = { 'Cache-Control': 'max-age=1', ETag: '"a"' }
const summary = ({ status, body, headers }: Shown): readonly unknown[] => [
  status,
  body,
  headers['content-range'],
  headers['content-length'],
]

describe('a range of what is stale', () => {
  /** The whole first, then what `again` says to the question about it. */
  async function asked(
    isChunked: boolean,
    again: (response: ServerResponse) => unknown,
  ): Promise<{ made: Stage; shown: Shown }> {
    let calls = 0
    const made = await play((_, response) => {
      if (calls++ > 0) again(response)
      else if (isChunked) {
        response.writeHead(200, HEADERS)
        response.write('01234')
        response.end('56789')
      } else response.writeHead(200, { ...HEADERS, 'Content-Length': '10' }).end('0123456789')
    })
    await made.ask('/a')
    made.clock.now += 5000
    return { made, shown: await made.ask('/a', { headers: RANGE }) }
  }

  it.each([false, true])(
    'is that range when it is confirmed (apache/trafficserver#8161, #3409; chunked: %s)',
    async (isChunked) => {
      const { made, shown } = await asked(isChunked, (response) =>
        response.writeHead(304, { ETag: '"a"', 'Cache-Control': 'max-age=60' }).end(),
      )
      expect(summary(shown)).toEqual([206, '2345', 'bytes 2-5/10', '4'])
      expect(summary(await made.ask('/a'))).toEqual([200, '0123456789', undefined, '10'])
    },
  )
  it.each([404, 500, 503])('is no range of an error (apache/trafficserver#10772, #11308): %i', async (status) => {
    const { shown } = await asked(false, (response) => response.writeHead(status).end('an error, as it is'))
    expect([shown.status, shown.body, shown.headers['content-range']]).toEqual([
      status,
      'an error, as it is',
      undefined,
    ])
  })
  it.each([
    ['shorter', 'new', 200],
    ['longer', 'a new one that is longer', 200],
  ])('is of the new one, where that came (apache/trafficserver#13158): %s', async (_, body) => {
    const { made, shown } = await asked(false, (response) =>
      response.writeHead(200, { ...HEADERS, ETag: '"b"' }).end(body),
    )
    const isRange = shown.status === 206
    expect(shown.body).toBe(isRange ? body.slice(2, 6) : body)
    if (isRange) expect(shown.headers['content-range']).toBe(`bytes 2-${Math.min(5, body.length - 1)}/${body.length}`)
    expect((await made.ask('/a')).body).toBe(body)
  })
  it('that is asked for first leaves nothing short for others (fabiocicerchia/go-proxy-cache#265, nginx ticket 1348)', async () => {
    const made = await play((request, response) => {
      if (request.headers.range === undefined)
        response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end('0123456789')
      else response.writeHead(206, { 'Cache-Control': 'max-age=60', 'Content-Range': 'bytes 2-5/10' }).end('2345')
    })
    const part = [206, '2345', 'bytes 2-5/10']
    expect(summary(await made.ask('/a', { headers: RANGE })).slice(0, 3)).toEqual(part)
    expect(summary(await made.ask('/a')).slice(0, 3)).toEqual([200, '0123456789', undefined])
    expect(summary(await made.ask('/a', { headers: RANGE })).slice(0, 3)).toEqual(part)
  })
  it.each(['W/"a"', '"b"', 'Thu, 01 Jan 1970 00:00:00 GMT', 'nonsense'])(
    'under a condition that does not hold is the whole (apache/trafficserver#8741): %s',
    async (condition) => {
      const made = await play((_, response) =>
        response.writeHead(200, { ...HEADERS, 'Cache-Control': 'max-age=60' }).end('0123456789'),
      )
      await made.ask('/a')
      const shown = await made.ask('/a', { headers: { ...RANGE, 'If-Range': condition } })
      expect([verdictOf(shown), ...summary(shown)]).toEqual(['hit', 200, '0123456789', undefined, '10'])
    },
  )
})

describe('HEAD and GET', () => {
  it('of one URL: a HEAD that comes first leaves no empty answer (tempesta-tech/tempesta#416, envoyproxy/envoy#10020)', async () => {
    const made = await play((request, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': '4' })
      response.end(request.method === 'HEAD' ? undefined : 'body')
    })
    for (let round = 0; round < 2; round++)
      expect(summary(await made.ask('/a', { method: 'HEAD' }))).toEqual([200, '', undefined, '4'])
    expect(summary(await made.ask('/a'))).toEqual([200, 'body', undefined, '4'])
    const head = await made.ask('/a', { method: 'HEAD' })
    expect([verdictOf(head), head.headers.age]).toEqual(['hit', '0'])
  })
  it('after a validation: the age is there, and counts from it (envoyproxy/envoy#15830)', async () => {
    const made = await play((request, response) => {
      const headers = { 'Cache-Control': 'max-age=60', ETag: '"a"', Date: new Date(made.clock.now).toUTCString() }
      if (request.headers['if-none-match'] === undefined) response.writeHead(200, headers).end('a')
      else response.writeHead(304, headers).end()
    })
    await made.ask('/a')
    made.clock.now += 70_000
    await made.ask('/a')
    made.clock.now += 10_000
    const { headers } = await made.ask('/a')
    expect([verdictOf({ headers } as Shown), Number(headers.age) >= 10, Number(headers.age) <= 11]).toEqual([
      'hit',
      true,
      true,
    ])
  })
})

describe('variants', () => {
  it('by a field that no request carries are one (nodejs/undici#3959, platformatic/undici-cache-redis#53), and another than with it', async () => {
    const made = await play((request, response) =>
      response.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: 'X-Kind' }).end(String(request.headers['x-kind'])),
    )
    await made.ask('/a')
    expect(await made.verdict('/a')).toBe('hit')
    const empty = await made.ask('/a', { headers: { 'X-Kind': '' } })
    expect([verdictOf(empty), empty.body]).toEqual([expect.stringMatching(/^fwd=vary-miss/), ''])
    expect((await made.ask('/a')).body).toBe('undefined')
  })
  it('that vary by different fields stay beside each other (http-tests/cache-tests#54, nginx ticket 955)', async () => {
    const made = await play((request, response) => {
      const isNew = request.headers['x-new'] !== undefined
      response.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: isNew ? 'X-New, X-Kind' : 'X-New' })
      response.end(`${request.headers['x-new']} ${request.headers['x-kind']}`)
    })
    const kinds: Record<string, string>[] = [{}, { 'X-New': '1', 'X-Kind': 'a' }, { 'X-New': '1', 'X-Kind': 'b' }]
    for (const headers of kinds) await made.ask('/a', { headers })
    for (const headers of kinds) {
      const shown = await made.ask('/a', { headers })
      expect([verdictOf(shown), shown.body]).toEqual(['hit', `${headers['X-New']} ${headers['X-Kind']}`])
    }
    await made.http.purge({ urls: [`http://127.0.0.1:${made.port}/a`] })
    // FRiCKLE/ngx_cache_purge#16: all of them.
    for (const headers of kinds) expect(await made.verdict('/a', { headers })).not.toBe('hit')
  })
})

describe('another form of a page, of which the application says nothing', () => {
  it.each([
    ['RSC', '1', 'vercel/next.js#65335, CVE-2026-44576'],
    ['Next-Url', '/feed', 'vercel/next.js#52745'],
    ['Next-Router-Prefetch', '1', 'aws-samples/serverless-full-stack-webapp-starter-kit#118'],
    ['X-Middleware-Prefetch', '1', 'CVE-2023-46298'],
    ['X-Nextjs-Data', '1', 'CVE-2024-46982'],
  ])('by %s: %s (%s) is for who asks so', async (name, value) => {
    const made = await play((request, response) =>
      response
        .writeHead(200, { 'Cache-Control': 's-maxage=60' })
        .end(request.headers[name.toLowerCase()] === undefined ? 'page' : 'form'),
    )
    expect((await made.ask('/a', { headers: { [name]: value } })).body).toBe('form')
    const page = await made.ask('/a')
    expect(page.body).toBe('page')
    const again = await made.ask('/a', { headers: { [name]: value } })
    expect([again.body, verdictOf(again)]).toEqual(['form', 'hit'])
    await made.http.purge({ urls: [`http://127.0.0.1:${made.port}/a`] })
    for (const headers of [{}, { [name]: value }]) expect(await made.verdict('/a', { headers })).not.toBe('hit')
  })
})
