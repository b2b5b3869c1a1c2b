// Each policy beside its slow model: the same requests must push out the same keys, one by one.
import { describe, expect, it } from 'vitest'
import type { Eviction } from '../../../src/core/contracts.ts'
import { ClockWindow } from '../../../src/memory/policies/clock-window.ts'
import { lru, s3Fifo, sieve, wTinyLfu } from '../../../src/memory/policies/index.ts'
import { FrequencySketch } from '../../../src/memory/policies/sketch.ts'
import { EvictionDriver } from '../../../src/testing/eviction.ts'
import fc from '../../properties.ts'
import { clockWindowModel, lruModel, type Model, s3FifoModel, sieveModel, trueCounts, wTinyLfuModel } from './models.ts'

/** Keys whose hashes differ in every part that the policies look at; a test below proves it. */
const KEYS = 24
const hashOf = (key: number): number => Math.imul(key + 1, 0x9e3779b1) >>> 0

type Step = { readonly key: number; readonly isRemoval: boolean }
const steps = fc.array(
  fc.record({
    // Squared, so that some keys are asked for far more often than others.
    key: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map((x) => Math.floor(x * x * KEYS)),
    isRemoval: fc.integer({ min: 0, max: 19 }).map((dice) => dice === 0),
  }),
  { minLength: 50, maxLength: 600 },
)

/** Plays the steps against both and compares who leaves. */
function play(policy: Eviction, model: Model, capacity: number, list: readonly Step[]): void {
  const driver = new EvictionDriver(policy, capacity + 1)
  const slots = new Map<string, number>()
  const keys = new Map<number, string>()
  list.forEach(({ key, isRemoval }, at) => {
    const name = String(key)
    const slot = slots.get(name)
    if (isRemoval) {
      if (slot === undefined) return
      driver.remove(slot)
      slots.delete(name)
      model.remove(name)
      return
    }
    let left: string | undefined
    if (slot !== undefined) driver.hit(slot)
    else {
      const taken = driver.add(hashOf(key))
      slots.set(name, taken)
      keys.set(taken, name)
      if (driver.held.size > capacity) {
        left = keys.get(driver.victim())
        slots.delete(left ?? '')
      }
    }
    expect(left, `step ${at}, key ${name}`).toBe(model.request(name))
  })
}

function agrees(title: string, most: number, make: (capacity: number) => { policy: Eviction; model: Model }): void {
  it(title, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: most }), steps, (capacity, list) => {
        const { policy, model } = make(capacity)
        play(policy, model, capacity, list)
      }),
      { numRuns: 150 },
    )
  })
}

const entries = (capacity: number) => ({ capacity, unit: 'entries' as const })

describe('policies push out whom their models push out', () => {
  agrees('lru', 20, (capacity) => ({ policy: lru(entries(capacity)), model: lruModel(capacity) }))
  agrees('sieve', 20, (capacity) => ({ policy: sieve(entries(capacity)), model: sieveModel(capacity) }))
  agrees('s3-fifo', 20, (capacity) => ({
    policy: s3Fifo(entries(capacity)),
    model: s3FifoModel(capacity, Math.ceil(capacity * 0.9)),
  }))
  agrees('w-tinylfu', 20, (capacity) => ({
    policy: wTinyLfu(entries(capacity)),
    model: wTinyLfuModel(capacity, capacity),
  }))
  // One bucket of eight ghosts is a queue; more buckets are many queues, which no simple model has.
  for (const share of [0, 0.1, 0.4, 1]) {
    agrees(`adaptive with a window of ${share * 100} %`, 15, (capacity) => ({
      policy: fixedWindow(share),
      model: clockWindowModel(capacity, share, 200, 8),
    }))
  }
})

