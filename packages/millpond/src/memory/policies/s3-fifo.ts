// S3-FIFO: a small queue that filters one-hit wonders, a main queue, and a ghost queue (Yang, Zhang, Qiu, Yue, Rashmi,
// SOSP 2023).
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { grownBytes } from './arrays.ts'
import { GhostQueue } from './ghost-queue.ts'
import { Segments } from './segments.ts'

const SMALL = 0
const MAIN = 1
const NONE = -1
const SMALL_SHARE = 0.1
/** Reads in the small queue that make an entry worth keeping (the paper: "freq > 1"). */
const PROMOTE = 2

class S3Fifo implements Eviction {
  readonly name = 's3-fifo'
  readonly markLimit = 3
  marks = new Uint8Array(0)
  #hashes: Int32Array = new Int32Array(0)
  #capacity: number
  readonly #weighed: boolean
  readonly #queues: Segments
  readonly #ghosts = new GhostQueue()
  #slots = 0

  constructor(capacity: number, weighed: boolean) {
    this.#capacity = capacity
    this.#weighed = weighed
    this.#queues = new Segments(2, weighed)
  }

  hit(slot: number): void {
    const mark = this.marks[slot] ?? 0
    if (mark < this.markLimit) this.marks[slot] = mark + 1
  }

  add(slot: number, hash: number, weight: number): void {
    this.marks[slot] = 0
    this.#queues.add(this.#ghosts.take(hash) ? MAIN : SMALL, slot, weight)
  }

  reweigh(slot: number, weight: number): void {
    this.#queues.reweigh(slot, weight)
    this.hit(slot)
  }

  remove(slot: number): void {
    this.#queues.remove(slot)
  }

  victim(): number {
    const small = this.#smallTarget()
    while (this.#queues.total(SMALL) > small || this.#queues.back(MAIN) === NONE) {
      const slot = this.#queues.back(SMALL)
      if (slot === NONE) return NONE
      if ((this.marks[slot] ?? 0) < PROMOTE) {
        this.#queues.remove(slot)
        this.#ghosts.put(this.#hashes[slot] ?? 0)
        return slot
      }
      this.marks[slot] = 0
      this.#queues.move(MAIN, slot)
      if (this.#queues.total(MAIN) > this.#capacity - small) break
    }
    return this.#mainVictim()
  }

  #mainVictim(): number {
    for (;;) {
      const slot = this.#queues.back(MAIN)
      const mark = this.marks[slot] ?? 0
      if (mark === 0) {
        this.#queues.remove(slot)
        return slot
      }
      this.marks[slot] = mark - 1
      this.#queues.move(MAIN, slot)
    }
  }

  #smallTarget(): number {
    return Math.max(1, Math.floor(this.#capacity * SMALL_SHARE))
  }

  grow(slots: number, hashes: Int32Array): void {
    this.#hashes = hashes
    if (slots <= this.#slots) return
    this.#slots = slots
    this.#queues.grow(slots)
    this.marks = grownBytes(this.marks, slots)
    this.#resizeGhosts()
  }

  resize(capacity: number): void {
    this.#capacity = capacity
    this.#resizeGhosts()
  }

  /** As many ghosts as the main queue has entries. */
  #resizeGhosts(): void {
    const entries = this.#weighed ? this.#slots : Math.min(this.#slots, this.#capacity)
    this.#ghosts.resize(entries * (1 - SMALL_SHARE))
  }

  clear(): void {
    this.#queues.clear()
    this.#ghosts.clear()
  }
}

/**
 * Entries must be read twice within a small queue, a tenth of the cache, to reach the rest. About 24 bytes per entry,
 * 32 if weights count.
 */
export const s3Fifo: EvictionFactory = ({ capacity, unit }) => new S3Fifo(capacity, unit === 'bytes')
