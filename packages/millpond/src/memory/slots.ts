// The store's entries as columns: an entry is one index into each. Rarely needed columns are allocated on first use.
import { hashOf } from '../core/key-hash.ts'
import { pack, packed, unpack } from './short-key.ts'
import { Stamps } from './stamps.ts'

const NO_TAGS: readonly string[] = Object.freeze([])
const FIRST_SLOTS = 64
/**
 * Up to here the columns double, all at once; beyond, they grow by half, so that little is reserved in vain, and one
 * after the other.
 */
const DOUBLE_UNTIL = 65_536
/**
 * This many slots have their keys and values in one list; those of the others are in pieces, where a hit takes two more
 * steps, but growing copies nothing.
 */
export const FIRST_PIECE = 2 ** 18
/** For `key` and `value`: V8 folds a constant of this file, but reads an exported one each time. */
const FIRST = 2 ** 18
const PIECE_BITS = 16
const PIECE = 1 << PIECE_BITS
/**
 * The columns, and those of the owner, grow while the last part of the slots is being taken: one column each time that
 * this share of it is taken.
 */
const STEPS = 13
const SLOTS_A_STEP = 1 / 256
const NONE = -1
/** Half a megabyte and more does not fit the column of weights. */
const HEAVY = 0xffff

/**
 * A struct of arrays that grows ahead of need in steps of one array each. 26 bytes per entry, 30 with a TTL, 34 if the
 * ledger moves, besides the index and the policy; 4 more during recording, and 4 once a short key has come, each of
 * which saves the 24 of its string.
 */
export class Slots {
  /** Slots for which all columns have room; grows up to `most`. */
  capacity = 0
  most: number
  /**
   * Key and value of slot `s`, adjacent at `2s` and `2s + 1`: one cache line on a hit. Free slots have no key. Slots
   * from `FIRST_PIECE` on are in `#pieces`. In place of a short key is the lower half of it as a number.
   */
  pairs: unknown[] = []
  /** The upper halves of short keys; 0: the key is a string. */
  halves = new Int32Array(0)
  readonly #pieces: unknown[][] = []
  /** The size of newly allocated columns: that of the others, or the one to which they are growing. */
  #room = 0
  /** Columns that have not grown yet, each as the function that grows it. */
  #columns: (() => void)[] = []
  /** The unused slot before which `grow` must be called. */
  #edge = 0
  /**
   * The hashes by which index and policy identify entries; filled by the index, which may change them when it learns to
   * use more characters.
   */
  hashes = new Int32Array(0)
  readonly createdAt: Stamps
  readonly freshUntil: Stamps
  readonly #staleUntil: Stamps
  /** False while no entry may be served stale: then `freshUntil` holds both times. */
  #staleApart = false
  #asOf: Uint32Array | Float64Array = new Uint32Array(0)
  /** In words of 8 bytes; `HEAVY`: see `#heavy`. */
  #weights = new Uint16Array(0)
  readonly #heavy = new Map<number, number>()
  #spaces = new Uint16Array(0)
  #live = new Uint8Array(0)
  /** Whether any value has been live: otherwise `isLive` need not be checked. */
  hasLive = false
  /** In pieces, each allocated with its first entry that has tags. */
  readonly #tags: (readonly string[] | undefined)[][] = []
  #hasTags = false
  /** Hashes of whole keys, the same in every process, during recording; 0 until requested. */
  #keyHashes: Int32Array | undefined
  /** When each entry was last read, in seconds, if recorded; 0: never. */
  readAt: Uint32Array | undefined
  #fresh = 0
  #free = NONE
  /** Slots that hold an entry. */
  used = 0

  constructor(most: number, now: number) {
    this.most = most
    this.createdAt = new Stamps(now, 0, false)
    this.freshUntil = new Stamps(now, 0, true)
    this.#staleUntil = new Stamps(now, 0, true)
  }

