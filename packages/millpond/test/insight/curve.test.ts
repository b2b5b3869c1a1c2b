// The miss-ratio curve: exact where every key is watched, and within its interval where it is a sample; what it makes
// of bad input.
import { hashOf } from 'millpond'
import { Curve, missesPerRead } from 'millpond/insight'
import { describe, expect, it } from 'vitest'
import fc from '../properties.ts'
import { lruMisses, zipfKeys } from './exact.ts'

const SIZES = [1, 2, 3, 5, 8, 13, 1000]
const at = (size: number) => ({ size, ttlScale: 1 })
const hash = (key: number | string): number => hashOf(String(key), 7)

function played(keys: readonly number[], sizes = SIZES, most = 64, ttlMs = Number.POSITIVE_INFINITY): Curve {
  const curve = new Curve(sizes.map(at), 0, most)
  keys.forEach((key, now) => {
    curve.read(hash(key), 1, now, 'miss')
    curve.stored(hash(key), 1, now, ttlMs)
  })
  return curve
}

describe('a curve of all keys', () => {
  it('counts the misses of each cache exactly, whatever is read', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 200 }), (keys) => {
        const curve = played(keys)
        SIZES.forEach((size, candidate) => {
          const { value } = missesPerRead(curve.tally, candidate)
          expect(value * keys.length).toBeCloseTo(lruMisses(keys, size), 6)
        })
      }),
      { seed: 16, numRuns: 60 },
    )
  })

  it('counts them exactly in bytes, and after places have been used up many times', () => {
    const keys = zipfKeys(40, 20_000, 3)
    const weight = (key: number): number => 10 + (key % 7)
    const sizes = [20, 60, 200, 500]
    const curve = new Curve(sizes.map(at), 0, 64)
    for (const key of keys) {
      curve.read(hash(key), weight(key), 0, 'miss')
      curve.stored(hash(key), weight(key), 0, Number.POSITIVE_INFINITY)
    }
    sizes.forEach((size, candidate) => {
      expect(missesPerRead(curve.tally, candidate).value * keys.length).toBeCloseTo(
        lruMisses(keys, size, { weight }),
        6,
      )
    })
  })

  it('counts them exactly where entries are larger than some of the caches, which refuse them and evict nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 300 }), (keys) => {
        const weight = (key: number): number => 2 ** (key % 9)
        const sizes = [300, 3, 40, 9, 90, 1000, 255]
        const curve = new Curve(sizes.map(at), 0, 64)
        for (const key of keys) {
          curve.read(hash(key), weight(key), 0, 'miss')
          curve.stored(hash(key), weight(key), 0, Number.POSITIVE_INFINITY)
        }
        sizes.forEach((size, candidate) => {
          expect(missesPerRead(curve.tally, candidate).value * keys.length, String(size)).toBeCloseTo(
            lruMisses(keys, size, { weight }),
            6,
          )
        })
      }),
      { seed: 17, numRuns: 60 },
    )
  })

  it('counts them exactly where the weight is known only once a missed value has been stored', () => {
    const keys = zipfKeys(300, 20_000, 4)
    const weight = (key: number): number => 1 + ((key * 37) % 90)
    const sizes = [60, 500, 4000]
    const held = new Set<number>()
    const curve = new Curve(sizes.map(at), 0, 512)
    for (const key of keys) {
      curve.read(hash(key), held.has(key) ? weight(key) : 20, 0, 'miss')
      curve.stored(hash(key), weight(key), 0, Number.POSITIVE_INFINITY)
      held.add(key)
    }
    sizes.forEach((size, candidate) => {
      expect(missesPerRead(curve.tally, candidate).value * keys.length).toBeCloseTo(
        lruMisses(keys, size, { weight }),
        6,
      )
    })
  })

  it('gives no room to keys that are asked for and never stored', () => {
    const curve = new Curve([at(10)], 0, 1024)
    let now = 0
    const read = (key: string, isThere: boolean): void => {
      curve.read(hash(key), 1, now, 'miss')
      if (isThere) curve.stored(hash(key), 1, now, Number.POSITIVE_INFINITY)
      now++
    }
    for (let round = 0; round < 20; round++) {
      for (let key = 0; key < 10; key++) read(`there ${key}`, true)
      for (let key = 0; key < 30; key++) read(`absent ${key}`, false)
    }
    expect(missesPerRead(curve.tally, 0).value * now).toBeCloseTo(10 + 20 * 30, 6)
  })

  it('has each key expire where it was loaded: a small cache that loads more often may hit where a large one does not', () => {
    // Loaded at 0 by both; pushed out of the small one, which loads it anew at 60. At 101 the large one's value is
    // over.
    const curve = new Curve([at(1), at(10)], 1, 8)
    const read = (key: string, now: number): void => {
      curve.read(hash(key), 1, now, 'miss')
      curve.stored(hash(key), 1, now, 100)
    }
    read('a', 0)
    read('b', 30)
    read('a', 60)
    read('a', 101)
    expect([0, 1].map((candidate) => missesPerRead(curve.tally, candidate).value * 4)).toEqual([
      expect.closeTo(3, 6),
      expect.closeTo(3, 6),
    ])
    read('a', 102)
    expect([0, 1].map((candidate) => missesPerRead(curve.tally, candidate).value * 5)).toEqual([
      expect.closeTo(3, 6),
      expect.closeTo(3, 6),
    ])
  })

  it('agrees with a simulation where values live for a while', () => {
    const keys = zipfKeys(200, 20_000, 5)
    for (const ttlMs of [50, 400, 4000]) {
      const curve = played(keys, [10, 40, 150, 300], 512, ttlMs)
      for (const [candidate, size] of [10, 40, 150, 300].entries())
        expect(
          Math.abs(missesPerRead(curve.tally, candidate).value - lruMisses(keys, size, { ttlMs }) / keys.length),
        ).toBeLessThan(0.01)
    }
  })

  it('counts a miss that no size avoids in every size, and a key that nobody stored as missing', () => {
    const curve = new Curve([at(1), at(100)], 0, 8)
    curve.read(hash('a'), 1, 0, 'miss')
    curve.stored(hash('a'), 1, 0, 1000)
    curve.read(hash('a'), 1, 1, 'hit')
    curve.read(hash('a'), 1, 2, 'lost')
    curve.read(hash('a'), 1, 3, 'miss')
    expect(missesPerRead(curve.tally, 1).value * 4).toBeCloseTo(3, 6)
  })

  it('takes a hit of a key that it has not seen before as one of the cache that is there, and of larger ones', () => {
    const curve = new Curve([at(1), at(10), at(100)], 1, 8)
    curve.read(hash('a'), 1, 0, 'hit')
    expect([0, 1, 2].map((candidate) => missesPerRead(curve.tally, candidate).value)).toEqual([1, 0, 0])
  })
})

