// The last reads of each session, request or stream: four keys each, for the contexts seen most recently.
import { mixed } from '../../core/key-hash.ts'

const CONTEXTS = 16_384
export const REMEMBERED = 4

export class Contexts {
  /** Hashes of the keys that were read, the last one first; `lengths` holds their number. */
  readonly last = new Int32Array(CONTEXTS * REMEMBERED)
  readonly lengths = new Uint8Array(CONTEXTS)
  readonly #tags = new Int32Array(CONTEXTS)

  /** The start of the context's keys. On a collision the context starts anew. */
  find(context: number): number {
    const cell = mixed(context) & (CONTEXTS - 1)
    if (this.#tags[cell] !== context) {
      this.#tags[cell] = context
      this.lengths[cell] = 0
    }
    return cell
  }

  push(cell: number, hash: number): void {
    const from = cell * REMEMBERED
    this.last.copyWithin(from + 1, from, from + REMEMBERED - 1)
    this.last[from] = hash
    if ((this.lengths[cell] as number) < REMEMBERED) this.lengths[cell] = (this.lengths[cell] as number) + 1
  }
}
