// Two proxies over one Redis: what one has stored both serve, what one purges is gone for both, and without it they go
// on.
import { afterEach, expect, it } from 'vitest'
import { describeWith, type RedisService, startRedis } from '../../millpond/test/services/index.ts'
import { startProxy } from '../src/index.ts'
import { bodyOf, fieldOf, get, rawAsk, type Scene, scene, statusOf } from './origin.ts'

describeWith('redis', 'proxies over one Redis', () => {
  let server: RedisService
  let first: Scene
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  it('share what is stored and purged, and answer while it is unreachable', async () => {
    server = await startRedis()
    closing.push(() => server.stop())
    const redis = server.url
    let version = 0
    first = await scene(
      (_, response) => {
        response
          .writeHead(200, { 'Cache-Control': 'max-age=600', 'Surrogate-Key': 'all', 'Content-Length': 1 })
          .end(String(version++))
      },
      { redis },
    )
    closing.push(() => first.close())
    const second = await startProxy({ origin: first.origin, port: 0, host: '127.0.0.1', redis })
    closing.push(() => second.close(0))
    const ask = { first: () => first.raw(get('/a')), second: () => rawAsk(second.port, get('/a')) }
    expect(fieldOf(await ask.first(), 'cache-status')).toMatch(/stored/)
    await expect.poll(async () => fieldOf(await ask.second(), 'cache-status')).toMatch(/hit/)
    const held = bodyOf(await ask.second())
    expect(bodyOf(await ask.first())).toBe(held)

    expect(await second.http.purge({ tags: ['all'] })).toMatchObject({ isApplied: true })
    // Both may ask at the same moment; the later answer is the one that stays.
    await expect
      .poll(async () => {
        const both = [bodyOf(await ask.first()), bodyOf(await ask.second())]
        return both[0] === both[1] && both[0] !== held
      })
      .toBe(true)

    server.pause()
    try {
      expect([statusOf(await ask.first()), statusOf(await ask.second())]).toEqual([200, 200])
    } finally {
      server.resume()
    }
  })
})
