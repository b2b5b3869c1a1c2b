// From key to slot, with a quick hash for the usual keys and a safe one for the others.
//
// Reading a whole key to hash it costs more than all the rest of a hit, and V8's own cached hash cannot be seen from JavaScript. So a key
// is first looked for by its last few characters, whose hash costs next to nothing; equality is decided by comparing the keys, as always.
// Keys that share those characters soon find no place within the bounded reach of that table; they go to a second table, by the seeded hash
// of the whole key. So a lookup is a bounded number of steps plus one that nobody can aim at, whatever keys come. When many had to go, the
// index learns to look at more characters: at once while it is small, when it grows anyway later.
//
// Each entry's hash column ends in bits of this index's hash and begins with bits of one of the whole key: the first say where the entry
// is without a look at its key, the others tell keys with one end apart for the eviction policy, which knows entries by this number.
import { hashKey, hashTail, LONG_TAIL, SHORT_TAIL, WHOLE } from './hash.ts'
import { FIRST_CELLS, ProbeTable } from './probe-table.ts'
import type { Slots } from './slots.ts'

/** How many of a key's last characters are looked at, by level. */
const TAILS = [SHORT_TAIL, LONG_TAIL, 24, WHOLE]
/** Bits of the hash column that are the index's own, at the first level (small indexes, where ends often meet) and beyond; more only for more cells. */
const FIRST_BITS = 16
const USUAL_BITS = 22
/** An index up to this size may be rebuilt at any time: some 3 ms. */
const SMALL = 1 << 15

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly near: ProbeTable
  readonly far: ProbeTable
  #level = 0
  /** Of how many last characters `hash` tells. */
  tail = SHORT_TAIL
  /** Mask of the low bits of the hash column that are this index's: more than it has cells. */
  #own = 2 ** FIRST_BITS - 1

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
    return slot >= 0 || this.far.size === 0 ? slot : this.findFar(key, hash)
  }

  /** Among the strays. */
  findFar(key: string, hash: number): number {
    return this.far.find(key, this.tail === WHOLE ? hash : hashKey(key))
  }

  /** The slot holds its key already, and the index does not have it. `whole`: the key's `hashAndWidth`. Fills the hash column. */
  insert(slot: number, hash: number, whole: number): void {
    const { near, far } = this
    this.#slots.hashes[slot] = (whole & ~this.#own) | (hash & this.#own)
    if (near.isFull || (far.isFull && this.#isMisled())) {
      this.#grow()
      this.#place(slot, this.#rehash(slot))
    } else this.#place(slot, hash)
    if (far.size > 0 && this.#isMisled() && this.size <= SMALL) this.#grow()
  }

  #place(slot: number, hash: number): void {
    if (this.tail === WHOLE || !this.near.insert(slot, hash)) this.#placeFar(slot)
  }

  #placeFar(slot: number): void {
    const { far } = this
    if (far.isFull) far.rebuild(far.cells * 2, (moved) => far.insert(moved, hashKey(this.#slots.key(moved))))
    far.insert(slot, hashKey(this.#slots.key(slot)))
  }

  /** The slot must still hold its key. */
  remove(slot: number): void {
    if (!this.near.remove(slot)) this.far.remove(slot)
  }

  /** More than an eighth of the keys strayed: their tails do not tell them apart. */
  #isMisled(): boolean {
    return this.far.size > 16 + (this.near.size >>> 3) && this.tail !== WHOLE
  }

  /** Tables with room for all; strays may come home. Keys are read only where more must be known of them than before. */
  #grow(): void {
    const { near, far } = this
    const own = this.#own
    const tail = this.tail
    if (this.#isMisled()) this.tail = TAILS[++this.#level] ?? WHOLE
    const cells = this.tail === WHOLE ? FIRST_CELLS : roomFor(this.size, near.cells)
    this.#own = roomFor(cells, this.#level === 0 ? 2 ** FIRST_BITS : 2 ** USUAL_BITS) - 1
    const isKnown = own === this.#own && tail === this.tail
    near.rebuild(cells, (slot, hash) => this.#place(slot, isKnown ? hash : this.#rehash(slot)))
    far.rebuild(far.cells, (slot) => this.#place(slot, this.#rehash(slot)))
  }

  #rehash(slot: number): number {
    const { hashes } = this.#slots
    const hash = hashTail(this.#slots.key(slot), this.tail)
    hashes[slot] = ((hashes[slot] as number) & ~this.#own) | (hash & this.#own)
    return hash
  }

  clear(): void {
    this.near.clear()
    this.far.clear()
  }
}

/** Doubled until at most half of it is needed. */
function roomFor(needed: number, room: number): number {
  while (room < needed * 2) room *= 2
  return room
}
