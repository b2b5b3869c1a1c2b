// Refreshing ahead: what is read again is loaded anew before it expires, once over all processes, by a share of its TTL
// or by chance.
import { join } from 'node:path'
import { type CacheOptions, memory, type RefreshAhead } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, gate, newFolder, open } from './setups.ts'

closeAfterEach()

function make(refreshAhead: number | RefreshAhead, more: CacheOptions = {}) {
  const clock = fakeClock({ now: Date.now() })
  const cache = open({ clock, defaults: { ttl: 10_000, refreshAhead }, ...more })
  const loads: string[] = []
  const read = (key: string) =>
    cache.getOrSet(key, () => {
      loads.push(key)
      return loads.length
    })
  return { clock, cache, loads, read }
}

describe('P6: refresh ahead', () => {
  it('refreshes what was read before, and lets an entry that is not read again expire', async () => {
    const { clock, cache, loads, read } = make(0.5)
    for (const key of ['hot', 'once', 'never']) await read(key)
    await read('hot')
    await clock.run(6000)
    for (const key of ['hot', 'once']) await read(key)
    await cache.flush()
    expect(loads).toEqual(['hot', 'once', 'never', 'hot'])
    // After a refresh it needs reads again: it is not read, and expires.
    await clock.run(9000)
    await read('once')
    expect(loads.slice(4)).toEqual(['once'])
    await clock.run(1001)
    expect(await cache.has('hot')).toBe(false)
  })

  it('refreshes at the first read where it is told so', async () => {
    const { clock, cache, loads, read } = make({ after: 0.5, reads: 1 })
    await read('once')
    await clock.run(6000)
    await read('once')
    await cache.flush()
    expect(loads).toEqual(['once', 'once'])
  })

  it('spreads what was loaded together over a tenth of the share', async () => {
    const { clock, cache, read } = make({ after: 0.8, reads: 1 })
    const keys = Array.from({ length: 200 }, (_, at) => `key:${at}`)
    await Promise.all(keys.map(read))
    const due: number[] = []
    for (const ms of [7190, 200, 200, 200, 220]) {
      await clock.run(ms)
      const before = cache.stats().refreshes
      for (const key of keys) {
        await read(key)
        await cache.flush()
      }
      due.push(cache.stats().refreshes - before)
    }
    expect(due[0]).toBe(0)
    for (const part of due.slice(1)) expect(part).toBeGreaterThan(20)
    expect(due.reduce((sum, part) => sum + part, 0)).toBe(200)
  })

  it('has at most 32 under way; the others wait for a later hit', async () => {
    const { clock, cache } = make({ after: 0.5, reads: 1 })
    const ends = gate()
    const keys = Array.from({ length: 100 }, (_, at) => `key:${at}`)
    for (const key of keys) await cache.set(key, 'old')
    await clock.run(6000)
    let begun = 0
    const load = async () => {
      begun++
      await ends.promise
      return 'new'
    }
    for (const key of keys) expect(await cache.getOrSet(key, load)).toBe('old')
    expect(begun).toBe(32)
    ends.open()
    await cache.flush()
    expect(cache.stats().refreshes).toBe(32)
    for (const key of keys) {
      await cache.getOrSet(key, async () => 'new')
      await cache.flush()
    }
    expect(cache.stats().refreshes).toBe(100)
  })

  it('is one refresh over all processes', async () => {
    const clock = fakeClock({ now: Date.now() })
    const path = join(newFolder(), 'cache.db')
    const caches = Array.from({ length: 4 }, () =>
      open({
        clock,
        tiers: [memory(), sqlite({ path })],
        defaults: { ttl: 10_000, refreshAhead: { after: 0.5, reads: 1 } },
      }),
    )
    let loads = 0
    const load = async () => ++loads
    for (const cache of caches) {
      await cache.getOrSet('k', load)
      await cache.flush()
    }
    await clock.run(6000)
    const answers = await Promise.all(caches.map((cache) => cache.getOrSet('k', load)))
    const flushed = Promise.all(caches.map((cache) => cache.flush()))
    await clock.run(500)
    await flushed
    expect([answers, loads]).toEqual([[1, 1, 1, 1], 2])
    expect(await Promise.all(caches.map((cache) => cache.getOrSet('k', load)))).toEqual([2, 2, 2, 2])
  })

  it('G15: brings back nothing that was invalidated while it ran', async () => {
    const { clock, cache } = make({ after: 0.5, reads: 1 })
    await cache.set('k', 'old', { tags: ['t'] })
    await clock.run(6000)
    const slow = gate<string>()
    await cache.getOrSet('k', () => slow.promise, { tags: ['t'] })
    await cache.invalidateTags(['t'])
    slow.open('refreshed')
    await cache.flush()
    expect(await cache.get('k')).toBeUndefined()
  })
})

