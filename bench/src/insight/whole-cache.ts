// A whole cache of hashes under one of the shipped policies, where more than one hand puts keys into it.
import { policyByName } from 'millpond/memory'

export class WholeCache {
  readonly #capacity: number
  readonly #policy: ReturnType<ReturnType<typeof policyByName>>
  readonly #slots = new Map<number, number>()
  readonly #hashes: Int32Array
  #free: number

  constructor(policy: string, capacity: number) {
    this.#capacity = capacity
    this.#policy = policyByName(policy)({ capacity, unit: 'entries' })
    this.#hashes = new Int32Array(capacity + 1)
    this.#policy.grow(capacity + 1, this.#hashes)
    this.#free = 0
  }

  has(hash: number): boolean {
    return this.#slots.has(hash)
  }

  /** `false`: it is not there. */
  hit(hash: number): boolean {
    const slot = this.#slots.get(hash)
    if (slot === undefined) return false
    const { marks, markLimit = 0 } = this.#policy
    const mark = marks?.[slot]
    if (marks === undefined || mark === undefined || mark > markLimit) this.#policy.hit(slot)
    else if (mark < markLimit) marks[slot] = mark + 1
    return true
  }

  /** As memory does for a key that will be read soon. */
  keep(hash: number): void {
    const slot = this.#slots.get(hash)
    if (slot === undefined) return
    const { marks, markLimit = 0 } = this.#policy
    if (marks === undefined) this.#policy.hit(slot)
    else if (((marks[slot] as number) & markLimit) === 0) marks[slot] = (marks[slot] as number) + 1
  }

  /** It must not be there yet. `isAhead`: it was prefetched. */
  add(hash: number, isAhead = false): void {
    const slot = this.#free
    this.#slots.set(hash, slot)
    this.#hashes[slot] = hash
    this.#policy.add(slot, hash, 1, 0, isAhead)
    if (this.#slots.size <= this.#capacity) {
      this.#free = this.#slots.size
      return
    }
    this.#free = this.#policy.victim()
    this.#slots.delete(this.#hashes[this.#free] as number)
  }
}
