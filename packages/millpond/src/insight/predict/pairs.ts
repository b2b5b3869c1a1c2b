// Successors of two consecutive keys: PPM of order 2 (Cleary, Witten, 1984), in cells by the hash of both.
import { mixed } from '../../core/key-hash.ts'

export const PAIR = 2
const MOST = 60

export class Pairs {
  readonly to: Int32Array
  readonly count: Uint8Array
  readonly total: Uint8Array
  readonly #tags: Uint16Array
  readonly #mask: number

  constructor(cells: number) {
    this.#mask = cells - 1
    this.to = new Int32Array(cells * PAIR)
    this.count = new Uint8Array(cells * PAIR)
    this.total = new Uint8Array(cells)
    this.#tags = new Uint16Array(cells)
  }

  /** The cell of this pair; -1 if nothing is known of it. */
  find(before: number, last: number): number {
    const mix = mixed(Math.imul(before, 31) ^ last)
    const cell = mix & this.#mask
    return this.total[cell] !== 0 && this.#tags[cell] === mix >>> 16 ? cell : -1
  }

  see(before: number, last: number, hash: number): void {
    const mix = mixed(Math.imul(before, 31) ^ last)
    const cell = mix & this.#mask
    const at = cell * PAIR
    if (this.#tags[cell] !== mix >>> 16) {
      // An existing pair is decremented by each other pair that maps to its cell.
      if ((this.total[cell] as number) > 1) {
        this.total[cell] = (this.total[cell] as number) >> 1
        for (let one = at; one < at + PAIR; one++) this.count[one] = (this.count[one] as number) >> 1
        return
      }
      this.#tags[cell] = mix >>> 16
      this.total[cell] = 0
      this.count.fill(0, at, at + PAIR)
    }
    this.total[cell] = (this.total[cell] as number) + 1
    const one =
      this.to[at] === hash && this.count[at] !== 0
        ? at
        : this.to[at + 1] === hash && this.count[at + 1] !== 0
          ? at + 1
          : -1
    if (one >= 0) this.count[one] = (this.count[one] as number) + 1
    else {
      const least = (this.count[at] as number) <= (this.count[at + 1] as number) ? at : at + 1
      if ((this.count[least] as number) > 1) this.count[least] = (this.count[least] as number) - 1
      else {
        this.to[least] = hash
        this.count[least] = 1
      }
    }
    if ((this.total[cell] as number) < MOST) return
    this.total[cell] = (this.total[cell] as number) >> 1
    for (let each = at; each < at + PAIR; each++) this.count[each] = (this.count[each] as number) >> 1
  }
}
