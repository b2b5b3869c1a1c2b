// The proxy before a real origin: what it stores, forwards, keeps from the origin, retries, tunnels and tells.
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type ProxyOptions, readConfig, startProxy } from '../src/index.ts'
import { bodyOf, fieldOf, get, listen, type Play, rawAsk, rawScene, type Scene, scene, statusOf } from './origin.ts'

let open: Scene | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play, options?: Partial<ProxyOptions>): Promise<Scene> {
  open = await scene(application, options)
  return open
}
const cached: Play = (_, response) => {
  response.setHeader('Cache-Control', 'max-age=60')
  response.end('hello')
}

describe('an answer', () => {
  it('is fetched once, and says how it was handled', async () => {
    const { raw, seen } = await play(cached)
    expect(fieldOf(await raw(get('/a')), 'cache-status')).toBe('Millpond; fwd=uri-miss; fwd-status=200; stored')
    const again = await raw(get('/a'))
    expect([fieldOf(again, 'cache-status'), fieldOf(again, 'age'), bodyOf(again)]).toEqual([
      expect.stringMatching(/^Millpond; hit; ttl=\d+$/),
      expect.stringMatching(/^\d+$/),
      'hello',
    ])
    expect(seen).toHaveLength(1)
  })
  it('keeps its header lines, its unusual status and its reason', async () => {
    const { raw } = await play((_, response) => {
      response.writeHead(299, 'Odd Thing', ['X-A', '1', 'x-a', '2', 'Cache-Control', 'max-age=60', 'Set-Cookie2', 'b'])
      response.end('x')
    })
    for (const answer of [await raw(get('/a')), await raw(get('/a'))]) {
      expect(answer).toMatch(/^HTTP\/1\.1 299 Odd Thing\r\nX-A: 1\r\nx-a: 2\r\n/)
    }
  })
  it('is streamed while it is stored', async () => {
    let finish: () => void = () => {}
    const { proxy } = await play(async (_, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.write('first')
      await new Promise<void>((resolve) => (finish = resolve))
      response.end('last')
    })
    const socket = connect(proxy.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.write(get('/a'))
    while (!text.includes('first')) await sleep(5)
    expect(text).not.toContain('last')
    finish()
    while (!text.includes('last')) await sleep(5)
    socket.destroy()
    expect(bodyOf(await rawAsk(proxy.port, get('/a')))).toBe('firstlast')
  })
  it('may be preceded by 103, which is forwarded with all its fields and not stored', async () => {
    const { raw } = await rawSceneOf(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-My: 1\r\n\r\nHTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\nx',
    )
    const first = await raw(get('/a'))
    expect(first).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>; rel=preload\r\nX-My: 1\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    )
    expect(await raw(get('/a'))).toMatch(/^HTTP\/1\.1 200 OK/)
  })
  it('that is itself a 304 may state the content length (RFC 9110 8.6)', async () => {
    const { raw } = await rawSceneOf(
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 36\r\nCache-Control: no-store\r\n\r\n',
    )
    expect(statusOf(await raw(get('/a', 'If-Match: "x"', 'If-None-Match: "a"')))).toBe(304)
  })
  it('keeps trailers for concurrent readers', async () => {
    const { raw } = await rawSceneOf(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n',
    )
    expect(await raw(get('/a'))).toContain('\r\n0\r\nX-Sum: 7\r\n\r\n')
  })
})

