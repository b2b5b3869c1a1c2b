// A table of the index whose entries move to others, some at a time, so that no single insertion pays for all of them.
//
// The cells of moved entries stay in place and are skipped: a search probes the same cells as before, so entries not
// yet moved are found. An entry removed meanwhile leaves a tombstone in its cell.
import { hashKey } from './hash.ts'
import { type Cells, TWIN } from './probe-table.ts'
import type { Slots } from './slots.ts'

const NONE = -1
/** A tombstone: a cell without a slot that is not empty. */
const REMOVED = 1 << 31
/** Cells scanned for entries in one step: as much work as moving an entry or two. */
const CELLS_A_STEP = 512

export class RehashingTable {
  /** Entries that have not moved yet. */
  size: number
  /** The windows of its hashes; empty: they are hashes of whole keys. */
  readonly windows: Int32Array
  /** Its strays move to the strays, without a check whether they may return to the usual table. */
  readonly staysStray: boolean
  readonly known: number
  readonly #slots: Slots
  readonly #cells: Int32Array
  readonly #mask: number
  readonly #reach: number
  readonly #slotMask: number
  /** Entries in the cells before this one have moved. */
  #next = 0

  constructor(
    slots: Slots,
    { cells, slotMask, reach, known }: Cells,
    size: number,
    windows: Int32Array,
    staysStray: boolean,
  ) {
    this.#slots = slots
    this.#cells = cells
    this.#mask = cells.length - 1
    this.#slotMask = slotMask
    this.#reach = reach
    this.known = known
    this.size = size
    this.windows = windows
    this.staysStray = staysStray
  }

  /** The key's slot, or -1. */
  find(key: string, hash: number): number {
    const cells = this.#cells
    const mask = this.#mask
    const slotMask = this.#slotMask
    let at = hash & mask
    for (let reach = this.#reach; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) break
      const slot = (cell & slotMask) - 1
      if (slot >= 0 && ((cell ^ hash) & ~slotMask) === 0) {
        if (at >= this.#next && this.#slots.isKey(slot, key)) return slot
        reach -= TWIN
      }
      at = (at + 1) & mask
    }
    return NONE
  }

  /** `false`: not in this table, or moved already. */
  remove(slot: number): boolean {
    const cells = this.#cells
    const mask = this.#mask
    const slotMask = this.#slotMask
    const home = mask <= this.known ? (this.#slots.hashes[slot] as number) : hashKey(this.#slots.key(slot))
    let at = home & mask
    for (let steps = this.#reach; steps >= 0 && cells[at] !== 0; steps--) {
      if (((cells[at] as number) & slotMask) === slot + 1 && at >= this.#next) {
        cells[at] = REMOVED
        this.size--
        return true
      }
      at = (at + 1) & mask
    }
    return false
  }

  /**
   * Calls back for each of the next entries, at most `count`, with the known bits of its hash: the low ones up to
   * `known`, and those above the slot's.
   */
  move(count: number, place: (slot: number, hash: number) => void): void {
    const slotMask = this.#slotMask
    for (let looks = CELLS_A_STEP; looks > 0 && count > 0 && this.size > 0; looks--) {
      const cell = this.#cells[this.#next++] as number
      const slot = (cell & slotMask) - 1
      if (slot < 0) continue
      count--
      this.size--
      place(slot, (cell & ~slotMask) | ((this.#slots.hashes[slot] as number) & slotMask))
    }
  }

  /** Writes the slots that are in the table from `at` on; returns where they end. */
  copySlots(to: Int32Array, at: number): number {
    for (let from = this.#next; from < this.#cells.length; from++) {
      const slot = ((this.#cells[from] as number) & this.#slotMask) - 1
      if (slot >= 0) to[at++] = slot
    }
    return at
  }
}
