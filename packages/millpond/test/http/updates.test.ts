// What a 304 or a HEAD changes of what is stored, and for whom (RFC 9111 4.3.4, 4.3.5).
import { afterEach, describe, expect, it } from 'vitest'
import { type Play, type Stage, stage } from './stage.ts'

let open: Stage | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play): Promise<Stage> {
  open = await stage(application)
  return open
}

/** First the whole, for a second; then whatever `update` says is told with a 304, or with the answer to a HEAD. */
function updating(update: () => Record<string, string>): Play {
  return (request, response) => {
    const headers = { 'Cache-Control': 'max-age=1', ETag: '"a"', 'X-Version': '1' }
    if (request.headers['if-none-match'] === '"a"') response.writeHead(304, { ETag: '"a"', ...update() }).end()
    else if (request.method === 'HEAD')
      response.writeHead(200, { ETag: '"a"', 'Content-Length': '4', ...update() }).end()
    else response.writeHead(200, headers).end('body')
  }
}

describe.each([
  ['a 304', 'GET'],
  ['a HEAD', 'HEAD'],
])('%s', (_, method) => {
  /** Stored, stale, and updated once. */
  async function updated(update: Record<string, string>, headers: Record<string, string> = {}): Promise<Stage> {
    const made = await play(updating(() => update))
    await made.ask('/a', { headers })
    made.clock.now += 5000
    await made.ask('/a', { method, headers })
    return made
  }

  it.each([
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'private, max-age=60' },
    { 'Cache-Control': 'private=""' },
    { 'Cache-Control': 'max-age=60', Vary: '*' },
    { 'CDN-Cache-Control': 'no-store', 'Cache-Control': 'max-age=60' },
  ])('that forbids storing takes the stored answer away: %j', async (update) => {
    const made = await updated(update)
    expect(await made.verdict('/a')).toMatch(/^fwd=uri-miss/)
    expect(made.seen.at(-1)?.headers['if-none-match']).toBeUndefined()
  })
  it('with a cookie for one client gives it to no other, and the stored answer stays', async () => {
    const made = await updated({ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'session=1', 'X-Version': '2' })
    const { headers, body } = await made.ask('/a', { headers: { 'Cache-Control': 'max-stale=60' } })
    expect([body, headers['set-cookie'], headers['x-version']]).toEqual(['body', undefined, '1'])
  })
  it('with other directives is what counts from then on', async () => {
    const made = await updated({ 'Cache-Control': 'max-age=60', 'X-Version': '2' })
    const { headers } = await made.ask('/a')
    expect([headers['x-version'], headers['cache-control'], headers['cache-status']]).toEqual([
      '2',
      'max-age=60',
      expect.stringContaining('hit'),
    ])
  })
  it('with another Vary is for who asked alone: others are asked for', async () => {
    const made = await updated({ 'Cache-Control': 'max-age=60', Vary: 'X-Kind' }, { 'X-Kind': '1' })
    expect(await made.verdict('/a', { headers: { 'X-Kind': '1' } })).toBe('hit')
    expect(await made.verdict('/a', { headers: { 'X-Kind': '2' } })).toMatch(/^fwd=vary-miss/)
    expect(made.seen.at(-1)?.headers['if-none-match']).toBeUndefined()
  })
  it('with one more name in Vary ends the use of the answer that was selected by fewer', async () => {
    const made = await play((request, response) => {
      const isLater = request.headers['x-kind'] !== undefined
      const headers = {
        'Cache-Control': 'max-age=60',
        ETag: '"a"',
        Vary: isLater ? 'X-Language, X-Kind' : 'X-Language',
      }
      if (request.headers['if-none-match'] === '"a"') response.writeHead(304, headers).end()
      else
        response.writeHead(200, request.method === 'HEAD' ? { ...headers, 'Content-Length': '2' } : headers).end('en')
    })
    const asking = (kind: string | undefined, language = 'en') => ({
      headers: { 'X-Language': language, ...(kind === undefined ? {} : { 'X-Kind': kind }) },
    })
    await made.ask('/a', asking(undefined))
    await made.ask('/a', asking(undefined, 'de'))
    await made.ask('/a', { method, headers: { ...asking('1').headers, 'Cache-Control': 'no-cache' } })
    expect(await made.verdict('/a', asking('1'))).toBe('hit')
    // Still fresh by its first head; but the origin has said that it was for one kind alone.
    expect(await made.verdict('/a', asking('2'))).toMatch(/^fwd=vary-miss/)
    // Nothing was said of the other language's.
    expect(await made.verdict('/a', asking(undefined, 'de'))).toBe('hit')
  })
})

describe('what an answer takes the place of', () => {
  const reasons = (made: Stage): unknown => made.cache.stats().invalidationsByReason
  it('is counted as superseded, not as invalidated', async () => {
    const made = await play((_, response) => response.writeHead(200, { 'Cache-Control': 'max-age=1' }).end('body'))
    for (let round = 0; round < 3; round++) {
      await made.ask('/a')
      made.clock.now += 5000
    }
    await expect.poll(() => reasons(made)).toEqual({ superseded: 2 })
  })
  it('and what the origin takes back is counted as changed', async () => {
    const made = await play(updating(() => ({ 'Cache-Control': 'no-store' })))
    await made.ask('/a')
    made.clock.now += 5000
    await made.ask('/a')
    expect(reasons(made)).toEqual({ data_changed: 1 })
  })
})

describe('who waits for a 304', () => {
  it.each<[string, Record<string, string>, boolean]>([
    ['is given what it confirms', { 'X-Version': '2' }, true],
    ['is not given the cookie that it brings', { 'Set-Cookie': 'session=1' }, false],
    ['is not given what it makes private', { 'Cache-Control': 'private' }, false],
    ['is not given what it makes another kind’s', { Vary: 'X-Kind' }, false],
  ])('%s', async (_, update, isShared) => {
    let release: (() => void) | undefined
    const made = await play((request, response) => {
      const headers = { 'Cache-Control': 'max-age=1, s-maxage=1', ETag: '"a"' }
      if (request.headers['if-none-match'] !== undefined && request.headers['x-kind'] === '1')
        release = () => response.writeHead(304, { ...headers, ...update }).end()
      else response.writeHead(200, headers).end(`for ${request.headers['x-kind']}`)
    })
    await made.ask('/a', { headers: { 'X-Kind': '1' } })
    made.clock.now += 5000
    const leading = made.ask('/a', { headers: { 'X-Kind': '1' } })
    await expect.poll(() => release).toBeDefined()
    const waiting = made.ask('/a', { headers: { 'X-Kind': '2' } })
    await expect.poll(() => made.arrived.length).toBe(3)
    release?.()
    expect((await leading).body).toBe('for 1')
    const { headers, body } = await waiting
    expect(headers['set-cookie']).toBeUndefined()
    expect(body).toBe(isShared ? 'for 1' : 'for 2')
    expect(String(headers['cache-status']).includes('collapsed')).toBe(isShared)
  })
})
