// The hot list: recorded, warmed after a restart, and after an invalidation.
import { join } from 'node:path'
import { type Cache, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'

closeAfterEach()

async function read(cache: Cache, id: number, times: number): Promise<void> {
  for (let time = 0; time < times; time++)
    await cache.getOrSet(['user', id], () => `user ${id}`, { ttl: '1h', tags: ['users'] })
}

describe('W2: the hot list', () => {
  it('is what was read most, of what somebody can load, and begins a restart', async () => {
    const path = join(newFolder(), 'cache.db')
    const first = open({ tiers: [memory(), sqlite({ path })] })
    first.source(['user'], ([, id]) => `user ${id}`)
    await read(first, 1, 9)
    await read(first, 2, 5)
    await read(first, 3, 1)
    await first.set('nobody loads this', 1)
    for (let time = 0; time < 20; time++) await first.get('nobody loads this')
    await first.invalidateTags(['users'])
    expect(await first.warm({ kind: 'hot', top: 2 })).toMatchObject({ warmed: 2, failed: 0, plans: [{ name: 'hot' }] })
    expect(
      await first.getMany([
        ['user', 1],
        ['user', 2],
        ['user', 3],
      ]),
    ).toEqual(['user 1', 'user 2', undefined])
    await first.flush()
    await first.close()
    const second = open({ tiers: [memory(), sqlite({ path })] })
    const loaded: unknown[] = []
    second.source(['user'], ([, id]) => {
      loaded.push(id)
      return `user ${id}`
    })
    await second.deleteMany([
      ['user', 1],
      ['user', 2],
    ])
    expect(await second.warm({ kind: 'hot' })).toMatchObject({ warmed: 2 })
    expect(loaded).toEqual([1, 2])
  })

  it('comes back after an invalidation, once for many, unless it is not read', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const loaded: unknown[] = []
    cache.source(
      ['user'],
      ([, id]) => {
        loaded.push(id)
        return `user ${id}`
      },
      { defaults: { ttl: '1h', tags: ['users'] } },
    )
    await read(cache, 1, 9)
    await read(cache, 2, 5)
    await read(cache, 3, 1)
    cache.warming.start({ plans: [], afterInvalidation: { top: 2, delay: '1s' } })
    await clock.run(0)
    await cache.invalidateTags(['users'])
    await cache.invalidateTags(['users'])
    expect(loaded).toEqual([])
    await clock.run(1000)
    expect([loaded, cache.peek(['user', 1]), cache.peek(['user', 3])]).toEqual([[1, 2], 'user 1', undefined])
    await cache.warming.stop()
    await cache.invalidateTags(['users'])
    await clock.run(10_000)
    expect(loaded).toEqual([1, 2])
  })
})