describe('a curve of a sample', () => {
  it('is within its interval, and so is the difference of two sizes', () => {
    const keys = zipfKeys(30_000, 50_000, 9, 0.8)
    const sizes = [700, 1000, 3000, 9000, 12_000]
    const exact = sizes.map((size) => lruMisses(keys, size) / keys.length)
    let within = 0
    let asked = 0
    for (let seed = 1; seed <= 4; seed++) {
      const hashes = Array.from({ length: 30_000 }, (_, key) => hashOf(String(key), seed))
      const curve = new Curve(sizes.map(at), 0, 2048)
      for (const key of keys) {
        curve.read(hashes[key] ?? 0, 1, 0, 'miss')
        curve.stored(hashes[key] ?? 0, 1, 0, Number.POSITIVE_INFINITY)
      }
      expect(curve.keys).toBeLessThanOrEqual(2048)
      expect(curve.rate).toBeLessThan(0.15)
      for (let candidate = 0; candidate < sizes.length; candidate++) {
        const { value, error } = curve.estimate(candidate)
        if (Math.abs(value - (exact[candidate] ?? 0)) <= 2 * error) within++
        asked++
        expect(error).toBeLessThan(0.035)
      }
      const more = curve.estimate(2, 3)
      expect(Math.abs(more.value - ((exact[2] ?? 0) - (exact[3] ?? 0)))).toBeLessThan(3 * more.error)
      expect(curve.estimate(2, 3).error).toBeLessThan(curve.estimate(2).error + curve.estimate(3).error)
    }
    expect(within / asked).toBeGreaterThan(0.85)
  })

  it('begins a new span, and keeps what it watches', () => {
    const curve = played([1, 2, 3])
    expect(curve.turn().reads).toBe(3)
    curve.read(hash(1), 1, 10, 'hit')
    expect(missesPerRead(curve.tally, SIZES.indexOf(1000)).value).toBe(0)
    expect(curve.tally.reads).toBe(1)
  })
})

describe('what is bad input', () => {
  it('one key: all but the first read hit', () => {
    const curve = played(Array.from({ length: 1000 }, () => 1))
    expect(missesPerRead(curve.tally, 0).value).toBeCloseTo(1 / 1000, 9)
  })

  it('only new keys: every read misses, in every size', () => {
    const curve = played(
      Array.from({ length: 50_000 }, (_, key) => key),
      [10, 1e6],
      1024,
    )
    for (const candidate of [0, 1]) expect(missesPerRead(curve.tally, candidate).value).toBeCloseTo(1, 6)
  })

  it('time that goes backwards, stands still, or jumps by years', () => {
    const curve = new Curve([at(10)], 0, 8)
    for (const now of [1e12, 5, 1e12 + 1, 1e12, 1e15, 1e15 + 1]) {
      curve.read(hash('a'), 1, now, 'miss')
      curve.stored(hash('a'), 1, now, 1000)
    }
    // 1e12, 5 and 1e12 + 1 are within a second of each other for who never goes back; 1e15 is another time, and there
    // begins anew.
    expect(missesPerRead(curve.tally, 0).value * 6).toBeCloseTo(2, 6)
  })

  it('watches no key that is neither read nor stored, as of answers that may not be shared', () => {
    const curve = new Curve([at(10)], 0, 8)
    for (let key = 0; key < 100; key++) curve.stored(hash(`private ${key}`), 1, 1, 0)
    expect([curve.keys, curve.rate]).toEqual([0, 1])
    curve.read(hash('a'), 1, 1, 'miss')
    curve.stored(hash('a'), 1, 1, 0)
    expect(curve.keys).toBe(1)
  })

  it('nothing read: not a number, rather than a promise', () => {
    expect(missesPerRead(new Curve([at(10)], 0, 8).tally, 0).value).toBeNaN()
  })
})
