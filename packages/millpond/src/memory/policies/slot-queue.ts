// A first-in first-out queue of slots in a ring: 4 bytes per queued slot, nothing for the others.
const FIRST_LENGTH = 16

/** Slots that left in between stay in the ring as dead letters; the owner says on `grow` which ones still count. */
export class SlotQueue {
  #ring = new Int32Array(FIRST_LENGTH)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Whether `push` needs `compact` first. */
  get isFull(): boolean {
    return this.#length === this.#ring.length
  }

  push(slot: number): void {
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = slot
    this.#length++
  }

  /** The oldest, or -1. */
  shift(): number {
    if (this.#length === 0) return -1
    const slot = this.#ring[this.#head] ?? -1
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    return slot
  }

  /** Drops the dead letters, and doubles the ring when that freed less than half of it: O(1) per push in the mean. */
  compact(lives: (slot: number) => boolean): void {
    const kept: number[] = []
    for (let i = 0; i < this.#length; i++) {
      const slot = this.#ring[(this.#head + i) & (this.#ring.length - 1)] ?? -1
      if (lives(slot)) kept.push(slot)
    }
    if (kept.length * 2 > this.#ring.length) this.#ring = new Int32Array(this.#ring.length * 2)
    this.#ring.set(kept)
    this.#head = 0
    this.#length = kept.length
  }

  clear(): void {
    this.#head = 0
    this.#length = 0
  }
}
