// The weights of sampled keys, by hash, since a missed read does not report one.
import { mixed } from '../core/key-hash.ts'

/** A power of two. */
const CELLS = 32_768
/** The weight of one observation in the mean. */
const STEP = 0.001

export class Weights {
  readonly #tags = new Int32Array(CELLS)
  readonly #weights = new Float32Array(CELLS)
  #mean = 0

  /** If unreported: the key's last weight, or the mean weight. */
  of(hash: number, told: number): number {
    const cell = mixed(hash) & (CELLS - 1)
    if (told > 0) {
      this.#tags[cell] = hash
      this.#weights[cell] = told
      this.#mean += (told - this.#mean) * (this.#mean === 0 ? 1 : STEP)
      return told
    }
    return this.#tags[cell] === hash && this.#weights[cell] !== 0 ? (this.#weights[cell] as number) : this.#mean || 1
  }
}
