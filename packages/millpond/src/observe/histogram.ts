// Durations in a fixed log-linear histogram: recording is one array increment, a percentile is at most 3.2 % off.
//
// The bucket is read off the bits of the double: its exponent and the four highest bits of its fraction, so each power
// of two from about one microsecond to some 70 minutes is cut in 16 equal parts (the idea of HdrHistogram, without a
// logarithm).
import type { LatencyStats } from './stats.ts'

/**
 * Upper bounds in milliseconds of the coarse buckets for exporters: powers of four, which are bounds of the fine
 * buckets too.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = Object.freeze([
  2 ** -8,
  2 ** -6,
  2 ** -4,
  0.25,
  1,
  4,
  16,
  64,
  256,
  1024,
  4096,
  16384,
])

/** Collects durations. Takes 4 KB. */
export interface Histogram {
  /**
   * Milliseconds; `times`: that often. Percentiles do not distinguish values below 1 microsecond or above 70 minutes;
   * NaN is ignored. Allocates nothing.
   */
  record(ms: number, times?: number): void
  /** Durations recorded. */
  readonly count: number
  /** Their sum in milliseconds, exact. */
  readonly sumMs: number
  /** The duration that the share `q` (0 to 1) of all does not exceed, at most 3.2 % off; 0 if nothing was recorded. */
  percentile(q: number): number
  /** How many were below each of `LATENCY_BOUNDS_MS`. */
  cumulative(): number[]
  /** Count, average and percentiles; with `buckets`, the coarse buckets for an exporter too. */
  view(options?: { readonly buckets?: boolean }): LatencyStats
  /** Adds the contents of another one. */
  merge(other: Histogram): void
  /** Forgets all that was recorded. */
  reset(): void
}

const SUB_BITS = 4
const SHIFT = 20 - SUB_BITS
const LOWEST = 2 ** -10
const OCTAVES = 32
const SIZE = OCTAVES << SUB_BITS
const HIGHEST = LOWEST * 2 ** OCTAVES

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0
double[0] = LOWEST
const FIRST = words[HIGH]! >>> SHIFT

/** An empty histogram of milliseconds. */
export function createHistogram(): Histogram {
  return new LogLinear()
}

class LogLinear implements Histogram {
  readonly #counts = new Float64Array(SIZE)
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  get count(): number {
    return this.#count
  }

  get sumMs(): number {
    return this.#sum
  }

  record(ms: number, times = 1): void {
    // The comparison is false for NaN.
    if (!(ms >= 0)) {
      if (Number.isNaN(ms)) return
      ms = 0
    }
    if (ms > HIGHEST) ms = HIGHEST
    double[0] = ms < LOWEST ? LOWEST : ms
    const index = (words[HIGH]! >>> SHIFT) - FIRST
    this.#counts[index < SIZE ? index : SIZE - 1]! += times
    this.#count += times
    this.#sum += ms * times
    if (ms < this.#min) this.#min = ms
    if (ms > this.#max) this.#max = ms
  }

  percentile(q: number): number {
    if (this.#count === 0) return 0
    const rank = Math.max(1, Math.ceil(Math.min(1, Math.max(0, q)) * this.#count))
    let index = 0
    for (let seen = this.#counts[0]!; seen < rank && index < SIZE - 1; seen += this.#counts[index]!) index++
    return Math.min(this.#max, Math.max(this.#min, (lowerBound(index) + lowerBound(index + 1)) / 2))
  }

  cumulative(): number[] {
    let index = 0
    let below = 0
    return BOUND_INDEXES.map((end) => {
      // Of a thousand namespaces most have recorded nothing of most kinds.
      if (this.#count > 0) while (index < end) below += this.#counts[index++]!
      return below
    })
  }

  view(options?: { readonly buckets?: boolean }): LatencyStats {
    const plain = {
      count: this.#count,
      avgMs: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50Ms: this.percentile(0.5),
      p95Ms: this.percentile(0.95),
      p99Ms: this.percentile(0.99),
    }
    return options?.buckets === true ? { ...plain, buckets: this.cumulative() } : plain
  }

  merge(other: Histogram): void {
    if (!(other instanceof LogLinear)) throw new TypeError('only histograms made by createHistogram can be merged')
    for (let i = 0; i < SIZE; i++) this.#counts[i]! += other.#counts[i]!
    this.#count += other.#count
    this.#sum += other.#sum
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sum = 0
    this.#min = Number.POSITIVE_INFINITY
    this.#max = 0
  }
}

function lowerBound(index: number): number {
  const octave = LOWEST * 2 ** (index >> SUB_BITS)
  return octave * (1 + (index & ((1 << SUB_BITS) - 1)) / (1 << SUB_BITS))
}

/** The first fine bucket at or above each coarse bound. */
const BOUND_INDEXES: readonly number[] = LATENCY_BOUNDS_MS.map((bound) => {
  let index = 0
  while (index < SIZE && lowerBound(index) < bound) index++
  return index
})
