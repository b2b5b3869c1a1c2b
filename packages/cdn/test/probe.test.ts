// Accepted is not gone: what the edge answers after a purge is compared with what it answered before.
import { cloudflare, createCdn } from '@millpond/cdn'
import { describe, expect, it } from 'vitest'
import { serve } from './vendors/wire.ts'

type Fields = Readonly<Record<string, string>>

/** An edge that answers what it is told to, and a CDN to ask it by. */
async function edge() {
  const answers = { headers: {} as Fields, body: 'old', status: 200 }
  const server = await serve(() => ({ ...answers }))
  const cdn = createCdn({ edges: [cloudflare({ token: 'x', zone: 'y' })] })
  const url = `${server.url}/deals`
  const answer = (headers: Fields, body = 'old', status = 200): void => {
    Object.assign(answers, { headers, body, status })
  }
  const probe = async (before?: Awaited<ReturnType<typeof cdn.look>>, purgedAt = Date.now()) =>
    (await cdn.probe([url], purgedAt, before === undefined ? {} : { before }))[0]
  return { server, url, cdn, answer, probe }
}

describe('a probe', () => {
  it.each<readonly [what: string, before: Fields, after: Fields, body: string, verdict: string, why: RegExp]>([
    ['another validator', { etag: '"1"' }, { etag: '"2"', age: '3600' }, 'old', 'gone', /has changed/],
    ['the same validator', { etag: '"1"' }, { etag: '"1"', age: '3600' }, 'old', 'old', /same as before/],
    ['the same validator over another body', { etag: '"1"' }, { etag: '"1"' }, 'new', 'old', /same as before/],
    ['the same content, stored since', { etag: '"1"' }, { etag: '"1"', age: '0' }, 'old', 'gone', /stored after/],
    [
      'the same content, asked for anew',
      { etag: '"1"' },
      { etag: '"1"', 'cf-cache-status': 'MISS' },
      'old',
      'gone',
      /ask its origin/,
    ],
    ['another body, and no validator', {}, {}, 'new', 'gone', /has changed/],
    ['the same body, and no validator', {}, {}, 'old', 'old', /same as before/],
    [
      'a hit by Fastly',
      { 'last-modified': 'a' },
      { 'last-modified': 'a', 'x-cache': 'MISS, HIT' },
      'old',
      'old',
      /same as before/,
    ],
    [
      'a miss by Fastly',
      { 'last-modified': 'a' },
      { 'last-modified': 'a', 'x-cache': 'HIT, MISS' },
      'old',
      'gone',
      /ask its origin/,
    ],
    ['a hit by CloudFront', {}, { 'x-cache': 'Hit from cloudfront' }, 'old', 'old', /same as before/],
    ['a miss by the proxy', {}, { 'cache-status': 'Millpond; fwd=uri-miss; stored' }, 'old', 'gone', /ask its origin/],
    ['a hit by the proxy', {}, { 'cache-status': 'Millpond; hit; ttl=59' }, 'old', 'old', /same as before/],
  ])('of %s', async (_, before, after, body, verdict, why) => {
    const { cdn, url, answer, probe } = await edge()
    answer(before)
    const looks = await cdn.look([url])
    answer(after, body)
    const found = await probe(looks, Date.now())
    expect([found?.verdict, found?.why]).toEqual([verdict, expect.stringMatching(why)])
  })

  it('without an earlier look uses the age, or is unknown', async () => {
    const { answer, probe } = await edge()
    answer({ age: '3600' })
    expect(await probe()).toMatchObject({ verdict: 'old', why: expect.stringContaining('3600 s old') })
    answer({ age: '0' })
    expect((await probe())?.verdict).toBe('gone')
    answer({})
    expect((await probe())?.verdict).toBe('unknown')
  })

  it('of an edge that does not answer is unknown, and says why', async () => {
    const { server, probe } = await edge()
    server.script.push('cut')
    expect(await probe()).toMatchObject({ verdict: 'unknown', why: expect.stringContaining('does not answer') })
  })

  it('reports which location answered, and what another status means', async () => {
    const { cdn, url, answer, probe } = await edge()
    answer({ 'cf-ray': '8f1c2d3e4f5a6b7c-AMS' })
    const before = await cdn.look([url])
    expect(before[0]).toMatchObject({ location: 'AMS', status: 200 })
    answer({}, 'old', 404)
    expect((await probe(before))?.verdict).toBe('gone')
  })
})
