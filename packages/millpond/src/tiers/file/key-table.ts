// Where the record of each key is: an open-addressing table of hashes and places, about 60 bytes a key, without the
// keys themselves.
//
// Two keys with the same 64-bit hash replace each other; comparing the key in the record detects this. The hash is
// seeded with a secret of this process, so that an attacker cannot choose colliding keys.
import { randomBytes } from 'node:crypto'

/** A place in the log. */
export interface Place {
  readonly segment: number
  readonly offset: number
  readonly length: number
  /** Where the entry was first written: of two records of a key, the one with the later birth counts. */
  readonly birth: number
}

const LEAST = 1024
/** The table is rebuilt above this load factor. */
const FULL = 0.7

export class KeyTable {
  readonly #seed = randomBytes(8)
  readonly #seeds = [this.#seed.readInt32LE(0), this.#seed.readInt32LE(4)] as const
  /** The hash of the current key: set by `locate`, used by `put`. */
  #low = 0
  #high = 0
  #mask = LEAST - 1
  #used = 0
  #lows = new Uint32Array(LEAST)
  #highs = new Uint32Array(LEAST)
  #segments = new Uint32Array(LEAST)
  #offsets = new Uint32Array(LEAST)
  #lengths = new Uint32Array(LEAST)
  #births = new Float64Array(LEAST)
  #marks = new Uint8Array(LEAST)

  /** The slot of the key, valid until the table changes; -1 if it is absent. */
  locate(key: string): number {
    this.#hash(key)
    for (let slot = this.#low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      if (this.#births[slot] === 0) return -1
      if (this.#lows[slot] === this.#low && this.#highs[slot] === this.#high) return slot
    }
  }

  placeIn(slot: number): Place {
    return {
      segment: this.#segments[slot] ?? 0,
      offset: this.#offsets[slot] ?? 0,
      length: this.#lengths[slot] ?? 0,
      birth: this.#births[slot] ?? 0,
    }
  }

  segmentIn(slot: number): number {
    return this.#segments[slot] ?? 0
  }

  isAt(slot: number, segment: number, offset: number): boolean {
    return this.#segments[slot] === segment && this.#offsets[slot] === offset
  }

  /** Marks the entry as read; `takeMark` clears the mark. */
  mark(slot: number): void {
    this.#marks[slot] = 1
  }

  takeMark(slot: number): boolean {
    const isMarked = this.#marks[slot] === 1
    this.#marks[slot] = 0
    return isMarked
  }

  /** Stores the key last passed to `locate`, which returned `slot`. `isAlive` tells which segments still exist. */
  put(slot: number, { segment, offset, length, birth }: Place, isAlive: (segment: number) => boolean): void {
    let at = slot
    if (at < 0) {
      if (this.#used >= FULL * (this.#mask + 1)) this.#rebuild(isAlive)
      for (at = this.#low & this.#mask; this.#births[at] !== 0; ) at = (at + 1) & this.#mask
      this.#used++
      this.#lows[at] = this.#low
      this.#highs[at] = this.#high
      this.#marks[at] = 0
    }
    this.#segments[at] = segment
    this.#offsets[at] = offset
    this.#lengths[at] = length
    this.#births[at] = birth
  }

  /** Shifts the entries behind it back (no tombstones), so that no probe ends too early. */
  remove(slot: number): void {
    let hole = slot
    for (let at = (slot + 1) & this.#mask; this.#births[at] !== 0; at = (at + 1) & this.#mask) {
      const home = (this.#lows[at] ?? 0) & this.#mask
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue
      this.#copy(at, hole)
      hole = at
    }
    this.#births[hole] = 0
    this.#used--
  }

  clear(): void {
    this.#allocate(LEAST)
  }

  #copy(from: number, to: number): void {
    this.#lows[to] = this.#lows[from] ?? 0
    this.#highs[to] = this.#highs[from] ?? 0
    this.#segments[to] = this.#segments[from] ?? 0
    this.#offsets[to] = this.#offsets[from] ?? 0
    this.#lengths[to] = this.#lengths[from] ?? 0
    this.#births[to] = this.#births[from] ?? 0
    this.#marks[to] = this.#marks[from] ?? 0
  }

  /** Drops entries whose segments are gone; at most half full afterwards. */
  #rebuild(isAlive: (segment: number) => boolean): void {
    const { mask, lows, highs, segments, offsets, lengths, births, marks } = this.#columns()
    let alive = 0
    for (let slot = 0; slot <= mask; slot++) if (births[slot] !== 0 && isAlive(segments[slot] ?? 0)) alive++
    let capacity = LEAST
    while (capacity < alive * 2) capacity *= 2
    this.#allocate(capacity)
    for (let slot = 0; slot <= mask; slot++) {
      if (births[slot] === 0 || !isAlive(segments[slot] ?? 0)) continue
      let at = (lows[slot] ?? 0) & this.#mask
      while (this.#births[at] !== 0) at = (at + 1) & this.#mask
      this.#used++
      this.#lows[at] = lows[slot] ?? 0
      this.#highs[at] = highs[slot] ?? 0
      this.#segments[at] = segments[slot] ?? 0
      this.#offsets[at] = offsets[slot] ?? 0
      this.#lengths[at] = lengths[slot] ?? 0
      this.#births[at] = births[slot] ?? 0
      this.#marks[at] = marks[slot] ?? 0
    }
  }

  #columns() {
    return {
      mask: this.#mask,
      lows: this.#lows,
      highs: this.#highs,
      segments: this.#segments,
      offsets: this.#offsets,
      lengths: this.#lengths,
      births: this.#births,
      marks: this.#marks,
    }
  }

  #allocate(capacity: number): void {
    this.#mask = capacity - 1
    this.#used = 0
    this.#lows = new Uint32Array(capacity)
    this.#highs = new Uint32Array(capacity)
    this.#segments = new Uint32Array(capacity)
    this.#offsets = new Uint32Array(capacity)
    this.#lengths = new Uint32Array(capacity)
    this.#births = new Float64Array(capacity)
    this.#marks = new Uint8Array(capacity)
  }

  /** Two lanes over the code units, each with its own multiplier and MurmurHash3's usual finalizer. */
  #hash(key: string): void {
    let low: number = this.#seeds[0]
    let high: number = this.#seeds[1]
    for (let at = 0; at < key.length; at++) {
      const unit = key.charCodeAt(at)
      low = Math.imul(low ^ unit, 0x9e3779b1)
      low = (low << 13) | (low >>> 19)
      high = Math.imul(high ^ unit, 0x85ebca77)
      high = (high << 15) | (high >>> 17)
    }
    this.#low = mixed(low ^ Math.imul(high, 0x27d4eb2f)) >>> 0
    this.#high = mixed(high ^ Math.imul(low, 0x165667b1) ^ key.length) >>> 0
  }
}

function mixed(bits: number): number {
  let mixing = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  mixing = Math.imul(mixing ^ (mixing >>> 13), 0xc2b2ae35)
  return mixing ^ (mixing >>> 16)
}
