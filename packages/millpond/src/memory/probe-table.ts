// Open addressing with linear probing over one typed array (Knuth, TAOCP 3, 6.4, algorithms L and R), with or without a
// bounded probe length.
import { hashKey } from './hash.ts'
import type { Slots } from './slots.ts'

const NONE = -1
export const FIRST_CELLS = 64
/** The probe length of a bounded table in cells, reduced by `TWIN` for each other key with the same hash. */
export const REACH = 64
export const TWIN = 32
/** Grows beyond this load factor: probes stay short, and a cell costs 4 bytes. */
const MOST_FULL = 0.75
const EVERYWHERE = 0x3fffffff

/** The former cells of a table that was given new ones. */
export interface Cells {
  readonly cells: Int32Array
  readonly slotMask: number
  readonly reach: number
  /** Mask of the low bits of `slots.hashes` that are the table's hash of the entries in it. */
  readonly known: number
}

/**
 * A cell is 0 when empty, otherwise the slot plus one in its low bits and the hash's high bits above them, so that a
 * probe rarely reads a key other than the one requested. Bounded: a key that finds no place within reach is rejected,
 * so that no choice of keys makes a step longer.
 */
export class ProbeTable {
  size = 0
  /** Mask of the low bits of `slots.hashes` that are this table's hash of the entries in it. */
  known: number
  readonly #slots: Slots
  readonly #reach: number
  /** These three are public for `KeyIndex.find`, which inlines the bounded search. */
  cells = new Int32Array(FIRST_CELLS)
  mask = FIRST_CELLS - 1
  slotMask: number
  #most = FIRST_CELLS * MOST_FULL

  /** Bounded: for a hash that can be attacked. Otherwise the hash is `hashKey`. */
  constructor(slots: Slots, isBounded: boolean, known: number) {
    this.#slots = slots
    this.known = known
    this.slotMask = slotMaskFor(slots)
    this.#reach = isBounded ? REACH : EVERYWHERE
  }

  /** Its cells are too narrow for all slots that may exist now. */
  get isNarrow(): boolean {
    return slotMaskFor(this.#slots) > this.slotMask
  }

  /** Cells trade bits of the hash for bits of the slot. A bounded table must be empty. */
  widen(): void {
    const before = this.slotMask
    this.slotMask = Math.max(before, slotMaskFor(this.#slots))
    const cells = this.cells
    for (let at = 0; at < cells.length; at++) {
      const cell = cells[at] as number
      if (cell !== 0) cells[at] = (cell & ~this.slotMask) | (cell & before)
    }
  }

  get isFull(): boolean {
    return this.size >= this.#most
  }

  get room(): number {
    return this.cells.length
  }

  /** The key's slot, or -1. */
  find(key: string, hash: number): number {
    const cells = this.cells
    const mask = this.mask
    const slotMask = this.slotMask
    const slots = this.#slots
    let at = hash & mask
    for (let reach = this.#reach; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) break
      if (((cell ^ hash) & ~slotMask) === 0) {
        const slot = (cell & slotMask) - 1
        if (slots.isKey(slot, key)) return slot
        reach -= TWIN
      }
      at = (at + 1) & mask
    }
    return NONE
  }

  /** `false`: no place within reach. The key must not be present, and the table must not be full. */
  insert(slot: number, hash: number): boolean {
    const cells = this.cells
    const slotMask = this.slotMask
    const mask = this.mask
    let at = hash & mask
    for (let reach = this.#reach; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) {
        cells[at] = (hash & ~slotMask) | (slot + 1)
        this.size++
        return true
      }
      if (((cell ^ hash) & ~slotMask) === 0) reach -= TWIN
      at = (at + 1) & mask
    }
    return false
  }

  /** `false`: it is not in this table. */
  remove(slot: number): boolean {
    const cells = this.cells
    const mask = this.mask
    const slotMask = this.slotMask
    let hole = this.#home(slot)
    for (let steps = this.#reach; ((cells[hole] as number) & slotMask) !== slot + 1; steps--) {
      if (steps < 0 || cells[hole] === 0) return false
      hole = (hole + 1) & mask
    }
    // Move back entries that would no longer be found beyond the hole, instead of leaving a tombstone that probes must
    // step over for ever. A key only moves towards its place and never past another, so what was within reach stays so.
    let at = (hole + 1) & mask
    for (let cell = cells[at] as number; cell !== 0; cell = cells[at] as number) {
      const distance = (at - hole) & mask
      if (distance > this.#reach) break
      if (((at - this.#home((cell & slotMask) - 1)) & mask) >= distance) {
        cells[hole] = cell
        hole = at
      }
      at = (at + 1) & mask
    }
    cells[hole] = 0
    this.size--
    return true
  }

  /** Where probing for the slot's key begins. Reads the key only in a table of millions of strays. */
  #home(slot: number): number {
    const mask = this.mask
    return (mask <= this.known ? (this.#slots.hashes[slot] as number) : hashKey(this.#slots.key(slot))) & mask
  }

  /** Empties the table and makes room for other entries; returns its former cells. */
  leave(cells: number): Cells {
    const left: Cells = { cells: this.cells, slotMask: this.slotMask, reach: this.#reach, known: this.known }
    this.reset(cells)
    return left
  }

  /** Slots from all over the table, at most `count`. */
  sample(count: number): number[] {
    const { cells } = this
    const slots: number[] = []
    const step = Math.max(1, Math.floor(cells.length / count))
    for (let begin = 0; begin < cells.length && slots.length < count; begin += step) {
      const end = Math.min(begin + step, cells.length)
      let at = begin
      while (at < end && cells[at] === 0) at++
      if (at < end) slots.push(((cells[at] as number) & this.slotMask) - 1)
    }
    return slots
  }

  /** Writes the slots that are in the table from `at` on; returns where they end. */
  copySlots(to: Int32Array, at: number): number {
    const slotMask = this.slotMask
    for (const cell of this.cells) if (cell !== 0) to[at++] = (cell & slotMask) - 1
    return at
  }

  reset(cells: number): void {
    this.cells = new Int32Array(cells)
    this.mask = cells - 1
    this.#most = cells * MOST_FULL
    this.size = 0
  }

  clear(): void {
    this.reset(FIRST_CELLS)
  }
}

/**
 * Room for every slot plus one. `| 0` keeps it a small integer for V8, which treats the result of a power as a float
 * that each search would convert.
 */
const slotMaskFor = (slots: Slots): number => (2 ** Math.ceil(Math.log2(slots.most + 2)) - 1) | 0
