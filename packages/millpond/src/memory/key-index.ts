// From key to slot, with a quick hash for the usual keys and a safe one for the others.
//
// Reading a whole key to hash it costs more than all the rest of a hit, and V8's own cached hash cannot be seen from
// JavaScript. So a key is first looked for by a few of its characters, whose hash costs next to nothing; equality is
// decided by comparing the keys, as always. Keys that share those characters soon find no place within the bounded
// reach of that table; they go to a second table, by the seeded hash of the whole key. So a lookup is a bounded number
// of steps plus one that nobody can aim at, whatever keys come. When many had to go, the index learns which characters
// tell its keys apart (`windows.ts`): at once while it is small, when it grows anyway later.
//
// Each entry's hash column ends in bits of the hash by which it was placed and begins with bits of one of the whole
// key: the first say where the entry is without a look at its key, the others tell keys apart that have those few
// characters in common, for the eviction policy, which knows entries by this number.
//
// A large index grows in small steps: its tables are put aside (`leaving.ts`), and each insertion moves some of their
// entries. Until all have moved, what is not found is looked for there, too, which moves some more.
import { BETWEEN, hashKey, hashWindows, SCATTER, WINDOW } from './hash.ts'
import { type Cells, FIRST_CELLS, ProbeTable, REACH, TWIN } from './probe-table.ts'
import { RehashingTable } from './rehashing-table.ts'
import { FIRST_PIECE, type Slots } from './slots.ts'
import { learnWindows, SAMPLE } from './windows.ts'

/** What is looked at until something is learnt: the last characters, where most keys have their id. */
const FIRST_WINDOWS = Int32Array.of(-WINDOW)
/** For `find`: V8 makes a constant of its own file a part of the code, and reads an imported one each time. */
const CHARACTERS = WINDOW
const FACTOR = SCATTER
const FACTOR_BETWEEN = BETWEEN
const CELLS = REACH
const CELLS_A_TWIN = TWIN
const FIRST = FIRST_PIECE
/** In place of a window that there is not: before every key. */
const NONE = -(2 ** 30)
/** So often an index learns; then it reads whole keys. */
const MOST_LESSONS = 16
/**
 * Bits of the hash column that are the index's own, before the first lesson (small indexes, where ends often meet) and
 * after it; more only for more cells.
 */