describe('a slow client', () => {
  /** Asks, and reads nothing. */
  function sleeper(port: number, path: string): ReturnType<typeof connect> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write(get(path))
    return socket
  }
  it('delays no other client: those that share its answer get all of it', async () => {
    const body = 'x'.repeat(8_000_000)
    const { proxy, raw, seen } = await play((_, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.end(body)
    })
    const slow = sleeper(proxy.port, '/a')
    while (seen.length < 1) await sleep(5)
    expect(bodyOf(await raw(get('/a', 'Accept: x')))).toHaveLength(body.length)
    expect(bodyOf(await raw(get('/a')))).toHaveLength(body.length)
    expect(seen).toHaveLength(1)
    slow.destroy()
  })
  it('slows its own origin down, so that memory stays bounded', async () => {
    let written = 0
    const { proxy } = await play((_, response) => {
      response.setHeader('Cache-Control', 'no-store')
      const chunk = Buffer.alloc(64 * 1024)
      const pour = (): void => {
        while (written < 100_000_000) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once('drain', pour)
        }
        response.end()
      }
      pour()
    })
    const slow = sleeper(proxy.port, '/a')
    let before = -1
    while (written !== before || written === 0) {
      before = written
      await sleep(300)
    }
    // What the sockets of the system hold, on both sides, and a little here.
    expect(written).toBeLessThan(30_000_000)
    slow.destroy()
  })
})

