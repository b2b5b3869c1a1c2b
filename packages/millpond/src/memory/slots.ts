// What the store knows of its entries, as columns: one index into each is an entry. Columns that few stores need come to life on first use.
import { hashOf } from '../core/key-hash.ts'
import { Stamps } from './stamps.ts'

const NO_TAGS: readonly string[] = Object.freeze([])
const FIRST_SLOTS = 64
/** Up to here the columns double; after it they grow by half, so that little is reserved in vain. */
const DOUBLE_UNTIL = 65_536
const NONE = -1
/** Half a megabyte and more does not fit the column of weights. */
const HEAVY = 0xffff

/** Struct of arrays. 26 bytes an entry, 30 with a TTL, 34 where the ledger moves, beside the index and the policy; 4 more while somebody records. */
export class Slots {
  /** Slots in the columns; grows up to `most`. */
  capacity = 0
  most: number
  /** Key and value of slot `s` side by side at `2s` and `2s + 1`: one cache line on a hit. Free slots have no key. */
  pairs: unknown[] = []
  /** What index and policy know an entry by; filled by the index, which may change it when it learns to look at more characters. */
  hashes = new Int32Array(0)
  readonly createdAt: Stamps
  readonly freshUntil: Stamps
  readonly #staleUntil: Stamps
  /** False while no entry may be served stale: then `freshUntil` says both. */
  #staleApart = false
  #asOf: Uint32Array | Float64Array = new Uint32Array(0)
  /** In words of 8 bytes; `HEAVY`: see `#heavy`. */
  #weights = new Uint16Array(0)
  readonly #heavy = new Map<number, number>()
  #spaces = new Uint16Array(0)
  #live = new Uint8Array(0)
  /** Some value has been live: where none was, `isLive` need not be asked. */
  hasLive = false
  #tags: (readonly string[] | undefined)[] | undefined
  /** Of the whole key, the same in every process, while somebody records; 0 until it is asked for. */
  #keyHashes: Int32Array | undefined
  /** When each entry was last read, in seconds, where that is noted; 0 for never. */
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

  /** A free slot, or -1 when `grow` must come first. */
  take(): number {
    const slot = this.#free
    if (slot !== NONE) {
      this.#free = this.pairs[2 * slot + 1] as number
      this.used++
      return slot
    }
    if (this.#fresh === this.capacity) return NONE
    this.used++
    return this.#fresh++
  }

  /** Forgets the entry; the slot may be taken again. */
  release(slot: number): void {
    this.pairs[2 * slot] = undefined
    this.createdAt.unset(slot)
    this.freshUntil.unset(slot)
    if (this.#staleApart) this.#staleUntil.unset(slot)
    if (this.#tags !== undefined) this.#tags[slot] = undefined
    if (this.#heavy.size > 0) this.#heavy.delete(slot)
    // A free slot has no key, and the next free one for a value.
    this.pairs[2 * slot + 1] = this.#free
    this.#free = slot
    this.used--
  }

  grow(): void {
    const old = this.capacity
    const wished = old === 0 ? FIRST_SLOTS : old < DOUBLE_UNTIL ? old * 2 : Math.ceil(old * 1.5)
    // The last step reaches `most` at once where it would soon follow anyway.
    const slots = wished > this.most * 0.8 ? this.most : wished
    this.capacity = slots
    this.pairs = grownList(this.pairs, 2 * slots)
    this.hashes = grownInto(this.hashes, new Int32Array(slots))
    this.createdAt.grow(slots)
    this.freshUntil.grow(slots)
    this.#staleUntil.grow(slots)
    if (this.#asOf.length > 0) {
      const asOf = this.#asOf instanceof Uint32Array ? new Uint32Array(slots) : new Float64Array(slots)
      asOf.set(this.#asOf)
      this.#asOf = asOf
    }
    this.#weights = grownInto(this.#weights, new Uint16Array(slots))
    if (this.#spaces.length > 0) this.#spaces = grownInto(this.#spaces, new Uint16Array(slots))
    if (this.#live.length > 0) this.#live = grownInto(this.#live, new Uint8Array(slots))
    if (this.#keyHashes !== undefined) this.#keyHashes = grownInto(this.#keyHashes, new Int32Array(slots))
    if (this.readAt !== undefined) this.readAt = grownInto(this.readAt, new Uint32Array(slots))
    if (this.#tags !== undefined) this.#tags = grownList(this.#tags, slots) as (readonly string[] | undefined)[]
  }

  /** Forgets all keys and values at once, for good: no slot is taken afterwards. */
  letGo(): void {
    this.pairs = []
    this.#tags = undefined
    this.#heavy.clear()
    this.#fresh = 0
    this.#free = NONE
    this.used = 0
  }

  /** One past the highest slot ever taken. */
  get end(): number {
    return this.#fresh
  }

  holds(slot: number): boolean {
    return this.pairs[2 * slot] !== undefined
  }

  key(slot: number): string {
    return this.pairs[2 * slot] as string
  }

  value(slot: number): unknown {
    return this.pairs[2 * slot + 1]
  }

  /** A key takes the slot. */
  hold(slot: number, key: string): void {
    this.pairs[2 * slot] = key
    if (this.#keyHashes !== undefined) this.#keyHashes[slot] = 0
    if (this.readAt !== undefined) this.readAt[slot] = 0
  }

  keepHashes(isKept: boolean): void {
    this.#keyHashes = isKept ? (this.#keyHashes ?? new Int32Array(this.capacity)) : undefined
  }

  keyHash(slot: number, seed: number): number {
    const hashes = this.#keyHashes
    if (hashes === undefined) return hashOf(this.key(slot), seed)
    const known = hashes[slot] as number
    if (known !== 0) return known
    hashes[slot] = hashOf(this.key(slot), seed)
    return hashes[slot] as number
  }

  /** When the entry may no longer be served at all. */
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
      this.#asOf = new Uint32Array(this.capacity)
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
      this.#spaces = new Uint16Array(this.capacity)
    }
    this.#spaces[slot] = space
  }

  /** The value holds parts that freezing cannot protect: it is copied on each hit. */
  isLive(slot: number): boolean {
    return slot < this.#live.length && this.#live[slot] !== 0
  }

  setLive(slot: number, live: boolean): void {
    if (this.#live.length === 0) {
      if (!live) return
      this.hasLive = true
      this.#live = new Uint8Array(this.capacity)
    }
    this.#live[slot] = live ? 1 : 0
  }

  tags(slot: number): readonly string[] {
    return this.#tags?.[slot] ?? NO_TAGS
  }

  setTags(slot: number, tags: readonly string[]): void {
    if (this.#tags === undefined) {
      if (tags.length === 0) return
      this.#tags = grownList([], this.capacity) as (readonly string[] | undefined)[]
    }
    this.#tags[slot] = tags.length === 0 ? undefined : Object.freeze([...tags])
  }
}

function grownInto<T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(old: T, grown: T): T {
  grown.set(old)
  return grown
}

/** `push` would reserve half as much again; an array of its exact length does not. */
function grownList(old: readonly unknown[], length: number): unknown[] {
  const grown = new Array<unknown>(length)
  for (let i = 0; i < length; i++) grown[i] = i < old.length ? old[i] : undefined
  return grown
}
