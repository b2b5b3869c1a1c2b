// Faults that were reported of other caching proxies, each tried against this one.
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ProxyOptions } from '../src/index.ts'
import { bodyOf, fieldOf, get, type Play, rawAsk, rawScene, type Scene, scene, statusOf } from './origin.ts'

let open: Scene | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play, options?: Partial<ProxyOptions>): Promise<Scene> {
  open = await scene(application, options)
  return open
}
function send(response: ServerResponse, body: string, fields: Record<string, string> = {}): void {
  response
    .writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': Buffer.byteLength(body), ...fields })
    .end(body)
}
const verdictOf = (answer: string): string | undefined =>
  fieldOf(answer, 'cache-status')
    ?.replace(/^Millpond; /, '')
    .replace(/; ttl=\d+/, '')

describe('connection-specific fields', () => {
  const inLanguage: Play = (request, response) => {
    send(response, String(request.headers['accept-language'] ?? 'en'), { Vary: 'Accept-Language' })
  }
  it.each([false, true])(
    'do not replace an answer by one that was made without the field (N. Davison, "Abusing HTTP hop-by-hop request headers", 2019; tempesta-tech/tempesta#409): strict %s',
    async (strict) => {
      const made = await play(inLanguage, { strict })
      await made.raw(get('/a', 'Accept-Language: de', 'Connection: Accept-Language'))
      expect(bodyOf(await made.raw(get('/a', 'Accept-Language: de')))).toBe('de')
      expect(bodyOf(await made.raw(get('/a')))).toBe('en')
    },
  )
  it.each(['Content-Length', 'Transfer-Encoding'])('hide no content: %s', async (name) => {
    const made = await play((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => send(response, `got ${text}`))
    })
    const rest =
      name === 'Content-Length'
        ? 'Content-Length: 4\r\n\r\nevil'
        : 'Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n'
    await made.raw(`GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close, ${name}\r\n${rest}`)
    expect(bodyOf(await made.raw(get('/a')))).toBe('got ')
  })
  it('do not hide Host, or what makes a request personal, from the origin', async () => {
    const made = await play(({ headers }, response) => send(response, `${headers.host} ${headers.cookie ?? 'nobody'}`))
    await made.raw(get('/a', 'Cookie: user=1', 'Connection: Cookie, Host'))
    expect(bodyOf(await made.raw(get('/a')))).toBe('a.example nobody')
    expect(made.seen.map(({ headers }) => headers.host)).toEqual(['a.example'])
  })
})

it('that CGI servers take for X-Forwarded-Host do not reach the origin (benoitc/gunicorn#2799, caddyserver/caddy#4830, CVE-2015-0219)', async () => {
  const made = await play(({ headers }, response) => send(response, JSON.stringify(Object.keys(headers))))
  const names = ['X_Forwarded_Host', 'x-forwarded_host', 'X_Forwarded_For', 'X_Original_URL', 'HOST_HEADER_OF_MINE']
  const told = JSON.parse(bodyOf(await made.raw(get('/a', ...names.map((name) => `${name}: evil`))))) as string[]
  expect(told.filter((name) => name.includes('_'))).toEqual(['host_header_of_mine'])
})

describe('ranges', () => {
  it.each([
    ['bytes=-5', '', 416, 'bytes */0'],
    ['bytes=-0', 'hello', 416, 'bytes */5'],
    ['bytes=-9', 'hello', 206, 'bytes 0-4/5'],
    ['bytes=0--1', '', 200, undefined],
    ['bytes=0--1', 'hello', 200, undefined],
    ['bytes=4-2', 'hello', 200, undefined],
  ])('%s of %j (cloudflare/pingora#975, NVIDIA/nvcf#1338)', async (range, body, status, contentRange) => {
    const made = await play((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': body.length })
      response.end(body)
    })
    await made.raw(get('/a'))
    const answer = await made.raw(get('/a', `Range: ${range}`))
    expect([statusOf(answer), fieldOf(answer, 'content-range'), made.seen.length]).toEqual([status, contentRange, 1])
  })
  it('of a stale answer when the origin fails: its error, and no part of something else (apache/trafficserver#11308)', async () => {
    let isBroken = false
    const clock = { now: Date.now() }
    const made = await play(
      (_, response) => {
        if (isBroken) response.writeHead(500, { 'Cache-Control': 'no-store', 'Content-Length': 6 }).end('broken')
        else response.writeHead(200, { 'Cache-Control': 'max-age=1, must-revalidate', ETag: '"a"' }).end('hello')
      },
      { cache: { now: () => clock.now } },
    )
    await made.raw(get('/a'))
    clock.now += 5000
    isBroken = true
    const answer = await made.raw(get('/a', 'Range: bytes=0-1'))
    expect([statusOf(answer), fieldOf(answer, 'content-range'), bodyOf(answer)]).toEqual([500, undefined, 'broken'])
  })
  it('that overlap a stored part, when the origin refuses: its refusal (http-tests/cache-tests#146)', async () => {
    let isRefusing = false
    const made = await play((_, response) => {
      if (isRefusing) response.writeHead(403).end('no')
      else
        response
          .writeHead(206, { 'Cache-Control': 'max-age=60', ETag: '"a"', 'Content-Range': 'bytes 0-4/10' })
          .end('hello')
    })
    await made.raw(get('/a', 'Range: bytes=0-4'))
    isRefusing = true
    expect(statusOf(await made.raw(get('/a', 'Range: bytes=3-7')))).toBe(403)
    const inside = await made.raw(get('/a', 'Range: bytes=1-3'))
    expect([statusOf(inside), fieldOf(inside, 'content-range'), bodyOf(inside)]).toEqual([206, 'bytes 1-3/10', 'ell'])
  })
})

