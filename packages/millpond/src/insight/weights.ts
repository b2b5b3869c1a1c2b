// The weights of sampled keys, by hash: a missed read reports none, and a stored value its own bytes, without those of
// its key and its place in memory.
import { mixed } from '../core/key-hash.ts'

/** A power of two. */
const CELLS = 32_768
/** The weight of one observation in the mean. */
const STEP = 0.001
/** The same in what an entry weighs more than its value. */
const STEP_OF_MORE = 0.01

export class Weights {
  readonly #tags = new Int32Array(CELLS)
  readonly #weights = new Float32Array(CELLS)
  /** The bytes that were stored, until a hit reports what the entry weighs. */
  readonly #stored = new Float32Array(CELLS)
  #mean = 0
  #more: number | undefined

  /** If unreported: the key's last weight, or the mean weight. */
  of(hash: number, told: number): number {
    const cell = mixed(hash) & (CELLS - 1)
    const isSame = this.#tags[cell] === hash
    if (told <= 0) return isSame && this.#weights[cell] !== 0 ? (this.#weights[cell] as number) : this.#mean || 1
    const stored = this.#stored[cell] as number
    if (isSame && stored > 0) {
      const more = told - stored
      this.#more = this.#more === undefined ? more : this.#more + STEP_OF_MORE * (more - this.#more)
    }
    this.#set(cell, hash, told, 0)
    return told
  }

  /** A value of so many bytes was stored; 0: unreported. What its entry weighs. */
  ofStored(hash: number, bytes: number): number {
    if (bytes <= 0) return this.of(hash, 0)
    const weight = Math.max(1, bytes + (this.#more ?? 0))
    this.#set(mixed(hash) & (CELLS - 1), hash, weight, bytes)
    return weight
  }

  #set(cell: number, hash: number, weight: number, stored: number): void {
    this.#tags[cell] = hash
    this.#weights[cell] = weight
    this.#stored[cell] = stored
    this.#mean += (weight - this.#mean) * (this.#mean === 0 ? 1 : STEP)
  }
}
