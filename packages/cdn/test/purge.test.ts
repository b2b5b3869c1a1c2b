// Purges on the wire of three vendors, with their limits, their refusals and their slowness. The clock is the test's,
// and the servers go by it.
import { inspect } from 'node:util'
import {
  CdnError,
  type CdnErrorCode,
  cloudFront,
  cloudflare,
  createCdn,
  type Edge,
  fastly,
  type PurgeTargetLike,
} from '@millpond/cdn'
import { type FakeClock, fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { passing as passingBy } from './passing.ts'
import { type CloudflareServer, cloudflareServer } from './vendors/cloudflare.ts'
import { type CloudFrontServer, cloudFrontServer } from './vendors/cloudfront.ts'
import { type FastlyServer, fastlyServer } from './vendors/fastly.ts'
import { json } from './vendors/wire.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

const cdnOf = (clock: FakeClock, ...edges: Edge[]) => {
  const cdn = createCdn({ edges, clock })
  open.push(cdn)
  return cdn
}

type CloudflareMore = Parameters<typeof cloudflare>[0]
const atCloudflare = ({ url, zone, token }: CloudflareServer, more: CloudflareMore = {}) =>
  cloudflare({
    zone,
    token,
    api: `${url}/client/v4`,
    statusApi: `${url}/api/v2`,
    origin: 'https://www.example.com',
    ...more,
  })
const atFastly = ({ url, service, token }: FastlyServer, more: Parameters<typeof fastly>[0] = {}) =>
  fastly({ service, token, api: url, origin: 'https://www.example.com', ...more })
const atCloudFront = ({ url, distribution, keys }: CloudFrontServer, more: Parameters<typeof cloudFront>[0] = {}) =>
  cloudFront({
    distribution,
    credentials: { accessKeyId: keys.id, secretAccessKey: keys.secret },
    api: url,
    figuresApi: url,
    tags: true,
    ...more,
  })

const passing = <T>(clock: FakeClock, work: Promise<T>, stepMs = 1000) => passingBy(clock, work, stepMs)

async function refusal(work: Promise<unknown>): Promise<CdnError> {
  const error: unknown = await work.then(
    () => undefined,
    (one: unknown) => one,
  )
  if (error instanceof CdnError) return error
  throw new Error(`it was not refused by a CdnError, but: ${inspect(error)}`)
}

const tags = (count: number): PurgeTargetLike[] =>
  Array.from({ length: count }, (_, index) => ({ kind: 'tag', tag: `tag-${index}` }))

describe('a report', () => {
  it('says when the last request was sent, not when the purge started to wait', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudflare(server))
    const report = await passing(clock, cdn.purge(tags(4000), { patience: '1h' }))
    const [began, sent] = [Date.parse(report.at), Date.parse(report.purgedAt ?? '')]
    expect(sent - began).toBeGreaterThan(60_000)
    expect(sent).toBeLessThanOrEqual(clock.now())
  })
})

describe('the selection of a call', () => {
  const cdn = createCdn({ edges: [cloudflare({ token: 'x', zone: 'y' })] })
  it.each([
    ['health', () => cdn.health({ edge: ['cloudflare'] } as object)],
    ['locations', () => cdn.locations({ edges: 'cloudflare' } as object)],
    ['analytics', () => cdn.analytics({ site: '' })],
    ['analytics', () => cdn.analytics({ signal: 'now' } as object)],
    ['invalidate', () => cdn.invalidate(['/a'], { zone: 7 } as object)],
    ['purge', () => cdn.purge(['/a'], { edges: [7] } as object)],
    ['forecast', async () => cdn.forecast(['/a'], { sites: 'x' } as object)],
  ])('is validated: %s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('and a probe without a time is refused', async () => {
    await expect(cdn.probe([], Number.NaN)).rejects.toMatchObject({ code: 'TARGET_INVALID' })
  })
})