describe('P6: early refresh by chance', () => {
  const slowly = async (clock: ReturnType<typeof fakeClock>, answer: Promise<unknown>) => {
    await clock.run(100)
    return answer
  }

  it('begins the sooner the longer loads take and the smaller the draw, and never without any load', async () => {
    let draw = 1
    const { clock, cache } = make({ beta: 1, reads: 1 }, { random: () => draw })
    let loads = 0
    const load = () => {
      loads++
      return new Promise<number>((resolve) => clock.after(100, () => resolve(loads)))
    }
    await cache.set('by hand', 0)
    await clock.run(9990)
    await cache.getOrSet('by hand', load)
    await cache.flush()
    expect(loads).toBe(0)
    await slowly(clock, cache.getOrSet('k', load))
    // Loads take 100 ms: -100 * ln(e^-5) reaches 500 ms ahead.
    draw = Math.exp(-5)
    await clock.run(9400)
    await cache.getOrSet('k', load)
    expect(loads).toBe(1)
    await clock.run(200)
    draw = Math.exp(-1)
    await cache.getOrSet('k', load)
    expect(loads).toBe(1)
    draw = Math.exp(-5)
    await cache.getOrSet('k', load)
    expect(loads).toBe(2)
    await clock.run(200)
    expect(await cache.getOrSet('k', load)).toBe(2)
  })

  it('loads anew also where a tier still has the old value, which another draw would let pass', async () => {
    let draw = Math.exp(-19)
    const clock = fakeClock({ now: Date.now() })
    const cache = open({
      clock,
      random: () => draw,
      tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })],
      defaults: { ttl: 10_000, refreshAhead: { beta: 100, reads: 1 } },
    })
    const values = ['old', 'new']
    const load = () => {
      clock.advance(5)
      draw = 1
      return values.shift()
    }
    expect(await cache.getOrSet('k', load)).toBe('old')
    await cache.flush()
    await clock.run(2000)
    draw = Math.exp(-19)
    expect(await cache.getOrSet('k', load)).toBe('old')
    draw = 1
    await cache.flush()
    expect(await cache.getOrSet('k', load)).toBe('new')
  })

  it('is checked as every option is, and described as it was said', async () => {
    const { cache } = make({ beta: 1.5 })
    expect(cache.describe().defaults.refresh_ahead).toEqual({ after: 0, beta: 1.5, reads: 2 })
    expect(make(0.7).cache.describe().defaults.refresh_ahead).toBe(0.7)
    for (const [refreshAhead, message] of [
      [{ beta: 0 }, /refreshAhead.beta: 0 is not allowed: give a number above 0/],
      [{ reads: 3 }, /refreshAhead.reads: 3 is not allowed: give 1 or 2/],
      [{ after: 2 }, /refreshAhead.after: 2/],
      [{ share: 0.5 }, /unknown option "refreshAhead.share"/],
    ] as const)
      await expect(cache.getOrSet('k', () => 1, { refreshAhead: refreshAhead as RefreshAhead })).rejects.toThrow(
        message,
      )
  })
})
