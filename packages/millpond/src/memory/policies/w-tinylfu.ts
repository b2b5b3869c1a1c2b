// W-TinyLFU: a recency window before a frequency-guarded main area, with the window's size found by hill climbing.
//
// Admission: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy" (ACM Transactions on
// Storage 2017). The window's size: Einziger, Eytan, Friedman, Manes, "Adaptive Software Cache Management" (Middleware
// 2018), the hill climber. Sizes: Einziger, Eytan, Friedman, Manes, "Lightweight Robust Size Aware Cache Management"
// (ACM Transactions on Storage 2022), aggregated victims: an entry must be requested more often than all entries
// together that would be evicted for it.
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { Climber } from './climber.ts'
import { Segments } from './segments.ts'
import { FrequencySketch } from './sketch.ts'

const WINDOW = 0
const PROBATION = 1
const PROTECTED = 2
const NONE = -1
const PROTECTED_SHARE = 0.8

class WTinyLfu implements Eviction {
  readonly name = 'w-tinylfu'
  #hashes: Int32Array = new Int32Array(0)
  #slots = 0
  #capacity: number
  readonly #weighed: boolean
  readonly #areas: Segments
  readonly #sketch = new FrequencySketch({ wordsPerEntry: 2, leastWords: 1024, samplePerEntry: 10, leastSample: 64 })
  readonly #climber = new Climber()
  /** Nothing was evicted since the last `add`: what the window spills needs no contest. */
  #hasRoom = true

  constructor(capacity: number, weighed: boolean) {
    this.#capacity = capacity
    this.#weighed = weighed
    this.#areas = new Segments(3, weighed)
  }

  hit(slot: number): void {
    this.#use(slot)
    if (this.#climber.request(true)) this.#shrinkWindow()
  }

  #use(slot: number): void {
    this.#sketch.count(this.#hashes[slot] ?? 0)
    const area = this.#areas.of(slot)
    this.#areas.move(area === WINDOW ? WINDOW : PROTECTED, slot)
    if (area === PROBATION) this.#demote()
  }

  add(slot: number, hash: number, weight: number): void {
    if (this.#hasRoom && this.#areas.total(WINDOW) > this.#windowTarget())
      this.#areas.move(PROBATION, this.#areas.back(WINDOW))
    this.#hasRoom = true
    this.#sketch.count(hash)
    this.#areas.add(WINDOW, slot, weight)
    if (this.#climber.request(false)) this.#shrinkWindow()
  }

  reweigh(slot: number, weight: number): void {
    this.#areas.reweigh(slot, weight)
    this.#use(slot)
  }

  remove(slot: number): void {
    this.#areas.remove(slot)
  }

  victim(): number {
    this.#hasRoom = false
    const slot = this.#choose()
    if (slot !== NONE) this.#areas.remove(slot)
    return slot
  }

  #choose(): number {
    const oldest = this.#mainVictim()
    if (oldest === NONE) return this.#areas.back(WINDOW)
    if (this.#areas.total(WINDOW) <= this.#windowTarget()) return oldest
    const candidate = this.#areas.back(WINDOW)
    if (!this.#admits(candidate, oldest)) return candidate
    this.#areas.move(PROBATION, candidate)
    return oldest
  }

  #mainVictim(): number {
    const slot = this.#areas.back(PROBATION)
    return slot === NONE ? this.#areas.back(PROTECTED) : slot
  }

  /** Ties keep the existing entry: on a loop, a cache that never churns is best. */
  #admits(candidate: number, oldest: number): boolean {
    const wanted = this.#frequency(candidate)
    let lost = this.#frequency(oldest)
    let room = this.#areas.weight(oldest)
    for (
      let slot = this.#areas.newer(oldest);
      lost < wanted && slot !== NONE && room < this.#areas.weight(candidate);
      slot = this.#areas.newer(slot)
    ) {
      lost += this.#frequency(slot)
      room += this.#areas.weight(slot)
    }
    return wanted > lost
  }

  #frequency(slot: number): number {
    return this.#sketch.frequency(this.#hashes[slot] ?? 0)
  }

  /** While the protected area exceeds its share of the main area, its oldest entries are demoted. */
  #demote(): void {
    const limit = (this.#capacity - this.#windowTarget()) * PROTECTED_SHARE
    while (this.#areas.total(PROTECTED) > limit) this.#areas.move(PROBATION, this.#areas.back(PROTECTED))
  }

  /**
   * What no longer fits into a smaller window moves to the main area without a contest, at once. By contests alone, a
   * window would not shrink if each candidate loses: a miss adds one and removes one, and the climber would see no
   * effect of its step.
   */
  #shrinkWindow(): void {
    const target = this.#windowTarget()
    while (this.#areas.total(WINDOW) > target) this.#areas.move(PROBATION, this.#areas.back(WINDOW))
  }

  #windowTarget(): number {
    return Math.max(1, Math.floor(this.#capacity * this.#climber.share))
  }

  grow(slots: number, hashes: Int32Array): void {
    this.#hashes = hashes
    if (slots <= this.#slots) return
    this.#slots = slots
    this.#areas.grow(slots)
    this.#resample()
  }

  resize(capacity: number): void {
    this.#capacity = capacity
    this.#resample()
  }

  #resample(): void {
    const entries = this.#weighed ? this.#slots : Math.min(this.#slots, this.#capacity)
    this.#sketch.grow(entries)
    this.#climber.resize(entries)
  }

  clear(): void {
    this.#areas.clear()
    this.#sketch.clear()
    this.#climber.clear()
  }
}

/**
 * Entries must prove themselves in a window and then against the main area's oldest. About 15 bytes per entry, 23 if
 * weights count.
 */
export const wTinyLfu: EvictionFactory = ({ capacity, unit }) => new WTinyLfu(capacity, unit === 'bytes')
