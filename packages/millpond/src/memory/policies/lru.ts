// Least recently used: the oldest policy and the baseline (Denning 1968; Mattson et al., IBM Systems Journal 1970).
import type { Eviction, EvictionFactory } from '../../core/contracts.ts'
import { SlotLists } from './slot-lists.ts'

const QUEUE = 0

class Lru implements Eviction {
  readonly name = 'lru'
  readonly #order = new SlotLists(1)

  hit(slot: number): void {
    if (this.#order.front(QUEUE) === slot) return
    this.#order.unlink(slot)
    this.#order.pushFront(QUEUE, slot)
  }

  add(slot: number): void {
    this.#order.pushFront(QUEUE, slot)
  }

  reweigh(slot: number): void {
    this.hit(slot)
  }

  remove(slot: number): void {
    this.#order.unlink(slot)
  }

  victim(): number {
    const slot = this.#order.back(QUEUE)
    if (slot >= 0) this.#order.unlink(slot)
    return slot
  }

  grow(slots: number): void {
    this.#order.grow(slots)
  }

  resize(): void {
    // The store asks for victims while it is over its budget; the order itself has no size.
  }

  clear(): void {
    this.#order.clear()
  }
}

/** Evicts the entry whose last use is longest ago. Ignores weights. 8 bytes per entry. */
export const lru: EvictionFactory = () => new Lru()