describe('Cloudflare', () => {
  it('is purged by the vendor’s name of each kind, in as few requests as possible', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudflare(server))
    const report = await cdn.purge([
      'https://www.example.com/ä b?x=1#top',
      '/a/*',
      'plain',
      '/*',
      { kind: 'tag', tag: 'deals' },
      { kind: 'tag', tag: 'deals' },
      { kind: 'prefix', prefix: 'https://img.example.com/x/' },
      { kind: 'host', host: 'API.example.com' },
    ])
    expect(report).toMatchObject({
      ok: true,
      edges: [{ edge: 'cloudflare', state: 'accepted', purged: 7, failures: [] }],
    })
    expect(server.purged.sort()).toEqual([
      'host api.example.com',
      'host www.example.com',
      'prefix img.example.com/x/',
      'prefix www.example.com/a/',
      'tag deals',
      'url https://www.example.com/%C3%A4%20b?x=1',
      'url https://www.example.com/plain',
    ])
    expect(server.asked).toHaveLength(4)
    await cdn.purge([{ kind: 'everything' }, '/a'])
    expect(server.purged.at(-1)).toBe('everything')
  })

  it('of the free plan accepts 5 requests a minute after 25 at once: 4,000 tags are all purged, never too fast, and the time was forecast', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudflare(server))
    const told = cdn.forecast(tags(4000))
    const began = clock.monotonic()
    const report = await passing(clock, cdn.purge(tags(4000), { patience: Number.POSITIVE_INFINITY }))
    const took = clock.monotonic() - began
    expect(report.edges[0]).toMatchObject({ state: 'accepted', purged: 4000, requests: 40, retries: 0 })
    expect(new Set(server.purged).size).toBe(4000)
    expect(took / told).toBeGreaterThan(0.8)
    expect(took / told).toBeLessThan(1.2)
    // 40 requests: a tenth of the 25 that are taken at once is kept back.
    expect(told).toBe(210_000)
  })

  it('accepts 100 URLs in a request, and 500 on the enterprise plan', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic, 'enterprise')
    const cdn = cdnOf(clock, atCloudflare(server, { plan: 'enterprise' }))
    await cdn.purge(Array.from({ length: 1001 }, (_, index) => `/page/${index}`))
    expect(server.asked).toHaveLength(3)
    const free = await cloudflareServer(clock.monotonic)
    await cdnOf(clock, atCloudflare(free)).purge(Array.from({ length: 101 }, (_, index) => `/page/${index}`))
    expect(free.asked).toHaveLength(2)
  })

  it('is retried when it says so, or after a default time', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    server.script.push(json(429, {}, { 'retry-after': '7' }), json(429, {}))
    const cdn = cdnOf(clock, atCloudflare(server))
    const began = clock.monotonic()
    const report = await passing(clock, cdn.purge(tags(1)), 100)
    expect(report.edges[0]).toMatchObject({ purged: 1, retries: 2 })
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(7000)
    // What goes on for longer than the caller's patience is an error that says when to come again.
    server.script.push(json(429, {}, { 'retry-after': '600' }))
    const error = await refusal(cdn.purge(tags(1), { patience: '1m' }))
    expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, retryAfterMs: 600_000 })
    expect(error.message).toContain('Try again in 600 s')
  })

  it('is retried through a storm of 500s, cut connections and silence, and given up in the end', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    server.script.push({ status: 500, body: '<html>' }, 'cut', { status: 200, body: 'not json' })
    const cdn = cdnOf(clock, atCloudflare(server))
    expect((await passing(clock, cdn.purge(tags(1)), 250)).edges[0]).toMatchObject({ purged: 1, retries: 3 })
    for (let at = 0; at < 5; at++) server.script.push({ status: 503, body: '' })
    const error = await passing(clock, refusal(cdn.purge(tags(1))), 250)
    expect(error).toMatchObject({ code: 'VENDOR_FAILED', status: 503, vendor: 'cloudflare' })
    server.script.push('hang', 'hang', 'hang', 'hang', 'hang')
    const slow = cdnOf(clock, atCloudflare(server, { timeout: 20 }))
    expect(await passing(clock, refusal(slow.purge(tags(1))), 250)).toMatchObject({ code: 'UNREACHABLE' })
  })

  it('one refused name does not prevent the others from being purged', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudflare(server))
    const report = await cdn.purge([...tags(20), { kind: 'tag', tag: 'poison' }])
    expect(report.ok).toBe(false)
    expect(report.edges[0]).toMatchObject({
      state: 'partial',
      purged: 20,
      failures: [{ targets: ['poison'], count: 1, error: { code: 'REFUSED' } }],
    })
    expect(new Set(server.purged).size).toBe(20)
  })

  it('reports metrics, locations and the state of the zone', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudflare(server))
    expect((await cdn.analytics({ days: 2 }))[0]?.found).toMatchObject({
      requests: 400,
      hits: 300,
      misses: 100,
      hitRatio: 0.75,
      bytes: 400_000,
      clientErrors: 0.01,
      serverErrors: 0.005,
    })
    expect((await cdn.locations())[0]?.found).toEqual([
      { code: 'AMS', name: 'Amsterdam, Netherlands', region: 'Europe', state: 'ok' },
      { code: 'TXL', name: 'Berlin, Germany', region: 'Europe', state: 'degraded' },
    ])
    expect((await cdn.health())[0]?.found).toEqual({ site: server.zone, name: 'example.com', isReady: true, notes: [] })
    expect((await cdn.analytics({ days: 2, site: 'other' }))[0]?.error?.message).toContain('does not exist')
  })
})

