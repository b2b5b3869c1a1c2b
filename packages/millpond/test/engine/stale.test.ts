// Freshness over time: TTL, stale while revalidating, stale on error, soft timeouts, refresh ahead, jitter.
import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, newFolder, onEverySetup, open } from './setups.ts'

describe('freshness', () => {
  closeAfterEach()

  it('T3: an entry lives for its TTL and not longer', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: '1m' } })
    await cache.set('k', 'v')
    await clock.run(59_999)
    expect(cache.peek('k')).toBe('v')
    await clock.run(2)
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
  })

  it('staleFor: the stale value at once, one refresh behind, then the new value', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleFor: 1000 } })
    const load = vi.fn(async () => `v${load.mock.calls.length}`)
    expect(await cache.getOrSet('k', load)).toBe('v1')
    await clock.run(1500)
    const served = await Promise.all([cache.getOrSet('k', load), cache.getOrSet('k', load), cache.getOrSet('k', load)])
    expect(served).toEqual(['v1', 'v1', 'v1'])
    await cache.flush()
    expect(load).toHaveBeenCalledTimes(2)
    expect(await cache.getOrSet('k', load)).toBe('v2')
    expect(cache.stats()).toMatchObject({ stale: 3, refreshes: 1 })
  })

  it('past staleFor a caller waits for the load', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleFor: 1000 } })
    await cache.set('k', 'old')
    await clock.run(2500)
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
  })

  it('a failing refresh keeps the stale value and fails no caller', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleFor: 10_000 } })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await cache.set('k', 'old')
    await clock.run(1500)
    const fail = vi.fn(() => Promise.reject(new Error('down')))
    expect(await cache.getOrSet('k', fail)).toBe('old')
    await cache.flush()
    expect(warnings).toEqual(['refresh of k failed: down'])
    expect(await cache.getOrSet('k', fail)).toBe('old')
  })

  it('R2: staleIfError serves the stale value when the loader fails, and asks the loader at most once a second', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleIfError: 60_000 } })
    await cache.set('k', 'old')
    await clock.run(1500)
    const load = vi.fn(() => Promise.reject(new Error('down')))
    expect(await cache.getOrSet('k', load)).toBe('old')
    expect(await cache.getOrSet('k', load)).toBe('old')
    expect(load).toHaveBeenCalledTimes(1)
    await clock.run(1100)
    expect(await cache.getOrSet('k', load)).toBe('old')
    expect(load).toHaveBeenCalledTimes(2)
    await clock.run(60_000)
    await expect(cache.getOrSet('k', load)).rejects.toThrow('down')
  })

  it('R2: the soft timeout serves the stale value while the load goes on', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleIfError: 60_000, timeout: { soft: 50, hard: 1000 } } })
    await cache.set('k', 'old')
    await clock.run(1500)
    const slow = gate<string>()
    const answer = cache.getOrSet('k', () => slow.promise)
    await clock.run(60)
    expect(await answer).toBe('old')
    slow.open('new')
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
  })

  it('P6: a hit late in its life starts one refresh ahead', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, refreshAhead: 0.8 } })
    const slow = gate<string>()
    const load = vi.fn(() => slow.promise).mockResolvedValueOnce('v1')
    await cache.getOrSet('k', load)
    await clock.run(700)
    await cache.getOrSet('k', load)
    expect(load).toHaveBeenCalledTimes(1)
    await clock.run(150)
    expect(await cache.getOrSet('k', load)).toBe('v1')
    expect(await cache.getOrSet('k', load)).toBe('v1')
    slow.open('v2')
    await cache.flush()
    expect(load).toHaveBeenCalledTimes(2)
    expect(await cache.getOrSet('k', load)).toBe('v2')
  })

  it('G15: a refresh under way when its key is deleted is not stored', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000, staleFor: 1000 } })
    await cache.set('k', 'old')
    await clock.run(1500)
    const slow = gate<string>()
    expect(await cache.getOrSet('k', () => slow.promise)).toBe('old')
    await cache.delete('k')
    slow.open('refreshed')
    await cache.flush()
    expect(await cache.get('k')).toBeUndefined()
  })

  it('jitter takes off at most its share', async () => {
    const clock = fakeClock()
    const cache = open({ clock, random: () => 1, defaults: { ttl: 1000, jitter: 0.5 } })
    await cache.set('k', 'v')
    expect(await cache.getEntry('k')).toMatchObject({ kind: 'hit', ttlMs: 500 })
  })

  it('touch gives a fresh entry a new life, and does not raise the dead', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 1000 } })
    await cache.set('k', 'v')
    await clock.run(900)
    expect(await cache.touch('k', '5s')).toBe(true)
    await clock.run(4000)
    expect(cache.peek('k')).toBe('v')
    await clock.run(2000)
    expect(await cache.touch('k')).toBe(false)
  })

  it("touch keeps to memory's share of the time to live", async () => {
    const clock = fakeClock({ now: Date.now() })
    const folder = newFolder()
    for (const far of [[], [sqlite({ path: join(folder, 'cache.db') })]]) {
      const cache = open({ clock, tiers: [memory({ ttlFactor: 0.1 }), ...far], defaults: { ttl: 10_000 } })
      await cache.set('k', 'v')
      expect(await cache.touch('k', 20_000)).toBe(true)
      expect(await cache.getEntry('k')).toMatchObject({ tier: 'memory', ttlMs: 2_000 })
      await clock.run(3_000)
      expect(cache.peek('k')).toBeUndefined()
      expect(await cache.get('k')).toBe(far.length === 0 ? undefined : 'v')
    }
  })

  it('getEntry tells age, time left, tier and tags (D5)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: [memory()], defaults: { ttl: 1000 } })
    await cache.set('k', 'v', { tags: ['a', 'b'] })
    await clock.run(300)
    expect(await cache.getEntry('k')).toMatchObject({
      kind: 'hit',
      value: 'v',
      tier: 'memory',
      ageMs: 300,
      ttlMs: 700,
      createdAt: clock.now() - 300,
      tags: ['a', 'b'],
    })
    expect(await cache.getEntry('none')).toEqual({ kind: 'miss' })
    expect(await cache.has('k')).toBe(true)
    expect(await cache.has('none')).toBe(false)
  })
})

onEverySetup('touch', (cache) => {
  it('raises nothing that was invalidated or expired by hand', async () => {
    const c = cache({ defaults: { ttl: '1m', staleFor: '1m' } })
    for (const key of ['tagged', 'matching', 'stale', 'there']) await c.set(key, 1, { tags: [key] })
    await c.invalidateTags(['tagged'])
    await c.invalidatePattern('match*')
    await c.invalidateTags(['stale'], { mode: 'expire' })
    expect(await Promise.all(['tagged', 'matching', 'stale', 'there'].map((key) => c.touch(key, '1h')))).toEqual([
      false,
      false,
      false,
      true,
    ])
    expect(await c.getMany(['tagged', 'matching', 'stale', 'there'])).toEqual([undefined, undefined, undefined, 1])
    expect((await c.getEntry('there')).kind).toBe('hit')
  })
})