  /** A free slot, or -1 if `grow` must be called first, perhaps more than once. */
  take(): number {
    const slot = this.#free
    if (slot !== NONE) {
      this.#free = this.value(slot) as number
      this.used++
      return slot
    }
    if (this.#fresh === this.#edge) return NONE
    this.used++
    return this.#fresh++
  }

  /** Removes the entry; the slot may be taken again. */
  release(slot: number): void {
    this.createdAt.unset(slot)
    this.freshUntil.unset(slot)
    if (this.#staleApart) this.#staleUntil.unset(slot)
    if (this.#hasTags) this.setTags(slot, NO_TAGS)
    if (this.#heavy.size > 0) this.#heavy.delete(slot)
    // A free slot has no key, and the next free slot as its value.
    this.#put(slot, 0, undefined)
    this.#put(slot, 1, this.#free)
    this.#free = slot
    this.used--
  }

  /** The key with `which` 0, the value with 1. */
  #put(slot: number, which: 0 | 1, what: unknown): void {
    if (slot < FIRST) this.pairs[2 * slot + which] = what
    else (this.#pieces[(slot - FIRST_PIECE) >>> PIECE_BITS] as unknown[])[2 * (slot & (PIECE - 1)) + which] = what
  }

  #far(slot: number, which: 0 | 1): unknown {
    return this.#pieces[(slot - FIRST_PIECE) >>> PIECE_BITS]?.[2 * (slot & (PIECE - 1)) + which]
  }

  /**
   * One step towards more slots. In small stores it is the only one; in large ones it lengthens one column, or adds a
   * piece for keys and values. The owner must follow `hashes`, and with the last step `capacity`.
   */
  grow(): void {
    if (this.#fresh === this.#places && this.#fresh < this.capacity)
      this.#pieces.push(emptyList(2 * Math.min(PIECE, this.most - this.#fresh)))
    else this.#growColumns()
    const { capacity } = this
    let edge = Math.min(capacity, this.#places)
    if (this.#columns.length > 0) edge = Math.min(edge, this.#fresh + Math.ceil(capacity * SLOTS_A_STEP))
    else if (capacity >= DOUBLE_UNTIL && capacity < this.most)
      edge = Math.min(edge, Math.floor(capacity * (1 - STEPS * SLOTS_A_STEP)))
    this.#edge = Math.max(edge, this.#fresh)
  }

  /** Slots that have room for keys and values. */
  get #places(): number {
    return Math.min(this.capacity, FIRST_PIECE) + this.#pieces.length * PIECE
  }

  #growColumns(): void {
    if (this.#columns.length === 0) this.#columns = this.#growth()
    const isAtOnce = this.#room <= DOUBLE_UNTIL
    do this.#columns.shift()?.()
    while (isAtOnce && this.#columns.length > 0)
  }

  #growth(): (() => void)[] {
    const old = this.capacity
    const wished = old === 0 ? FIRST_SLOTS : old < DOUBLE_UNTIL ? old * 2 : Math.ceil(old * 1.5)
    // The last step goes to `most` at once if that would soon be needed anyway.
    const slots = wished > this.most * 0.8 ? this.most : wished
    this.#room = slots
    return [
      () => this.createdAt.grow(slots),
      () => this.freshUntil.grow(slots),
      () => this.#staleUntil.grow(slots),
      () => {
        if (this.#asOf.length === 0) return
        const asOf = this.#asOf instanceof Uint32Array ? new Uint32Array(slots) : new Float64Array(slots)
        asOf.set(this.#asOf)
        this.#asOf = asOf
      },
      () => {
        this.#weights = grownInto(this.#weights, new Uint16Array(slots))
      },
      () => {
        if (this.#spaces.length > 0) this.#spaces = grownInto(this.#spaces, new Uint16Array(slots))
        if (this.#live.length > 0) this.#live = grownInto(this.#live, new Uint8Array(slots))
      },
      () => {
        if (this.#keyHashes !== undefined) this.#keyHashes = grownInto(this.#keyHashes, new Int32Array(slots))
      },
      () => {
        if (this.readAt !== undefined) this.readAt = grownInto(this.readAt, new Uint32Array(slots))
      },
      () => {
        if (this.halves.length > 0) this.halves = grownInto(this.halves, new Int32Array(slots))
      },
      () => {
        if (old < FIRST_PIECE) this.pairs = grownList(this.pairs, 2 * Math.min(slots, FIRST_PIECE))
      },
      () => {
        this.hashes = grownInto(this.hashes, new Int32Array(slots))
      },
      () => {
        this.capacity = slots
      },
    ]
  }

  /** Drops all keys and values at once; no slot may be taken afterwards. */
  letGo(): void {
    this.pairs = []
    this.halves = new Int32Array(0)
    this.#pieces.length = 0
    this.#tags.length = 0
    this.#heavy.clear()
    this.#fresh = 0
    this.#edge = 0
    this.#free = NONE
    this.used = 0
  }

  /** One past the highest slot ever taken. */
  get end(): number {
    return this.#fresh
  }

  holds(slot: number): boolean {
    return this.held(slot) !== undefined
  }

  key(slot: number): string {
    const held = this.held(slot)
    return typeof held === 'number' ? unpack(held, this.halves[slot] as number) : (held as string)
  }

  /** Whether it is the slot's key. */
  isKey(slot: number, key: string): boolean {
    const held = this.held(slot)
    if (typeof held !== 'number') return held === key
    return pack(key) && packed.low === held && packed.high === this.halves[slot]
  }

  /** The key, the lower half of a short one, or undefined in a free slot. */
  held(slot: number): unknown {
    return slot < FIRST ? this.pairs[2 * slot] : this.#far(slot, 0)
  }

  value(slot: number): unknown {
    return slot < FIRST ? this.pairs[2 * slot + 1] : this.#far(slot, 1)
  }

  setValue(slot: number, value: unknown): void {
    this.#put(slot, 1, value)
  }

  /** Puts a key into the slot. */
  hold(slot: number, key: string): void {
    const isShort = pack(key)
    this.#put(slot, 0, isShort ? packed.low : key)
    if (isShort && this.halves.length === 0) this.halves = new Int32Array(this.#room)
    if (this.halves.length > 0) this.halves[slot] = isShort ? packed.high : 0
    if (this.#keyHashes !== undefined) this.#keyHashes[slot] = 0
    if (this.readAt !== undefined) this.readAt[slot] = 0
  }

  keepHashes(isKept: boolean): void {
    this.#keyHashes = isKept ? (this.#keyHashes ?? new Int32Array(this.#room)) : undefined
  }

  keyHash(slot: number, seed: number): number {
    const hashes = this.#keyHashes
    if (hashes === undefined) return hashOf(this.key(slot), seed)
    const known = hashes[slot] as number
    if (known !== 0) return known
    hashes[slot] = hashOf(this.key(slot), seed)
    return hashes[slot] as number
  }

  /** For many slots; 0 for hashes that are not known yet. */
  knownHashes(slots: Int32Array, count: number, into: Int32Array): void {
    const hashes = this.#keyHashes
    for (let at = 0; at < count; at++) into[at] = hashes === undefined ? 0 : (hashes[slots[at] as number] as number)
  }

  /** When the entry may no longer be served, even stale. */
  deadAt(slot: number): number {
    return this.#staleApart ? this.#staleUntil.get(slot) : this.freshUntil.get(slot)
  }

  setTimes(slot: number, freshUntil: number, staleUntil: number, now: number): void {
    if (staleUntil !== freshUntil && !this.#staleApart) {
      this.#staleUntil.copyFrom(this.freshUntil, now)
      this.#staleApart = true
    }
    this.freshUntil.set(slot, freshUntil, now)
    if (this.#staleApart) this.#staleUntil.set(slot, staleUntil, now)
  }

  /** Moves all times back. */
  setBack(ms: number): void {
    this.createdAt.setBack(ms)
    this.freshUntil.setBack(ms)
    this.#staleUntil.setBack(ms)
  }

  asOf(slot: number): number {
    return slot < this.#asOf.length ? (this.#asOf[slot] as number) : 0
  }

  setAsOf(slot: number, seq: number): void {
    if (this.#asOf.length === 0) {
      if (seq === 0) return
      this.#asOf = new Uint32Array(this.#room)
    }
    if (seq > 0xffffffff && this.#asOf instanceof Uint32Array) this.#asOf = Float64Array.from(this.#asOf)
    this.#asOf[slot] = seq
  }

  /** Bytes, a multiple of 8. */
  weight(slot: number): number {
    const words = this.#weights[slot] as number
    return words === HEAVY ? (this.#heavy.get(slot) as number) : words * 8
  }

  setWeight(slot: number, weight: number): void {
    const words = weight / 8
    if (words < HEAVY) this.#weights[slot] = words
    else {
      this.#weights[slot] = HEAVY
      this.#heavy.set(slot, weight)
    }
  }

  space(slot: number): number {
    return slot < this.#spaces.length ? (this.#spaces[slot] as number) : 0
  }

  setSpace(slot: number, space: number): void {
    if (this.#spaces.length === 0) {
      if (space === 0) return
      this.#spaces = new Uint16Array(this.#room)
    }
    this.#spaces[slot] = space
  }

  /** Whether the value has parts that freezing cannot protect: it is copied on each hit. */
  isLive(slot: number): boolean {
    return slot < this.#live.length && this.#live[slot] !== 0
  }

  setLive(slot: number, live: boolean): void {
    if (this.#live.length === 0) {
      if (!live) return
      this.hasLive = true
      this.#live = new Uint8Array(this.#room)
    }
    this.#live[slot] = live ? 1 : 0
  }

  tags(slot: number): readonly string[] {
    return this.#tags[slot >>> PIECE_BITS]?.[slot & (PIECE - 1)] ?? NO_TAGS
  }

  setTags(slot: number, tags: readonly string[]): void {
    if (tags.length === 0 && !this.#hasTags) return
    this.#hasTags = true
    const which = slot >>> PIECE_BITS
    const at = slot & (PIECE - 1)
    let piece = this.#tags[which] ?? []
    if (at >= piece.length) {
      if (tags.length === 0) return
      piece = grownList(piece, Math.min(PIECE, this.#room)) as (readonly string[] | undefined)[]
      this.#tags[which] = piece
    }
    piece[at] = tags.length === 0 ? undefined : Object.freeze([...tags])
  }
}

function grownInto<T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(old: T, grown: T): T {
  grown.set(old)
  return grown
}

/** `push` would reserve half as much again; an array of exact length does not. */
function grownList(old: readonly unknown[], length: number): unknown[] {
  const grown = new Array<unknown>(length)
  for (let i = 0; i < length; i++) grown[i] = i < old.length ? old[i] : undefined
  return grown
}

const emptyList = (length: number): unknown[] => grownList([], length)
