// What is remembered of loaded keys, by hash: the latest that fit.
import { mixed } from '../../core/key-hash.ts'

/** Powers of two; 44 bytes per place, and the number of places where a key may go. */
const PLACES = 32_768
const TOGETHER = 4

export class KnownKeys {
  readonly values = new Int32Array(PLACES)
  readonly loadedAt = new Float64Array(PLACES)
  readonly ttls = new Float64Array(PLACES)
  /** When the value last changed, as far as known; initially when it was first seen. */
  readonly changedAt = new Float64Array(PLACES)
  /** The usual interval between changes; 0: it was never seen to change. */
  readonly scales = new Float32Array(PLACES)
  /** The time from a value's expiry to the next request; 0: unknown. */
  readonly waits = new Float32Array(PLACES)
  /** The changes per millisecond for which the TTL was chosen. */
  readonly rates = new Float32Array(PLACES)
  readonly #hashes = new Int32Array(PLACES)

  /** The key's place; -1: unknown. */
  find(hash: number): number {
    const first = firstOf(hash)
    for (let place = first; place < first + TOGETHER; place++)
      if (this.#hashes[place] === hash && this.ttls[place] !== 0) return place
    return -1
  }

  /** A place for an unknown key: of its possible places, the one that was loaded the longest time ago. */
  take(hash: number, valueHash: number, now: number): number {
    const first = firstOf(hash)
    let oldest = first
    for (let place = first; place < first + TOGETHER; place++)
      if ((this.loadedAt[place] as number) < (this.loadedAt[oldest] as number)) oldest = place
    this.#hashes[oldest] = hash
    this.values[oldest] = valueHash
    this.loadedAt[oldest] = now
    this.changedAt[oldest] = now
    this.scales[oldest] = 0
    this.waits[oldest] = 0
    this.rates[oldest] = 0
    return oldest
  }
}

const firstOf = (hash: number): number => mixed(hash) & (PLACES - TOGETHER)