describe('parts, RFC 9111 3.4', () => {
  const BODY = '0123456789'
  /** Answers ranges, by a strong tag or a weak one. */
  const ranged =
    (etag: () => string): Play =>
    (request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      response.setHeader('ETag', etag())
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
      const condition = request.headers['if-range']
      if (range === null || (condition !== undefined && condition !== etag())) {
        response.end(BODY)
        return
      }
      const [first, last] = [Number(range[1]), range[2] === '' ? 9 : Number(range[2])]
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/10` })
      response.end(BODY.slice(first, last + 1))
    }
  const asked = (seen: Scene['seen']): (string | undefined)[] => seen.map(({ headers }) => headers.range)

  it('are combined, and become the whole', async () => {
    const { raw, seen } = await play(ranged(() => '"e"'))
    await raw(get('/a', 'Range: bytes=2-4'))
    await raw(get('/a', 'Range: bytes=5-9'))
    const both = await raw(get('/a', 'Range: bytes=3-8'))
    expect([statusOf(both), bodyOf(both), fieldOf(both, 'content-range')]).toEqual([206, '345678', 'bytes 3-8/10'])
    await raw(get('/a', 'Range: bytes=0-3'))
    const whole = await raw(get('/a'))
    expect([statusOf(whole), bodyOf(whole), fieldOf(whole, 'content-length'), fieldOf(whole, 'content-range')]).toEqual(
      [200, BODY, '10', undefined],
    )
    expect(asked(seen)).toEqual(['bytes=2-4', 'bytes=5-9', 'bytes=0-3'])
  })
  it('of a beginning are completed by requesting the rest', async () => {
    const { raw, seen } = await play(ranged(() => '"e"'))
    await raw(get('/a', 'Range: bytes=0-3'))
    const whole = await raw(get('/a'))
    expect([statusOf(whole), bodyOf(whole), fieldOf(whole, 'content-length'), fieldOf(whole, 'cache-status')]).toEqual([
      200,
      BODY,
      '10',
      'Millpond; fwd=partial; fwd-status=200; stored',
    ])
    expect([bodyOf(await raw(get('/a'))), asked(seen), seen[1]?.headers['if-range']]).toEqual([
      BODY,
      ['bytes=0-3', 'bytes=4-'],
      '"e"',
    ])
  })
  it('of another representation, or possibly another one, are not', async () => {
    let etag = '"1"'
    const changing = await play(ranged(() => etag))
    await changing.raw(get('/a', 'Range: bytes=0-3'))
    etag = '"2"'
    expect(bodyOf(await changing.raw(get('/a')))).toBe(BODY)
    await changing.close()
    const weak = await play(ranged(() => 'W/"e"'))
    await weak.raw(get('/a', 'Range: bytes=0-3'))
    await weak.raw(get('/a', 'Range: bytes=4-9'))
    expect(bodyOf(await weak.raw(get('/a')))).toBe(BODY)
    expect(asked(weak.seen)).toEqual(['bytes=0-3', 'bytes=4-9', undefined])
  })
})

async function rawSceneOf(answer: string, options: Partial<ProxyOptions> = {}): Promise<Scene> {
  open = await rawScene((socket) => socket.end(answer), options)
  return open
}

describe('a request', () => {
  it('is forwarded with its method and content, and invalidates its URL', async () => {
    const { raw, seen } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      request.pipe(response)
    })
    await raw(get('/a'))
    expect(
      bodyOf(await raw('PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc')),
    ).toContain('abc')
    const chunked = await raw(
      'PATCH /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nxyz\r\n0\r\n\r\n',
    )
    expect(bodyOf(chunked)).toContain('xyz')
    await raw(get('/a'))
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'PUT', 'PATCH', 'GET'])
  })
  it('tells the origin who sent it, and nothing that could poison an answer', async () => {
    const { raw, seen } = await play(cached)
    await raw(
      get(
        '/a',
        'X-Forwarded-Host: evil.example',
        'X-Original-URL: /admin',
        'X-HTTP-Method-Override: POST',
        'X-Forwarded-For: 6.6.6.6',
        'Connection: X-Secret',
        'X-Secret: 1',
        'Expect: 100-continue',
      ),
    )
    expect(seen[0]?.headers).toMatchObject({
      host: 'a.example',
      'x-forwarded-host': 'a.example',
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '127.0.0.1',
      via: '1.1 millpond',
    })
    for (const name of ['x-original-url', 'x-http-method-override', 'x-secret', 'expect'])
      expect(seen[0]?.headers[name]).toBeUndefined()
  })
  it.each([false, true])(
    'with OPTIONS and TRACE goes no further than Max-Forwards says (RFC 9110 7.6.2): strict %s',
    async (strict) => {
      const made = await play(({ headers }, response) => response.end(`left: ${headers['max-forwards']}`), { strict })
      const asked = async (method: string, path: string, ...lines: string[]): Promise<string> =>
        made.raw(get(path, ...lines).replace('GET', method))
      expect(statusOf(await asked('OPTIONS', '/a', 'Max-Forwards: 0'))).toBe(200)
      expect(statusOf(await asked('TRACE', '/a', 'Max-Forwards: 0'))).toBe(405)
      expect(fieldOf(await asked('OPTIONS', '*'), 'allow')).toContain('GET')
      expect(statusOf(await asked('GET', '*'))).toBe(400)
      expect(made.seen).toHaveLength(0)
      expect(await asked('OPTIONS', '/a', 'Max-Forwards: 5')).toContain('left: 4')
      expect(await asked('GET', '/a', 'Max-Forwards: 0')).toContain('left: 0')
    },
  )
  it('in strict mode is forwarded unchanged', async () => {
    const { raw, seen } = await play(cached, { strict: true })
    await raw(get('/a', 'X-Forwarded-Host: b.example', 'X-Thing: 1'))
    expect(seen[0]?.headers).toMatchObject({ 'x-forwarded-host': 'b.example', 'x-thing': '1' })
    expect(seen[0]?.headers.via).toBeUndefined()
  })
  it('with too long content is refused', async () => {
    const { raw, seen } = await play(cached, { maxRequestBytes: 10 })
    expect(
      statusOf(await raw('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\n12345678901')),
    ).toBe(413)
    expect(seen).toHaveLength(0)
  })
})

describe('an origin', () => {
  it('whose connection breaks is retried if that is safe', async () => {
    let count = 0
    const made = await rawScene((socket) => {
      count++
      if (count % 2 === 1) socket.destroy()
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    open = made
    expect(bodyOf(await made.raw(get('/a')))).toBe('ok')
    expect(
      statusOf(await made.raw('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx')),
    ).toBe(502)
    expect(made.connections()).toBe(3)
  })
  it('that is unreachable is skipped while there is another', async () => {
    const { origin, seen, raw, proxy } = await play(cached)
    const away = createServer()
    const port = await listen(away)
    await new Promise((resolve) => away.close(resolve))
    proxy.reload({ origin: [`http://127.0.0.1:${port}`, origin] })
    const statuses = []
    for (let at = 0; at < 6; at++) statuses.push(statusOf(await raw(get(`/${at}`))))
    expect(statuses).toEqual(Array(6).fill(200))
    expect(seen).toHaveLength(6)
  })
  it('that fails its health check is skipped from the start, and used again when it recovers', async () => {
    let isWell = false
    const sick = createServer((request, response) => {
      if (request.url === '/health') response.writeHead(isWell ? 204 : 503).end()
      else response.end('sick')
    })
    const other = `http://127.0.0.1:${await listen(sick)}`
    const made = await play((_, response) => response.end('well'), { adminPort: 0, healthPath: '/health' })
    const options = { origin: [other, made.origin], healthPath: '/health' }
    const up = async (): Promise<unknown[]> => {
      const told = (await (await fetch(`http://127.0.0.1:${made.proxy.adminPort}/health`)).json()) as {
        origins: { isUp: boolean }[]
      }
      return told.origins.map(({ isUp }) => isUp)
    }
    made.proxy.reload(options)
    await expect.poll(up).toEqual([false, true])
    for (let round = 0; round < 3; round++) expect(await made.raw(get(`/${round}`))).toContain('well')
    isWell = true
    made.proxy.reload(options)
    await expect.poll(up).toEqual([true, true])
    sick.closeAllConnections()
    sick.close()
  })
  it('that is unreachable leaves stored answers in use, unless that is forbidden', async () => {
    let now = Date.now()
    const made = await play(
      (request, response) => {
        response.setHeader('Cache-Control', request.url === '/strict' ? 'max-age=1, must-revalidate' : 'max-age=1')
        response.end('hello')
      },
      { cache: { now: () => now }, retries: 0 },
    )
    await made.raw(get('/a'))
    await made.raw(get('/strict'))
    made.proxy.reload({ origin: 'http://127.0.0.1:1', retries: 0 })
    now += 5000
    const stale = await made.raw(get('/a'))
    expect([statusOf(stale), bodyOf(stale), fieldOf(stale, 'cache-status')]).toEqual([
      200,
      'hello',
      'Millpond; fwd=stale; detail=stale-if-error',
    ])
    expect([statusOf(await made.raw(get('/strict'))), statusOf(await made.raw(get('/other')))]).toEqual([502, 502])
  })
  it('that does not answer in time is a 504', async () => {
    open = await rawScene(() => {}, { originTimeout: 300 })
    expect(statusOf(await open.raw(get('/a')))).toBe(504)
  })
})