describe('Fastly', () => {
  it('is purged by URLs and keys, also soft, 256 keys in a request', async () => {
    const clock = fakeClock()
    const server = await fastlyServer()
    const cdn = cdnOf(clock, atFastly(server))
    const report = await cdn.purge(['/ä b', 'https://img.example.com/a?b=1', ...tags(300)], { soft: true })
    expect(report.edges[0]).toMatchObject({ state: 'accepted', purged: 302, requests: 4 })
    expect(server.purged).toContain('url www.example.com/%C3%A4%20b soft')
    expect(server.purged).toContain('url img.example.com/a?b=1 soft')
    expect(server.purged.filter((one) => one.startsWith('tag'))).toHaveLength(300)
    await cdn.purge([{ kind: 'everything' }])
    expect(server.purged.at(-1)).toBe('everything')
  })

  it('fastly/fastly-ruby#177: everything cannot be marked as stale, and the error names the alternative', async () => {
    const server = await fastlyServer()
    const error = await refusal(cdnOf(fakeClock(), atFastly(server)).purge([{ kind: 'everything' }], { soft: true }))
    expect(error.code).toBe('UNSUPPORTED')
    expect(error.message).toMatch(
      /cannot mark everything as stale: give every answer a tag such as "all", and soft-purge that tag/,
    )
    expect(server.purged).toEqual([])
  })

  it('reports metrics, locations and the state of the service', async () => {
    const server = await fastlyServer()
    const cdn = cdnOf(fakeClock(), atFastly(server))
    expect((await cdn.analytics({ days: 2 }))[0]?.found).toMatchObject({
      requests: 500,
      hits: 350,
      misses: 110,
      bytes: 5000,
      clientErrors: 0.02,
      serverErrors: 0,
    })
    expect((await cdn.locations())[0]?.found).toEqual([
      { code: 'AMS', name: 'Amsterdam', region: 'Europe', state: 'unknown' },
    ])
    expect((await cdn.health())[0]?.found).toMatchObject({ name: 'www.example.com', isReady: true })
  })
})

describe('CloudFront', () => {
  it('is called with signed requests, purged by paths and tags, and done when it says so', async () => {
    const clock = fakeClock()
    const server = await cloudFrontServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudFront(server))
    const report = await cdn.purge([
      '/ä b',
      'https://www.example.com/a?b=1&c=<',
      'https://other.example.com/a?b=1&c=<',
      '/img/*',
      { kind: 'prefix', prefix: 'x.example.com/y/' },
      { kind: 'tag', tag: 'Deals' },
      { kind: 'tag', tag: 'deals' },
    ])
    expect(report.edges[0]?.state).toBe('accepted')
    expect(server.purged.sort()).toEqual(['#deals', '/%C3%A4%20b', '/a?b=1&c=%3C', '/img/*', '/y/*'])
    expect(report.edges[0]?.ids).toHaveLength(3)
    const watching = (async () => {
      while (cdn.status(report.id).edges[0]?.state !== 'done') await new Promise((resolve) => setTimeout(resolve, 2))
    })()
    await passing(clock, watching)
    expect((await passing(clock, cdn.purge(['/z'], { until: 'done' }))).edges[0]?.state).toBe('done')
  })

  it('has 15 wildcards and 3,000 paths in progress at a time, and no more', async () => {
    const clock = fakeClock()
    const server = await cloudFrontServer(clock.monotonic, 20_000)
    const cdn = cdnOf(clock, atCloudFront(server))
    const began = clock.monotonic()
    const report = await passing(
      clock,
      cdn.purge([
        ...Array.from({ length: 40 }, (_, at) => `/d${at}/*`),
        ...Array.from({ length: 3001 }, (_, at) => `/f/${at}`),
      ]),
    )
    expect(report.edges[0]).toMatchObject({ purged: 3041, requests: 5, retries: 0 })
    expect(new Set(server.purged).size).toBe(3041)
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(40_000)
  })

  it('reports metrics, and what the distribution lacks', async () => {
    const clock = fakeClock()
    const server = await cloudFrontServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudFront(server))
    expect((await cdn.analytics({ days: 2 }))[0]?.found).toMatchObject({
      requests: 400,
      bytes: 4000,
      hitRatio: 0.75,
      hits: 300,
      misses: 100,
      clientErrors: 0.02,
      serverErrors: 0,
    })
    expect((await cdn.health())[0]?.found).toEqual({
      site: server.distribution,
      name: 'd111111abcdef8.cloudfront.net',
      isReady: false,
      notes: ['the distribution ignores tags: configure CacheTagConfig, otherwise a purge by tag finds nothing'],
    })
  })

  it('names an alternative for a refused path, and purges the others', async () => {
    const clock = fakeClock()
    const server = await cloudFrontServer(clock.monotonic)
    const report = await cdnOf(clock, atCloudFront(server)).purge(['/runtime~main.js', '/a', '/b'])
    expect(report.edges[0]).toMatchObject({
      purged: 2,
      failures: [{ targets: ['/runtime~main.js'], error: { code: 'REFUSED' } }],
    })
    expect(report.edges[0]?.failures[0]?.error.message).toContain('purge the folder')
  })

  it('recognises a purge that was sent twice', async () => {
    const clock = fakeClock()
    const server = await cloudFrontServer(clock.monotonic)
    const cdn = cdnOf(clock, atCloudFront(server))
    server.script.push('cut')
    expect((await passing(clock, cdn.purge(['/a']), 250)).edges[0]).toMatchObject({
      purged: 1,
      retries: 1,
      ids: ['I0EXAMPLE'],
    })
    expect(server.purged).toEqual(['/a'])
  })
})

