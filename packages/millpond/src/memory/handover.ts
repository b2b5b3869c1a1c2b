// Hands entries from one eviction policy to another, some at a time: until all have gone over, each slot belongs to one
// of the two.
//
// What is new goes to the new policy, what must leave is asked of the old one as long as it has somebody: so nothing is
// learnt anew about entries that are about to leave, and the new policy sees all of the traffic from the first moment.
// Load times of what went over are not known any more.
import type { Eviction } from '../core/contracts.ts'

export class Handover implements Eviction {
  readonly name: string
  readonly to: Eviction
  readonly #from: Eviction
  readonly #weightOf: (slot: number) => number
  /** 1: the slot is the new policy's. */
  #moved: Uint8Array
  #hashes: Int32Array
  #next = 0

  /** @param weightOf what the entry in a slot weighs in the new policy's unit. */
  constructor(from: Eviction, to: Eviction, hashes: Int32Array, weightOf: (slot: number) => number) {
    this.name = to.name
    this.to = to
    this.#from = from
    this.#weightOf = weightOf
    this.#moved = new Uint8Array(hashes.length)
    this.#hashes = hashes
    if (hashes.length > 0) to.grow(hashes.length, hashes)
  }

  /** Takes over up to `count` slots of those below `end` that `holds` an entry. `false`: all have gone over. */
  advance(count: number, end: number, holds: (slot: number) => boolean): boolean {
    for (let left = count; this.#next < end && left > 0; this.#next++) {
      if (!holds(this.#next) || this.#moved[this.#next] === 1) continue
      left--
      this.#from.remove(this.#next)
      this.#take(this.#next, this.#weightOf(this.#next), 0)
    }
    return this.#next < end
  }

  /** The store bumps no marks for it: whoever works by marks is served here. */
  hit(slot: number): void {
    const policy = this.#moved[slot] === 1 ? this.to : this.#from
    const { marks, markLimit = 0 } = policy
    const mark = marks?.[slot]
    if (marks === undefined || mark === undefined || mark > markLimit) policy.hit(slot)
    else if (mark < markLimit) marks[slot] = mark + 1
  }

  add(slot: number, hash: number, weight: number, cost: number): void {
    this.#moved[slot] = 1
    this.to.add(slot, hash, weight, cost)
  }

  reweigh(slot: number, weight: number, cost: number): void {
    if (this.#moved[slot] === 1) this.to.reweigh(slot, weight, cost)
    else {
      this.#from.remove(slot)
      this.#take(slot, weight, cost)
    }
  }

  remove(slot: number): void {
    if (this.#moved[slot] === 1) this.to.remove(slot)
    else this.#from.remove(slot)
    this.#moved[slot] = 0
  }

  victim(): number {
    const old = this.#from.victim()
    if (old >= 0) return old
    const slot = this.to.victim()
    if (slot >= 0) this.#moved[slot] = 0
    return slot
  }

  grow(slots: number, hashes: Int32Array): void {
    const moved = new Uint8Array(slots)
    moved.set(this.#moved)
    this.#moved = moved
    this.#hashes = hashes
    this.#from.grow(slots, hashes)
    this.to.grow(slots, hashes)
  }

  rehashed(): void {
    this.#from.rehashed?.()
    this.to.rehashed?.()
  }

  /** The budget is told in the new policy's unit. */
  resize(capacity: number): void {
    this.to.resize(capacity)
  }

  clear(): void {
    this.#from.clear()
    this.to.clear()
    this.#moved.fill(0)
  }

  #take(slot: number, weight: number, cost: number): void {
    this.#moved[slot] = 1
    this.to.add(slot, this.#hashes[slot] ?? 0, weight, cost)
  }
}
