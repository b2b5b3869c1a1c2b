// Maps hashes to small ids: open addressing with linear probing, for the few keys that the miniatures watch.
import { powerOfTwo } from './arrays.ts'

const FREE = -1

/** Holds at most `most` hashes, each with an id in 0 .. most-1. */
export class HashDirectory {
  readonly hashes: Int32Array
  readonly #cells: Int32Array
  readonly #mask: number
  readonly #free: Int32Array
  #freeCount: number

  constructor(most: number) {
    const cells = powerOfTwo(most * 2)
    this.hashes = new Int32Array(most)
    this.#cells = new Int32Array(cells).fill(FREE)
    this.#mask = cells - 1
    this.#free = Int32Array.from({ length: most }, (_, i) => most - 1 - i)
    this.#freeCount = most
  }

  get size(): number {
    return this.hashes.length - this.#freeCount
  }

  find(hash: number): number {
    for (let cell = this.#home(hash); ; cell = (cell + 1) & this.#mask) {
      const id = this.#cells[cell] ?? FREE
      if (id === FREE || this.hashes[id] === hash) return id
    }
  }

  /** The new id, or -1 when full. The hash must not be present yet. */
  insert(hash: number): number {
    if (this.#freeCount === 0) return FREE
    const id = this.#free[--this.#freeCount] ?? FREE
    this.hashes[id] = hash
    let cell = this.#home(hash)
    while (this.#cells[cell] !== FREE) cell = (cell + 1) & this.#mask
    this.#cells[cell] = id
    return id
  }

  delete(id: number): void {
    let hole = this.#home(this.hashes[id] ?? 0)
    while (this.#cells[hole] !== id) hole = (hole + 1) & this.#mask
    this.#free[this.#freeCount++] = id
    // Shift later cells back, so that no probe ends too early.
    for (let cell = (hole + 1) & this.#mask; this.#cells[cell] !== FREE; cell = (cell + 1) & this.#mask) {
      const follower = this.#cells[cell] ?? FREE
      const home = this.#home(this.hashes[follower] ?? 0)
      if (((cell - home) & this.#mask) < ((cell - hole) & this.#mask)) continue
      this.#cells[hole] = follower
      hole = cell
    }
    this.#cells[hole] = FREE
  }

  clear(): void {
    const most = this.hashes.length
    this.#cells.fill(FREE)
    for (let i = 0; i < most; i++) this.#free[i] = most - 1 - i
    this.#freeCount = most
  }

  #home(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 8) & this.#mask
  }
}
