// End to end: an application of two nodes over one Redis, the caching proxy as its edge, and a stand-in for the vendor
// that purges that edge. When a receipt is acked, the old answer is in no memory, not in Redis, and not at the edge.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCdn, edgeTagFields, fastly } from '@millpond/cdn'
import { startProxy } from '@millpond/proxy'
import { type Cache, createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { afterEach, expect, it } from 'vitest'
import { describeWith, PATIENCE, patient, startRedis } from '../../millpond/test/services/index.ts'
import { serve } from './vendors/wire.ts'

describeWith('redis', 'an application behind an edge', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  it('N4: the old answer is gone from memory, Redis and edge when the receipt is acked', {
    timeout: 120_000,
  }, async () => {
    const server = await startRedis()
    closing.push(() => server.stop())
    let price = 1
    let purges = 0
    let isEdgeSlow = false
    const vendor = await serve(async ({ body }) => {
      const keys: string[] = JSON.parse(body).surrogate_keys
      purges++
      await proxy.http.purge({ tags: keys })
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(Object.fromEntries(keys.map((key) => [key, 'id']))),
      }
    })
    const cdn = createCdn({ edges: [fastly({ token: 'x', service: 'y', api: vendor.url })] })
    closing.push(() => cdn.close())
    const outlet = cdn.outlet({ again: '200ms' })
    const node = (outlets: Parameters<typeof createCache>[0] = {}): Cache => {
      const cache = createCache({
        name: 'shop',
        tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))],
        ...outlets,
      })
      closing.push(() => cache.close())
      return cache
    }
    const [first, second] = [node({ outlets: [outlet] }), node()]
    const load = async (): Promise<number> => {
      const seen = price
      if (isEdgeSlow) await new Promise((resolve) => setTimeout(resolve, 5))
      return seen
    }
    const origin = await listen(
      createServer(async (request, response) => {
        const cache = request.url?.startsWith('/second') ? second : first
        const value = await cache.getOrSet('deal:7', load, { ttl: '1h', tags: ['deals'] })
        response
          .writeHead(200, { 'Cache-Control': 'public, max-age=3600', ...edgeTagFields(['deals']) })
          .end(String(value))
      }),
    )
    closing.push(() => origin.close())
    const proxy = await startProxy({ origin: origin.url, port: 0, host: '127.0.0.1' })
    closing.push(() => proxy.close(0))
    const edge = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${proxy.port}${path}`)).text()
    const paths = ['/first', '/second']

    for (let round = 0; round < 4; round++) {
      for (const path of paths) expect(await edge(path)).toBe(String(price))
      isEdgeSlow = round % 2 === 1
      // Somebody reads all the while, at the edge and behind it.
      let isReading = true
      const reader = (async () => {
        for (let at = 0; isReading; at++) {
          await edge(paths[at % 2] ?? '/first')
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      })()
      price++
      const receipt = await first.invalidateTags(['deals'])
      expect(await receipt.acked({ timeout: '1m' })).toEqual([])
      isReading = false
      await reader
      for (const path of paths) expect(await edge(path), `${path} in round ${round}`).toBe(String(price))
      // What was loaded while it was invalidated is not kept; what is old must not be there.
      for (const cache of [first, second]) expect([price, undefined]).toContain(await cache.get('deal:7'))
    }
    // What is loaded while nothing is invalidated is cached, and shared.
    await first.getOrSet('deal:7', load, { ttl: '1h', tags: ['deals'] })
    await expect.poll(() => second.get('deal:7')).toBe(price)
    await outlet.idle()
    expect(purges).toBeGreaterThanOrEqual(4)
    expect(outlet.state()).toMatchObject({ waiting: 0, failures: 0 })
  })
})

async function listen(server: Server): Promise<{ readonly url: string; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
