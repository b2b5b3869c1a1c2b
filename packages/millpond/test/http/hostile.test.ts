// Invalid bytes from clients and from applications, on every adapter: a clean status or a closed connection, nothing
// stored, and the server goes on.
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createHttpCache } from '../../src/http/index.ts'
import { createCache } from '../../src/index.ts'
import { type Application, adapters } from './applications.ts'
import { hostileRequests, sendRaw } from './hostile-requests.ts'
import { ask, close, listen, verdictOf } from './stage.ts'

let calls: string[] = []
const application: Application = ({ method, url }) => {
  calls.push(`${method} ${url}`)
  const headers: Record<string, string> = { 'Cache-Control': 'max-age=60', 'Content-Type': 'text/plain' }
  const declared = (length: number): Record<string, string> => ({ ...headers, 'Content-Length': String(length) })
  if (url === '/breaks') return { status: 200, headers, body: ['half', new Error('broken off')] }
  if (url === '/breaks-declared') return { status: 200, headers: declared(10), body: ['half', new Error('broken off')] }
  if (url === '/short') return { status: 200, headers: declared(10), body: ['short'] }
  if (url === '/long')
    return { status: 200, headers: declared(2), body: ['ok', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'] }
  if (url === '/drips') return { status: 200, headers, body: [...'drips'] }
  return { status: 200, headers, body: `${method} ${url}` }
}

/** They are given a Request, whose URL says the scheme, and no connection that could be closed. */
const BY_REQUEST: ReadonlySet<string> = new Set(['Hono, as app.use', 'a fetch handler'])

describe.each(adapters)('%s', (name, make) => {
  let server: Server
  let port = 0
  beforeAll(async () => {
    server = await make(application, createHttpCache(createCache()))
    port = await listen(server)
  })
  beforeEach(() => {
    calls = []
  })
  afterAll(() => close(server))

  const refused = hostileRequests.filter(
    ([what]) => !(BY_REQUEST.has(name) && what === 'an absolute form of another scheme'),
  )
  it.each(refused)('refuses %s', async (_, bytes) => {
    // Fastify says it once more where node:http has found it, too.
    const statuses = (await sendRaw(port, bytes)).match(/^HTTP\/1\.1 \d{3}/gm) ?? []
    expect(statuses.length).toBeGreaterThan(0)
    for (const status of statuses) expect(status).toMatch(/ (?:400|431|505)$/)
    expect(calls).toEqual([])
  })
  it('has stored nothing of them', async () => {
    for (const host of ['a', 'b', 'a, b', 'a,b']) {
      const shown = await ask(port, '/a', { headers: { Host: host } })
      expect(verdictOf(shown)).not.toMatch(/^hit/)
    }
  })
  it('takes what ends with a bare LF for one request at most', async () => {
    await sendRaw(port, 'GET /lf HTTP/1.1\nHost: a\nConnection: close\n\nGET /lf2 HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(calls.length).toBeLessThanOrEqual(1)
  })
  it('reads nothing of what follows a refused request', async () => {
    const second = 'GET /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    await sendRaw(
      port,
      `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
    )
    expect(calls).toEqual([])
    await sendRaw(port, `GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${second}`)
    expect(calls).toEqual(BY_REQUEST.has(name) ? ['GET /admin'] : [])
  })
  it('does not store what a GET with content was answered', async () => {
    const fat = await ask(port, '/fat', {
      body: 'poison',
      headers: { 'Content-Length': '6', 'Content-Type': 'text/plain' },
    })
    expect(verdictOf(fat)).toMatch(/^fwd=bypass/)
    expect(verdictOf(await ask(port, '/fat'))).toMatch(/^fwd=uri-miss/)
  })
  it('goes on when clients leave in the middle', async () => {
    for (const bytes of [
      'GET /left HT',
      'POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc',
      'GET /left HTTP/1.1\r\nHost: a\r\n\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
      socket.destroy()
    }
    expect((await ask(port, '/after')).body).toBe('GET /after')
  })

  it.each(['/breaks', '/breaks-declared', '/short'])(
    'cuts off what does not come to its end, and stores none of it: %s',
    async (path) => {
      for (let round = 0; round < 2; round++) {
        // Nothing at all where the head had not left.
        const shown = await ask(port, path).catch(() => undefined)
        if (shown === undefined) continue
        expect(shown.isCut || shown.status >= 500).toBe(true)
        expect(verdictOf(shown)).not.toMatch(/^hit/)
      }
      expect(calls).toEqual([`GET ${path}`, `GET ${path}`])
    },
  )
  it('sends no more than was declared, and stores none of it', async () => {
    for (let round = 0; round < 2; round++) {
      const answer = await sendRaw(port, 'GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      expect(answer).not.toContain('evil')
      expect(answer).not.toMatch(/hit/)
    }
  })
  it('stores what drips when it is whole', async () => {
    expect((await ask(port, '/drips')).body).toBe('drips')
    const again = await ask(port, '/drips')
    expect([again.body, verdictOf(again)]).toEqual(['drips', 'hit'])
  })
})
