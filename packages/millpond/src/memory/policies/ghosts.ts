// Who left lately: fingerprints of evicted keys with their age, in small buckets (the ghost table of S3-FIFO, section 4.2).
import { powerOfTwo } from './arrays.ts'

const WAYS = 8
const AGE_STEPS = 1 << 14

/**
 * Remembers about the last `reach` hashes that were put. A word holds 16 bits of fingerprint and 16 bits of time; time runs in steps of
 * `reach / 16384` puts. False finds: fewer than 1 in 8,000. 6 to 12 bytes per remembered hash.
 */
export class Ghosts {
  #words = new Uint32Array(0)
  #bucketMask = 0
  #reach = 0
  #step = 1
  /** Puts since the last step, and steps since the start (1 .. 65535; 0 marks an empty word). */
  #inStep = 0
  #now = 1

  /** Sets how many hashes are remembered. Forgets all when the table must get another size. */
  resize(reach: number): void {
    this.#reach = Math.max(1, Math.floor(reach))
    this.#step = Math.ceil(this.#reach / AGE_STEPS)
    const buckets = powerOfTwo((this.#reach * 1.5) / WAYS)
    if (buckets * WAYS === this.#words.length) return
    this.#words = new Uint32Array(buckets * WAYS)
    this.#bucketMask = buckets - 1
  }

  clear(): void {
    this.#words.fill(0)
  }

  put(hash: number): void {
    if (this.#words.length === 0) return
    this.#tick()
    const print = (hash >>> 16) << 16
    const first = (hash & this.#bucketMask) * WAYS
    let at = first
    let oldest = -1
    for (let i = first; i < first + WAYS; i++) {
      const word = this.#words[i] ?? 0
      const age = word === 0 ? 0x10000 : this.#age(word)
      if (age > oldest) {
        oldest = age
        at = i
      }
    }
    this.#words[at] = (print | this.#now) >>> 0
  }

  /** Whether the hash was remembered; it is forgotten by the question. */
  take(hash: number): boolean {
    if (this.#words.length === 0) return false
    const print = hash >>> 16
    const first = (hash & this.#bucketMask) * WAYS
    for (let i = first; i < first + WAYS; i++) {
      const word = this.#words[i] ?? 0
      if (word === 0 || word >>> 16 !== print) continue
      this.#words[i] = 0
      if (this.#age(word) * this.#step <= this.#reach) return true
    }
    return false
  }

  #age(word: number): number {
    const age = this.#now - (word & 0xffff)
    return age < 0 ? age + 0xffff : age
  }

  #tick(): void {
    if (++this.#inStep < this.#step) return
    this.#inStep = 0
    this.#now = this.#now === 0xffff ? 1 : this.#now + 1
  }
}
