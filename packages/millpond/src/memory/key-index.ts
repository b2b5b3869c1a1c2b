// Maps keys to slots, with a quick hash for the usual keys and a safe one for the others.
//
// Hashing a whole key costs more than all the rest of a hit, and V8's own cached hash is not accessible from
// JavaScript. So a key is first looked up by a few of its characters, whose hash costs next to nothing; equality is
// decided by comparing the keys, as always. Keys that share those characters soon find no place within the bounded
// probe length of that table; they go to a second table, by the seeded hash of the whole key. So a lookup is a bounded
// number of steps plus one that cannot be attacked, whatever the keys. When many keys strayed there, the index learns
// which characters distinguish its keys (`windows.ts`): at once while it is small, otherwise when it grows.
//
// Each entry's hash column ends in bits of the hash by which it was placed and begins with bits of a hash of the whole
// key: the former locate the entry without reading its key, the latter distinguish keys that share those few
// characters, for the eviction policy, which identifies entries by this number.
//
// A large index grows in small steps: its tables are set aside (`leaving.ts`), and each insertion moves some of their
// entries. Until all have moved, a lookup that misses also searches there, and moves some more.
import { BETWEEN, hashKey, hashWindows, SCATTER, WINDOW } from './hash.ts'
import { type Cells, FIRST_CELLS, ProbeTable, REACH, TWIN } from './probe-table.ts'
import { RehashingTable } from './rehashing-table.ts'
import { MOST_SHORT } from './short-key.ts'
import { FIRST_PIECE, type Slots } from './slots.ts'
import { learnWindows, SAMPLE } from './windows.ts'

/** The window before anything is learnt: the last characters, where most keys have their id. */
const FIRST_WINDOWS = Int32Array.of(-WINDOW)
/** For `find`: V8 inlines a constant of the same file, but reads an imported one each time. */
const CHARACTERS = WINDOW
const SHORT = MOST_SHORT
const FACTOR = SCATTER
const FACTOR_BETWEEN = BETWEEN
const CELLS = REACH
const CELLS_A_TWIN = TWIN
const FIRST = FIRST_PIECE
/** Stands for no window: lies before the start of every key. */
const NONE = -(2 ** 30)
/** How often an index learns; after that it hashes whole keys. */
const MOST_LESSONS = 16
/**
 * Bits of the hash column that belong to the index, before the first lesson (small indexes, where key ends often
 * coincide) and after it; more only for more cells.
 */
const FIRST_BITS = 16
const USUAL_BITS = 22
/** An index up to this size learns at any time, a larger one only when it grows. */
const SMALL = 1 << 15
/** Up to this size all entries move at once. */
const AT_ONCE = 1 << 10
/** Entries moved per step: enough that the old tables are empty long before the new ones are full. */
const MOVES_A_STEP = 32
const WHOLE = new Int32Array(0)

/** The keys of one space. */
export class KeyIndex {
  readonly #slots: Slots
  readonly usual: ProbeTable
  readonly strays: ProbeTable
  /** Tables whose entries are being moved to these two, starting with the last. */
  readonly #leaving: RehashingTable[] = []
  #lessons = 0
  /** Hashes of existing entries have changed; reset by the code that notifies the policy. */
  isRehashed = false
  #isRehashing = false
  /** The offsets of the characters that `hash` covers; empty: the whole key. */
  windows: Int32Array = FIRST_WINDOWS
  /** The first two of these, for `find`; `NONE` if absent or if there are more than two. */
  #first = -WINDOW
  #second = NONE
  /** The longest key that `find` packs; 0 while whole keys are hashed. */
  #short = SHORT
  /** Mask of the low bits of the hash column that belong to this index: at least as many as its tables have cells. */
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

  /** Entries not yet moved to the larger tables. */
  get moving(): number {
    return this.size - this.usual.size - this.strays.size
  }

  /** Whole keys are hashed: all of them are in `strays`. */
  get isWhole(): boolean {
    return this.windows.length === 0
  }

  /** The hash of a key for `locate` and `insert`; valid until the next `insert`. */
  hash(key: string): number {
    return hashWindows(key, this.windows)
  }

