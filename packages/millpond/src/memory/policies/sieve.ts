// SIEVE: a FIFO queue, one visited bit per entry, and a moving hand (Zhang, Yang, Yue, Vigfusson, Rashmi, NSDI 2024).
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { grownBytes } from './arrays.ts'
import { SlotLists } from './slot-lists.ts'

const QUEUE = 0
const NONE = -1

class Sieve implements Eviction {
  readonly name = 'sieve'
  readonly markLimit = 1
  marks = new Uint8Array(0)
  readonly #order = new SlotLists(1)
  /** Where the next search begins; NONE: at the oldest. */
  #hand = NONE
  /** The paper evicts before it inserts: the entry just added is not a candidate. */
  #newest = NONE

  hit(slot: number): void {
    this.marks[slot] = 1
  }

  add(slot: number): void {
    this.marks[slot] = 0
    this.#order.pushFront(QUEUE, slot)
    this.#newest = slot
  }

  reweigh(slot: number): void {
    this.marks[slot] = 1
  }

  remove(slot: number): void {
    if (slot === this.#hand) this.#hand = this.#order.newer(slot)
    if (slot === this.#newest) this.#newest = NONE
    this.#order.unlink(slot)
  }

  victim(): number {
    let slot = this.#hand === NONE ? this.#order.back(QUEUE) : this.#hand
    if (slot === NONE) return NONE
    for (;;) {
      if (slot === this.#newest) {
        const oldest = this.#order.back(QUEUE)
        if (oldest === slot) break
        slot = oldest
      } else if (this.marks[slot] === 0) break
      else {
        this.marks[slot] = 0
        const newer = this.#order.newer(slot)
        slot = newer === NONE ? this.#order.back(QUEUE) : newer
      }
    }
    // In the paper the queue ends before the newest here, so the hand falls off its end and starts again at the oldest.
    const newer = this.#order.newer(slot)
    this.#hand = newer === this.#newest ? NONE : newer
    if (slot === this.#newest) this.#newest = NONE
    this.#order.unlink(slot)
    return slot
  }

  grow(slots: number): void {
    this.#order.grow(slots)
    this.marks = grownBytes(this.marks, slots)
  }

  resize(): void {
    // The store asks for victims while it is over its budget; the queue itself has no size.
  }

  clear(): void {
    this.#order.clear()
    this.#hand = NONE
    this.#newest = NONE
  }
}

/**
 * Evicts the first entry from the hand on that was not read since the hand last passed. Ignores weights. 9 bytes per
 * entry.
 */
export const sieve: EvictionFactory = () => new Sieve()
