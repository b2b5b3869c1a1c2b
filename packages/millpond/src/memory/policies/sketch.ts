// How often a key was asked for lately: 4-bit counters behind a doorkeeper, halved as they age.
//
// TinyLFU (Einziger, Friedman, Manes, ACM Transactions on Storage 2017): a count-min sketch whose counters are halved after each sample
// of some ten requests per entry, so that it follows the traffic; a Bloom filter at the door keeps keys that come once out of the
// counters. The four counters of a key share one 64-byte block, hence one cache line.
import { powerOfTwo } from './arrays.ts'

const BLOCK_WORDS = 16
const SAMPLE_PER_ENTRY = 10
/** The most a key can count: 15 in the counters and 1 at the door. */
export const MAX_FREQUENCY = 16

/** 5 to 10 bytes per entry. */
export class FrequencySketch {
  #words = new Uint32Array(0)
  #door = new Uint32Array(0)
  #blockMask = 0
  #doorMask = 0
  #sample = 0
  #seen = 0

  /** Makes room for the statistics of so many entries; what was counted is kept. */
  grow(entries: number): void {
    const size = Math.max(BLOCK_WORDS, powerOfTwo(entries))
    if (size > this.#words.length) {
      this.#words = repeated(this.#words, size)
      this.#blockMask = size / BLOCK_WORDS - 1
      this.#door = repeated(this.#door, size / 4)
      this.#doorMask = size / 4 - 1
    }
    this.#sample = Math.max(SAMPLE_PER_ENTRY * entries, 64)
  }

  clear(): void {
    this.#words.fill(0)
    this.#door.fill(0)
    this.#seen = 0
  }

  /** Counts one request. Halves everything when the sample is full. */
  count(hash: number): void {
    if (this.#words.length === 0) return
    if (this.#atDoor(hash, true)) this.#increment(hash)
    if (++this.#seen >= this.#sample) this.#age()
  }

  /** The estimated count, 0 .. MAX_FREQUENCY; never below the true count of the sample while counters are not halved. */
  frequency(hash: number): number {
    if (this.#words.length === 0) return 0
    const block = (hash & this.#blockMask) * BLOCK_WORDS
    const rest = spread(hash)
    let least = 15
    for (let row = 0; row < 4; row++) {
      const bits = rest >>> (row * 8)
      const word = this.#words[block + row * 4 + (bits & 3)] ?? 0
      const counter = (word >>> (bits & 0x1c)) & 15
      if (counter < least) least = counter
    }
    return this.#atDoor(hash, false) ? least + 1 : least
  }

  #increment(hash: number): void {
    const block = (hash & this.#blockMask) * BLOCK_WORDS
    const rest = spread(hash)
    for (let row = 0; row < 4; row++) {
      const bits = rest >>> (row * 8)
      const at = block + row * 4 + (bits & 3)
      const word = this.#words[at] ?? 0
      const shift = bits & 0x1c
      if (((word >>> shift) & 15) < 15) this.#words[at] = word + (1 << shift)
    }
  }

  /** Whether the key has passed the door; with `enter`, it has from now on. Both bits of a key lie in one word. */
  #atDoor(hash: number, enter: boolean): boolean {
    const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    const at = (mixed >>> 10) & this.#doorMask
    const bits = (1 << (mixed & 31)) | (1 << ((mixed >>> 5) & 31))
    const word = this.#door[at] ?? 0
    if ((word & bits) === bits) return true
    if (enter) this.#door[at] = word | bits
    return false
  }

  #age(): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = ((this.#words[i] ?? 0) >>> 1) & 0x77777777
    this.#door.fill(0)
    this.#seen >>>= 1
  }
}

/** Other bits of the same hash: which counters of its block a key has. */
function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  return mixed ^ (mixed >>> 15)
}

/** A table of twice the size answers as before when both halves hold the old content: an index only gains a bit. */
function repeated(old: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(length)
  for (let at = 0; old.length > 0 && at < length; at += old.length) grown.set(old, at)
  return grown
}
