// One suite for all adapters, over real sockets: whatever the framework, a stored answer is the same.
import type { Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { hashOf } from '../../src/core/key-hash.ts'
import { createHttpCache } from '../../src/http/index.ts'
import { createCache } from '../../src/index.ts'
import { type Application, adapters } from './applications.ts'
import { ask, close, listen, verdictOf } from './stage.ts'

let calls: string[] = []
const application: Application = ({ method, url, header }) => {
  calls.push(`${method} ${url}`)
  const headers: Record<string, string> = {
    'Cache-Control': 'max-age=60',
    ETag: '"e"',
    'Content-Type': 'text/plain; charset=utf-8',
  }
  if (url === '/private') headers['Cache-Control'] = 'private'
  if (url === '/vary') headers.Vary = 'X-Kind'
  if (url === '/stale') headers['Cache-Control'] = 'max-age=0'
  if (url === '/stale' && header('if-none-match') === '"e"') return { status: 304, headers, body: '' }
  if (url === '/error') throw new Error('broken')
  return { status: 200, headers, body: url === '/vary' ? String(header('x-kind')) : `${method} ${url}` }
}

describe.each(adapters)('%s', (_, make) => {
  let server: Server | undefined
  let clock = 0
  async function start(): Promise<number> {
    calls = []
    clock = Date.now()
    server = await make(application, createHttpCache(createCache(), { now: () => clock }))
    return listen(server)
  }
  afterEach(async () => {
    if (server !== undefined) await close(server)
    server = undefined
  })

  it('answers the second request without the application', async () => {
    const port = await start()
    const first = await ask(port, '/a')
    const second = await ask(port, '/a')
    expect([first.status, first.body, verdictOf(first)]).toEqual([
      200,
      'GET /a',
      'fwd=uri-miss; fwd-status=200; stored',
    ])
    expect([second.status, second.body, verdictOf(second), second.headers.age]).toEqual([200, 'GET /a', 'hit', '0'])
    expect([second.headers.etag, second.headers['content-type'], second.headers['content-length']]).toEqual([
      '"e"',
      'text/plain; charset=utf-8',
      '6',
    ])
    expect(calls).toHaveLength(1)
  })
  it('answers HEAD, ranges and conditions from it', async () => {
    const port = await start()
    await ask(port, '/a')
    const head = await ask(port, '/a', { method: 'HEAD' })
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '6'])
    const part = await ask(port, '/a', { headers: { Range: 'bytes=4-5' } })
    expect([part.status, part.body]).toEqual([206, '/a'])
    const same = await ask(port, '/a', { headers: { 'If-None-Match': '"e"' } })
    expect([same.status, same.body]).toEqual([304, ''])
    expect(calls).toHaveLength(1)
  })
  it('tells recorders who asks, before each read of the URL', async () => {
    calls = []
    const cache = createCache()
    const told: unknown[] = []
    cache.record({
      context: (_hash, session, key) => told.push([session, key]),
      hit: (_hash, _bytes, key) => told.push(key),
      miss: (_hash, _cause, key) => told.push(key),
    })
    server = await make(application, createHttpCache(cache, { session: (request) => request.get('x-session') }))
    const port = await listen(server)
    const url = `http://127.0.0.1:${port}/a`
    for (const session of ['ada', 'bob']) await ask(port, '/a', { headers: { 'X-Session': session } })
    await ask(port, '/a')
    const [ada, bob] = ['ada', 'bob'].map((session) => [hashOf(session, 0), url])
    const ofUrl = told.filter((one) => one === url || (Array.isArray(one) && one[1] === url))
    // What is stored is pointed to from the URL, which is read once more for that.
    expect(ofUrl).toEqual([ada, url, url, bob, url, url])
    expect(told.filter(Array.isArray)).toHaveLength(2)
    expect(calls).toHaveLength(1)
  })
  it('validates what is stale', async () => {
    const port = await start()
    await ask(port, '/stale')
    const again = await ask(port, '/stale')
    expect([again.status, again.body, verdictOf(again)]).toEqual([
      200,
      'GET /stale',
      'fwd=stale; fwd-status=304; stored',
    ])
    expect(calls).toHaveLength(2)
  })
  it('tells variants apart, and stores nothing private', async () => {
    const port = await start()
    for (const kind of ['1', '2', '1', '2'])
      expect((await ask(port, '/vary', { headers: { 'X-Kind': kind } })).body).toBe(kind)
    expect(calls).toHaveLength(2)
    for (let at = 0; at < 2; at++) expect(verdictOf(await ask(port, '/private'))).toMatch(/^fwd=/)
    expect(calls).toHaveLength(4)
  })
  it('writes through, and forgets', async () => {
    const port = await start()
    await ask(port, '/a')
    expect((await ask(port, '/a', { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/plain' } })).body).toBe(
      'POST /a',
    )
    expect(verdictOf(await ask(port, '/a'))).toBe('fwd=uri-miss; fwd-status=200; stored')
    expect(calls).toEqual(['GET /a', 'POST /a', 'GET /a'])
  })
  it('shares one question among many', async () => {
    const port = await start()
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port, '/a')))
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['GET /a']))
    expect(calls.length).toBeLessThanOrEqual(2)
  })
  it('leaves errors to the framework, and stores none', async () => {
    const port = await start()
    for (let at = 0; at < 2; at++) expect((await ask(port, '/error')).status).toBeGreaterThanOrEqual(500)
    expect(calls).toHaveLength(2)
    expect((await ask(port, '/a')).body).toBe('GET /a')
  })
})
