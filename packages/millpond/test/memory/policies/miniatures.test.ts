// What the adaptive policy steers by, and the small parts it is made of.
import { describe, expect, it } from 'vitest'
import { adaptive } from '../../../src/memory/policies/adaptive.ts'
import { GhostQueue } from '../../../src/memory/policies/ghost-queue.ts'
import { Ghosts } from '../../../src/memory/policies/ghosts.ts'
import { HashDirectory } from '../../../src/memory/policies/hash-directory.ts'
import { Miniatures } from '../../../src/memory/policies/miniatures.ts'
import { SlotQueue } from '../../../src/memory/policies/slot-queue.ts'
import { SlotSet } from '../../../src/memory/policies/slot-set.ts'
import { Worth } from '../../../src/memory/policies/worth.ts'
import fc from '../../properties.ts'

const sketch = { wordsPerEntry: 0.5, leastWords: 256, samplePerEntry: 32, leastSample: 4096 }
const SHARES = [0, 0.02, 0.35]
const scatter = (key: number): number => Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) ^ Math.imul(key, 0x9e3779b1)

function miniatures(entries: number, champion: number): Miniatures {
  const made = new Miniatures(
    SHARES.map((share) => ({ share, ghostShare: 0.5, sketch, weighed: false })),
    champion,
    64,
  )
  made.fit(entries, true)
  return made
}

function feed(made: Miniatures, keys: Iterable<number>): void {
  for (const key of keys) if (made.watches(scatter(key))) made.request(scatter(key))
}

function* loop(requests: number, length: number): Generator<number> {
  for (let at = 0; at < requests; at++) yield at % length
}

/** Every key comes twice, half a cache apart, and never again. */
function* onward(requests: number, gap: number): Generator<number> {
  for (let at = 0; at < requests; at += 2) {
    yield 1_000_000 + at / 2
    if (at / 2 >= gap) yield 1_000_000 + at / 2 - gap
  }
}

/** The misses on traffic that moves on, after a loop and after such traffic that was, or was not, loaded ahead. */
function missesMovingOn(entries: number, isAhead: boolean): number {
  const policy = adaptive({ capacity: entries, unit: 'entries' })
  const hashes = new Int32Array(entries + 1)
  policy.grow(entries + 1, hashes)
  const slots = new Map<number, number>()
  let free = 0
  const play = (keys: Iterable<number>, ahead: boolean): number => {
    let misses = 0
    for (const key of keys) {
      const hash = scatter(key)
      const held = slots.get(hash)
      if (held !== undefined) policy.hit(held)
      if (held !== undefined) continue
      misses++
      slots.set(hash, free)
      hashes[free] = hash
      policy.add(free, hash, 1, 0, ahead)
      if (slots.size <= entries) free = slots.size
      else {
        free = policy.victim()
        slots.delete(hashes[free] as number)
      }
    }
    return misses
  }
  play(loop(entries * 60, entries * 2), false)
  play(onward(entries * 60, entries / 2), isAhead)
  return play(onward(entries * 4, (entries * 3) / 4), false)
}

