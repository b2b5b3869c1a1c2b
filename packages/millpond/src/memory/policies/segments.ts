// The list of each slot, and the weight of each list: shared by every policy with several queues.
import { grownBytes, grownNumbers } from './arrays.ts'
import { SlotLists } from './slot-lists.ts'

/** Lists of slots with their weights. 9 bytes per slot when every weight is 1, 17 otherwise. */
export class Segments {
  readonly #lists: SlotLists
  readonly #weighed: boolean
  readonly #totals: Float64Array
  #of = new Uint8Array(0)
  #weights = new Float64Array(0)

  /** `weighed`: false when each entry weighs 1. */
  constructor(count: number, weighed: boolean) {
    this.#lists = new SlotLists(count)
    this.#weighed = weighed
    this.#totals = new Float64Array(count)
  }

  grow(slots: number): void {
    this.#lists.grow(slots)
    this.#of = grownBytes(this.#of, slots)
    if (this.#weighed) this.#weights = grownNumbers(this.#weights, slots)
  }

  clear(): void {
    this.#lists.clear()
    this.#totals.fill(0)
  }

  of(slot: number): number {
    return this.#of[slot] ?? 0
  }

  weight(slot: number): number {
    return this.#weighed ? (this.#weights[slot] ?? 0) : 1
  }

  /** The weight of all entries of a list. */
  total(list: number): number {
    return this.#totals[list] ?? 0
  }

  back(list: number): number {
    return this.#lists.back(list)
  }

  newer(slot: number): number {
    return this.#lists.newer(slot)
  }

  add(list: number, slot: number, weight: number): void {
    if (this.#weighed) this.#weights[slot] = weight
    this.#push(list, slot, this.weight(slot))
  }

  move(list: number, slot: number): void {
    const weight = this.weight(slot)
    this.#unlink(slot, weight)
    this.#push(list, slot, weight)
  }

  remove(slot: number): void {
    this.#unlink(slot, this.weight(slot))
  }

  reweigh(slot: number, weight: number): void {
    if (!this.#weighed) return
    const list = this.of(slot)
    this.#totals[list] = this.total(list) + weight - this.weight(slot)
    this.#weights[slot] = weight
  }

  #push(list: number, slot: number, weight: number): void {
    this.#lists.pushFront(list, slot)
    this.#of[slot] = list
    this.#totals[list] = this.total(list) + weight
  }

  #unlink(slot: number, weight: number): void {
    this.#lists.unlink(slot)
    const list = this.of(slot)
    this.#totals[list] = this.total(list) - weight
  }
}