describe('several vendors', () => {
  it('each purge what they support, and the rest is reported with alternatives', async () => {
    const clock = fakeClock()
    const [one, two, three] = [
      await cloudflareServer(clock.monotonic),
      await fastlyServer(),
      await cloudFrontServer(clock.monotonic),
    ]
    const cdn = cdnOf(clock, atCloudflare(one), atFastly(two), atCloudFront(three, { tags: false }))
    const report = await cdn.purge([{ kind: 'tag', tag: 'deals' }, { kind: 'host', host: 'www.example.com' }, '/a'])
    expect(report.ok).toBe(false)
    const said = Object.fromEntries(
      report.edges.map(({ edge, state, failures }) => [edge, [state, ...failures.map(({ error }) => error.message)]]),
    )
    expect(said.cloudflare).toEqual(['accepted'])
    expect(said.fastly).toEqual(['partial', expect.stringMatching(/cannot purge by host: give answers a tag/)])
    expect(said.cloudfront?.join()).toMatch(/partial.*configure CacheTagConfig/)
    const soft = await cdn.purge([{ kind: 'tag', tag: 'deals' }], { soft: true })
    expect(soft.edges.map(({ state }) => state)).toEqual(['failed', 'accepted', 'failed'])
    expect(soft.edges[0]?.failures[0]?.error).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('are selected by the call, and so is the distribution, zone or service', async () => {
    const clock = fakeClock()
    const [one, three] = [await cloudflareServer(clock.monotonic), await cloudFrontServer(clock.monotonic)]
    const cdn = cdnOf(clock, atCloudflare(one, { zone: 'another' }), atCloudFront(three, { distribution: 'EOTHER' }))
    await cdn.invalidate(['/a'], { zone: one.zone })
    await cdn.invalidate(['/a'], { distribution: three.distribution })
    expect([one.purged, three.purged]).toEqual([['url https://www.example.com/a'], ['/a']])
    expect(await refusal(cdn.purge(['/a'], { edges: [] }))).toMatchObject({ code: 'TARGET_INVALID' })
    expect(await refusal(cdn.purge(['/a'], { site: 'x' }))).toMatchObject({ code: 'TARGET_INVALID' })
    expect(await refusal(cdn.invalidate(['/a'], { service: 'x' }))).toMatchObject({ code: 'TARGET_INVALID' })
    expect(await refusal(cdn.purge(['/a'], { edges: ['akamai'] }))).toMatchObject({
      message: expect.stringContaining('there are cloudflare, cloudfront'),
    })
  })
})

describe('invalid input', () => {
  const cases: readonly (readonly [what: string, targets: readonly PurgeTargetLike[], message: RegExp])[] = [
    ['nothing', [], /nothing to purge is named/],
    ['a * in the middle', ['/a/*/b'], /write %2A/],
    ['a * in an address', ['https://www.example.com/*'], /purge a prefix/],
    ['another scheme', ['ftp://www.example.com/'], /begin with https/],
    ['a password', ['https://user:hidden@www.example.com/'], /leave them out/],
    ['a path that is a host', ['//evil.example.com/a'], /begin with a single slash/],
    ['a tag with a space', [{ kind: 'tag', tag: 'a b' }], /encodeURIComponent/],
    ['a tag with a comma', [{ kind: 'tag', tag: 'a,b' }], /encodeURIComponent/],
    ['a tag of unicode', [{ kind: 'tag', tag: 'ä' }], /encodeURIComponent/],
    ['a long tag', [{ kind: 'tag', tag: 'a'.repeat(1025) }], /hash it/],
    ['a prefix with a *', [{ kind: 'prefix', prefix: 'www.example.com/*' }], /needs no \*/],
    ['a host with a path', [{ kind: 'host', host: 'www.example.com/a' }], /write only its name/],
    // @ts-expect-error: one address instead of a list
    ['what is not a list', '/a', /"\/a" is not a list of what to purge: give an array/],
    // @ts-expect-error: a forgotten value
    ['null', [null], /null is not something that can be purged/],
    // @ts-expect-error: not a kind
    ['another kind', [{ kind: 'regex', regex: '.*' }], /its kind is one of/],
  ]
  it.each(cases)('%s is refused before anything is sent', async (_, targets, message) => {
    const server = await cloudflareServer(() => 0)
    const error = await refusal(cdnOf(fakeClock(), atCloudflare(server)).purge(targets))
    expect(error.code).toBe('TARGET_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('hidden')
    expect(server.asked).toEqual([])
  })

  it('wrong credentials and wrong sites are distinguished, with a remedy, and without the credentials', async () => {
    const clock = fakeClock()
    const [one, two, three] = [
      await cloudflareServer(clock.monotonic),
      await fastlyServer(),
      await cloudFrontServer(clock.monotonic),
    ]
    const gone = await fastlyServer()
    await gone.close()
    const wrong: readonly (readonly [Edge, CdnErrorCode, RegExp])[] = [
      [atCloudflare(one, { token: 'secretly-wrong' }), 'CREDENTIALS_REFUSED', /Zone\.Cache Purge/],
      [atFastly(two, { token: 'secretly-wrong' }), 'CREDENTIALS_REFUSED', /create a new one/],
      [
        atCloudFront(three, { credentials: { accessKeyId: 'AKIDOTHER', secretAccessKey: 'secretly-wrong' } }),
        'CREDENTIALS_REFUSED',
        /keys are wrong/,
      ],
      [
        atCloudFront(three, { credentials: { accessKeyId: three.keys.id, secretAccessKey: 'secretly-wrong' } }),
        'CREDENTIALS_REFUSED',
        /clock of this machine/,
      ],
      [atCloudflare(one, { zone: 'nowhere' }), 'NOT_FOUND', /check its id/],
      [atFastly(two, { service: 'nowhere' }), 'NOT_FOUND', /check its id/],
      [atCloudFront(three, { distribution: 'ENOWHERE' }), 'NOT_FOUND', /Check the id/],
      [atFastly(gone), 'UNREACHABLE', /cannot be reached \(ECONNREFUSED\)/],
    ]
    for (const [edge, code, remedy] of wrong) {
      const error = await passing(clock, refusal(cdnOf(clock, edge).purge([{ kind: 'everything' }])))
      expect([edge.name, error.code, error.message]).toEqual([edge.name, code, expect.stringMatching(remedy)])
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/secretly-wrong|hidden/)
    }
  })

  it('missing credentials are an error at once', () => {
    for (const make of [() => cloudflare({ zone: 'x' }), () => fastly({ service: 'x' })])
      expect(make).toThrow(/there is no API token: set (CLOUDFLARE|FASTLY)_API_TOKEN/)
    expect(() => cloudflare({ token: ' ' })).toThrow(CdnError)
    expect(() => cloudflare({ token: 'x', zone: '../user' })).toThrow(/letters and digits/)
    // @ts-expect-error: not an option
    expect(() => cloudflare({ token: 'x', zonne: 'y' })).toThrow(/did you mean "zone"/)
  })

  it('an aborted purge stops waiting', async () => {
    const clock = fakeClock()
    const server = await cloudflareServer(clock.monotonic)
    const controller = new AbortController()
    const cdn = cdnOf(clock, atCloudflare(server))
    const purging = cdn.purge(tags(4000), { signal: controller.signal, patience: Number.POSITIVE_INFINITY })
    while (cdn.purges()[0]?.edges[0]?.purged !== 2200) await new Promise((resolve) => setTimeout(resolve, 2))
    controller.abort()
    const report = await purging
    expect(report.edges[0]).toMatchObject({ state: 'partial', purged: 2200 })
    expect(report.edges[0]?.failures.every(({ error }) => error.code === 'ABORTED')).toBe(true)
  })
})