describe('upgrades', () => {
  it('are tunnelled both ways', async () => {
    const made = await rawScene((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.on('data', (chunk) => socket.write(`<${chunk}>`))
    })
    open = made
    const socket = connect(made.proxy.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.write('GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    while (!text.includes('101')) await sleep(5)
    socket.write('ping')
    while (!text.includes('<ping>')) await sleep(5)
    socket.destroy()
  })
  it.each([
    ['websocket', 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno'],
    ['h2c', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'],
    ['h2c', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nno'],
  ])(
    'to %s that the origin refuses open no way past the proxy (M. Egorov, 2019; J. Miller, "h2c Smuggling", 2020): %s',
    async (protocol, answer) => {
      let seen = ''
      const made = await rawScene((socket) => {
        socket.on('data', (chunk) => {
          seen += chunk
        })
        socket.on('end', () => socket.end())
        socket.write(answer)
      })
      open = made
      const first = `GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nX-Forwarded-Host: evil\r\n\r\n`
      const told = await made.raw(`${first}GET /admin HTTP/1.1\r\nHost: a\r\n\r\n`)
      expect(told).toContain('no')
      expect(seen).not.toMatch(/admin|evil/)
    },
  )
  it('to another HTTP version are forwarded without the upgrade, with their content and nothing after it', async () => {
    let text = ''
    const made = await play((request, response) => {
      request.on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => response.end(`${request.headers.upgrade} ${request.headers['x-forwarded-for']} ${text}`))
    })
    const head =
      'POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'
    expect(await made.raw(`${head}Content-Length: 5\r\n\r\nhelloGET /admin HTTP/1.1\r\nHost: a\r\n\r\n`)).toMatch(
      /undefined 127\.0\.0\.1 hello/,
    )
    expect(made.seen.map(({ url }) => url)).toEqual(['/a'])
    expect(statusOf(await made.raw(`${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`))).toBe(501)
    expect(statusOf(await made.raw(`${head}Host: b\r\n\r\n`))).toBe(400)
  })
  it('that the origin cannot accept are a 502', async () => {
    const made = await play(cached)
    made.proxy.reload({ origin: 'http://127.0.0.1:1' })
    expect(
      statusOf(await made.raw('GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')),
    ).toBe(502)
  })
})

describe('operation', () => {
  it('reports metrics, and purges, at the admin port', async () => {
    const made = await play(cached, { adminPort: 0 })
    await made.raw(get('/a'))
    await made.raw(get('/a'))
    const door = `http://127.0.0.1:${made.proxy.adminPort}`
    const text = await (await fetch(`${door}/metrics`)).text()
    expect(text).toContain('millpond_http_answers_total{result="hit"} 1')
    expect(text).toContain('millpond_http_answers_total{result="stored"} 1')
    expect(text).toContain(`millpond_http_origin_up{origin="${made.origin}"} 1`)
    expect(await (await fetch(`${door}/health`)).json()).toMatchObject({
      origins: [{ url: made.origin, isUp: true }],
      answers: { failed: 0 },
    })
    const purge = (body: string, type = 'application/json'): Promise<Response> =>
      fetch(`${door}/purge`, { method: 'POST', body, headers: { 'Content-Type': type } })
    expect((await purge('{"all":true}', 'text/plain')).status).toBe(415)
    expect([(await purge('{}')).status, (await purge('x')).status]).toEqual([400, 400])
    expect(await (await purge('{"urls":["http://a.example/a"]}')).json()).toMatchObject({
      mode: 'delete',
      isApplied: true,
    })
    expect(fieldOf(await made.raw(get('/a')), 'cache-status')).toMatch(/fwd=/)
  })
  it('logs a line per answer', async () => {
    const lines: string[] = []
    const { raw } = await play(cached, { accessLog: (line) => lines.push(line) })
    await raw(get('/a?b'))
    while (lines.length < 1) await sleep(5)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      method: 'GET',
      host: 'a.example',
      url: '/a?b',
      status: 200,
      cache: 'Millpond; fwd=uri-miss; fwd-status=200; stored',
      complete: true,
      address: '127.0.0.1',
    })
    // undici takes the socket away from a request whose content it sends.
    await raw('POST /c HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello')
    while (lines.length < 2) await sleep(5)
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      method: 'POST',
      url: '/c',
      status: 200,
      bytes: expect.any(Number),
      complete: true,
    })
    expect(JSON.parse(lines[1] ?? '').bytes).toBeGreaterThan(100)
  })
  it('stops when running requests have ended', async () => {
    let finish: () => void = () => {}
    const made = await scene(async (_, response) => {
      await new Promise<void>((resolve) => (finish = resolve))
      response.end('late')
    })
    const asked = made.raw(get('/a'))
    while (made.seen.length < 1) await sleep(5)
    const closing = made.proxy.close()
    await sleep(50)
    finish()
    expect(bodyOf(await asked)).toBe('late')
    await closing
    await made.close()
  })
  it.each([
    [{ origin: 'x' }, /origin: "x" is not allowed: give an origin/],
    [{ origin: [] }, /origin: \[\] is not allowed: give an address/],
    [
      { origin: 'http://a/path' },
      /"http:\/\/a\/path" is not allowed: give an origin, which is scheme, host and port only/,
    ],
    [{ origin: 'http://a', retries: -1 }, /retries: -1 is not allowed/],
    [{ origin: 'http://a', nonsense: 1 }, /unknown option "nonsense"/],
  ])('refuses %j', async (options, message) => {
    await expect(startProxy(options as ProxyOptions)).rejects.toThrow(message)
  })
  it('names an unreadable configuration', () => {
    expect(() => readConfig('/nowhere.json')).toThrow(/\/nowhere\.json cannot be read/)
  })
})
