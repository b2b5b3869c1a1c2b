// The cache before a node:http listener, over real sockets: what is stored, shared, validated, invalidated and purged.
import { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { HttpCacheOptions } from '../../src/http/index.ts'
import { type Asking, type Play, type Stage, stage, verdictOf } from './stage.ts'

let open: Stage | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play, options?: HttpCacheOptions): Promise<Stage> {
  open = await stage(application, options)
  return open
}
const answer =
  (headers: Record<string, string | string[]>, body = 'hello'): Play =>
  (_, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.end(body)
  }

describe('a stored answer', () => {
  it('is served without the application, with its age and what the cache did', async () => {
    const { ask, seen, clock } = await play(answer({ 'Cache-Control': 'max-age=60', 'X-Line': ['a', 'b'] }))
    const first = await ask('/a')
    expect([verdictOf(first), first.headers['content-length'], first.headers.age]).toEqual([
      'fwd=uri-miss; fwd-status=200; stored',
      '5',
      undefined,
    ])
    clock.now += 5000
    const second = await ask('/a')
    expect([second.body, second.headers.age, second.headers['cache-status'], second.headers['x-line']]).toEqual([
      'hello',
      '5',
      'Millpond; hit; ttl=55',
      'a, b',
    ])
    expect(seen).toHaveLength(1)
  })
  it('answers HEAD, ranges and conditions', async () => {
    const { ask, seen } = await play(
      answer({ 'Cache-Control': 'max-age=60', ETag: '"e"', 'Content-Type': 'text/plain' }),
    )
    await ask('/a')
    const head = await ask('/a', { method: 'HEAD' })
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '5'])
    const part = await ask('/a', { headers: { Range: 'bytes=1-2' } })
    expect([part.status, part.body, part.headers['content-range'], part.headers['content-length']]).toEqual([
      206,
      'el',
      'bytes 1-2/5',
      '2',
    ])
    const beyond = await ask('/a', { headers: { Range: 'bytes=9-' } })
    expect([beyond.status, beyond.headers['content-range'], beyond.body]).toEqual([416, 'bytes */5', ''])
    const same = await ask('/a', { headers: { 'If-None-Match': '"e"' } })
    expect([same.status, same.headers.etag, same.headers['content-type'], same.body]).toEqual([
      304,
      '"e"',
      undefined,
      '',
    ])
    expect((await ask('/a', { headers: { Range: 'bytes=1-2', 'If-Range': '"other"' } })).status).toBe(200)
    expect(seen).toHaveLength(1)
  })
  it.each([
    ['bytes that are no text', Buffer.from(Array.from({ length: 2000 }, (_, at) => at % 256))],
    ['text that is no ASCII', Buffer.from('grüße, 你好 '.repeat(50))],
    ['a long body in pieces', Buffer.alloc(900_001, 'abc')],
    ['nothing', Buffer.alloc(0)],
  ])('keeps %s as they are', async (_, body) => {
    const { ask, seen } = await play((_request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.write(body.subarray(0, 10))
      response.end(body.subarray(10))
    })
    await ask('/a')
    const again = await ask('/a')
    expect([again.bytes.equals(body), again.headers['content-length'], seen.length]).toEqual([
      true,
      String(body.length),
      1,
    ])
    if (body.length > 700_000) {
      const part = await ask('/a', { headers: { Range: 'bytes=262140-600000' } })
      expect([part.status, part.bytes.equals(body.subarray(262_140, 600_001))]).toEqual([206, true])
    }
  })
  it('is sent to its end to a slow client, whatever takes its place meanwhile', async () => {
    const body = Buffer.alloc(15_000_000, 'long')
    const { arrived, ask, port, seen } = await play((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: 'X-Kind' }).end(body)
    })
    await ask('/a')
    const client = connect(port, '127.0.0.1').pause()
    client.write(`GET /a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
    await expect.poll(() => arrived.at(-1)?.socket.bytesWritten).toBeGreaterThan(1_000_000)
    await ask('/a', { headers: { 'Cache-Control': 'no-cache' } })
    for (const kind of ['1', '2']) await ask('/a', { headers: { 'X-Kind': kind } })
    let bytes = 0
    for await (const chunk of client) bytes += chunk.length
    expect([bytes > body.length, seen.length]).toEqual([true, 4])
  })
  it('is another one for another method, host, query or variant', async () => {
    const { ask, seen } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('Vary', 'Accept-Language, X')
      response.end(`${request.headers.host} ${request.url} ${request.headers['accept-language']} ${request.headers.x}`)
    })
    const asks: [string, Asking][] = [
      ['/a', {}],
      ['/a?', {}],
      ['/a?x', {}],
      ['/A', {}],
      ['/a', { headers: { Host: 'other.example' } }],
      ['/a', { headers: { 'Accept-Language': 'de' } }],
      ['/a', { headers: { X: '1' } }],
      ['/a', { headers: { X: '' } }],
    ]
    const first = []
    for (const [path, asking] of asks) first.push((await ask(path, asking)).body)
    expect(seen).toHaveLength(asks.length)
    for (const [at, [path, asking]] of asks.entries()) expect((await ask(path, asking)).body).toBe(first[at])
    expect((await ask('/a', { headers: { Host: 'OTHER.example:80' } })).body).toBe(first[4])
    expect(seen).toHaveLength(asks.length)
  })
})

describe('what is stale', () => {
  const tagged: Play = (request, response) => {
    response.setHeader('ETag', '"1"')
    response.setHeader('Cache-Control', 'max-age=10')
    response.setHeader('X-Count', String(request.headers['x-count'] ?? ''))
    if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end()
    else response.end('hello')
  }
  it('is validated, freshened by a 304, and served', async () => {
    const { ask, seen, clock } = await play(tagged)
    await ask('/a', { headers: { 'X-Count': '1' } })
    clock.now += 11_000
    const validated = await ask('/a', { headers: { 'X-Count': '2' } })
    expect([validated.status, validated.body, validated.headers['x-count'], verdictOf(validated)]).toEqual([
      200,
      'hello',
      '2',
      'fwd=stale; fwd-status=304; stored',
    ])
    expect(seen[1]?.headers['if-none-match']).toBe('"1"')
    expect(verdictOf(await ask('/a'))).toBe('hit')
    expect(seen).toHaveLength(2)
  })
  it('tells a client with the same validator 304 after it was validated', async () => {
    const { ask, clock } = await play(tagged)
    await ask('/a')
    clock.now += 11_000
    expect((await ask('/a', { headers: { 'If-None-Match': 'W/"1"' } })).status).toBe(304)
  })
  it('keeps a body in pieces over a 304', async () => {
    const body = Buffer.alloc(600_000, 'xyz')
    const { ask, clock, seen } = await play((request, response) => {
      response.setHeader('ETag', '"1"')
      response.setHeader('Cache-Control', 'max-age=10')
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end()
      else response.end(body)
    })
    await ask('/a')
    clock.now += 11_000
    expect((await ask('/a')).bytes.equals(body)).toBe(true)
    expect((await ask('/a')).bytes.equals(body)).toBe(true)
    expect(seen).toHaveLength(2)
  })
  it('is served when the application fails, as far as stale-if-error says', async () => {
    let isBroken = false
    const { ask, clock } = await play((_, response) => {
      if (isBroken) response.statusCode = 503
      response.setHeader('Cache-Control', 'max-age=10, stale-if-error=60')
      response.end(isBroken ? 'broken' : 'hello')
    })
    await ask('/a')
    isBroken = true
    clock.now += 20_000
    const stale = await ask('/a')
    expect([stale.status, stale.body, verdictOf(stale)]).toEqual([200, 'hello', 'fwd=stale; detail=stale-if-error'])
    clock.now += 60_000
    expect((await ask('/a')).status).toBe(503)
  })
  it('is served to all but the one who asks, within stale-while-revalidate', async () => {
    let release: () => void = () => {}
    let count = 0
    const { ask, clock } = await play(async (_, response) => {
      count++
      if (count > 1) await new Promise<void>((resolve) => (release = resolve))
      response.setHeader('Cache-Control', 'max-age=10, stale-while-revalidate=60')
      response.end(String(count))
    })
    await ask('/a')
    clock.now += 20_000
    const asking = ask('/a')
    while (count < 2) await sleep(5)
    expect([(await ask('/a')).body, (await ask('/a')).body]).toEqual(['1', '1'])
    release()
    expect((await asking).body).toBe('2')
    expect((await ask('/a')).body).toBe('2')
  })
})

describe('concurrent requests', () => {
  it('are one question, whose answer all read at their own pace', async () => {
    let release: () => void = () => {}
    const { arrived, ask, seen } = await play(async (_, response) => {
      await new Promise<void>((resolve) => (release = resolve))
      response.setHeader('Cache-Control', 'max-age=60')
      response.write('hel')
      response.end('lo')
    })
    const all = Array.from({ length: 20 }, () => ask('/a'))
    while (seen.length < 1 || arrived.length < 20) await sleep(5)
    await sleep(50)
    release()
    const answers = await Promise.all(all)
    expect(answers.map(({ body }) => body)).toEqual(Array(20).fill('hello'))
    expect(seen).toHaveLength(1)
    // On a busy machine some ask only when it is there.
    expect(answers.filter((shown) => verdictOf(shown).includes('collapsed')).length).toBeGreaterThan(0)
  })
  it('go each for itself when the answer may not be stored, and the next ones do not wait', async () => {
    let inside = 0
    let wanted = 0
    let release: () => void = () => {}
    const { ask, seen } = await play(async (_, response) => {
      inside++
      // Ends only when all are here: if one waited for another, none would end.
      if (inside === wanted) release()
      else if (wanted > 0) await all
      response.setHeader('Cache-Control', 'no-store')
      response.end('x')
    })
    await Promise.all(Array.from({ length: 5 }, () => ask('/a')))
    expect(seen).toHaveLength(5)
    inside = 0
    wanted = 5
    const all = new Promise<void>((resolve) => (release = resolve))
    await Promise.all(Array.from({ length: 5 }, () => ask('/a')))
    expect(seen).toHaveLength(10)
  })
  it('S5: with credentials wait for no other request before the URL is known to be public', async () => {
    let release: () => void = () => {}
    const all = new Promise<void>((resolve) => (release = resolve))
    const { ask, seen } = await play(async (request, response) => {
      // Ends only when all are here.
      if (seen.length === 3) release()
      await all
      response.setHeader('Cache-Control', 'max-age=60')
      response.end(String(request.headers.cookie))
    })
    const bodies = await Promise.all(
      ['1', '2', '3'].map(async (user) => (await ask('/a', { headers: { Cookie: user } })).body),
    )
    expect(bodies).toEqual(['1', '2', '3'])
    expect(seen).toHaveLength(3)
  })
  it('do not share another variant’s answer', async () => {
    const { ask } = await play(async (request, response) => {
      await sleep(30)
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('Vary', 'X')
      response.end(String(request.headers.x))
    })
    const bodies = await Promise.all(
      ['1', '2', '1', '3'].map(async (x) => (await ask('/a', { headers: { X: x } })).body),
    )
    expect(bodies).toEqual(['1', '2', '1', '3'])
  })
  it('one that leaves affects no other', async () => {
    let release: () => void = () => {}
    const { arrived, ask, port, seen } = await play(async (_, response) => {
      await new Promise<void>((resolve) => (release = resolve))
      response.setHeader('Cache-Control', 'max-age=60')
      response.end('hello')
    })
    const { connect } = await import('node:net')
    const leaver = connect(port, '127.0.0.1')
    leaver.write('GET /a HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n')
    while (seen.length < 1) await sleep(5)
    const other = ask('/a', { headers: { Host: '127.0.0.1:1' } })
    while (arrived.length < 2) await sleep(5)
    await sleep(50)
    leaver.destroy()
    await sleep(50)
    release()
    expect((await other).body).toBe('hello')
    expect(seen).toHaveLength(1)
  })
})

describe('invalidation', () => {
  it('RFC 9111 4.4: an unsafe request that succeeds makes its URL and those that it names obsolete', async () => {
    const { ask, seen } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      if (request.method === 'POST') response.setHeader('Location', '/b')
      if (request.url === '/c' && request.method === 'POST') response.statusCode = 500
      response.end(request.url)
    })
    for (const path of ['/a', '/b', '/c']) await ask(path)
    await ask('/a', { method: 'POST', body: 'x' })
    await ask('/c', { method: 'POST', body: 'x' })
    const verdicts = []
    for (const path of ['/a', '/b', '/c']) verdicts.push(verdictOf(await ask(path)))
    expect(verdicts).toEqual(
      ['fwd=uri-miss; fwd-status=200; stored', 'fwd=uri-miss; fwd-status=200; stored', 'hit'].map((verdict, at) =>
        at < 2 ? expect.stringMatching(/^fwd=/) : verdict,
      ),
    )
    expect(seen).toHaveLength(7)
  })
  it('RFC 9110 9.3.3: a POST whose Content-Location is its own URL is good for the next GET', async () => {
    const { ask, seen } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      if (request.method === 'POST') response.setHeader('Content-Location', '/a')
      response.end(request.method)
    })
    await ask('/a')
    await ask('/a', { method: 'POST', body: 'x' })
    expect([(await ask('/a')).body, seen.length]).toEqual(['POST', 2])
  })
  it('RFC 9875: groups go together', async () => {
    const { ask, verdict } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      if (request.method === 'PUT') response.setHeader('Cache-Group-Invalidation', '"g"')
      else if (request.url !== '/c') response.setHeader('Cache-Groups', '"g", "h"')
      response.end()
    })
    for (const path of ['/a', '/b', '/c']) await ask(path)
    await ask('/x', { method: 'PUT', body: 'x' })
    expect([await verdict('/a'), await verdict('/b'), await verdict('/c')]).toEqual([
      expect.stringMatching(/^fwd/),
      expect.stringMatching(/^fwd/),
      'hit',
    ])
  })
  it('G1: what was asked before a purge is not served after it', async () => {
    let release: () => void = () => {}
    let count = 0
    const { ask, http, seen } = await play(async (_, response) => {
      count++
      const body = String(count)
      if (count === 1) await new Promise<void>((resolve) => (release = resolve))
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('Surrogate-Key', 'k')
      response.end(body)
    })
    const before = ask('/a')
    while (seen.length < 1) await sleep(5)
    await http.purge({ tags: ['k'] })
    expect((await ask('/a')).body).toBe('2')
    release()
    expect((await before).body).toBe('1')
    expect((await ask('/a')).body).not.toBe('1')
  })
  it('RFC 4.3.5: a HEAD that tells of another representation makes the stored one obsolete', async () => {
    let etag = '"1"'
    const { ask, clock, seen } = await play((_, response) => {
      response.setHeader('Cache-Control', 'max-age=10')
      response.setHeader('ETag', etag)
      response.end('hello')
    })
    await ask('/a')
    clock.now += 11_000
    await ask('/a', { method: 'HEAD' })
    expect(verdictOf(await ask('/a'))).toBe('hit')
    clock.now += 11_000
    etag = '"2"'
    await ask('/a', { method: 'HEAD' })
    expect(verdictOf(await ask('/a'))).toMatch(/^fwd=/)
    expect(seen).toHaveLength(4)
  })
})

describe('purging', () => {
  const urls = ['http://a.example/x/1', 'http://a.example/x/2', 'http://a.example/y', 'http://b.example/x/1']
  async function filled(): Promise<{ stage: Stage; hits: () => Promise<boolean[]> }> {
    const made = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('ETag', '"e"')
      response.setHeader('Surrogate-Key', `path${request.url?.replaceAll('/', '-')} all`)
      response.setHeader('Cache-Tag', 'one,two')
      if (request.headers['if-none-match'] === '"e"') response.writeHead(304).end()
      else response.end()
    })
    const at = (url: string): [string, Asking] => [new URL(url).pathname, { headers: { Host: new URL(url).host } }]
    for (const url of urls) await made.ask(...at(url))
    return {
      stage: made,
      hits: async () => {
        const verdicts = []
        for (const url of urls) verdicts.push((await made.verdict(...at(url))) === 'hit')
        return verdicts
      },
    }
  }
  it.each([
    ['a URL', { urls: ['http://A.example:80/x/1'] }, [false, true, true, true]],
    ['a tag', { tags: ['path-x-1'] }, [false, true, true, false]],
    ['a tag of Cache-Tag', { tags: ['two'] }, [false, false, false, false]],
    ['a prefix', { prefix: 'http://a.example/x/' }, [false, false, true, true]],
    ['a host', { host: 'http://a.example' }, [false, false, false, true]],
    ['everything', { all: true as const }, [false, false, false, false]],
    ['a prefix and a tag', { prefix: 'http://a.example/x/', tags: ['path-y'] }, [false, false, false, true]],
    ['a URL that was never requested', { urls: ['http://a.example/'] }, [true, true, true, true]],
  ])('by %s', async (_, what, expected) => {
    const { stage: made, hits } = await filled()
    const receipt = await made.http.purge(what)
    expect(receipt).toMatchObject({ mode: 'delete', isApplied: true })
    expect(await hits()).toEqual(expected)
  })
  it.each([
    { urls: ['http://a.example/y'] },
    { host: 'http://a.example' },
    { prefix: 'http://a.example/' },
    { tags: ['path-y'] },
    { all: true as const },
  ])('softly by %j: kept, and validated before its next use', async (what) => {
    const { stage: made } = await filled()
    await made.http.purge({ ...what, mode: 'soft' })
    expect(await made.verdict('/y', { headers: { Host: 'a.example' } })).toBe('fwd=stale; fwd-status=304; stored')
    expect(await made.verdict('/y', { headers: { Host: 'a.example' } })).toBe('hit')
  })
  it.each<object>([
    ...[
      {},
      { urls: ['/x'] },
      { prefix: 'ftp://x' },
      { host: '' },
      { tags: 'a' },
      { tags: ['a'], hosts: 'b' },
      { all: false },
    ],
    ...[{ all: true, mode: 'gentle' }, { groups: { names: ['a'] } }],
  ])('refuses %j', async (what) => {
    const { http } = await play(answer({}))
    await expect(http.purge(what)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('QUERY, RFC 10008', () => {
  it('is stored by what was sent', async () => {
    const { ask, seen } = await play(async (request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.end('answer')
      request.resume()
    })
    const query = (body: string, type = 'text/plain'): Asking => ({
      method: 'QUERY',
      body,
      headers: { 'Content-Type': type },
    })
    for (const asking of [query('a'), query('b'), query('a', 'text/x')])
      expect(verdictOf(await ask('/q', asking))).toMatch(/stored/)
    expect(verdictOf(await ask('/q', query('a')))).toBe('hit')
    expect(seen).toHaveLength(3)
    await ask('/q', { method: 'POST', body: 'x' })
    expect(verdictOf(await ask('/q', query('a')))).toMatch(/^fwd=/)
  })
})

describe('No-Vary-Search', () => {
  it('lets queries share an answer, and purges with them', async () => {
    const { ask, http, seen } = await play(
      answer({ 'Cache-Control': 'max-age=60', 'No-Vary-Search': 'params=("utm")' }),
    )
    await ask('/a?utm=1&id=7')
    await ask('/a?utm=2&id=7')
    expect(verdictOf(await ask('/a?id=7&utm=3'))).toBe('hit')
    expect(verdictOf(await ask('/a?id=8&utm=3'))).toMatch(/^fwd=/)
    expect(seen).toHaveLength(3)
    const { port } = open as Stage
    await http.purge({ urls: [`http://127.0.0.1:${port}/a?utm=9&id=7`] })
    expect(verdictOf(await ask('/a?id=7'))).toMatch(/^fwd=/)
  })
})

