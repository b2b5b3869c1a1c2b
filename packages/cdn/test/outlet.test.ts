// Invalidations at the edge: after everybody has heard, coalesced, within the vendor's limits, once more later, and
// looked at.
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CdnIssue,
  type CdnOutlet,
  type CdnOutletOptions,
  cloudflare,
  createCdn,
  type Edge,
  edgeTag,
  edgeTagFields,
  edgeTargets,
  fastly,
} from '@millpond/cdn'
import { type Cache, type CacheOptions, createCache } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { type FakeClock, fakeClock } from 'millpond/testing'
import { sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { passing as passingBy } from './passing.ts'
import { type CloudflareServer, cloudflareServer } from './vendors/cloudflare.ts'
import { fastlyServer } from './vendors/fastly.ts'
import { json, serve } from './vendors/wire.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Set_ {
  readonly clock: FakeClock
  readonly server: CloudflareServer
  readonly outlet: CdnOutlet
  readonly cache: Cache
  readonly troubles: CdnIssue[]
}

async function setUp(
  options: CdnOutletOptions = {},
  more: Partial<CacheOptions> = {},
  plan: 'free' | 'enterprise' = 'free',
  token?: string,
): Promise<Set_> {
  const clock = fakeClock({ now: Date.now() })
  const server = await cloudflareServer(clock.monotonic, plan)
  const edge = cloudflare({ token: token ?? server.token, zone: server.zone, api: `${server.url}/client/v4`, plan })
  const cdn = createCdn({ edges: [edge], clock })
  const troubles: CdnIssue[] = []
  const outlet = cdn.outlet({ onTrouble: (one) => troubles.push(one), ...options })
  const cache = createCache({ outlets: [outlet], clock, ...more })
  closing.push(
    () => cdn.close(),
    () => closed(clock, cache),
  )
  return { clock, server, outlet, cache, troubles }
}

/** Whatever is waited for by the clock at the end. */
const closed = (clock: FakeClock, cache: Cache) => passing(clock, cache.close())

const passing = <T>(clock: FakeClock, work: Promise<T>, stepMs = 250) => passingBy(clock, work, stepMs)

