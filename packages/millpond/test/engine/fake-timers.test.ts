// Users' own tests under the fake timers of Vitest (and of Jest, which are the same library): a cache that is made there lives by them.
import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { newFolder, open, until } from './setups.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe.each([
  ['memory', () => [memory()]],
  ['memory and SQLite', () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })]],
])('under fake timers: %s', (_, tiers) => {
  test('what is written is read, expires when time passes, and is loaded anew', async () => {
    const cache = open({ tiers: tiers() })
    let loads = 0
    const load = () => ++loads
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(1)
    vi.advanceTimersByTime(59_000)
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(1)
    vi.advanceTimersByTime(2000)
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(2)
    await cache.delete('k')
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  test('a system time that is set is the cache’s time', async () => {
    vi.setSystemTime(new Date('2030-01-01'))
    const cache = open({ tiers: tiers() })
    await cache.set('k', 1, { ttl: '1h' })
    vi.setSystemTime(new Date('2030-01-02'))
    // Memory looks at the clock once in 10 ms.
    vi.advanceTimersByTime(10)
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  test('a loader that hangs meets its timeout when time is advanced, and close ends', async () => {
    const cache = open({ tiers: tiers() })
    const slow = cache.getOrSet('k', () => new Promise(() => {}), { timeout: { hard: '5s' } })
    const told = expect(slow).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    await vi.advanceTimersByTimeAsync(5001)
    await told
    await cache.close()
  })

  test('with the date alone', async () => {
    vi.useRealTimers()
    vi.useFakeTimers({ toFake: ['Date'] })
    const cache = open({ tiers: tiers() })
    await cache.set('k', 1, { ttl: '1h' })
    vi.setSystemTime(Date.now() + 7_200_000)
    await until(() => cache.peek('k') === undefined)
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })
})
