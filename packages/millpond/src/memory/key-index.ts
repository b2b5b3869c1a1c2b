// From key to slot, with a quick hash for the usual keys and a safe one for the others.
//
// Reading a whole key to hash it costs more than all the rest of a hit, and V8's own cached hash cannot be seen from JavaScript. So a key
// is first looked for by a few of its characters, whose hash costs next to nothing; equality is decided by comparing the keys, as always.
// Keys that share those characters soon find no place within the bounded reach of that table; they go to a second table, by the seeded hash
// of the whole key. So a lookup is a bounded number of steps plus one that nobody can aim at, whatever keys come. When many had to go, the
// index learns which characters tell its keys apart (`windows.ts`): at once while it is small, when it grows anyway later.
//
// Each entry's hash column ends in bits of the hash by which it was placed and begins with bits of one of the whole key: the first say where
// the entry is without a look at its key, the others tell keys apart that have those few characters in common, for the eviction policy, which knows entries
// by this number.
import { BETWEEN, hashKey, hashWindows, SCATTER, WINDOW } from './hash.ts'
import { FIRST_CELLS, ProbeTable, REACH, TWIN } from './probe-table.ts'
import type { Slots } from './slots.ts'
import { learnWindows, SAMPLE } from './windows.ts'

/** What is looked at until something is learnt: the last characters, where most keys have their id. */
const FIRST_WINDOWS = Int32Array.of(-WINDOW)
/** For `find`: V8 makes a constant of its own file a part of the code, and reads an imported one each time. */
const CHARACTERS = WINDOW
const FACTOR = SCATTER
const FACTOR_BETWEEN = BETWEEN
const CELLS = REACH
const CELLS_A_TWIN = TWIN
/** In place of a window that there is not: before every key. */
const NONE = -(2 ** 30)
/** So often an index learns; then it reads whole keys. */
const MOST_LESSONS = 16
/** Bits of the hash column that are the index's own, before the first lesson (small indexes, where ends often meet) and after it; more only for more cells. */
const FIRST_BITS = 16
const USUAL_BITS = 22
/** An index up to this size may be rebuilt at any time: some 3 ms while its keys are of usual length. */
const SMALL = 1 << 15

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly usual: ProbeTable
  readonly strays: ProbeTable
  #lessons = 0
  /** How often hashes of entries that were there have changed. */
  rehashes = 0
  /** Where the characters lie that `hash` tells of; none: it tells of all. */
  windows: Int32Array = FIRST_WINDOWS
  /** The first two of these, for `find`; `NONE` where there is none or more than two. */
  #first = -WINDOW
  #second = NONE
  /** Mask of the low bits of the hash column that are this index's, at least as many as its tables have cells. */
  #own = 2 ** FIRST_BITS - 1

  constructor(slots: Slots) {
    this.#slots = slots
    this.usual = new ProbeTable(slots, true, this.#own)
    this.strays = new ProbeTable(slots, false, this.#own)
  }

  get size(): number {
    return this.usual.size + this.strays.size
  }

  /** Nothing less than all of a key is looked at: all of them are in `strays`. */
  get isWhole(): boolean {
    return this.windows.length === 0
  }

  /** What `locate` and `insert` want to know of a key; good until the next `insert`. */
  hash(key: string): number {
    return hashWindows(key, this.windows)
  }

  /**
   * The key's slot, or -1: `locate(key, hash(key))`, spelt out for one window and for two, since every hit begins here. So V8 compiles it as one piece: it is larger
   * than what becomes a part of its callers (460 bytes of bytecode), and leaves them room for the rest of a hit. In smaller pieces it was left to chance which of
   * them became calls, and two processes differed by a third.
   */
  find(key: string): number {
    const second = this.#second
    const end = key.length
    const from = this.#first < 0 ? end + this.#first : this.#first
    const then = second < 0 ? end + second : second
    let hash: number
    if (from < 0 || from + CHARACTERS > end || then + CHARACTERS > end || (then < 0 && second !== NONE))
      hash = hashWindows(key, this.windows)
    else {
      hash =
        end ^ key.charCodeAt(from + 3) ^ (key.charCodeAt(from + 2) << 8) ^ (key.charCodeAt(from + 1) << 16) ^ (key.charCodeAt(from) << 24)
      if (second !== NONE)
        hash =
          Math.imul(hash, FACTOR_BETWEEN) ^
          key.charCodeAt(then + 3) ^
          (key.charCodeAt(then + 2) << 8) ^
          (key.charCodeAt(then + 1) << 16) ^
          (key.charCodeAt(then) << 24)
      hash = Math.imul(hash ^ (hash >>> 15), FACTOR)
      hash ^= hash >>> 13
    }
    const { cells, mask, slotMask } = this.usual
    const { pairs } = this.#slots
    let at = hash & mask
    for (let reach = CELLS; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) break
      if (((cell ^ hash) & ~slotMask) === 0) {
        const slot = (cell & slotMask) - 1
        if (pairs[2 * slot] === key) return slot
        reach -= CELLS_A_TWIN
      }
      at = (at + 1) & mask
    }
    return this.strays.size === 0 ? -1 : this.#findStray(key, hash)
  }

  locate(key: string, hash: number): number {
    const slot = this.usual.find(key, hash)
    return slot >= 0 || this.strays.size === 0 ? slot : this.#findStray(key, hash)
  }

  #findStray(key: string, hash: number): number {
    return this.strays.find(key, this.isWhole ? hash : hashKey(key))
  }

  /** The slot holds its key already, and the index does not have it. `whole`: the key's `hashAndWidth`. Fills the hash column. */
  insert(slot: number, hash: number, whole: number): void {
    const { usual, strays } = this
    this.#slots.hashes[slot] = whole
    if (usual.isFull || (strays.isFull && this.#isMisled())) {
      this.#grow()
      this.#place(slot, this.hash(this.#slots.key(slot)))
    } else this.#place(slot, hash)
    if (strays.size > 0 && this.#isMisled() && this.size <= SMALL) this.#grow()
  }

  #place(slot: number, hash: number): void {
    if (!this.isWhole && this.usual.insert(slot, hash)) this.#note(slot, hash)
    else this.#placeStray(slot, this.isWhole ? hash : hashKey(this.#slots.key(slot)))
  }

  #placeStray(slot: number, hash: number): void {
    const { strays } = this
    if (strays.isFull) {
      const cells = strays.room * 2
      const isKnown = cells <= strays.known
      strays.rebuild(cells, (moved, its) => strays.insert(moved, isKnown ? its : hashKey(this.#slots.key(moved))))
    }
    strays.insert(slot, hash)
    this.#note(slot, hash)
  }

  /** The low bits of the column are those of the table in which the entry lies. */
  #note(slot: number, hash: number): void {
    const { hashes } = this.#slots
    hashes[slot] = ((hashes[slot] as number) & ~this.#own) | (hash & this.#own)
  }

  /** The slot must still hold its key. */
  remove(slot: number): void {
    if (!this.usual.remove(slot)) this.strays.remove(slot)
  }

  /** More than an eighth of the keys strayed: their windows do not tell them apart. */
  #isMisled(): boolean {
    return this.strays.size > 16 + (this.usual.size >>> 3) && !this.isWhole
  }

  /** Other windows than before, or more of them. */
  #learn(): void {
    const slots = this.slots()
    const step = Math.max(1, Math.floor(slots.length / SAMPLE))
    const sample: string[] = []
    for (let at = 0; at < slots.length && sample.length < SAMPLE; at += step) sample.push(this.#slots.key(slots[at] as number))
    const before = this.windows
    const population = 2 * slots.length
    const learnt = ++this.#lessons > MOST_LESSONS ? new Int32Array(0) : learnWindows(sample, population)
    this.#lookAt(isSame(learnt, before) ? learnWindows(sample, population, before.length + 1) : learnt)
  }

  #lookAt(windows: Int32Array): void {
    this.windows = windows
    const [first = NONE, second = NONE, third] = windows
    this.#first = third === undefined ? first : NONE
    this.#second = third === undefined ? second : NONE
  }

  /** Tables with room for all; strays may come home. Keys are read only where more must be known of them than before. */
  #grow(): void {
    const { usual, strays } = this
    const own = this.#own
    const windows = this.windows
    if (this.#isMisled()) this.#learn()
    const cells = this.isWhole ? FIRST_CELLS : roomFor(this.size, usual.room)
    this.#own = roomFor(cells, this.#lessons === 0 ? 2 ** FIRST_BITS : 2 ** USUAL_BITS) - 1
    const isKnown = own === this.#own && windows === this.windows
    if (!isKnown) this.rehashes++
    const anew = (slot: number): void => this.#place(slot, this.hash(this.#slots.key(slot)))
    usual.rebuild(cells, isKnown ? (slot, hash) => this.#place(slot, hash) : anew)
    strays.rebuild(strays.room, anew)
    usual.known = this.#own
    strays.known = this.#own
  }

  /** There may be more slots than before. */
  widen(): void {
    this.usual.widen()
    this.strays.widen()
  }

  /** The slots of all keys, in no order. Costs a step for each cell, whatever else the store holds. */
  slots(): Int32Array {
    const slots = new Int32Array(this.size)
    this.strays.copySlots(slots, this.usual.copySlots(slots, 0))
    return slots
  }

  /** What was learnt of keys that are gone is forgotten with them. */
  clear(): void {
    this.usual.clear()
    this.strays.clear()
    this.#lessons = 0
    this.#lookAt(FIRST_WINDOWS)
    this.#own = 2 ** FIRST_BITS - 1
    this.usual.known = this.#own
    this.strays.known = this.#own
  }
}

const isSame = (one: Int32Array, other: Int32Array): boolean =>
  one.length === other.length && one.every((window, at) => window === other[at])

/** Doubled until at most half of it is needed. */
function roomFor(needed: number, room: number): number {
  while (room < needed * 2) room *= 2
  return room
}