describe('the outlet', () => {
  it('purges tags at the edge, reports on the receipt, and acked waits for it', async () => {
    const { clock, server, cache, outlet } = await setUp({ again: false })
    const receipt = await cache.invalidateTags(['deals', 'org 7'])
    expect(receipt.outlets).toEqual([{ name: 'cdn', ok: true, state: 'queued', leftMs: 30 }])
    expect(outlet.progress(receipt.id)?.state).toBe('waiting')
    expect(await passing(clock, receipt.acked({ timeout: '1m' }))).toEqual([])
    expect(server.purged).toEqual(['tag deals', 'tag org%207'])
    expect(outlet.progress(receipt.id)).toEqual({
      state: 'settled',
      leftMs: 0,
      targets: 2,
      probes: { gone: 0, old: 0, unknown: 0 },
    })
  })

  it('purges when other processes have applied it; without an answer at once, and again when they have', async () => {
    const { clock, server, outlet } = await setUp({ again: '1s' })
    const batch = (id: string, heard: () => Promise<'all' | 'late' | 'unreachable'>) =>
      outlet.deliver({
        namespace: 'default',
        lines: [{ id, reason: 'manual', mode: 'delete', targets: [{ kind: 'tag', tag: id }], isOwn: true }],
        signal: new AbortController().signal,
        heard,
      })
    let hear = (): void => {}
    await batch('a', () => new Promise((resolve) => (hear = () => resolve('all'))))
    await passing(clock, new Promise<void>((resolve) => void clock.after(60_000, resolve)), 5000)
    expect(server.purged).toEqual([])
    hear()
    await passing(clock, outlet.idle())
    expect(server.purged).toEqual(['tag a', 'tag a'])
    let isReachable = false
    await batch('b', async () => (isReachable ? 'all' : 'unreachable'))
    await passing(clock, new Promise<void>((resolve) => void clock.after(60_000, resolve)), 1000)
    expect(server.purged.slice(2)).toEqual(['tag b'])
    isReachable = true
    await passing(clock, outlet.idle())
    expect(server.purged.slice(2)).toEqual(['tag b', 'tag b'])
  })

  it('acked names it if it was not done in time', async () => {
    const { clock, server, cache } = await setUp()
    server.script.push('hang')
    const receipt = await cache.invalidateTags(['deals'])
    expect(await passing(clock, receipt.acked({ timeout: '2s' }))).toEqual(['outlet:cdn'])
  })

  it('purges again when the longest load is over, in one request with newer targets', async () => {
    const { clock, server, cache, outlet } = await setUp({}, { defaults: { timeout: { hard: '4s' } } })
    const receipt = await cache.invalidateTags(['deals'])
    await passing(clock, receipt.acked({ timeout: '1m' }))
    expect(outlet.progress(receipt.id)?.state).toBe('purged')
    expect(server.purged).toEqual(['tag deals'])
    const at = clock.monotonic()
    await passing(clock, outlet.idle())
    expect(clock.monotonic() - at).toBeGreaterThanOrEqual(3500)
    expect(server.purged).toEqual(['tag deals', 'tag deals'])
    expect(outlet.progress(receipt.id)?.state).toBe('settled')
  })

  it('a target that is named again while it waits is purged once, and every receipt is updated', async () => {
    const { clock, server, cache, outlet } = await setUp({ again: false })
    const receipts = []
    for (let at = 0; at < 50; at++) receipts.push(await cache.invalidateTags([`tag-${at % 5}`]))
    for (const receipt of receipts) expect(await passing(clock, receipt.acked({ timeout: '10m' }))).toEqual([])
    expect(new Set(server.purged).size).toBe(5)
    expect(outlet.state().coalesced).toBeGreaterThan(30)
    expect(server.asked.length).toBeLessThan(10)
  })

  it('a storm of 4,000 tags stays below the limit of the free plan, none is lost, and the time was forecast', async () => {
    const { clock, server, cache, outlet } = await setUp({ again: false })
    const receipts = []
    for (let at = 0; at < 400; at++)
      receipts.push(await cache.invalidateTags(Array.from({ length: 10 }, (_, part) => `tag-${at * 10 + part}`)))
    const told = receipts.at(-1)?.outlets[0]?.leftMs ?? 0
    const began = clock.monotonic()
    await passing(clock, outlet.idle(), 1000)
    const took = clock.monotonic() - began
    expect(new Set(server.purged).size).toBe(4000)
    // Nothing was refused for haste.
    expect(server.asked.length).toBeLessThanOrEqual(46)
    expect(told / took).toBeGreaterThan(0.8)
    expect(told / took).toBeLessThan(1.2)
  })

  it("or becomes one purge of everything with onStorm: 'purge-everything'", async () => {
    const { clock, server, cache, outlet } = await setUp({
      again: false,
      onStorm: 'purge-everything',
      stormAfter: '30s',
    })
    const receipts = []
    for (let at = 0; at < 400; at++)
      receipts.push(await cache.invalidateTags(Array.from({ length: 10 }, (_, part) => `tag-${at * 10 + part}`)))
    await passing(clock, outlet.idle())
    expect(server.purged).toContain('everything')
    expect(outlet.state().storms).toBeGreaterThan(0)
    for (const { id } of receipts) expect(outlet.progress(id)?.state).toBe('settled')
    expect(server.asked.length).toBeLessThanOrEqual(28)
  })

  it('what a vendor refuses is reported, and delays nothing', async () => {
    const { clock, cache, server, troubles } = await setUp({ again: false })
    const receipt = await cache.invalidateTags(['a', 'poison', 'b'])
    expect(await passing(clock, receipt.acked({ timeout: '1m' }))).toEqual([])
    expect(server.purged.sort()).toEqual(['tag a', 'tag b'])
    expect(troubles).toMatchObject([{ targets: ['poison'], isTriedAgain: false, error: { code: 'REFUSED' } }])
  })

  it('wrong credentials are reported, and pending purges run when they are corrected', async () => {
    const { clock, cache, server, outlet, troubles } = await setUp({ again: false })
    for (let at = 0; at < 2; at++)
      server.script.push(json(403, { success: false, errors: [{ code: 10000, message: 'Authentication error' }] }))
    await cache.invalidateTags(['a'])
    await passing(
      clock,
      until(() => server.purged.length > 0 && outlet.state().waiting === 0),
      1000,
    )
    expect(troubles[0]).toMatchObject({ isTriedAgain: true, error: { code: 'CREDENTIALS_REFUSED' } })
  })

  it('a failing vendor is reported, retried later, and delays nothing else', async () => {
    const { clock, cache, server, outlet, troubles } = await setUp({ again: false })
    for (let at = 0; at < 5; at++) server.script.push({ status: 503, body: '' })
    await cache.invalidateTags(['a', 'b'])
    await passing(
      clock,
      until(() => troubles.length > 0),
    )
    expect(troubles).toMatchObject([{ targets: ['a', 'b'], isTriedAgain: true, error: { code: 'VENDOR_FAILED' } }])
    const other = await cache.invalidateTags(['c'])
    expect(await passing(clock, other.acked({ timeout: '10s' }))).toEqual([])
    expect(server.purged.at(-1)).toBe('tag c')
    await passing(clock, outlet.idle())
    expect(server.purged.slice(-2)).toEqual(['tag a', 'tag b'])
    expect(outlet.state()).toMatchObject({ waiting: 0, failures: 2 })
  })

  it('throwing callbacks of the caller prevent no purge', async () => {
    const { clock, server, cache, outlet } = await setUp({
      again: false,
      sample: () => {
        throw new Error('no sample')
      },
      onTrouble: () => {
        throw new Error('no listener')
      },
    })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const receipt = await cache.invalidateTags(['a', 'poison'])
    expect(await passing(clock, receipt.acked({ timeout: '1m' }))).toEqual([])
    await passing(clock, outlet.idle())
    expect(server.purged).toEqual(['tag a'])
    expect(warn.mock.calls.join()).toContain('no listener')
    warn.mockRestore()
  })

  it('limits pending second purges like waiting targets: beyond that everything is purged', async () => {
    const clock = fakeClock()
    const limit = {
      kinds: ['tag'],
      perRequest: 1000,
      cost: 'request',
      burst: 1000,
      perSecond: 1000,
      source: '',
    } as const
    const purged: string[] = []
    const edge: Edge = {
      ...cloudflare({ token: 'x', zone: 'y' }),
      limits: [limit],
      limitOf: () => 0,
      async send({ targets }) {
        purged.push(`${targets.length} ${targets[0]?.kind}`)
        return { id: undefined, isDone: true }
      },
    }
    const cdn = createCdn({ edges: [edge], clock })
    closing.push(() => cdn.close())
    const outlet = cdn.outlet({ again: '1h' })
    for (let at = 0; at < 51; at++) {
      const targets = Array.from({ length: 1000 }, (_, part) => ({
        kind: 'tag' as const,
        tag: `tag-${at * 1000 + part}`,
      }))
      const lines = [{ id: `line-${at}`, reason: 'manual' as const, mode: 'delete' as const, targets, isOwn: true }]
      await outlet.deliver({ namespace: 'default', lines, signal: new AbortController().signal })
      await passing(
        clock,
        until(() => outlet.state().waiting === 0),
      )
    }
    expect(purged).toEqual([...Array.from({ length: 50 }, () => '1000 tag'), '1 everything'])
    expect(outlet.state().storms).toBe(1)
  })

  it('a process that ends leaves its pending purges to the next', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'millpond-cdn-')), 'outbox.db')
    const first = await setUp({}, { outbox: sqliteOutbox({ path }) })
    first.server.script.push('hang')
    await first.cache.invalidateTags(['deals'])
    await passing(
      first.clock,
      until(() => first.server.asked.length > 0),
    )
    await closed(first.clock, first.cache)
    const next = await setUp({}, { outbox: sqliteOutbox({ path }) })
    await next.cache.get('x')
    await passing(
      next.clock,
      until(() => next.server.purged.length > 0),
    )
    expect(next.server.purged[0]).toBe('tag deals')
    await passing(next.clock, next.outlet.idle())
    await closed(next.clock, next.cache)
    const last = await setUp({}, { outbox: sqliteOutbox({ path }) })
    await last.cache.get('x')
    expect(last.server.asked).toEqual([])
  })

  it('purges only for the namespaces that reach the edge, and what the caller maps', async () => {
    const { clock, server, cache, outlet } = await setUp({
      again: false,
      namespaces: ['pages'],
      map: (target) => (target.kind === 'key' ? [`https://www.example.com/${target.key}`] : edgeTargets(target)),
    })
    await cache.invalidateTags(['deals'])
    await cache.namespace('pages').delete('a')
    await cache.namespace('pages').set('b', 1)
    await passing(clock, outlet.idle())
    expect(server.purged.sort()).toEqual(['url https://www.example.com/a', 'url https://www.example.com/b'])
  })

  it('probes before and after, purges what is old again, and reports in the end', async () => {
    const answers = { etag: '"1"' }
    const edge = await serve(() => ({ status: 200, headers: { ...answers }, body: '' }))
    const { clock, cache, server, outlet, troubles } = await setUp({ again: '1s', sample: () => [`${edge.url}/deals`] })
    const stale = await cache.invalidateTags(['deals'])
    await passing(clock, outlet.idle())
    expect(server.purged).toHaveLength(3)
    expect(outlet.progress(stale.id)?.probes).toEqual({ gone: 0, old: 1, unknown: 0 })
    expect(troubles).toMatchObject([{ targets: ['deals'], probe: { verdict: 'old' } }])
    const good = await cache.invalidateTags(['deals'])
    await passing(clock, good.acked({ timeout: '1m' }))
    answers.etag = '"2"'
    await passing(clock, outlet.idle())
    expect(outlet.progress(good.id)?.probes).toEqual({ gone: 1, old: 0, unknown: 0 })
  })

  it('marks as stale what only expired, if the vendor supports it; what is removed as well is removed', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = await fastlyServer()
    const cdn = createCdn({ edges: [fastly({ token: server.token, service: server.service, api: server.url })], clock })
    const outlet = cdn.outlet({ again: false })
    const cache = createCache({ outlets: [outlet], clock })
    closing.push(
      () => cdn.close(),
      () => closed(clock, cache),
    )
    await cache.invalidate({ tags: ['a'] }, { mode: 'expire' })
    await passing(clock, outlet.idle())
    expect(server.purged).toEqual(['tag a soft'])
    await Promise.all([cache.invalidate({ tags: ['b'] }, { mode: 'expire' }), cache.invalidate({ tags: ['b'] })])
    await passing(clock, outlet.idle())
    expect(server.purged.at(-1)).toBe('tag b')
  })
})