/** The adaptive policy's machine alone, with a window that stays. */
function fixedWindow(share: number): Eviction {
  const sketch = { wordsPerEntry: 1, leastWords: 1024, samplePerEntry: 1, leastSample: 200 }
  const areas = new ClockWindow(new Int32Array(64), { share, ghostShare: 0.5, sketch, weighed: false })
  return {
    name: 'fixed',
    markLimit: 3,
    get marks() {
      return areas.marks
    },
    hit() {
      throw new Error('the marks say it all')
    },
    add(slot, hash, weight, cost) {
      areas.hashes[slot] = hash
      areas.add(slot, weight, cost)
    },
    reweigh: (slot, weight, cost) => areas.reweigh(slot, weight, cost),
    remove: (slot) => areas.remove(slot),
    victim: () => areas.victim(),
    grow: (slots) => areas.grow(slots),
    resize() {},
    clear: () => areas.clear(),
  }
}

describe('a step of the adaptive policy', () => {
  it.each([0, 0.12, 1])('passes a bounded number of entries, also where all of many were read: window %d', (share) => {
    const policy = fixedWindow(share)
    const driver = new EvictionDriver(policy, 20_001)
    for (let key = 0; key < 20_000; key++) driver.add(hashOf(key))
    const marks = policy.marks ?? new Uint8Array(0)
    marks.fill(3)
    for (let round = 0; round < 3; round++) {
      driver.add(hashOf(20_000 + round))
      const before = marks.slice()
      expect(driver.victim()).toBeGreaterThanOrEqual(0)
      expect(before.filter((mark, slot) => mark !== marks[slot]).length).toBeLessThan(1000)
    }
  })
})

describe('where entries differ in weight', () => {
  it('compares several once, and not again in each contest that the least of them wins: they lose one read', () => {
    const sketch = { wordsPerEntry: 1, leastWords: 1024, samplePerEntry: 32, leastSample: 4096 }
    const areas = new ClockWindow(new Int32Array(64), { share: 0.5, ghostShare: 0, sketch, weighed: true })
    areas.grow(64)
    const add = (slot: number, key: number): void => {
      areas.hashes[slot] = hashOf(key)
      areas.marks[slot] = 0
      areas.add(slot, 100, 0)
    }
    for (let slot = 0; slot < 64; slot++) add(slot, slot)
    // The oldest half is in the main area. One of it leaves, so that the window exceeds its share from now on.
    expect(areas.victim()).toBe(0)
    add(0, 64)
    for (let slot = 2; slot < 32; slot += 2) areas.marks[slot] = 3
    // No newcomer is asked for twice, so each loses.
    for (let key = 65; key < 85; key++) {
      const slot = areas.victim()
      expect(slot).toBeGreaterThanOrEqual(32)
      add(slot, key)
    }
    const readsOf = (from: number, to: number) => [...areas.marks.subarray(from, to)].filter((_, at) => at % 2 === 0)
    expect(readsOf(2, 15)).toEqual(Array(7).fill(2))
    expect(readsOf(16, 32)).toEqual(Array(8).fill(3))
  })
})

describe('the sketch', () => {
  it('counts as a true count does while keys do not collide, through halvings and growth', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: KEYS - 1 }), { maxLength: 1500 }), (list) => {
        const sketch = new FrequencySketch({ wordsPerEntry: 1, leastWords: 1024, samplePerEntry: 10, leastSample: 64 })
        sketch.grow(20)
        const counts = trueCounts(200)
        for (const key of list) {
          sketch.count(hashOf(key))
          counts.count(String(key))
        }
        for (let key = 0; key < KEYS; key++) expect(sketch.frequency(hashOf(key))).toBe(counts.of(String(key)))
        sketch.grow(2048)
        for (let key = 0; key < KEYS; key++) expect(sketch.frequency(hashOf(key))).toBe(counts.of(String(key)))
      }),
      { numRuns: 60 },
    )
  })

  it('never tells less than the truth, however many keys collide', () => {
    const sketch = new FrequencySketch({ wordsPerEntry: 0.5, leastWords: 16, samplePerEntry: 1e6, leastSample: 1e6 })
    sketch.grow(32)
    for (let key = 0; key < 500; key++) for (let n = 0; n <= key % 9; n++) sketch.count(hashOf(key))
    for (let key = 0; key < 500; key++) expect(sketch.frequency(hashOf(key))).toBeGreaterThanOrEqual((key % 9) + 1)
  })
})
