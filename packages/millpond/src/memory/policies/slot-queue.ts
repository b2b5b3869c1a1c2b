// A FIFO queue of slots in a ring: 4 bytes per queued slot, nothing for the others.
const FIRST_LENGTH = 16

/**
 * A slot is in the queue at most once. A slot dropped out of turn leaves a stale place in the ring until its turn
 * comes.
 */
export class SlotQueue {
  #ring = new Int32Array(FIRST_LENGTH)
  #head = 0
  #letters = 0
  /** How many stale places a slot has: they all precede its valid one. */
  readonly #dead = new Map<number, number>()
  #deadLetters = 0

  get length(): number {
    return this.#letters - this.#deadLetters
  }

  push(slot: number): void {
    if (this.#letters === this.#ring.length)
      this.#make(this.#deadLetters * 2 > this.#letters ? this.#ring.length : this.#ring.length * 2)
    this.#ring[(this.#head + this.#letters) & (this.#ring.length - 1)] = slot
    this.#letters++
  }

  /** The oldest, or -1. */
  shift(): number {
    while (this.#letters > 0) {
      const slot = this.#ring[this.#head] ?? -1
      this.#head = (this.#head + 1) & (this.#ring.length - 1)
      this.#letters--
      if (this.#deadLetters === 0 || !this.#buries(slot)) return slot
    }
    return -1
  }

  /** Removes a slot of the queue out of turn. */
  drop(slot: number): void {
    const last = (this.#head + this.#letters - 1) & (this.#ring.length - 1)
    if (this.#ring[last] === slot) {
      this.#letters--
      return
    }
    this.#dead.set(slot, (this.#dead.get(slot) ?? 0) + 1)
    this.#deadLetters++
  }

  /** Whether this place of the slot is stale; if so, it is no longer counted. */
  #buries(slot: number): boolean {
    const dead = this.#dead.get(slot)
    if (dead === undefined) return false
    if (dead === 1) this.#dead.delete(slot)
    else this.#dead.set(slot, dead - 1)
    this.#deadLetters--
    return true
  }

  /** A new ring with the valid places only: amortized O(1) per push. */
  #make(length: number): void {
    const ring = new Int32Array(length)
    let kept = 0
    for (let slot = this.shift(); slot >= 0; slot = this.shift()) ring[kept++] = slot
    this.#ring = ring
    this.#head = 0
    this.#letters = kept
  }

  clear(): void {
    this.#head = 0
    this.#letters = 0
    this.#dead.clear()
    this.#deadLetters = 0
  }
}
