// The cost of a stale read, in loads: the price at which the resulting TTLs meet the requested staleness.
//
// With reads at a rate r and changes at a rate l, a value that lives for T costs a load and, at a price m, m stale
// reads r l T^2 / 2, every T + 1 / r. The best T is (-1 + sqrt(1 + 2 r / (m l))) / r. The price is found by bisection
// over the latest reloads, and calibrated by the actual staleness.

const SAMPLES = 1024
const EVERY = 32
/**
 * The range of the natural logarithm of a price: initially unrestricted, later a limited change. Bisection halves what
 * is left.
 */
const WIDEST = 30
const FIRST_STEPS = 20
const MOVES = 1
const STEPS = 7
/** The decay of earlier cycles per cycle, and the initial value of the calibration, in stale reads. */
const FADE = 0.998
const FIRST = 0.1
const LEAST_FACTOR = 0.5
const MOST_FACTOR = 3

export interface Bounds {
  readonly minMs: number
  readonly baseMs: number
  readonly maxMs: number
}

export class Price {
  /** Undefined until there were enough observations. */
  value: number | undefined
  readonly #staleness: number
  readonly #bounds: Bounds
  readonly #reads = new Float64Array(SAMPLES)
  readonly #changes = new Float64Array(SAMPLES)
  #count = 0
  #foreseen = 0
  #found = 0

  /** `staleness`: the share of reads that may be answered with an outdated value. */
  constructor(staleness: number, bounds: Bounds) {
    this.#staleness = staleness
    this.#bounds = bounds
  }

  /** A reload: the key's reads and changes per millisecond. */
  note(reads: number, changes: number): void {
    const at = this.#count++ % SAMPLES
    this.#reads[at] = reads
    this.#changes[at] = changes
    if (this.#count % EVERY === 0) this.#find()
  }

  /**
   * A cycle has ended: about this many reads were answered during `ttlMs`, and its end showed whether the value had
   * changed.
   */
  judge(reads: number, changes: number, ttlMs: number, elapsedMs: number, hasChanged: boolean): void {
    this.#foreseen = this.#foreseen * FADE + reads * staleShare(changes * ttlMs)
    this.#found = this.#found * FADE + (hasChanged ? (reads / 2) * Math.min(1, ttlMs / elapsedMs) : 0)
  }

  /** Observed stale reads per expected one. */
  get factor(): number {
    return Math.max(LEAST_FACTOR, Math.min(MOST_FACTOR, (this.#found + FIRST) / (this.#foreseen + FIRST)))
  }

  #find(): void {
    const wanted = this.#staleness / this.factor
    const known = this.value === undefined ? 0 : Math.log(this.value)
    const width = this.value === undefined ? WIDEST : MOVES
    let low = known - width
    let high = known + width
    for (let step = this.value === undefined ? FIRST_STEPS : STEPS; step > 0; step--) {
      const middle = (low + high) / 2
      if (this.#stalenessAt(Math.exp(middle)) > wanted) low = middle
      else high = middle
    }
    this.value = Math.exp((low + high) / 2)
  }

  #stalenessAt(price: number): number {
    const { minMs, maxMs } = this.#bounds
    let stale = 0
    let all = 0
    for (let at = 0; at < Math.min(this.#count, SAMPLES); at++) {
      const reads = this.#reads[at] as number
      const changes = this.#changes[at] as number
      const ttl = Math.max(minMs, Math.min(maxMs, bestTtl(reads, changes, price)))
      const cycle = ttl + 1 / reads
      stale += (reads * ttl * staleShare(changes * ttl)) / cycle
      all += (reads * ttl + 1) / cycle
    }
    return stale / all
  }
}

/** In milliseconds, with rates per millisecond. */
export const bestTtl = (reads: number, changes: number, price: number): number =>
  (-1 + Math.sqrt(1 + (2 * reads) / (price * changes))) / reads

/** Of the reads of a value that lives until `expected` changes are due, the share that gets an outdated value. */
const staleShare = (expected: number): number =>
  expected > 1e-4 ? 1 - (1 - Math.exp(-expected)) / expected : expected / 2
