// What is remembered of keys that were loaded, by their hash: as many as fit, the latest.
import { mixed } from '../../core/key-hash.ts'

/** Powers of two; 44 bytes a place, and a key may take one of so many. */
const PLACES = 32_768
const TOGETHER = 4

export class KnownKeys {
  readonly values = new Int32Array(PLACES)
  readonly loadedAt = new Float64Array(PLACES)
  readonly ttls = new Float64Array(PLACES)
  /** When the value last changed, as far as is known: when it was first seen, at the latest. */
  readonly changedAt = new Float64Array(PLACES)
  /** How long it usually takes to change; 0: it was never seen to. */
  readonly scales = new Float32Array(PLACES)
  /** How long after its end a value is asked for; 0: not known yet. */
  readonly waits = new Float32Array(PLACES)
  /** Changes per millisecond that the time to live was chosen for. */
  readonly rates = new Float32Array(PLACES)
  readonly #hashes = new Int32Array(PLACES)

  /** The key's place; -1: it is not known. */
  find(hash: number): number {
    const first = firstOf(hash)
    for (let place = first; place < first + TOGETHER; place++)
      if (this.#hashes[place] === hash && this.ttls[place] !== 0) return place
    return -1
  }

  /**
   * A place for a key that is not known: that of the one, of those it may take, which was loaded the longest time ago.
   */
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
