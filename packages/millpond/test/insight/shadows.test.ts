// Shadow caches: the same misses as a whole cache where nothing is left out, the better of two policies where it is.
import { hashOf } from 'millpond'
import { missesPerRead, Shadows } from 'millpond/insight'
import { policyByName } from 'millpond/memory'
import { describe, expect, it } from 'vitest'
import { lruMisses, zipfKeys } from './exact.ts'

const of = (...names: string[]) => names.map((name) => ({ policy: policyByName(name), scale: 1 }))
const hash = (key: number): number => hashOf(String(key), 7)

describe('shadow caches', () => {
  it('count what a cache of that size misses, once every policy has had to choose', () => {
    const keys = zipfKeys(500, 20_000, 4)
    const shadows = new Shadows({ shadows: of('lru'), capacity: 100, unit: 'entries', entries: 100 })
    let warmAt = 0
    keys.forEach((key, at) => {
      if (!shadows.isWarm) warmAt = at + 1
      shadows.read(hash(key), 1, at, false, false)
    })
    const before = lruMisses(keys.slice(0, warmAt), 100)
    expect(missesPerRead(shadows.tally, 0).value * shadows.tally.reads).toBeCloseTo(lruMisses(keys, 100) - before, 6)
  })

  it('of other sizes count what those miss', () => {
    const keys = zipfKeys(500, 20_000, 4)
    const policy = policyByName('lru')
    const shadows = new Shadows({
      shadows: [1, 0.5, 2].map((scale) => ({ policy, scale })),
      capacity: 100,
      unit: 'entries',
      entries: 100,
    })
    let warmAt = 0
    keys.forEach((key, at) => {
      if (!shadows.isWarm) warmAt = at + 1
      shadows.read(hash(key), 1, at, false, false)
    })
    for (const [candidate, size] of [100, 50, 200].entries()) {
      const misses = lruMisses(keys, size) - lruMisses(keys.slice(0, warmAt), size)
      expect(missesPerRead(shadows.tally, candidate).value * shadows.tally.reads).toBeCloseTo(misses, 6)
    }
  })

  it('tell the better policy from a tenth of the keys: a loop longer than the cache defeats LRU', () => {
    const keys = Array.from({ length: 60_000 }, (_, at) => at % 13_000)
    const shadows = new Shadows({ shadows: of('lru', 'w-tinylfu'), capacity: 10_000, unit: 'entries', entries: 10_000 })
    keys.forEach((key, at) => shadows.read(hash(key), 1, at, false, false))
    const { value, error } = missesPerRead(shadows.tally, 0, 1)
    expect(value).toBeGreaterThan(shadows.within(error))
    expect(value).toBeGreaterThan(0.2)
  })

  it('let values expire, and drop what is lost', () => {
    const shadows = new Shadows({ shadows: of('lru'), capacity: 2, unit: 'entries', entries: 2 })
    const read = (key: number, now: number, isLost = false): void => {
      shadows.read(hash(key), 1, now, false, isLost)
      shadows.stored(hash(key), now, 100, false)
    }
    for (const key of [1, 2, 3]) read(key, 0) // full, and warm
    shadows.turn()
    read(3, 50)
    expect(missesPerRead(shadows.tally, 0).value).toBe(0)
    read(3, 100)
    read(3, 150, true)
    read(3, 160)
    expect(missesPerRead(shadows.tally, 0).value * 4).toBeCloseTo(2, 9)
  })

  it.each([NaN, Infinity, -Infinity, -1])('are not skewed for good by a weight of %d', (weight) => {
    const keys = zipfKeys(500, 20_000, 4)
    const missed = [1, weight].map((odd) => {
      const shadows = new Shadows({ shadows: of('lru'), capacity: 100, unit: 'entries', entries: 100 })
      keys.forEach((key, at) => shadows.read(hash(key), at % 1000 === 500 ? odd : 1, at, false, false))
      return missesPerRead(shadows.tally, 0).value
    })
    expect(missed[1]).toBe(missed[0])
    expect(missed[0]).toBeGreaterThan(0.1)
  })

  it('hold the bytes that they may, and no more entries than they have places', () => {
    const shadows = new Shadows({ shadows: of('adaptive'), capacity: 1000, unit: 'bytes', entries: 10 })
    for (let at = 0; at < 1000; at++) shadows.read(hash(at % 100), 1 + (at % 3), at, false, false)
    expect(shadows.isFull).toBe(true)
  })
})
