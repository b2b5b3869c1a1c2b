// Listing keys: each fresh one once, wherever it lies.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, expect, it, onTestFinished } from 'vitest'

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

it('gives a key that is over in memory and was made again by another process', async () => {
  const clock = fakeClock({ now: Date.now() })
  const folder = mkdtempSync(join(tmpdir(), 'millpond-keys-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const options = { name: 'two', clock, defaults: { staleFor: '1h' } } as const
  const start = (): Cache => createCache({ ...options, tiers: [memory(), sqlite({ path: join(folder, 'c.db') })] })
  cache = start()
  const other = start()
  for (const key of ['a', 'b']) await cache.set(key, 1, { tags: ['first'], ttl: '1m' })
  await clock.run(61_000)
  expect(await listed()).toEqual([])
  await other.set('a', 2, { tags: ['second'] })
  await other.getOrSet('b', () => 2, { tags: ['second'], staleFor: 0 })
  await other.close() // by then the load's value is stored
  expect(await listed()).toEqual(['a', 'b'])
  expect(await listed({ tag: 'second' })).toEqual(['a', 'b'])
  expect(await listed({ tag: 'first' })).toEqual([])
})

it('throws at once for what is not an option', () => {
  cache = createCache()
  expect(() => cache.keys({ tags: ['a'] } as never)).toThrow(/unknown option "keys.tags": did you mean "tag"/)
})
