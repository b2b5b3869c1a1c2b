// From key to slot, with a quick hash for the usual keys and a safe one for the others.
//
// Reading a whole key to hash it costs more than all the rest of a hit, and V8's own cached hash cannot be seen from JavaScript. So a key
// is first looked for by its last few characters, whose hash costs next to nothing; equality is decided by comparing the keys, as always.
// Keys that share those characters soon find no place within the bounded reach of that table; they go to a second table, by the seeded hash
// of the whole key. So a lookup is a bounded number of steps plus one that nobody can aim at, whatever keys come. When many had to go, the
// index learns to look at more characters: at once while it is small, when it grows anyway later.
import { hashKey, hashTail, SHORT_TAIL } from './hash.ts'
import { ProbeTable } from './probe-table.ts'
import type { Slots } from './slots.ts'

/** How many of a key's last characters are looked at, by level; after them only the whole key will do. */
const TAILS = [SHORT_TAIL, 24]
/** An index up to this size may be rebuilt at any time: some 3 ms. */
const SMALL = 1 << 15
/** A space with less than this part of all slots is collected from its own cells. */
const FEW = 8
const NONE = -1

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly #space: number
  readonly near: ProbeTable
  readonly far: ProbeTable
  #level = 0
  tail = SHORT_TAIL

  constructor(slots: Slots, space: number) {
    this.#slots = slots
    this.#space = space
    this.near = new ProbeTable(slots, true, (key) => hashTail(key, this.tail))
    this.far = new ProbeTable(slots, false, hashKey)
  }

  get size(): number {
    return this.near.size + this.far.size
  }

  /** What `locate` and `insert` want to know of a key; good until the next `insert`. */
  hash(key: string): number {
    return hashTail(key, this.tail)
  }

  /** The key's slot, or -1. */
  find(key: string): number {
    return this.locate(key, hashTail(key, this.tail))
  }

  locate(key: string, hash: number): number {
    const slot = this.near.find(key, hash)
    return slot >= 0 || this.far.size === 0 ? slot : this.far.find(key, hashKey(key))
  }

  /** The slot holds its key already, and the index does not have it. */
  insert(slot: number, hash: number): void {
    if (this.near.isFull) {
      this.#grow(slot)
      this.#place(slot, this.#hash(slot))
    } else this.#place(slot, hash)
    if (this.#isMisled() && this.size <= SMALL) this.#grow(NONE)
  }

  #place(slot: number, hash: number): void {
    if (this.#level < TAILS.length && this.near.insert(slot, hash)) return
    const far = this.far
    if (far.isFull) for (const moved of far.drain(far.cells * 2)) far.insert(moved, hashKey(this.#slots.key(moved)))
    far.insert(slot, hashKey(this.#slots.key(slot)))
  }

  /** The slot must still hold its key. */
  remove(slot: number): void {
    if (!this.near.remove(slot)) this.far.remove(slot)
  }

  /** More than an eighth of the keys strayed: their tails do not tell them apart. */
  #isMisled(): boolean {
    return this.far.size > 16 + (this.near.size >>> 3) && this.#level < TAILS.length
  }

  /** Everybody but `newcomer` gets a new place in tables that have room for all; strays may come home. */
  #grow(newcomer: number): void {
    if (this.#isMisled()) {
      this.#level++
      this.tail = TAILS[this.#level] ?? SHORT_TAIL
    }
    const { near, far } = this
    const slots = this.#slots
    const count = this.size
    let cells = near.cells * 2
    while (cells < count * 2) cells *= 2
    if (count * FEW < slots.end) {
      const all = [...near.drain(cells), ...far.drain(far.cells)]
      for (const slot of all) this.#place(slot, this.#hash(slot))
      return
    }
    // Slots in their order: keys that came one after the other lie side by side in memory, and reading them is what costs.
    near.reset(cells)
    far.reset(far.cells)
    for (let slot = 0; slot < slots.end; slot++) {
      if (slot !== newcomer && slots.holds(slot) && slots.space(slot) === this.#space) this.#place(slot, this.#hash(slot))
    }
  }

  #hash(slot: number): number {
    return hashTail(this.#slots.key(slot), this.tail)
  }

  clear(): void {
    this.near.clear()
    this.far.clear()
  }
}
