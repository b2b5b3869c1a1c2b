// Recently evicted keys: their fingerprints in small buckets (the ghost queue of S3-FIFO, in a table as its authors
// propose).
//
// Each bucket is a FIFO queue of its own, the newest first. As hashes spread evenly over the buckets, a fingerprint
// falls out of its bucket after about `reach` puts into the table: no time is stored, and a put is a fixed number of
// moves.
const WAYS = 8
/** Two fingerprints per word: a bucket shifts in four steps. */
const WORDS = WAYS / 2
const LOW_BITS = 0x0001_0001
const HIGH_BITS = 0x8000_8000 | 0

/** Remembers about the last `reach` hashes that were put. False positives: 1 in 8,000. 2 bytes per remembered hash. */
export class Ghosts {
  #words = new Int32Array(0)
  #buckets = 0
  /** The factor from hash to bucket. */
  #scale = 0

  /** Sets how many hashes are remembered; 0 for none. Forgets all if the table is resized. */
  resize(reach: number): void {
    const buckets = Math.ceil(reach / WAYS)
    if (buckets === this.#buckets) return
    this.#buckets = buckets
    this.#scale = buckets / 0x1_0000_0000
    this.#words = new Int32Array(buckets * WORDS)
  }

  clear(): void {
    this.#words.fill(0)
  }

  put(hash: number): void {
    if (this.#buckets === 0) return
    const words = this.#words
    const at = this.#bucket(hash)
    const first = words[at] as number
    const second = words[at + 1] as number
    const third = words[at + 2] as number
    words[at + 3] = ((words[at + 3] as number) << 16) | (third >>> 16)
    words[at + 2] = (third << 16) | (second >>> 16)
    words[at + 1] = (second << 16) | (first >>> 16)
    words[at] = (first << 16) | fingerprint(hash)
  }

  /** Removes the hash; whether it was remembered. */
  take(hash: number): boolean {
    if (this.#buckets === 0) return false
    const words = this.#words
    const both = Math.imul(fingerprint(hash), LOW_BITS)
    const first = this.#bucket(hash)
    for (let at = first; at < first + WORDS; at++) {
      const word = words[at] as number
      // An equal half becomes 0, and only with a half of 0 does the subtraction borrow into a high bit that was not
      // set.
      const apart = word ^ both
      if (((apart - LOW_BITS) & ~apart & HIGH_BITS) === 0) continue
      words[at] = (apart & 0xffff) === 0 ? word & ~0xffff : word & 0xffff
      return true
    }
    return false
  }

  #bucket(hash: number): number {
    return (((hash >>> 0) * this.#scale) | 0) * WORDS
  }
}

/** 1 .. 65535: never 0, which marks an empty place. */
function fingerprint(hash: number): number {
  const bits = hash & 0xffff
  return bits === 0 ? 1 : bits
}
