// What a pattern of keys requests and stores, for costs: how long each value was held until the read that hit it.
import { mixed } from '../../core/key-hash.ts'

/** Octaves of milliseconds: the last one is 34 years. */
const OCTAVES = 40

/** For the watched keys of a pattern; each counts for all keys that it represents. */
export class PatternLedger {
  /** The start: epoch milliseconds. */
  readonly from: number
  requests = 0
  /** Reads answered by memory. */
  hits = 0
  loads = 0
  /** The weights of the entries that were hit, summed over the hits. */
  #bytes = 0
  /** Bytes times milliseconds from the previous read to a hit, by octaves of that interval. */
  readonly #held = new Float64Array(OCTAVES)

  constructor(from: number) {
    this.from = from
  }

  /** `sinceMs`: since the key was last read; `NaN` if unknown. */
  hit(bytes: number, sinceMs: number, standsFor: number): void {
    this.requests += standsFor
    this.hits += standsFor
    this.#bytes += bytes * standsFor
    if (!(sinceMs > 0)) return
    const octave = Math.min(OCTAVES - 1, Math.floor(Math.log2(Math.max(1, sinceMs))))
    this.#held[octave] = (this.#held[octave] as number) + bytes * sinceMs * standsFor
  }

  miss(standsFor: number): void {
    this.requests += standsFor
  }

  /** The mean weight of an entry, in bytes; 0 if none was read. */
  get meanBytes(): number {
    return this.hits === 0 ? 0 : this.#bytes / this.hits
  }

  /** Bytes times milliseconds held between a read and a hit, for intervals longer than `ms`. */
  heldBeyond(ms: number): number {
    let sum = 0
    for (let octave = 0; octave < OCTAVES; octave++) {
      const from = 2 ** octave
      // Within an octave, a uniform distribution is assumed.
      const beyond = ms <= from ? 1 : ms >= 2 * from ? 0 : (2 * from - ms) / from
      sum += beyond * (this.#held[octave] as number)
    }
    return sum
  }
}

/** A power of two. */
const KEYS = 32_768

/** The last read of watched keys, by their hash. */
export class LastReads {
  readonly #hashes = new Int32Array(KEYS)
  readonly #at = new Float64Array(KEYS)

  /** Milliseconds since the key's last read; this read becomes the last. `NaN`: unknown. */
  since(hash: number, now: number): number {
    const cell = mixed(hash) & (KEYS - 1)
    const since = this.#hashes[cell] === hash && this.#at[cell] !== 0 ? now - (this.#at[cell] as number) : Number.NaN
    this.#hashes[cell] = hash
    this.#at[cell] = now
    return since
  }
}
