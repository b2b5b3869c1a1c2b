// What wall clocks may do to the life of an entry in memory: shorten it, never lengthen it.
import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

const HOUR = 3_600_000

describe('clocks and TTL', () => {
  closeAfterEach()

  it('set back by an hour: an entry keeps the time that it had left, however it is looked at', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    await cache.set('k', 1, { ttl: 200, staleFor: 200 })
    await clock.run(100)
    clock.jump(-HOUR)
    expect(await cache.getEntry('k')).toMatchObject({ kind: 'hit', ageMs: 100, ttlMs: 100 })
    await clock.run(101)
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.getEntry('k')).toMatchObject({ kind: 'stale' })
    await clock.run(200)
    expect(await cache.getEntry('k')).toEqual({ kind: 'miss' })
  })

  it('set forward by an hour, or asleep for one: what is over by the wall is over', async () => {
    for (const step of ['jump', 'suspend'] as const) {
      const clock = fakeClock()
      const cache = open({ clock })
      await cache.set('brief', 1, { ttl: 200 })
      await cache.set('long', 1, { ttl: 2 * HOUR })
      clock[step](HOUR)
      await clock.run(0)
      expect([await cache.get('brief'), await cache.get('long')]).toEqual([undefined, 1])
      clock.jump(-HOUR)
      expect(await cache.get('brief')).toBeUndefined()
      await clock.run(HOUR + 1)
      expect(cache.peek('long')).toBeUndefined()
    }
  })

  it('set back while a set or a load is under way', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    const set = cache.set('set', 1, { ttl: 200 })
    clock.jump(-HOUR)
    await set
    const loaded = cache.getOrSet(
      'loaded',
      async () => {
        clock.jump(-HOUR)
        return 2
      },
      { ttl: 200 },
    )
    expect([cache.peek('set'), await loaded, cache.peek('loaded')]).toEqual([1, 2, 2])
    await clock.run(201)
    expect([cache.peek('set'), cache.peek('loaded')]).toEqual([undefined, undefined])
  })

  it('what a process with a clock ahead has stored is held for its TTL, and no longer', async () => {
    const path = join(newFolder(), 'cache.db')
    // SQLite goes by the machine's own clock.
    const now = Date.now()
    const ahead = open({ clock: fakeClock({ now: now + HOUR }), tiers: [sqlite({ path })] })
    const clock = fakeClock({ now })
    const cache = open({ clock, tiers: [memory(), sqlite({ path })] })
    await ahead.set('k', 1, { ttl: 200 })
    expect(await cache.get('k')).toBe(1)
    expect(cache.peek('k')).toBe(1)
    await clock.run(201)
    expect(cache.peek('k')).toBeUndefined()
  })
})
