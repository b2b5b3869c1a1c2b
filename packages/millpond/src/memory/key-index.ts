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

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly near: ProbeTable
  readonly far: ProbeTable
  #level = 0
  tail = SHORT_TAIL

  constructor(slots: Slots) {
    this.#slots = slots
    this.near = new ProbeTable(slots, true)
    this.far = new ProbeTable(slots, false)
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
      this.#grow()
      this.#place(slot, this.#hash(slot))
    } else this.#place(slot, hash)
    if (this.#isMisled() && this.size <= SMALL) this.#grow()
  }

  #place(slot: number, hash: number): void {
    if (this.#level < TAILS.length && this.near.insert(slot, hash)) return
    const far = this.far
    if (far.isFull) {
      const { hashes } = this.#slots
      for (const moved of far.drain(far.cells * 2)) far.insert(moved, hashes[moved] as number)
    }
    far.insert(slot, hashKey(this.#slots.key(slot)))
  }

  /** The slot must still hold its key. */
  remove(slot: number): void {
    const hash = this.#slots.hashes[slot] as number
    if (!this.near.remove(slot, hash)) this.far.remove(slot, hash)
  }

  #grow(): void {
    if (this.#isMisled()) {
      this.#level++
      this.tail = TAILS[this.#level] ?? SHORT_TAIL
      this.#resettle(true)
    } else this.#resettle(false)
  }

  /** More than an eighth of the keys strayed: their tails do not tell them apart. */
  #isMisled(): boolean {
    return this.far.size > 16 + (this.near.size >>> 3) && this.#level < TAILS.length
  }

  /** Everybody gets a new place in a table that has room for all; strays may come home. */
  #resettle(rehash: boolean): void {
    const near = this.near
    const { hashes } = this.#slots
    const strays = [...this.far.drain(this.far.cells)]
    let cells = near.cells * 2
    while (cells < (near.size + strays.length) * 2) cells *= 2
    for (const slot of near.drain(cells)) this.#place(slot, rehash ? this.#hash(slot) : (hashes[slot] as number))
    for (const slot of strays) this.#place(slot, this.#hash(slot))
  }

  #hash(slot: number): number {
    return hashTail(this.#slots.key(slot), this.tail)
  }

  clear(): void {
    this.near.clear()
    this.far.clear()
  }
}