  /**
   * The key's slot, or -1: `locate(key, hash(key))`, inlined by hand for short keys and for one and two windows, since
   * every hit begins here. V8 then compiles each of the two as one unit: they are too large to be inlined into their
   * callers (460 bytes of bytecode), and leave their inlining budget for the rest of a hit. In smaller pieces, inlining
   * varied by chance, and two processes differed by a third.
   */
  find(key: string): number {
    return key.length > this.#short ? this.#findLong(key) : this.#findShort(key)
  }

  #findShort(key: string): number {
    const count = key.length
    let low = 0
    let high = 0
    let units = 0
    for (let i = 0; i < count; i++) {
      const unit = key.charCodeAt(i)
      units |= unit
      high = (high << 8) | (low >>> 24)
      low = (low << 8) | unit
    }
    if (units > 0xff || count === 0) return this.#findLong(key)
    high |= count << 24
    let hash = low ^ Math.imul(high, FACTOR_BETWEEN)
    hash = Math.imul(hash ^ (hash >>> 15), FACTOR)
    hash ^= hash >>> 13
    const { cells, mask, slotMask } = this.usual
    const { pairs, halves } = this.#slots
    let at = hash & mask
    for (let reach = CELLS; reach >= 0; reach--) {
      const cell = cells[at] as number
      if (cell === 0) break
      if (((cell ^ hash) & ~slotMask) === 0) {
        const slot = (cell & slotMask) - 1
        // In this order: then what is read is a number, and V8 compares numbers.
        if (halves[slot] === high && (slot < FIRST ? pairs[2 * slot] : this.#slots.held(slot)) === low) return slot
        reach -= CELLS_A_TWIN
      }
      at = (at + 1) & mask
    }
    return this.strays.size === 0 && this.#leaving.length === 0 ? -1 : this.#findBeyond(key, hash)
  }

  #findLong(key: string): number {
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
        const held = slot < FIRST ? pairs[2 * slot] : this.#slots.held(slot)
        // Not a short key's number: then V8 knows that it compares strings.
        if (typeof held === 'string' && held === key) return slot
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
    // Otherwise entries that are only read would stay where lookups are slower.
    this.#move()
    return slot
  }

  /**
   * Adds a slot that already holds its key and is not in the index. `whole`: the key's `hashAndWidth`. Fills the hash
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

  /** One step of a growth in progress. */
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

  /** Reads the key only if more of its hash is needed than is stored. */
  #moveTo(from: RehashingTable, slot: number, hash: number): void {
    const isKnown = from.known === this.#own
    if (from.staysStray) {
      const isEnough = isKnown && this.strays.room - 1 <= from.known
      this.#placeStray(slot, isEnough ? hash : hashKey(this.#slots.key(slot)))
    } else if (isKnown && from.windows === this.windows && !this.isWhole) this.#place(slot, hash)
    else this.#place(slot, this.hash(this.#slots.key(slot)))
  }

  /** The low bits of the column are those by which the entry's table placed it. */
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
   * More than an eighth of the keys strayed: the windows do not distinguish them. Undecidable while entries are being
   * moved.
   */
  #isMisled(): boolean {
    return this.strays.size > 16 + (this.usual.size >>> 3) && !this.isWhole && this.#leaving.length === 0
  }

  /** Learns other windows, or more of them. */
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
    this.#short = this.isWhole ? 0 : SHORT
  }

  /** Tables with room for all; strays may return. */
  #grow(): void {
    // Not observed: there was room for half as many again, and each insertion moved many.
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
   * There may be more slots than before: cells trade bits of the hash for bits of the slot. With fewer hash bits, more
   * keys look alike, which shortens the bounded search; so existing entries are placed again.
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

  /**
   * The slots of all keys, unordered. Takes time proportional to the cells of this index, whatever else the store
   * holds.
   */
  slots(): Int32Array {
    const slots = new Int32Array(this.size)
    let end = this.strays.copySlots(slots, this.usual.copySlots(slots, 0))
    for (const table of this.#leaving) end = table.copySlots(slots, end)
    return slots
  }

  /** Also forgets the windows learnt from the removed keys. */
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