const FIRST_BITS = 16
const USUAL_BITS = 22
/** An index up to this size learns at any time, a larger one only when it grows anyway. */
const SMALL = 1 << 15
/** Up to this size all entries move at once. */
const AT_ONCE = 1 << 10
/** Entries that move in one step: with this many the tables are empty long before those that they move to are full. */
const MOVES_A_STEP = 32
const WHOLE = new Int32Array(0)

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly usual: ProbeTable
  readonly strays: ProbeTable
  /** Tables whose entries are on their way to these two; those of the last one move first. */
  readonly #leaving: RehashingTable[] = []
  #lessons = 0
  /** Hashes of entries that were there have changed; whoever tells the policy sets it back. */
  isRehashed = false
  #isRehashing = false
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
    let size = this.usual.size + this.strays.size
    for (const table of this.#leaving) size += table.size
    return size
  }

  /** Entries that are on their way to larger tables. */
  get moving(): number {
    return this.size - this.usual.size - this.strays.size
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
   * The key's slot, or -1: `locate(key, hash(key))`, spelt out for one window and for two, since every hit begins here.
   * So V8 compiles it as one piece: it is larger than what becomes a part of its callers (460 bytes of bytecode), and
   * leaves them room for the rest of a hit. In smaller pieces it was left to chance which of them became calls, and two
   * processes differed by a third.
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
        end ^
        key.charCodeAt(from + 3) ^
        (key.charCodeAt(from + 2) << 8) ^
        (key.charCodeAt(from + 1) << 16) ^
        (key.charCodeAt(from) << 24)
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
        if ((slot < FIRST ? pairs[2 * slot] : this.#slots.key(slot)) === key) return slot
        reach -= CELLS_A_TWIN
      }
      at = (at + 1) & mask
    }
    return this.strays.size === 0 && this.#leaving.length === 0 ? -1 : this.#findBeyond(key, hash)
  }

  locate(key: string, hash: number): number {
    const slot = this.usual.find(key, hash)
    return slot >= 0 || (this.strays.size === 0 && this.#leaving.length === 0) ? slot : this.#findBeyond(key, hash)
  }

  #findBeyond(key: string, hash: number): number {
    const stray = this.strays.size === 0 ? -1 : this.strays.find(key, this.isWhole ? hash : hashKey(key))
    if (stray >= 0 || this.#leaving.length === 0) return stray
    let slot = -1
    for (let at = this.#leaving.length - 1; at >= 0 && slot < 0; at--) {
      const table = this.#leaving[at] as RehashingTable
      slot = table.size === 0 ? -1 : table.find(key, hashWindows(key, table.windows))
    }
    // Or what is only read would stay where it is more dearly found.
    this.#move()
    return slot
  }

  /**
   * The slot holds its key already, and the index does not have it. `whole`: the key's `hashAndWidth`. Fills the hash
   * column.
   */
  insert(slot: number, hash: number, whole: number): void {
    const { usual, strays } = this
    this.#slots.hashes[slot] = whole
    if (usual.isFull || (strays.isFull && this.#isMisled())) {
      this.#grow()
      this.#place(slot, this.hash(this.#slots.key(slot)))
    } else this.#place(slot, hash)
    if (strays.size > 0 && this.#isMisled() && this.size <= SMALL) this.#grow()
    if (this.#leaving.length > 0) this.#move()
  }

  #place(slot: number, hash: number): void {
    if (!this.isWhole && this.usual.insert(slot, hash)) this.#note(slot, hash)
    else this.#placeStray(slot, this.isWhole ? hash : hashKey(this.#slots.key(slot)))
  }

  #placeStray(slot: number, hash: number): void {
    const { strays } = this
    if (strays.isFull) {
      const { size } = strays
      const before = this.#leaving.length
      this.#putAside(strays.leave(strays.room * 2), size, WHOLE, true)
      if (size <= AT_ONCE) while (this.#leaving.length > before) this.#move()
    }
    strays.insert(slot, hash)
    this.#note(slot, hash)
  }

  #putAside(cells: Cells, size: number, windows: Int32Array, staysStray = false): void {
    if (size === 0) return
    this.#leaving.push(new RehashingTable(this.#slots, cells, size, windows, staysStray))
  }

  /** A step of what a growth has left to do. */
  #move(): void {
    const table = this.#leaving.at(-1)
    if (table === undefined) return
    table.move(MOVES_A_STEP, (slot, hash) => this.#moveTo(table, slot, hash))
    if (table.size > 0) return
    this.#leaving.splice(this.#leaving.indexOf(table), 1)
    if (this.#leaving.length > 0 || !this.#isRehashing) return
    this.#isRehashing = false
    this.isRehashed = true
  }

  /** The key is read only where more must be known of it than before. */
  #moveTo(from: RehashingTable, slot: number, hash: number): void {
    const isKnown = from.known === this.#own
    if (from.staysStray) {
      const isEnough = isKnown && this.strays.room - 1 <= from.known
      this.#placeStray(slot, isEnough ? hash : hashKey(this.#slots.key(slot)))
    } else if (isKnown && from.windows === this.windows && !this.isWhole) this.#place(slot, hash)
    else this.#place(slot, this.hash(this.#slots.key(slot)))
  }

  /** The low bits of the column are those of the table in which the entry lies. */
  #note(slot: number, hash: number): void {
    const { hashes } = this.#slots
    hashes[slot] = ((hashes[slot] as number) & ~this.#own) | (hash & this.#own)
  }

  /** The slot must still hold its key. */
  remove(slot: number): void {
    if (this.usual.remove(slot) || this.strays.remove(slot)) return
    for (const table of this.#leaving) if (table.remove(slot)) return
  }

  /**
   * More than an eighth of the keys strayed: their windows do not tell them apart. Nothing can be said while others are
   * on their way.
   */
  #isMisled(): boolean {
    return this.strays.size > 16 + (this.usual.size >>> 3) && !this.isWhole && this.#leaving.length === 0
  }

  /** Other windows than before, or more of them. */
  #learn(): void {
    const { usual, strays } = this
    const share = strays.size / this.size
    const sample = [...strays.sample(Math.ceil(SAMPLE * share)), ...usual.sample(Math.ceil(SAMPLE * (1 - share)))].map(
      (slot) => this.#slots.key(slot),
    )
    const before = this.windows
    const population = 2 * this.size
    const learnt = ++this.#lessons > MOST_LESSONS ? new Int32Array(0) : learnWindows(sample, population)
    this.#lookAt(isSame(learnt, before) ? learnWindows(sample, population, before.length + 1) : learnt)
  }

  #lookAt(windows: Int32Array): void {
    this.windows = windows
    const [first = NONE, second = NONE, third] = windows
    this.#first = third === undefined ? first : NONE
    this.#second = third === undefined ? second : NONE
  }

  /** Tables with room for all; strays may come home. */
  #grow(): void {
    // Never seen: there was room for half as many again, and with each that came many moved.
    while (this.#leaving.length > 0) this.#move()
    const { usual, strays, windows, size } = this
    const own = this.#own
    if (this.#isMisled()) this.#learn()
    const cells = this.isWhole ? FIRST_CELLS : roomFor(size, usual.room)
    this.#own = roomFor(cells, this.#lessons === 0 ? 2 ** FIRST_BITS : 2 ** USUAL_BITS) - 1
    if (own !== this.#own || windows !== this.windows) this.#isRehashing = true
    const { size: homes } = usual
    const { size: others } = strays
    const left = usual.leave(cells)
    const leftStrays = strays.leave(this.isWhole ? roomFor(size, strays.room) : strays.room)
    usual.known = this.#own
    strays.known = this.#own
    this.#putAside(leftStrays, others, WHOLE)
    this.#putAside(left, homes, windows)
    if (size <= AT_ONCE) while (this.#leaving.length > 0) this.#move()
  }

  /**
   * There may be more slots than before: cells give bits of the hash for bits of the slot. With fewer of those more
   * keys look like twins, which shortens the bounded search; so what is there is placed anew.
   */
  widen(): void {
    const { usual, strays } = this
    if (!usual.isNarrow) return
    const { size } = usual
    const before = this.#leaving.length
    this.#putAside(usual.leave(size * 2 > usual.room ? usual.room * 2 : usual.room), size, this.windows)
    usual.widen()
    strays.widen()
    if (size <= AT_ONCE) while (this.#leaving.length > before) this.#move()
  }

  /** The slots of all keys, in no order. Costs a step for each cell, whatever else the store holds. */
  slots(): Int32Array {
    const slots = new Int32Array(this.size)
    let end = this.strays.copySlots(slots, this.usual.copySlots(slots, 0))
    for (const table of this.#leaving) end = table.copySlots(slots, end)
    return slots
  }

  /** What was learnt of keys that are gone is forgotten with them. */
  clear(): void {
    this.usual.clear()
    this.strays.clear()
    this.#leaving.length = 0
    this.#isRehashing = false
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
