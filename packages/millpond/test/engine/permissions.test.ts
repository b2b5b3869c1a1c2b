// What a caller gets over time: a stale value only if this caller permits it, from any tier; and what it is told about
// the value.
import { join } from 'node:path'
import { type CacheOptions, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, newFolder, open, until } from './setups.ts'

const places: Readonly<Record<string, () => NonNullable<CacheOptions['tiers']>>> = {
  'memory alone': () => [memory()],
  'memory and SQLite': () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })],
  'SQLite alone': () => [sqlite({ path: join(newFolder(), 'cache.db') })],
}
const down = (): Promise<never> => Promise.reject(new Error('down'))

describe.each(Object.keys(places))('permissions: %s', (place) => {
  closeAfterEach()

  const make = (options: CacheOptions): { cache: ReturnType<typeof open>; clock: FakeClock } => {
    const clock = fakeClock({ now: Date.now() })
    return { cache: open({ clock, tiers: places[place]?.() ?? [], ...options }), clock }
  }
  /** The fake clock moves while real tiers answer. */
  const settled = async <T>(clock: FakeClock, work: Promise<T>): Promise<T> => {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    work.then(end, end)
    while (!isOver) {
      await clock.run(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return work
  }

  it("R2: one caller's staleIfError serves no other caller", async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000 } })
    await cache.set('k', 'old', { ttl: 1000, staleIfError: 60_000 })
    await clock.run(1500)
    expect(await cache.getOrSet('k', down, { staleIfError: 60_000 })).toBe('old')
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.has('k')).toBe(false)
    expect((await cache.getEntry('k')).kind).not.toBe('hit')
    await expect(cache.getOrSet('k', down)).rejects.toThrow('down')
  })

  it('R2: of two who wait for one load, each gets what it permits', async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000 } })
    await cache.set('k', 'old', { ttl: 1000, staleIfError: 60_000 })
    await clock.run(1500)
    const end = gate<string>()
    const load = vi.fn(() => end.promise)
    const strict = cache.getOrSet('k', load)
    const content = cache.getOrSet('k', load, { staleIfError: 60_000 })
    await until(() => load.mock.calls.length === 1)
    end.fail(new Error('down'))
    await expect(strict).rejects.toThrow('down')
    expect(await content).toBe('old')
    expect(load).toHaveBeenCalledTimes(1)
  })

  it('a source that fails is asked at most once a second, by staleFor, refreshAhead and staleIfError alike', async () => {
    for (const options of [{ staleFor: '1h' }, { staleIfError: '1h' }, { refreshAhead: 0.1 }] as const) {
      const { cache, clock } = make({ defaults: { ttl: 60_000, ...options } })
      await cache.set('k', 'old')
      await clock.run('refreshAhead' in options ? 30_000 : 60_001)
      const load = vi.fn(down)
      for (let turn = 0; turn < 50; turn++) {
        expect(await cache.getOrSet('k', load)).toBe('old')
        await cache.flush()
      }
      expect(load).toHaveBeenCalledTimes(1)
      await clock.run(1100)
      expect(await cache.getOrSet('k', load)).toBe('old')
      await cache.flush()
      expect(load).toHaveBeenCalledTimes(2)
    }
  })

  it('P6: refreshAhead holds wherever the value lies, for many keys, and for strong reads', async () => {
    const { cache, clock } = make({ defaults: { ttl: 10_000, refreshAhead: 0.5 } })
    for (const key of ['one', 'strong', 'a', 'b']) await cache.set(key, 'old')
    await cache.getMany(['one', 'strong', 'a', 'b'])
    await clock.run(6000)
    expect(await cache.getOrSet('one', () => 'new')).toBe('old')
    expect(await cache.getOrSet('strong', () => 'new', { consistency: 'strong' })).toBe('old')
    const load = vi.fn(async (ids: readonly string[]) => ids.map(() => 'new'))
    expect(await cache.getOrSetMany(['a', 'b'], { load })).toEqual(['old', 'old'])
    await cache.flush()
    expect(load.mock.calls.map(([ids]) => ids)).toEqual([['a', 'b']])
    expect(await cache.getMany(['one', 'strong', 'a', 'b'])).toEqual(['new', 'new', 'new', 'new'])
  })

  it('R2: the soft timeout serves a stale value from whatever tier', async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000, staleIfError: 60_000, timeout: { soft: 50, hard: '5s' } } })
    await cache.set('k', 'old')
    await clock.run(1500)
    const slow = gate<string>()
    expect(
      await settled(
        clock,
        cache.getOrSet('k', () => slow.promise),
      ),
    ).toBe('old')
    slow.open('new')
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
  })

  it("touch keeps the entry's stale window", async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000 } })
    await cache.set('k', 'old', { ttl: 1000, staleFor: 60_000 })
    expect(await cache.touch('k', 2000)).toBe(true)
    await clock.run(2500)
    expect(await cache.getOrSet('k', () => 'new', { staleFor: 60_000 })).toBe('old')
  })

  it("a joiner's own hard timeout rejects that caller alone", async () => {
    const { cache, clock } = make({})
    const slow = gate<string>()
    const load = vi.fn(() => slow.promise)
    const first = cache.getOrSet('k', load)
    await until(() => load.mock.calls.length === 1)
    const hurried = cache.getOrSet('k', load, { timeout: { hard: 100 } })
    hurried.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    await clock.run(150)
    await expect(hurried).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    slow.open('v')
    expect(await first).toBe('v')
  })

  it('who joins with more patience than the first caller loads again when that one gives up', async () => {
    const { cache, clock } = make({})
    const load = vi.fn(() => (load.mock.calls.length === 1 ? new Promise<string>(() => {}) : Promise.resolve('v')))
    const hurried = cache.getOrSet('k', load, { timeout: { hard: 100 } })
    hurried.catch(() => {})
    await until(() => load.mock.calls.length === 1)
    const patient = cache.getOrSet('k', load)
    await new Promise((resolve) => setImmediate(resolve))
    await clock.run(150)
    await expect(hurried).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    expect(await patient).toBe('v')
  })

  it('hard: 0 means no hard timeout', async () => {
    const { cache, clock } = make({})
    const slow = gate<string>()
    const answer = cache.getOrSet('k', () => slow.promise, { timeout: { hard: 0 } })
    await clock.run(60_000)
    slow.open('v')
    expect(await answer).toBe('v')
  })

  it('a stale value that one caller permits is no answer for one who joined its load', async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000 } })
    await cache.set('k', 'old', { ttl: 1000, staleFor: 60_000 })
    await clock.run(1500)
    const values = await Promise.all([
      cache.getOrSet('k', () => 'new', { staleFor: 60_000 }),
      cache.getOrSet('k', () => 'new'),
    ])
    expect(values).toEqual(['old', 'new'])
  })

  it('fifty stale entries are one refresh', async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000, staleFor: '1h' } })
    const ids = Array.from({ length: 50 }, (_, at) => `k${at}`)
    await cache.setMany(ids.map((id) => [id, 'old'] as const))
    await clock.run(1500)
    const load = vi.fn(async (missing: readonly string[]) => missing.map(() => 'new'))
    expect(new Set(await cache.getOrSetMany(ids, { load }))).toEqual(new Set(['old']))
    await cache.flush()
    expect(load).toHaveBeenCalledTimes(1)
    expect(new Set(await cache.getMany(ids))).toEqual(new Set(['new']))
  })

  it('getOrSetEntry tells the tier, the age, the cause, and whether another call loaded it', async () => {
    const { cache, clock } = make({ defaults: { ttl: 1000, staleFor: 10_000 } })
    const slow = gate<string>()
    const load = vi.fn(() => slow.promise)
    const first = cache.getOrSetEntry('k', load, { tags: ['t'] })
    await until(() => load.mock.calls.length === 1)
    const second = cache.getOrSetEntry('k', load)
    await new Promise((resolve) => setImmediate(resolve))
    slow.open('v')
    expect(await first).toMatchObject({
      value: 'v',
      tier: 'loader',
      ageMs: 0,
      ttlMs: 1000,
      tags: ['t'],
      isStale: false,
      isJoined: false,
      cause: 'cold',
    })
    expect(await second).toMatchObject({ value: 'v', tier: 'loader', isJoined: true, cause: 'cold' })
    await cache.flush()
    await clock.run(400)
    const held = await cache.getOrSetEntry('k', load)
    expect(held).toMatchObject({ value: 'v', ageMs: 400, ttlMs: 600, isStale: false, isJoined: false })
    expect(held.tier).not.toBe('loader')
    await clock.run(1000)
    expect(await cache.getOrSetEntry('k', () => 'new')).toMatchObject({
      value: 'v',
      ageMs: 1400,
      ttlMs: 0,
      isStale: true,
    })
    await cache.flush()
  })
})