describe('the default mapping of a target', () => {
  it('is a tag by its name, a URL of the HTTP cache, or nothing', () => {
    expect(edgeTargets({ kind: 'tag', tag: 'deals' })).toEqual([{ kind: 'tag', tag: 'deals' }])
    expect(edgeTargets({ kind: 'tag', tag: 'tag deals' })).toEqual([{ kind: 'tag', tag: 'deals' }])
    expect(edgeTargets({ kind: 'tag', tag: 'url https://www.example.com/a' })).toEqual([
      { kind: 'url', url: 'https://www.example.com/a' },
    ])
    expect(edgeTargets({ kind: 'tag', tag: 'host https://www.example.com' })).toEqual([
      { kind: 'host', host: 'www.example.com' },
    ])
    expect(edgeTargets({ kind: 'key', key: 'user:7' })).toEqual([])
    expect(edgeTargets({ kind: 'pattern', pattern: 'https://www.example.com/a/*' })).toEqual([
      { kind: 'prefix', prefix: 'https://www.example.com/a/' },
    ])
    expect(edgeTargets({ kind: 'all' })).toEqual([{ kind: 'everything' }])
  })

  it('is its URL for a key that a program invalidates as superseded; nothing for a former answer of the HTTP cache', () => {
    const url = 'https://www.example.com/a'
    expect(edgeTargets({ kind: 'key', key: url }, { reason: 'superseded' })).toEqual([{ kind: 'url', url }])
    expect(edgeTargets({ kind: 'key', key: `${url}\nid` }, { reason: 'superseded' })).toEqual([])
    expect(edgeTargets({ kind: 'key', key: `${url}\nid` }, { reason: 'manual' })).toEqual([{ kind: 'url', url }])
  })

  it('is nothing if the HTTP cache stores an answer, which the edge gets too; everything if someone writes', async () => {
    const { clock, server, cache, outlet } = await setUp({ again: false })
    const http = createHttpCache(cache)
    const origin = createServer(
      http.listener((_, response) => response.setHeader('Cache-Control', 'max-age=60').end('a')),
    )
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      origin.closeAllConnections()
      await new Promise((resolve) => origin.close(resolve))
    })
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/a`
    for (const _ of [1, 2]) expect(await (await fetch(url)).text()).toBe('a')
    expect(http.stats().hits).toBe(1)
    await passing(clock, outlet.idle())
    expect(server.purged).toEqual([])
    await cache.set('https://www.example.com/b', 1)
    await http.purge({ urls: [url] })
    await passing(clock, outlet.idle())
    expect(server.purged.sort()).toEqual([`url ${url}`, 'url https://www.example.com/b'])
  })

  it('is the same on both sides: in the header, and in the purge', () => {
    expect(edgeTagFields(['deals', 'org 7', 'a,b', 'ä', 'deals', '50%'])).toEqual({
      'Surrogate-Key': 'deals org%207 a%2Cb %C3%A4 50%25',
      'Cache-Tag': 'deals,org%207,a%2Cb,%C3%A4,50%25',
    })
    expect(edgeTag('a b')).not.toBe(edgeTag('a%20b'))
  })
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}
