// What a pattern of keys asks for and holds, counted for money: how long each value was held for the read that found
// it.
import { mixed } from '../../core/key-hash.ts'

/** Octaves of milliseconds: the last one is 34 years. */
const OCTAVES = 40

/** Of watched keys of a pattern; each counts as many as it stands for. */
export class PatternLedger {
  /** When it began: epoch milliseconds. */
  readonly from: number
  requests = 0
  /** Reads that memory answered. */
  hits = 0
  loads = 0
  /** What the entries weighed that memory answered with, summed over the hits. */
  #bytes = 0
  /** Bytes times milliseconds from the read before to a hit, by octaves of the time between. */
  readonly #held = new Float64Array(OCTAVES)

  constructor(from: number) {
    this.from = from
  }

  /** `sinceMs`: since the key was last read; `NaN` where nobody remembers. */
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

  /** What an entry weighs in the mean, in bytes; 0 where none was read. */
  get meanBytes(): number {
    return this.hits === 0 ? 0 : this.#bytes / this.hits
  }

  /** Bytes times milliseconds that were held from one read to a hit, longer than `ms` between the two. */
  heldBeyond(ms: number): number {
    let sum = 0
    for (let octave = 0; octave < OCTAVES; octave++) {
      const from = 2 ** octave
      // Within an octave: as if spread evenly over its times.
      const beyond = ms <= from ? 1 : ms >= 2 * from ? 0 : (2 * from - ms) / from
      sum += beyond * (this.#held[octave] as number)
    }
    return sum
  }
}

/** A power of two. */
const KEYS = 32_768

/** When watched keys were last read, by their hash. */
export class LastReads {
  readonly #hashes = new Int32Array(KEYS)
  readonly #at = new Float64Array(KEYS)

  /** Milliseconds since the last read of the key, which is now; `NaN`: not known. */
  since(hash: number, now: number): number {
    const cell = mixed(hash) & (KEYS - 1)
    const since = this.#hashes[cell] === hash && this.#at[cell] !== 0 ? now - (this.#at[cell] as number) : Number.NaN
    this.#hashes[cell] = hash
    this.#at[cell] = now
    return since
  }
}
