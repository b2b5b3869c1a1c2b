// A cache's order without links: a first-in first-out window, and behind a frequency guard a clock over the slots
// themselves.
//
// What it takes from whom. W-TinyLFU (Einziger, Friedman, Manes, 2017): a window for the new, a sketch that decides who
// may stay. CLOCK (Corbato, 1969) with a counter as in S3-FIFO (SOSP 2023): a hit is a byte's increment; all else
// happens when the hand passes, also the counting in the sketch ("lazy": what is read often is counted once per round).
// S3-FIFO's ghosts: who comes back soon after it was refused skips the window. A share of 0 is plain CLOCK, the recency
// end of the scale.
//
// The slot a victim leaves lies just behind the hand, and the store fills it next: slot order is the clock's order, so
// the main area needs no links. Entries that come from the window keep their slots, which costs nothing on the traces.
import { grownBytes } from './arrays.ts'
import { Ghosts } from './ghosts.ts'
import { FrequencySketch, type SketchOptions } from './sketch.ts'
import { SlotQueue } from './slot-queue.ts'
import { SlotSet } from './slot-set.ts'
import { Worth } from './worth.ts'

const NONE = -1
/** A mark's bits that count reads. */
const COUNT = 3
/**
 * How many unread entries are compared where values differ: few enough to be cheap, and 8 found most of what 16 find.
 */
const SAMPLE = 8
/** How many entries that were read are passed at once, by the hand and in the window: some microseconds. */
const MOST_STEPS = 256
/** Entries of usual weight that the window may hold too many before it is made to shrink. */
const SLACK = 3
/** The frequency of a key that the sketch does not know: large entries shall not enter for nothing. */
const NEVER_SEEN = 0.5

export interface ClockWindowOptions {
  readonly share: number
  readonly ghostShare: number
  readonly sketch: SketchOptions
  /** Weights differ. */
  readonly weighed: boolean
}

export class ClockWindow {
  marks = new Uint8Array(0)
  /** The hash of each slot; the owner fills it before `add`. */
  hashes: Int32Array
  /** The window's part of all weight, 0 .. 1; may change at any time, entries follow as others leave. */
  share: number
  readonly #ghostShare: number
  readonly #queue = new SlotQueue()
  readonly #inMain = new SlotSet()
  readonly #sketch: FrequencySketch
  readonly #ghosts = new Ghosts()
  readonly #worth: Worth
  #windowWeight = 0
  #mainWeight = 0
  #windowCount = 0
  #mainCount = 0
  #hand = 0
  #hasRoom = true
  /** What is known of the entry that defended the main area last. */
  #defender = NONE
  #defenderCount = 0
  #defendedAt = 0

  constructor(hashes: Int32Array, options: ClockWindowOptions) {
    this.hashes = hashes
    this.share = options.share
    this.#ghostShare = options.ghostShare
    this.#sketch = new FrequencySketch(options.sketch)
    this.#worth = new Worth(options.weighed)
  }

  get size(): number {
    return this.#windowCount + this.#mainCount
  }

