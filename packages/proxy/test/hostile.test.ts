// Invalid bytes from either side: a clean status or a closed connection, nothing stored, and the proxy goes on.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { hostileRequests } from '../../millpond/test/http/hostile-requests.ts'
import type { ProxyOptions } from '../src/index.ts'
import { bodyOf, fieldOf, get, type Play, rawScene, type Scene, scene, statusOf } from './origin.ts'

let open: Scene | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
const cached: Play = (request, response) => {
  response.setHeader('Cache-Control', 'max-age=60')
  response.end(`${request.method} ${request.url}`)
}
async function before(play: Play, options?: Partial<ProxyOptions>): Promise<Scene> {
  open = await scene(play, options)
  return open
}

/** It still answers, and from the origin: nothing of the attack was stored for this URL. */
async function expectUnharmed(made: Scene, path = '/a'): Promise<void> {
  const answer = await made.raw(get(path))
  expect([statusOf(answer), bodyOf(answer)]).toEqual([200, `GET ${path}`])
  expect(fieldOf(answer, 'cache-status')).toContain('fwd=uri-miss')
}

describe('requests', () => {
  // An application may have answered before its content is read; here nothing goes on before.
  const chunkSize = `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n`
  it.each<readonly [string, string]>([...hostileRequests, ['a chunk size that is not a number', chunkSize]])(
    'with %s are refused',
    async (_, text) => {
      const made = await before(cached)
      expect([400, 431, 505]).toContain(statusOf(await made.raw(text)))
      expect(made.seen).toHaveLength(0)
      await expectUnharmed(made)
    },
  )
  it('that end with a bare LF are one request at most', async () => {
    const made = await before(cached)
    const answer = await made.raw('GET /a HTTP/1.1\nHost: a\nConnection: close\n\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n')
    expect([200, 400]).toContain(statusOf(answer))
    expect(made.seen.length).toBeLessThanOrEqual(1)
  })
  it('do not smuggle: what follows a refused one is not read', async () => {
    const made = await before(cached)
    const answer = await made.raw(
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(made.seen).toHaveLength(0)
  })
  it('with GET and content go to the origin, and their answers are not stored', async () => {
    const made = await before(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.setHeader('Cache-Control', 'max-age=60')
      response.end(body === '' ? 'GET /a' : body)
    })
    expect(
      bodyOf(
        await made.raw('GET /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\nConnection: close\r\n\r\npoison'),
      ),
    ).toBe('poison')
    await expectUnharmed(made)
  })
  it('of a slow client time out', async () => {
    const made = await before(cached, { clientTimeout: 500 })
    const socket = connect(made.proxy.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', () => {})
    const isClosed = new Promise((resolve) => socket.once('close', resolve))
    socket.write('GET /a HTTP/1.1\r\nHost: a\r\n')
    const drip = setInterval(() => socket.writable && socket.write('X: y\r\n'), 200)
    await isClosed
    clearInterval(drip)
    expect(statusOf(text)).toBe(408)
    await expectUnharmed(made)
  }, 60_000)
  it('aborted half-way leave nothing behind', async () => {
    const made = await before(cached)
    for (const text of [
      'GET /a HT',
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc',
      'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
    ]) {
      const socket = connect(made.proxy.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(text)
      await sleep(30)
      socket.destroy()
    }
    expect(statusOf(await made.raw(get('/b')))).toBe(200)
  })
})

describe('origins', () => {
  const head = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n'
  it.each<[string, string, number]>([
    ['answers garbage', 'what?\r\n\r\n', 502],
    ['answers nothing', '', 502],
    ['answers half a head', 'HTTP/1.1 200 OK\r\nContent-Le', 502],
    ['sends two lengths', `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`, 502],
    [
      'sends a length beside a transfer coding',
      `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
      502,
    ],
    ['sends a NUL in a field', `${head}X: \0\r\nContent-Length: 1\r\n\r\nx`, 502],
    [
      'says a reason that cannot be sent on',
      'HTTP/1.1 200 O\x01K\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\nx',
      502,
    ],
    ['folds a line', `${head}X: a\r\n b\r\nContent-Length: 1\r\n\r\nx`, 502],
    ['sends a megabyte of header', `${head}X: ${'y'.repeat(1_000_000)}\r\n\r\n`, 502],
  ])('that %s', async (_, answer, status) => {
    const made = await rawScene((socket) => socket.end(answer), { retries: 0 })
    open = made
    expect(statusOf(await made.raw(get('/a')))).toBe(status)
    expect(statusOf(await made.raw(get('/a')))).toBe(status)
    expect(made.connections()).toBeGreaterThanOrEqual(2)
  })
  it.each<[string, string]>([
    ['sends less than it declared', `${head}Content-Length: 10\r\n\r\nshort`],
    ['breaks off between chunks', `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n`],
    ['sends a chunk that is not one', `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n`],
  ])('that %s: the client is cut off, and nothing is stored', async (_, answer) => {
    const made = await rawScene((socket) => socket.end(answer), { retries: 0 })
    open = made
    for (let at = 0; at < 2; at++) {
      const text = await made.raw('GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n')
      expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
      expect(text).not.toContain('hit')
    }
    expect(made.connections()).toBe(2)
  })
  it('that send more than they declared: only the declared length counts', async () => {
    const made = await rawScene((socket) =>
      socket.end(`${head}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`),
    )
    open = made
    expect(bodyOf(await made.raw(get('/a')))).toBe('ok')
    expect(bodyOf(await made.raw(get('/b')))).toBe('ok')
  })
  it('that reset the connection half-way', async () => {
    let reset = (): void => {}
    const made = await rawScene(
      (socket) => {
        socket.write(`${head}Content-Length: 100\r\n\r\nhalf`)
        reset = () => socket.resetAndDestroy()
      },
      { retries: 0 },
    )
    open = made
    // Once it has come: a reset discards what has not been read yet.
    const asked = () => reading(made.proxy.port, (text) => text.endsWith('half') && reset())
    expect(await asked()).toContain('half')
    expect(await asked()).not.toContain('hit')
  })
  it('that drip are cut off when they stall', async () => {
    let drip = (): void => {}
    const made = await rawScene(
      (socket) => {
        socket.write(`${head}Content-Length: 100\r\n\r\nx`)
        drip = () => socket.write('x')
      },
      { originTimeout: 500, retries: 0 },
    )
    open = made
    const text = await reading(made.proxy.port, (came) => /\r\n\r\nx{1,2}$/.test(came) && drip())
    expect(bodyOf(text), 'in time').toBe('xxx')
  })
})

/** Asks for /a, and tells of all that has come each time that more comes, until the connection is closed. */
function reading(port: number, onMore: (text: string) => unknown): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const client = connect(port, '127.0.0.1')
    client.on('error', () => {})
    client.on('close', () => resolve(text))
    client.on('data', (chunk) => {
      text += chunk
      onMore(text)
    })
    client.write('GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n')
  })
}
