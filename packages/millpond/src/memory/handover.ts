// Moves entries from one eviction policy to another, some at a time: until all have moved, each slot belongs to one of
// the two.
//
// New entries go to the new policy, and victims are taken from the old one as long as it has any: so the new policy
// does not learn about entries that are about to leave, and sees all of the traffic from the start. The load times of
// moved entries are lost.
import type { Eviction } from '../core/contracts.ts'

export class Handover implements Eviction {
  readonly name: string
  readonly to: Eviction
  readonly #from: Eviction
  readonly #weightOf: (slot: number) => number
  /** 1: the slot belongs to the new policy. */
  #moved: Uint8Array
  #hashes: Int32Array
  #next = 0

  /** @param weightOf the weight of the entry in a slot, in the new policy's unit. */
  constructor(from: Eviction, to: Eviction, hashes: Int32Array, weightOf: (slot: number) => number) {
    this.name = to.name
    this.to = to
    this.#from = from
    this.#weightOf = weightOf
    this.#moved = new Uint8Array(hashes.length)
    this.#hashes = hashes
    if (hashes.length > 0) to.grow(hashes.length, hashes)
  }

  /** Moves up to `count` slots, of those below `end` for which `holds` is true. `false`: all have moved. */
  advance(count: number, end: number, holds: (slot: number) => boolean): boolean {
    for (let left = count; this.#next < end && left > 0; this.#next++) {
      if (!holds(this.#next) || this.#moved[this.#next] === 1) continue
      left--
      this.#from.remove(this.#next)
      this.#take(this.#next, this.#weightOf(this.#next), 0)
    }
    return this.#next < end
  }

  /** The store does not set marks for a handover, so policies that use marks are updated here. */
  hit(slot: number): void {
    const policy = this.#moved[slot] === 1 ? this.to : this.#from
    const { marks, markLimit = 0 } = policy
    const mark = marks?.[slot]
    if (marks === undefined || mark === undefined || mark > markLimit) policy.hit(slot)
    else if (mark < markLimit) marks[slot] = mark + 1
  }

  add(slot: number, hash: number, weight: number, cost: number, isAhead?: boolean): void {
    this.#moved[slot] = 1
    this.to.add(slot, hash, weight, cost, isAhead)
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

  /** The budget is in the new policy's unit. */
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