it.each([
  ['chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ['with a length', 'Content-Length: 10\r\n\r\nhello'],
])('an answer that ends too early, %s, is cut and not stored (squid-cache/squid#528)', async (_, rest) => {
  const made = await rawScene(
    (socket) => socket.end(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n${rest}`),
    {
      retries: 0,
    },
  )
  open = made
  for (let round = 0; round < 2; round++) {
    const answer = await made.raw(get('/a'))
    // The last chunk, which says that all is there, is not.
    expect(answer.endsWith('0\r\n\r\n')).toBe(false)
  }
  expect(made.connections()).toBe(2)
})

it('a client that sends no condition never gets 304, even if the cache has sent one (darkweak/souin#794)', async () => {
  const clock = { now: Date.now() }
  const made = await play(
    (request, response) => {
      const headers = { 'Cache-Control': 'max-age=1, must-revalidate', ETag: '"a"' }
      if (request.headers['if-none-match'] === '"a"') response.writeHead(304, headers).end()
      else response.writeHead(200, headers).end('hello')
    },
    { cache: { now: () => clock.now } },
  )
  await made.raw(get('/a'))
  for (const field of ['Cache-Control: max-stale=6', 'Cache-Control: no-cache', 'Cache-Control: max-age=0']) {
    clock.now += 2000
    const answer = await made.raw(get('/a', field))
    expect([statusOf(answer), bodyOf(answer)]).toEqual([200, 'hello'])
  }
  expect(made.seen).toHaveLength(4)
})

it('codings are compared by name, and not by a sum of them (haproxy/haproxy#988)', async () => {
  const made = await play((request, response) => {
    const coding = String(request.headers['accept-encoding'] ?? '').includes('br') ? 'br' : 'gzip'
    send(response, coding, { Vary: 'Accept-Encoding', 'Content-Encoding': coding })
  })
  await made.raw(get('/a', 'Accept-Encoding: br,gzip,xxx,jdcqiab'))
  expect(bodyOf(await made.raw(get('/a', 'Accept-Encoding: gzip')))).toBe('gzip')
})

it('stale-while-revalidate also works without a validator (Kevinrob/guzzle-cache-middleware#128)', async () => {
  const clock = { now: Date.now() }
  let version = 0
  const made = await play(
    (_, response) =>
      response.writeHead(200, { 'Cache-Control': 'max-age=1, stale-while-revalidate=30' }).end(String(version++)),
    { cache: { now: () => clock.now } },
  )
  await made.raw(get('/a'))
  clock.now += 5000
  expect(bodyOf(await made.raw(get('/a')))).toBe('0')
  await expect.poll(async () => bodyOf(await made.raw(get('/a')))).toBe('1')
})

it('each client that waits for one answer may leave, even the first; the others get all of it (cloudflare/pingora#800)', async () => {
  let finish = (): void => {}
  const made = await play((_, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60' })
    finish = () => response.end('hello')
  })
  const { calls } = vi.spyOn(made.proxy.http, 'handle').mock
  const leaving = Array.from({ length: 3 }, () => connect(made.proxy.port, '127.0.0.1'))
  for (const socket of leaving) socket.write(get('/a'))
  await expect.poll(() => [calls.length, made.seen.length]).toEqual([3, 1])
  const staying = rawAsk(made.proxy.port, get('/a'))
  await expect.poll(() => calls.length).toBe(4)
  for (const socket of leaving) socket.destroy()
  await expect.poll(() => calls.map(([, response]) => response.destroyed)).toEqual([true, true, true, false])
  finish()
  const answer = await staying
  expect([statusOf(answer), bodyOf(answer).includes('hello'), made.seen.length]).toEqual([200, true, 1])
  expect(verdictOf(await made.raw(get('/a')))).toBe('hit')
})
