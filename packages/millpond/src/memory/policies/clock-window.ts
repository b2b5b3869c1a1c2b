// A cache order without links: a FIFO window, and behind a frequency guard a clock over the slots themselves.
//
// Sources. W-TinyLFU (Einziger, Friedman, Manes, 2017): a window for new entries, and a sketch that decides admission.
// CLOCK (Corbato, 1969) with a counter as in S3-FIFO (SOSP 2023): a hit increments a byte; everything else happens when
// the hand passes, including counting in the sketch ("lazy": an entry that is read often is counted once per round).
// S3-FIFO's ghosts: keys that return soon after being rejected skip the window. A share of 0 is plain CLOCK, the
// recency end of the scale.
//
// A victim's slot lies just behind the hand, and the store fills it next: slot order is the clock's order, so the main
// area needs no links. Entries from the window keep their slots, which costs nothing on the traces.
import { grownBytes } from './arrays.ts'
import { Ghosts } from './ghosts.ts'
import { FrequencySketch, type SketchOptions } from './sketch.ts'
import { SlotQueue } from './slot-queue.ts'
import { SlotSet } from './slot-set.ts'
import { Worth } from './worth.ts'

const NONE = -1
/** The bits of a mark that count reads. */
const COUNT = 3
/**
 * How many unread entries are compared if values differ: few enough to be cheap, and 8 achieved most of what 16 does.
 */
const SAMPLE = 8
/** How many read entries are passed at once, by the hand and in the window: some microseconds. */
const MOST_STEPS = 256
/** By how many entries of average weight the window may exceed its share before it is made to shrink. */
const SLACK = 3
/**
 * The assumed frequency of a key that the sketch does not know: nonzero, so that size still counts against large
 * entries.
 */
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
  /** The hash of each slot; the owner sets it before `add`. */
  hashes: Int32Array
  /**
   * The window's share of the total weight, 0 .. 1; may change at any time, and entries follow as others are evicted.
   */
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
  /**
   * The main area's last defender, with its cached frequency: how often counts had been halved by then, and where the
   * hand was.
   */
  #defender = NONE
  #defenderCount = 0
  #defendedAt = 0
  #defendedFrom = NONE

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

  /** While nothing must be evicted, the window's excess moves to the main area without a contest. */
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
    if (slot === this.#defender) this.#defender = NONE
    const change = this.#worth.weight(slot) - before
    if (this.#inMain.has(slot)) this.#mainWeight += change
    else this.#windowWeight += change
  }

  victim(): number {
    this.#hasRoom = false
    // The share was reduced. A contest for each new entry keeps the window's size; one more must leave each time until
    // it fits.
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

  /** The window's oldest entry against the main area's choice. */
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
   * A tie keeps the existing entry. So does a lead of one between well-known keys: the candidate's count includes its
   * latest request, the defender's does not yet, and on a loop longer than the cache that alone would turn over
   * everything.
   */
  #isWorthMore(candidate: number, defender: number): boolean {
    const attack = this.#sketch.frequency(this.hashes[candidate] as number)
    const defence = this.#defence(defender)
    const needed = defence < 2 ? defence : defence + 1
    if (!this.#worth.isTold) return attack > needed
    return attack * this.#worth.factor(candidate) > Math.max(needed, NEVER_SEEN) * this.#worth.factor(defender)
  }

  /**
   * The frequency of the entry that defends the main area. Unchanged from contest to contest while the hand does not
   * move.
   */
  #defence(slot: number): number {
    const { halvings } = this.#sketch
    if (slot !== this.#defender || halvings !== this.#defendedAt) {
      this.#defender = slot
      this.#defendedAt = halvings
      this.#defendedFrom = this.#hand
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
   * The main area's eviction candidate: the entry at the hand, or the least valuable of the next few if values differ.
   * Does not move the hand. The entry that has just defended does so again until it is read, leaves or is weighed anew,
   * or counts are halved: comparing all of them again in each contest that it wins would change nothing.
   */
  #leastWorth(): number {
    if (this.#defendsAgain()) return this.#defender
    const first = this.#atHand()
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

  #defendsAgain(): boolean {
    return (
      this.#defender !== NONE &&
      this.#hand === this.#defendedFrom &&
      this.#sketch.halvings === this.#defendedAt &&
      ((this.marks[this.#defender] as number) & COUNT) === 0
    )
  }

  #value(slot: number): number {
    return (this.#sketch.frequency(this.hashes[slot] as number) + NEVER_SEEN) * this.#worth.factor(slot)
  }

  /**
   * The first unread entry of the main area from the hand on; entries passed over are counted and lose one read. If
   * very many were all read, the least read of them, so that one write never waits for a full round of the hand.
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

  /** Removes the oldest entry from the window; the caller must place or evict it. */
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

  /** The window's weight above its share; one entry is always allowed unless the share is 0. */
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
