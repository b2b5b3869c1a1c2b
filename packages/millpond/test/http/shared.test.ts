// Several processes' HTTP caches over one Redis: what one has stored all can serve, what one purges is gone for all.
import { createServer, type Server } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { createHttpCache, type HttpCache } from '../../src/http/index.ts'
import { type Cache, createCache, memory, type Tier, type TierConfiguration } from '../../src/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { ask, close, listen, type Shown, verdictOf } from './stage.ts'

interface Node {
  readonly http: HttpCache
  readonly cache: Cache
  readonly server: Server
  calls: number
  /** The application answers when it is called; absent: at once. */
  hold: ((answer: () => void) => void) | undefined
  ask(path: string, headers?: Record<string, string>, method?: string): Promise<Shown>
}

describeWith('redis', 'HTTP caches over one Redis', () => {
  let server: RedisService
  const nodes: Node[] = []
  /** The caches' time is so much later than the machine's. */
  let aheadMs = 0
  afterEach(async () => {
    aheadMs = 0
    for (const node of nodes.splice(0)) {
      await close(node.server)
      await node.cache.close()
    }
    await server.stop()
  })
  const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 7) % 256))

  async function start(
    far: Tier | TierConfiguration = patient(redis({ url: server.url, ...PATIENCE })),
  ): Promise<Node> {
    const cache = createCache({ name: 'http', tiers: [memory({ maxEntries: 1000 }), far] })
    const http = createHttpCache(cache, { now: () => Date.now() + aheadMs })
    const node: Node = {
      http,
      cache,
      calls: 0,
      hold: undefined,
      server: createServer(
        http.listener((request, response) => {
          node.calls++
          response.setHeader('Cache-Control', 'max-age=600')
          response.setHeader('Surrogate-Key', 'all')
          response.setHeader('Vary', 'X-Kind')
          const answer = (): unknown =>
            request.url === '/bytes' ? response.end(bytes) : response.end(`${request.url} ${request.headers['x-kind']}`)
          if (node.hold === undefined) answer()
          else node.hold(answer)
        }),
      ),
      // One name for both, or each would be another site.
      ask: (path, headers = {}, method = 'GET') =>
        ask(port, path, { method, headers: { Host: 'a.example', ...headers } }),
    }
    const port = await listen(node.server)
    nodes.push(node)
    return node
  }

  it('share answers, variants and long bodies, and what is purged', async () => {
    server = await startRedis()
    const [a, b] = [await start(), await start()]
    await a.ask('/x', { 'X-Kind': '1' })
    await a.ask('/x', { 'X-Kind': '2' })
    await a.ask('/bytes')
    await a.cache.flush()
    const shown = await b.ask('/x', { 'X-Kind': '2' })
    expect([shown.body, verdictOf(shown), b.calls]).toEqual(['/x 2', 'hit', 0])
    expect([(await b.ask('/x', { 'X-Kind': '1' })).body, (await b.ask('/bytes')).bytes.equals(bytes), b.calls]).toEqual(
      ['/x 1', true, 0],
    )
    const receipt = await a.http.purge({ tags: ['all'] })
    expect(receipt.isApplied).toBe(true)
    // G3: other processes within half a second.
    await expect
      .poll(async () => verdictOf(await b.ask('/x', { 'X-Kind': '2' })), { timeout: 500, interval: 10 })
      .toMatch(/^fwd=/)
    expect(b.calls).toBe(1)
  })

  it.each<[string, (node: Node) => Promise<unknown>, boolean]>([
    ['what another purged by tag', (other) => other.http.purge({ tags: ['all'] }), true],
    ['what another purged by URL', (other) => other.http.purge({ urls: ['http://a.example/x'] }), true],
    ['what another purged by prefix', (other) => other.http.purge({ prefix: 'http://a.example/' }), true],
    ['what a write through another made obsolete', (other) => other.ask('/x', {}, 'POST'), true],
    ['but what another purged besides', (other) => other.http.purge({ tags: ['other'] }), false],
  ])('keep an answer in progress from being stored: %s', async (_, invalidate, isOutdated) => {
    server = await startRedis()
    const [a, b] = [await start(), await start()]
    let release: (() => void) | undefined
    b.hold = (answer) => (release = answer)
    const waiting = b.ask('/x')
    await expect.poll(() => release).toBeDefined()
    await invalidate(a)
    release?.()
    b.hold = undefined
    const shown = await waiting
    expect([shown.body, shown.headers['cdn-cache-control']]).toEqual([
      '/x undefined',
      isOutdated ? 'no-store' : undefined,
    ])
    await b.cache.flush()
    expect(verdictOf(await b.ask('/x'))).toMatch(isOutdated ? /^fwd=/ : /^hit/)
  })

  it('keep no answer that another has taken the place of', async () => {
    server = await startRedis()
    const a = await start()
    const count = async (path: string): Promise<number> => {
      const keys = (await server.command('KEYS', '*')) as string[]
      return keys.filter((key) => key.includes(`http://a.example${path}\n`)).length
    }
    for (const path of ['/x', '/bytes']) {
      await a.ask(path)
      await expect.poll(() => count(path)).toBeGreaterThan(0)
      // One that comes while the former is still being stored may share its answer.
      for (const wanted = a.calls + 4; a.calls < wanted; ) {
        aheadMs += 300_001
        await a.ask(path, { 'Cache-Control': 'no-cache' })
      }
    }
    await expect.poll(() => count('/x')).toBe(1)
    // A head and three pieces, and the three that a slow client may be reading for five minutes more.
    await expect.poll(() => count('/bytes')).toBeLessThanOrEqual(7)
  })

  it('answer without the store while Redis is away', async () => {
    server = await startRedis()
    const a = await start(redis({ url: server.url }))
    await a.ask('/x')
    server.pause()
    try {
      expect((await a.ask('/y')).body).toBe('/y undefined')
      expect((await a.ask('/y')).status).toBe(200)
    } finally {
      server.resume()
    }
  })
})