  add(slot: number, weight: number, cost: number): void {
    const hash = this.hashes[slot] as number
    if (this.#hasRoom && this.#windowExcess() > 0) this.#spill()
    this.#hasRoom = true
    if (cost > 0 || this.#worth.isTold) this.#worth.set(slot, weight, cost)
    this.#sketch.count(hash)
    if (this.share === 0 || this.#ghosts.take(hash)) this.#enterMain(slot)
    else this.#enterWindow(slot)
  }

  /** While nobody has to leave, what the window holds too much needs no contest. */
  #spill(): void {
    const slot = this.#oldestInWindow()
    if (slot !== NONE) this.#enterMain(slot)
  }

  remove(slot: number): void {
    if (this.#inMain.has(slot)) this.#leaveMain(slot)
    else {
      this.#queue.drop(slot)
      this.#leaveWindow(slot)
    }
  }

  reweigh(slot: number, weight: number, cost: number): void {
    const before = this.#worth.weight(slot)
    if (cost > 0) this.#worth.set(slot, weight, cost)
    else this.#worth.setWeight(slot, weight)
    const change = this.#worth.weight(slot) - before
    if (this.#inMain.has(slot)) this.#mainWeight += change
    else this.#windowWeight += change
  }

  victim(): number {
    this.#hasRoom = false
    // The share was made smaller. A contest for each newcomer keeps the window as it is; one more entry must go each
    // time until it fits.
    if (this.#windowExcess() * this.size > SLACK * (this.#windowWeight + this.#mainWeight)) this.#spill()
    for (let steps = 0; this.#windowExcess() > 0 || this.#mainCount === 0; steps++) {
      const candidate = this.#oldestInWindow()
      if (candidate === NONE) return this.#mainCount === 0 ? NONE : this.#evictMain(this.#leastWorth())
      if (((this.marks[candidate] as number) & COUNT) === 0 || steps === MOST_STEPS) return this.#contest(candidate)
      this.#countReads(candidate)
      this.#enterWindow(candidate)
    }
    return this.#evictMain(this.#leastWorth())
  }

  /** The window's oldest against the main area's choice. */
  #contest(candidate: number): number {
    if (this.#mainCount === 0) return candidate
    const defender = this.#leastWorth()
    if (this.#isWorthMore(candidate, defender)) {
      this.#enterMain(candidate)
      return this.#evictMain(defender)
    }
    this.#ghosts.put(this.hashes[candidate] as number)
    return candidate
  }

  /**
   * A tie keeps what is there. So does a lead of one between keys that are known well: the candidate's count has its
   * latest request in it, the defender's not yet, and on a loop longer than the cache that alone would turn everything
   * over.
   */
  #isWorthMore(candidate: number, defender: number): boolean {
    const attack = this.#sketch.frequency(this.hashes[candidate] as number)
    const defence = this.#defence(defender)
    const needed = defence < 2 ? defence : defence + 1
    if (!this.#worth.isTold) return attack > needed
    return attack * this.#worth.factor(candidate) > Math.max(needed, NEVER_SEEN) * this.#worth.factor(defender)
  }

  /**
   * The frequency of the entry that stands for the main area. It stays the same from contest to contest, as long as the
   * hand rests.
   */
  #defence(slot: number): number {
    const { halvings } = this.#sketch
    if (slot !== this.#defender || halvings !== this.#defendedAt) {
      this.#defender = slot
      this.#defendedAt = halvings
      this.#defenderCount = this.#sketch.frequency(this.hashes[slot] as number)
    }
    return this.#defenderCount
  }

  #evictMain(slot: number): number {
    this.#leaveMain(slot)
    this.#hand = slot + 1
    return slot
  }

  /**
   * Who should leave the main area: the one at the hand, or the least valuable of the next few where values differ. The
   * hand stays.
   */
  #leastWorth(): number {
    const first =
      this.#hand === this.#defender && ((this.marks[this.#hand] as number) & COUNT) === 0 ? this.#hand : this.#atHand()
    if (this.share === 0 || !this.#worth.isTold) return first
    let least = first
    let value = this.#value(first)
    for (let i = 1; i < SAMPLE; i++) {
      this.#hand++
      const slot = this.#atHand()
      const its = this.#value(slot)
      if (its >= value) continue
      least = slot
      value = its
    }
    this.#hand = first
    return least
  }

  #value(slot: number): number {
    return (this.#sketch.frequency(this.hashes[slot] as number) + NEVER_SEEN) * this.#worth.factor(slot)
  }

  /**
   * The first entry of the main area from the hand on that was not read; those passed over are counted and lose one
   * read. Where all of very many were read, the least read of them: nobody who sets one entry waits until the hand has
   * been round.
   */
  #atHand(): number {
    let least = NONE
    let reads = COUNT + 1
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const slot = this.#inMain.nextFrom(this.#hand)
      const mark = this.marks[slot] as number
      this.#hand = slot
      if ((mark & COUNT) === 0) return slot
      if ((mark & COUNT) < reads) {
        least = slot
        reads = mark & COUNT
      }
      if (slot === this.#defender) this.#defender = NONE
      this.marks[slot] = mark - (this.share === 0 ? mark & COUNT : 1)
      this.#sketch.count(this.hashes[slot] as number)
      this.#hand = slot + 1
    }
    return least
  }

  #countReads(slot: number): void {
    const mark = this.marks[slot] as number
    const hash = this.hashes[slot] as number
    this.marks[slot] = mark & ~COUNT
    for (let reads = mark & COUNT; reads > 0; reads--) this.#sketch.count(hash)
  }

  /** Takes the oldest out of the window; it belongs nowhere until it enters somewhere or leaves. */
  #oldestInWindow(): number {
    const slot = this.#queue.shift()
    if (slot !== NONE) this.#leaveWindow(slot)
    return slot
  }

  #enterWindow(slot: number): void {
    this.#queue.push(slot)
    this.#windowCount++
    this.#windowWeight += this.#worth.weight(slot)
  }

  #leaveWindow(slot: number): void {
    this.#windowCount--
    this.#windowWeight -= this.#worth.weight(slot)
  }

  #enterMain(slot: number): void {
    this.#inMain.add(slot)
    this.#mainCount++
    this.#mainWeight += this.#worth.weight(slot)
  }

  #leaveMain(slot: number): void {
    this.#inMain.delete(slot)
    if (slot === this.#defender) this.#defender = NONE
    this.#mainCount--
    this.#mainWeight -= this.#worth.weight(slot)
  }

  /** What the window weighs more than its share; one entry is always granted unless the share is 0. */
  #windowExcess(): number {
    if (this.#windowCount === 1) return this.share === 0 ? 1 : 0
    return this.#windowWeight - (this.#windowWeight + this.#mainWeight) * this.share
  }

  grow(slots: number): void {
    this.marks = grownBytes(this.marks, slots)
    this.#inMain.grow(slots)
    this.#sketch.grow(slots)
    this.#ghosts.resize(slots * this.#ghostShare)
    this.#worth.grow(slots)
  }

  clear(): void {
    this.#queue.clear()
    this.#inMain.clear()
    this.#sketch.clear()
    this.#ghosts.clear()
    this.#windowCount = 0
    this.#mainCount = 0
    this.#windowWeight = 0
    this.#mainWeight = 0
    this.#hand = 0
    this.#hasRoom = true
    this.#defender = NONE
  }
}
