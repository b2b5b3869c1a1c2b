// Who left lately: fingerprints of evicted keys in small buckets (the ghost queue of S3-FIFO, kept as its authors propose: in a table).
//
// Each bucket is a first-in first-out queue of its own, the newest first. As hashes spread evenly over the buckets, a fingerprint falls out
// of its bucket after about `reach` puts into the table: no time needs to be kept, and a put is a fixed number of moves.
const WAYS = 8

/** Remembers about the last `reach` hashes that were put. False finds: 1 in 8,000. 2 bytes per remembered hash. */
export class Ghosts {
  #prints = new Uint16Array(0)
  #buckets = 0
  /** Buckets per step of a hash. */
  #scale = 0

  /** Sets how many hashes are remembered; 0 for none. Forgets all when the table must get another size. */
  resize(reach: number): void {
    const buckets = Math.ceil(reach / WAYS)
    if (buckets === this.#buckets) return
    this.#buckets = buckets
    this.#scale = buckets / 0x1_0000_0000
    this.#prints = new Uint16Array(buckets * WAYS)
  }

  clear(): void {
    this.#prints.fill(0)
  }

  put(hash: number): void {
    if (this.#buckets === 0) return
    const prints = this.#prints
    const first = this.#bucket(hash)
    for (let at = first + WAYS - 1; at > first; at--) prints[at] = prints[at - 1] ?? 0
    prints[first] = fingerprint(hash)
  }

  /** Whether the hash was remembered; it is forgotten by the question. */
  take(hash: number): boolean {
    if (this.#buckets === 0) return false
    const prints = this.#prints
    const print = fingerprint(hash)
    const first = this.#bucket(hash)
    for (let at = first; at < first + WAYS; at++) {
      if (prints[at] !== print) continue
      prints[at] = 0
      return true
    }
    return false
  }

  #bucket(hash: number): number {
    return (((hash >>> 0) * this.#scale) | 0) * WAYS
  }
}

/** 1 .. 65535: never an empty place's 0. */
function fingerprint(hash: number): number {
  const bits = hash & 0xffff
  return bits === 0 ? 1 : bits
}