describe('miniatures', () => {
  for (const entries of [50, 20_000]) {
    it(`find the small window on a loop and the clock where work moves on, and change their mind: ${entries} entries`, () => {
      const made = miniatures(entries, 2)
      feed(made, loop(entries * 60, entries * 2))
      expect(SHARES[made.champion]).toBe(0.02)
      feed(made, onward(entries * 60, entries / 2))
      expect(SHARES[made.champion]).toBe(0)
      feed(made, loop(entries * 60, entries * 2))
      expect(SHARES[made.champion]).toBe(0.02)
    })
  }

  it('take what is loaded ahead for evidence where it counts as a request, and otherwise not', () => {
    const entries = 50
    const [told, untold] = [miniatures(entries, 1), miniatures(entries, 1)]
    for (const key of onward(entries * 60, entries / 2)) {
      told.loadAhead(scatter(key), true)
      untold.loadAhead(scatter(key), false)
    }
    expect(SHARES[told.champion]).toBe(0)
    expect(SHARES[untold.champion]).toBe(0.02)
  })

  it.each([true, false])('choose as if there were none where few keys are loaded ahead (they count: %s)', (counts) => {
    const entries = 20_000
    const [without, few] = [miniatures(entries, 1), miniatures(entries, 1)]
    let requests = 0
    let next = 0
    // Work that moves on speaks for plain CLOCK, and what is loaded ahead for the small window.
    for (const key of onward(entries * 60, entries / 2)) {
      if (!few.watches(scatter(key))) continue
      without.request(scatter(key))
      few.request(scatter(key))
      if (++requests % 100 === 0) {
        while (!few.watches(scatter(next))) next = (next + 1) % (entries * 2)
        few.loadAhead(scatter(next++), counts)
      }
      expect(few.champion).toBe(without.champion)
    }
    expect(requests).toBeGreaterThan(2000)
  })

  it('choose by requests again once next to nothing is loaded ahead any more', () => {
    const entries = 50
    const made = miniatures(entries, 1)
    for (const key of onward(entries * 60, entries / 2)) made.loadAhead(scatter(key), true)
    expect(SHARES[made.champion]).toBe(0)
    feed(made, loop(entries * 200, entries * 2))
    expect(SHARES[made.champion]).toBe(0.02)
  })

  it.each([
    [100, false],
    [5000, true],
  ])('of a cache of %d entries take what is loaded ahead for evidence: %s', (entries, isTaken) => {
    const [asked, ahead] = [missesMovingOn(entries, false), missesMovingOn(entries, true)]
    expect(ahead < asked * 1.05).toBe(isTaken)
  })

  it('watch all keys of a small cache, and a fixed number however large the cache is', () => {
    const watched = (entries: number): number => {
      const made = miniatures(entries, 0)
      let count = 0
      for (let key = 0; key < entries; key++) if (made.watches(scatter(key))) count++
      return count
    }
    expect(watched(64)).toBe(64)
    for (const entries of [1000, 100_000, 1_000_000]) {
      expect(watched(entries)).toBeGreaterThan(16)
      expect(watched(entries)).toBeLessThan(100)
    }
  })

  it('do not wait for the end of a round where a rival is better beyond doubt', () => {
    const made = miniatures(20_000, 1)
    feed(made, onward(20_000 * 6, 5000))
    expect(SHARES[made.champion]).toBe(0)
  })

  it('stay with their champion while no other is clearly better', () => {
    const made = miniatures(1000, 1)
    feed(
      made,
      (function* () {
        for (let key = 0; key < 300_000; key++) yield key
      })(),
    )
    expect(made.champion).toBe(1)
  })

  it('survive every change of size, and clear', () => {
    const size = fc.record({ entries: fc.integer({ min: 1, max: 5000 }), full: fc.boolean(), clear: fc.boolean() })
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 12 }), (sizes) => {
        const made = miniatures(10, 0)
        let next = 0
        for (const { entries, full, clear } of sizes) {
          if (clear) made.clear()
          made.fit(entries, full)
          for (let n = 0; n < 3000; n++) {
            const hash = scatter(n % 3 === 0 ? next++ : n % 200)
            if (made.watches(hash)) made.request(hash)
          }
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('small parts', () => {
  it('a directory answers as a Map does', () => {
    const step = fc.record({ hash: fc.integer({ min: -20, max: 20 }), isRemoval: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (list) => {
        const directory = new HashDirectory(16)
        const map = new Map<number, number>()
        for (const { hash, isRemoval } of list) {
          const id = map.get(hash)
          expect(directory.find(hash)).toBe(id ?? -1)
          if (id !== undefined && isRemoval) {
            directory.delete(id)
            map.delete(hash)
          } else if (id === undefined) {
            const given = directory.insert(hash)
            expect(given === -1).toBe(map.size === 16)
            if (given >= 0) map.set(hash, given)
          }
          expect(new Set(map.values()).size).toBe(map.size)
        }
      }),
    )
  })

  it('a queue of slots answers as a list does', () => {
    const step = fc.record({
      slot: fc.integer({ min: 0, max: 40 }),
      action: fc.constantFrom('push', 'push', 'shift', 'drop', 'drop'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 500 }), (list) => {
        const queue = new SlotQueue()
        const model: number[] = []
        for (const { slot, action } of list) {
          const at = model.indexOf(slot)
          if (action === 'shift') expect(queue.shift()).toBe(model.shift() ?? -1)
          else if (action === 'push' && at < 0) {
            queue.push(slot)
            model.push(slot)
          } else if (action === 'drop' && at >= 0) {
            queue.drop(slot)
            model.splice(at, 1)
          }
          expect(queue.length).toBe(model.length)
        }
        for (const slot of model) expect(queue.shift()).toBe(slot)
      }),
    )
  })

  it('a set of slots finds the next member, going round', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 199 })),
        fc.integer({ min: 0, max: 230 }),
        (members, from) => {
          const set = new SlotSet()
          set.grow(200)
          for (const slot of members) set.add(slot)
          const sorted = [...members].sort((a, b) => a - b)
          expect(set.nextFrom(from)).toBe(sorted.find((slot) => slot >= from) ?? sorted[0] ?? -1)
        },
      ),
    )
  })

  it('a ghost queue remembers exactly the last hashes, and takes each once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 30 }))),
        (places, steps) => {
          const queue = new GhostQueue()
          queue.resize(places)
          let row: number[] = []
          for (const [isPut, key] of steps) {
            const isHeld = row.includes(key)
            if (!isPut) {
              expect(queue.take(scatter(key))).toBe(isHeld)
              // An empty place ages like the others.
              row = row.map((held) => (held === key ? -1 : held))
            } else if (!isHeld) {
              queue.put(scatter(key))
              row = [key, ...row].slice(0, places)
            }
          }
        },
      ),
    )
  })

  it('ghosts remember about as many as they should, and take each once', () => {
    const ghosts = new Ghosts()
    ghosts.resize(1000)
    for (let key = 0; key < 5000; key++) ghosts.put(scatter(key))
    const found = (from: number, to: number): number => {
      let count = 0
      for (let key = from; key < to; key++) if (ghosts.take(scatter(key))) count++
      return count
    }
    expect(found(100_000, 110_000)).toBeLessThan(10)
    expect(found(4500, 5000)).toBeGreaterThan(450)
    expect(found(0, 3000)).toBeLessThan(60)
    // Two keys in a bucket may share a fingerprint.
    expect(found(4500, 5000)).toBeLessThan(5)
  })

  it('what an entry weighs is kept to 5 %, and unknown costs count as the usual one', () => {
    const worth = new Worth(true)
    worth.grow(4)
    for (const weight of [1, 7, 100, 1500, 65_536, 3_000_000_000]) {
      worth.set(0, weight, 0)
      expect(Math.abs(worth.weight(0) / weight - 1)).toBeLessThan(0.05)
    }
    for (let i = 0; i < 1000; i++) worth.set(1, 100, 20)
    worth.set(2, 100, 160)
    worth.set(3, 100, 0)
    expect(worth.factor(3)).toBe(worth.factor(1))
    // Eight times the usual, of which twice is noise.
    expect(worth.factor(2) / worth.factor(1)).toBeCloseTo(4, 5)
  })

  it('costs within a factor of two of the usual are the usual', () => {
    const worth = new Worth(false)
    worth.grow(4)
    for (let i = 0; i < 1000; i++) worth.set(0, 1, 20)
    worth.set(1, 1, 11)
    worth.set(2, 1, 39)
    worth.set(3, 1, 90)
    expect([1, 2].map((slot) => worth.factor(slot))).toEqual([1, 1])
    expect(worth.factor(3)).toBeGreaterThan(2)
  })
})