describe('parts, RFC 9111 3.3', () => {
  it('RFC 9110 13.1.5: a client that asks for the rest of a response never gets the rest of another one', async () => {
    let body = 'old content'
    const { ask, clock, seen } = await play((request, response) => {
      const etag = `"${body.slice(0, 3)}"`
      response.setHeader('Cache-Control', 'max-age=10')
      response.setHeader('ETag', etag)
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
      else if (request.headers.range !== undefined && request.headers['if-range'] === etag)
        response.writeHead(206, { 'Content-Range': `bytes 4-10/11` }).end(body.slice(4))
      else response.end(body)
    })
    await ask('/a')
    body = 'new CONTENT'
    clock.now += 11_000
    const rest = await ask('/a', { headers: { Range: 'bytes=4-', 'If-Range': '"old"' } })
    expect([rest.status, rest.body, seen[1]?.headers['if-range']]).toEqual([200, 'new CONTENT', '"old"'])
  })

  it('are stored, and answer what lies within', async () => {
    const { ask, seen } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('ETag', '"e"')
      if (request.headers.range !== undefined) {
        response.writeHead(206, { 'Content-Range': 'bytes 2-6/10' })
        response.end('23456')
      } else response.end('0123456789')
    })
    await ask('/a', { headers: { Range: 'bytes=2-6' } })
    const part = await ask('/a', { headers: { Range: 'bytes=3-4' } })
    expect([part.status, part.body, part.headers['content-range'], seen.length]).toEqual([206, '34', 'bytes 3-4/10', 1])
    expect((await ask('/a')).body).toBe('0123456789')
    expect((await ask('/a', { headers: { Range: 'bytes=0-1' } })).body).toBe('01')
    expect(seen).toHaveLength(2)
  })
})

