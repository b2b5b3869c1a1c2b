// Open addressing with linear probing over one typed array (Knuth, TAOCP 3, 6.4, algorithms L and R), with or without a bounded reach.
import type { Slots } from './slots.ts'

const NONE = -1
const FIRST_CELLS = 64
/** Grows beyond this share of cells in use: probes stay short, a cell costs 4 bytes. */
const MOST_FULL = 0.75
/** How far a bounded table looks: so many cells, fewer by `TWIN` for each key of the same hash that was not the one. */
const REACH = 64
const TWIN = 21

/** What a table knows of each slot in place of its hash: how far from home it settled. From here on it must be looked up. */
const FAR_AWAY = 255

/**
 * A cell is 0 when empty, else the slot plus one in its low bits and the hash's high bits above them, so that a probe rarely touches a key
 * that is not the one asked for. Bounded: a key that finds no place within reach is refused, so that no choice of keys makes a step longer.
 */
export class ProbeTable {
  size = 0
  readonly #slots: Slots
  readonly #slotMask: number
  readonly #reach: number
  readonly #hash: (key: string) => number
  #cells = new Int32Array(FIRST_CELLS)
  #mask = FIRST_CELLS - 1

  /** `hash`: the one that `find` and `insert` are called with. */
  constructor(slots: Slots, bounded: boolean, hash: (key: string) => number) {
    this.#slots = slots
    this.#slotMask = 2 ** Math.ceil(Math.log2(slots.most + 2)) - 1
    this.#reach = bounded ? REACH : 0x3fffffff
    this.#hash = hash
  }

  get isFull(): boolean {
    return this.size >= this.#cells.length * MOST_FULL
  }

  get cells(): number {
    return this.#cells.length
  }

  /** The key's slot, or -1. */
  find(key: string, hash: number): number {
    const cells = this.#cells
    const mask = this.#mask
    const slotMask = this.#slotMask
    const pairs = this.#slots.pairs
    let at = hash & mask
    for (let reach = this.#reach; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) break
      if (((cell ^ hash) & ~slotMask) === 0) {
        const slot = (cell & slotMask) - 1
        if (pairs[2 * slot] === key) return slot
        reach -= TWIN
      }
      at = (at + 1) & mask
    }
    return NONE
  }

  /** `false`: no place within reach. The key must not be there yet, the table not full. */
  insert(slot: number, hash: number): boolean {
    const cells = this.#cells
    const slotMask = this.#slotMask
    const mask = this.#mask
    let at = hash & mask
    for (let reach = this.#reach; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) {
        cells[at] = (hash & ~slotMask) | (slot + 1)
        this.#settled(slot, (at - hash) & mask)
        this.size++
        return true
      }
      if (((cell ^ hash) & ~slotMask) === 0) reach -= TWIN
      at = (at + 1) & mask
    }
    return false
  }

  /** The slot must still hold its key. `false`: it is not in this table. */
  remove(slot: number): boolean {
    const cells = this.#cells
    const mask = this.#mask
    const slotMask = this.#slotMask
    let hole = this.#hash(this.#slots.key(slot)) & mask
    for (let steps = this.#reach; ((cells[hole] as number) & slotMask) !== slot + 1; steps--) {
      if (steps < 0 || cells[hole] === 0) return false
      hole = (hole + 1) & mask
    }
    // Move back whoever would no longer be found beyond the hole, instead of leaving a mark that probes must step over for ever.
    // A key only ever moves towards its place and past nobody, so what was within reach stays within reach.
    let at = (hole + 1) & mask
    for (let cell = cells[at] as number; cell !== 0; cell = cells[at] as number) {
      const distance = (at - hole) & mask
      if (distance > this.#reach) break
      const moved = (cell & slotMask) - 1
      const displacement = this.#displacement(moved, at)
      if (displacement >= distance) {
        cells[hole] = cell
        this.#settled(moved, displacement - distance)
        hole = at
      }
      at = (at + 1) & mask
    }
    cells[hole] = 0
    this.size--
    return true
  }

  #settled(slot: number, displacement: number): void {
    this.#slots.displacements[slot] = displacement < FAR_AWAY ? displacement : FAR_AWAY
  }

  #displacement(slot: number, at: number): number {
    const known = this.#slots.displacements[slot] as number
    return known < FAR_AWAY ? known : (at - this.#hash(this.#slots.key(slot))) & this.#mask
  }

  /** Empties the table, and hands over the slots that were in it. */
  *drain(cells: number): IterableIterator<number> {
    const old = this.#cells
    this.reset(cells)
    for (const cell of old) if (cell !== 0) yield (cell & this.#slotMask) - 1
  }

  reset(cells: number): void {
    this.#cells = new Int32Array(cells)
    this.#mask = cells - 1
    this.size = 0
  }

  clear(): void {
    this.reset(FIRST_CELLS)
  }
}
