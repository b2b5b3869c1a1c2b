// Listing keys: each fresh one once, wherever it lies.
import { type Cache, createCache, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, expect, it } from 'vitest'

let cache: Cache
afterEach(() => cache.close())

async function listed(...given: Parameters<Cache['keys']>): Promise<string[]> {
  const found: string[] = []
  for await (const key of cache.keys(...given)) found.push(key)
  return found.sort()
}

it('gives each fresh key once, over memory and below, and none that is over, stale, outdated or of another namespace', async () => {
  const clock = fakeClock({ now: Date.now() })
  cache = createCache({
    clock,
    tiers: [memory({ maxEntries: 5 }), sqlite({ path: ':memory:' })],
    defaults: { staleFor: '1h' },
  })
  for (let at = 0; at < 40; at++)
    await cache.set(['n', at], at, { tags: at % 2 === 0 ? ['even'] : ['odd'], ttl: at < 20 ? '1m' : '10m' })
  await cache.namespace('other').set('elsewhere', 1)
  expect(await listed()).toHaveLength(40)
  await clock.advance(60_000)
  expect(await listed()).toEqual(Array.from({ length: 20 }, (_, at) => `["n",${at + 20}]`))
  await cache.invalidateTags(['even'], { mode: 'expire' })
  await cache.delete(['n', 21])
  expect(await listed()).toHaveLength(9)
  expect(await listed({ tag: 'even' })).toEqual([])
  expect(await listed({ tag: 'odd' })).toHaveLength(9)
  await cache.invalidateTags(['odd'])
  expect(await listed()).toEqual([])
})

it('throws at once for what is not an option', () => {
  cache = createCache()
  expect(() => cache.keys({ tags: ['a'] } as never)).toThrow(/unknown option "keys.tags": did you mean "tag"/)
})
