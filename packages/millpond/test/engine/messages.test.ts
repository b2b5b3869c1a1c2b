// What is said when the shared tier cannot be used: why, in the line itself, and when it is back.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { describeWith, freePort, type RedisService, startRedis, until } from '../services/index.ts'

describeWith('redis', 'a Redis that cannot be used', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis({ acl: { user: 'app', password: 'right', rules: '~* &* +@all' } })
  })
  afterAll(() => server.stop())

  const withCache = async (url: string, look: (cache: Cache, warnings: string[]) => Promise<void>): Promise<void> => {
    const cache = createCache({ tiers: [memory(), redis({ url })] })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    try {
      await look(cache, warnings)
    } finally {
      await cache.close()
    }
  }

  test.each<[string, () => Promise<string>, RegExp]>([
    ['a wrong password', async () => server.url.replace('right', 'wrong'), /WRONGPASS/],
    ['an unknown host', async () => 'redis://no-such-host.invalid:6379', /ENOTFOUND|EAI_AGAIN/],
    ['a refused port', async () => `redis://127.0.0.1:${await freePort()}`, /ECONNREFUSED/],
  ])('%s is named to the caller, to listeners and by explain', async (_what, url, reason) => {
    await withCache(await url(), async (cache, warnings) => {
      await expect(cache.set('k', 1)).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE', message: expect.stringMatching(reason) })
      await expect(cache.set('k', 1)).rejects.toThrow(/^\[millpond\] cache:default: the invalidation/)
      expect(warnings[0]).toMatch(reason)
      await cache.get('k')
      const { tiers } = await cache.explain('k')
      expect(tiers[1]?.detail).toMatch(reason)
      expect(warnings.join(' ')).not.toContain('::')
    })
  })

  test('a line says when it is back', async () => {
    const own = await startRedis()
    try {
      await withCache(own.url, async (cache, warnings) => {
        await cache.set('k', 1)
        await own.kill()
        await until('the cache to say that it is gone', async () => {
          await cache.get('k')
          return warnings.some((line) => /does not answer \(/.test(line))
        })
        await own.restart()
        await until('the cache to say that it is back', async () => {
          await cache.get('k')
          return warnings.some((line) => line.includes('the shared ledger answers again'))
        })
      })
    } finally {
      await own.stop()
    }
  })
})
