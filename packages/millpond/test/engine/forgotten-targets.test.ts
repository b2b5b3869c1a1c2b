// A ledger that has no room left for a key's target forgets it: what that may cost, and what it may not.
import { join } from 'node:path'
import { memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describeWith('redis', 'forgotten targets', () => {
  let server: RedisService
  let count = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()

  const path = () => join(newFolder(), 'cache.db')
  const opened = (name: string, file: string, targets: number) =>
    open({ name, tiers: [memory({ maxEntries: 100 }), sqlite({ path: file }), redis({ url: server.url, retain: { targets } })] })

  it('G1: many more keys are written than the ledger remembers, and none of them is void', async () => {
    const cache = opened(`many${count++}`, path(), 1000)
    await cache.set('old', 'old', { tags: ['t'] })
    const keys = Array.from({ length: 5000 }, (_, index) => `k${index}`)
    await cache.setMany(keys.map((key) => [key, key]))
    expect(await cache.getMany(['old', ...keys])).toEqual(['old', ...keys])
  })

  it('G1: 130,000 keys beside a file', { timeout: 120_000 }, async () => {
    const cache = open({
      name: `large${count++}`,
      tiers: [memory({ maxEntries: 100 }), sqlite({ path: path() }), redis({ url: server.url })],
    })
    await cache.setMany(Array.from({ length: 130_000 }, (_, index) => [`k${index}`, index] as const))
    const some = Array.from({ length: 1000 }, (_, index) => index * 130)
    expect(await cache.getMany(some.map((index) => `k${index}`))).toEqual(some)
    expect(cache.stats().missesByCause).not.toHaveProperty('invalidated_by_clear')
  })

  it('G1: a copy in a file whose target was forgotten while nobody followed is not believed', async () => {
    const name = `copies${count++}`
    const file = path()
    const first = opened(name, file, 64)
    await first.set('k', 'old')
    await first.set('kept', 'kept')
    await first.close()
    const other = open({ name, tiers: [memory(), sqlite({ path: path() }), redis({ url: server.url, retain: { targets: 64 } })] })
    await other.delete('k')
    for (let step = 0; step < 40; step++) await other.setMany(Array.from({ length: 20 }, (_, index) => [`x${step}/${index}`, 1] as const))
    const again = opened(name, file, 64)
    expect(await again.get('k')).toBeUndefined()
    expect(await again.get('kept')).toBe('kept')
  })
})
