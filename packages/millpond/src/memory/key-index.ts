// From key to slot: open addressing with linear probing over one typed array (Knuth, TAOCP 3, 6.4, algorithms L and R).
import { hashKey } from './hash.ts'
import type { Slots } from './slots.ts'

const NONE = -1
const FIRST_CELLS = 64
/** Grows beyond this share of cells in use: probes stay short, a cell costs 4 bytes. */
const MOST_FULL = 0.75

/**
 * One key space's index. A cell is 0 when empty, else the slot plus one in its low bits and the hash's high bits above them, so that a probe
 * rarely touches a key that is not the one asked for.
 */
export class KeyIndex {
  size = 0
  readonly #slots: Slots
  readonly #slotMask: number
  #cells = new Int32Array(FIRST_CELLS)
  #cellMask = FIRST_CELLS - 1

  constructor(slots: Slots) {
    this.#slots = slots
    this.#slotMask = 2 ** Math.ceil(Math.log2(slots.most + 2)) - 1
  }

  /** The key's slot, or -1. */
  find(key: string): number {
    return this.locate(key, hashKey(key))
  }

  locate(key: string, hash: number): number {
    const cells = this.#cells
    const cellMask = this.#cellMask
    const slotMask = this.#slotMask
    const pairs = this.#slots.pairs
    for (let at = hash & cellMask; ; at = (at + 1) & cellMask) {
      const cell = cells[at] as number
      if (cell === 0) return NONE
      if (((cell ^ hash) & ~slotMask) !== 0) continue
      const slot = (cell & slotMask) - 1
      if (pairs[2 * slot] === key) return slot
    }
  }

  /** The key is not there yet. */
  insert(slot: number, hash: number): void {
    if (this.size >= this.#cells.length * MOST_FULL) this.#grow()
    this.#put(slot, hash)
    this.size++
  }

  #put(slot: number, hash: number): void {
    const cells = this.#cells
    const mask = this.#cellMask
    let at = hash & mask
    while (cells[at] !== 0) at = (at + 1) & mask
    cells[at] = (hash & ~this.#slotMask) | (slot + 1)
  }

  remove(slot: number, hash: number): void {
    const cells = this.#cells
    const mask = this.#cellMask
    const slotMask = this.#slotMask
    let hole = hash & mask
    while (((cells[hole] as number) & slotMask) !== slot + 1) hole = (hole + 1) & mask
    // Move back whoever would no longer be found beyond the hole, instead of leaving a mark that probes must step over for ever.
    const hashes = this.#slots.hashes
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const cell = cells[at] as number
      if (cell === 0) break
      const home = (hashes[(cell & slotMask) - 1] as number) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      cells[hole] = cell
      hole = at
    }
    cells[hole] = 0
    this.size--
  }

  #grow(): void {
    const old = this.#cells
    this.#cells = new Int32Array(old.length * 2)
    this.#cellMask = this.#cells.length - 1
    const hashes = this.#slots.hashes
    for (const cell of old) {
      if (cell === 0) continue
      const slot = (cell & this.#slotMask) - 1
      this.#put(slot, hashes[slot] as number)
    }
  }

  clear(): void {
    this.#cells = new Int32Array(FIRST_CELLS)
    this.#cellMask = FIRST_CELLS - 1
    this.size = 0
  }
}
