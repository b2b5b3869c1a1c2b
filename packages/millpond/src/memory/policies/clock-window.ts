// A cache's order without links: a first-in first-out window, and behind a frequency guard a clock over the slots themselves.
//
// What it takes from whom. W-TinyLFU (Einziger, Friedman, Manes, 2017): a window for the new, a sketch that decides who may stay. CLOCK
// (Corbato, 1969) with a counter as in S3-FIFO (SOSP 2023): a hit is a byte's increment; all else happens when the hand passes, also
// the counting in the sketch ("lazy": what is read often is counted once per round). S3-FIFO's ghosts: who comes back soon after
// it was refused skips the window. A share of 0 is plain CLOCK, the recency end of the scale.
//
// The slot a victim leaves lies just behind the hand, and the store fills it next: slot order is the clock's order, so the main area
// needs no links. Entries that come from the window keep their slots, which costs nothing on the traces.
import { grownBytes } from './arrays.ts'
import { Ghosts } from './ghosts.ts'
import { FrequencySketch, type SketchOptions } from './sketch.ts'
import { SlotQueue } from './slot-queue.ts'
import { SlotSet } from './slot-set.ts'

const NONE = -1
/** A mark's bits that count reads. */
const COUNT = 3

export interface ClockWindowOptions {
  readonly share: number
  readonly ghostShare: number
  readonly sketch: SketchOptions
}

/** Reads the hash of a slot. */
export type HashOf = (slot: number) => number

export class ClockWindow {
  marks = new Uint8Array(0)
  /** The window's part of all weight, 0 .. 1; may change at any time, entries follow as others leave. */
  share: number
  readonly #ghostShare: number
  readonly #hashOf: HashOf
  readonly #queue = new SlotQueue()
  readonly #inWindow = new SlotSet()
  readonly #inMain = new SlotSet()
  readonly #sketch: FrequencySketch
  readonly #ghosts = new Ghosts()
  #windowCount = 0
  #mainCount = 0
  #hand = 0
  #hasRoom = true

  constructor(hashOf: HashOf, options: ClockWindowOptions) {
    this.#hashOf = hashOf
    this.share = options.share
    this.#ghostShare = options.ghostShare
    this.#sketch = new FrequencySketch(options.sketch)
  }

  get size(): number {
    return this.#windowCount + this.#mainCount
  }

  add(slot: number, hash: number): void {
    if (this.#hasRoom) this.#spill()
    this.#hasRoom = true
    this.#sketch.count(hash)
    if (this.share === 0 || this.#ghosts.take(hash)) this.#enterMain(slot)
    else this.#enterWindow(slot)
  }

  /** While nobody has to leave, what the window holds too much needs no contest. */
  #spill(): void {
    if (this.#windowCount <= this.#windowTarget()) return
    const slot = this.#oldestInWindow()
    if (slot !== NONE) this.#enterMain(slot)
  }

  remove(slot: number): void {
    if (this.#inWindow.has(slot)) {
      this.#inWindow.delete(slot)
      this.#windowCount--
    } else if (this.#inMain.has(slot)) {
      this.#inMain.delete(slot)
      this.#mainCount--
    }
  }

  victim(): number {
    this.#hasRoom = false
    while (this.#windowCount > this.#windowTarget() || this.#mainCount === 0) {
      const candidate = this.#oldestInWindow()
      if (candidate === NONE) return this.#mainCount === 0 ? NONE : this.#evictMain(this.#atHand())
      if (this.#wasRead(candidate)) this.#enterWindow(candidate)
      else return this.#contest(candidate)
    }
    return this.#evictMain(this.#atHand())
  }

  /** The window's oldest against the entry at the hand; on a tie what is there stays, so that a loop is not churned. */
  #contest(candidate: number): number {
    if (this.#mainCount === 0) return candidate
    const defender = this.#atHand()
    const hash = this.#hashOf(candidate)
    if (this.#sketch.frequency(hash) > this.#sketch.frequency(this.#hashOf(defender))) {
      this.#enterMain(candidate)
      return this.#evictMain(defender)
    }
    this.#ghosts.put(hash)
    return candidate
  }

  #evictMain(slot: number): number {
    this.#inMain.delete(slot)
    this.#mainCount--
    this.#hand = slot + 1
    return slot
  }

  /** The first entry of the main area from the hand on that was not read; those passed over are counted and lose one read. */
  #atHand(): number {
    for (;;) {
      const slot = this.#inMain.nextFrom(this.#hand)
      const mark = this.marks[slot] ?? 0
      this.#hand = slot
      if ((mark & COUNT) === 0) return slot
      this.marks[slot] = mark - 1
      this.#sketch.count(this.#hashOf(slot))
      this.#hand = slot + 1
    }
  }

  #wasRead(slot: number): boolean {
    const mark = this.marks[slot] ?? 0
    const reads = mark & COUNT
    if (reads === 0) return false
    this.marks[slot] = mark - reads
    const hash = this.#hashOf(slot)
    for (let i = 0; i < reads; i++) this.#sketch.count(hash)
    return true
  }

  /** Takes the oldest out of the window; it belongs nowhere until it enters somewhere or leaves. */
  #oldestInWindow(): number {
    for (;;) {
      const slot = this.#queue.shift()
      if (slot === NONE) return NONE
      if (!this.#inWindow.has(slot)) continue
      this.#inWindow.delete(slot)
      this.#windowCount--
      return slot
    }
  }

  #enterWindow(slot: number): void {
    if (this.#queue.isFull) this.#queue.compact((queued) => this.#inWindow.has(queued))
    this.#queue.push(slot)
    this.#inWindow.add(slot)
    this.#windowCount++
  }

  #enterMain(slot: number): void {
    this.#inMain.add(slot)
    this.#mainCount++
  }

  #windowTarget(): number {
    return this.share === 0 ? 0 : Math.max(1, Math.floor(this.size * this.share))
  }

  grow(slots: number): void {
    this.marks = grownBytes(this.marks, slots)
    this.#inWindow.grow(slots)
    this.#inMain.grow(slots)
    this.#sketch.grow(slots)
    this.#ghosts.resize(slots * this.#ghostShare)
  }

  clear(): void {
    this.#queue.clear()
    this.#inWindow.clear()
    this.#inMain.clear()
    this.#sketch.clear()
    this.#ghosts.clear()
    this.#windowCount = 0
    this.#mainCount = 0
    this.#hand = 0
    this.#hasRoom = true
  }
}