describe('an application', () => {
  it('answers OPTIONS * itself (RFC 9110 9.3.7)', async () => {
    const { ask } = await play((request, response) => response.writeHead(204, { 'X-Asked': String(request.url) }).end())
    const answered = await ask('*', { method: 'OPTIONS' })
    expect([answered.status, answered.headers['x-asked']]).toEqual([204, '*'])
    expect((await ask('*')).status).toBe(400)
  })
  it('may throw: the client is told, nothing is stored', async () => {
    const { ask, errors } = await play(() => {
      throw new Error('no')
    })
    expect((await ask('/a')).status).toBe(502)
    expect(errors).toHaveLength(1)
  })
  it.each<[string, Play]>([
    ['destroys its response', (_, response) => void response.destroy()],
    ['destroys its connection', (request) => void request.socket.destroy()],
  ])('that %s keeps no request waiting that shares its answer', async (_, breakOff) => {
    let calls = 0
    let release: (() => void) | undefined
    const made = await play((request, response) => {
      if (++calls === 1) release = () => void breakOff(request, response)
      else response.end('whole')
    })
    const leading = made.ask('/a').catch(() => 'cut')
    await expect.poll(() => release).toBeDefined()
    const waiting = made.ask('/a')
    await expect.poll(() => made.arrived.length).toBe(2)
    release?.()
    expect(await leading).toBe('cut')
    expect((await waiting).status).toBe(502)
  })
  it.each<[string, Play]>([
    [
      'a field',
      (_, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60', 'X-A': 'b\nSet-Cookie: c=d' }),
    ],
    ['a name', (_, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60', 'X A': 'b' })],
    ['a reason', (_, response) => response.writeHead(200, 'O\rK', { 'Cache-Control': 'max-age=60' })],
    ['a status', (_, response) => response.writeHead(42, { 'Cache-Control': 'max-age=60' })],
  ])('that writes %s that cannot be sent is a 502, and nothing is stored', async (_, writeHead) => {
    const { ask, errors, seen } = await play((request, response) => {
      writeHead(request, response)
      response.end('x')
    })
    for (let round = 0; round < 2; round++) expect((await ask('/a')).status).toBe(502)
    expect(errors).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/cannot be forwarded: .* is not valid/) }),
      expect.anything(),
    ])
    expect(seen).toHaveLength(2)
  })
  it('whose response somebody writes to beside it is cut off; who waits for the same is answered', async () => {
    let release: (() => void) | undefined
    const { arrived, ask, errors } = await play((_, response) => {
      release = () => {
        ServerResponse.prototype.writeHead.call(response, 200)
        response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end('x')
      }
    })
    const leading = ask('/a').catch(() => 'cut')
    await expect.poll(() => release).toBeDefined()
    const waiting = ask('/a')
    await expect.poll(() => arrived.length).toBe(2)
    release?.()
    expect((await waiting).body).toBe('x')
    expect(await leading).toBe('cut')
    expect(errors).toHaveLength(1)
  })
  it('that ends short of its Content-Length is cut off, and nothing is stored', async () => {
    const { ask, seen } = await play((_, response) => {
      response.writeHead(200, { 'Content-Length': '10', 'Cache-Control': 'max-age=60' })
      response.end('short')
    })
    await expect(ask('/a')).rejects.toThrow('socket hang up')
    await expect(ask('/a')).rejects.toThrow('socket hang up')
    expect(seen).toHaveLength(2)
  })
  it('sees what it wrote: headersSent, callbacks, finish', async () => {
    const events: string[] = []
    const { ask } = await play((_, response) => {
      response.on('finish', () => events.push('finish'))
      response.writeHead(201, 'Made', [['X-A', '1']])
      events.push(String(response.headersSent))
      response.write('a', () => events.push('written'))
      response.end('b', 'utf8', () => events.push('ended'))
    })
    const shown = await ask('/a')
    expect([shown.status, shown.reason, shown.body, shown.headers['x-a']]).toEqual([201, 'Made', 'ab', '1'])
    expect(events.sort()).toEqual(['ended', 'finish', 'true', 'written'])
  })
  it('may send 103 first', async () => {
    const { ask } = await play((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.end('x')
    })
    expect((await ask('/a')).body).toBe('x')
  })
})

describe('an answer that cannot be stored', () => {
  it('is a miss until that is known: what no cache could have had is no fault of this one', async () => {
    const { ask, cache } = await play((request, response) => {
      response.setHeader('Cache-Control', request.url === '/open' ? 'max-age=60' : 'private, max-age=60')
      response.end('x')
    })
    await ask('/mine')
    const { misses } = cache.stats()
    for (let at = 0; at < 5; at++) await ask('/mine')
    expect(cache.stats().misses).toBe(misses)
    await ask('/open')
    expect(cache.stats().misses).toBeGreaterThan(misses)
  })

  it('counts again as soon as it can be', async () => {
    let control = 'no-store'
    const { ask, cache, clock, verdict } = await play((_, response) => {
      response.setHeader('Cache-Control', control)
      response.end('x')
    })
    await ask('/a')
    const { misses } = cache.stats()
    clock.now += 60_000
    await ask('/a')
    expect(cache.stats().misses).toBe(misses)
    control = 'max-age=1'
    clock.now += 60_000
    expect(await verdict('/a')).toMatch(/stored/)
    expect(await verdict('/a')).toMatch(/hit/)
  })
})
