// Statistics by key pattern and the hottest keys, in bounded memory, from a sample of the reads.
import type { MissCause } from '../core/causes.ts'
import { checkOptions, clock as clockCheck, type Resolved, type Shape, whole } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import type { Recorder } from '../core/recorder.ts'
import { FadingKeys, type HotKey } from './hot-keys.ts'
import { keyPattern } from './key-pattern.ts'

export interface KeyStatisticsOptions {
  /** The sampling interval of reads; counts are multiplied by it. Default 64. 1 samples all. */
  readonly sampleEvery?: number | undefined
  /** Distinct patterns; further ones count as `(other)`. Default 200. */
  readonly maxPatterns?: number | undefined
  /** Keys tracked for `hotKeys`. Default 256. */
  readonly trackedKeys?: number | undefined
  /** Any 32-bit number; determines which reads are sampled. */
  readonly seed?: number | undefined
  /** The clock of `hotKeys`' decay. Default: the machine's. */
  readonly clock?: Clock | undefined
}

export interface PatternStats {
  /** The key with its variable parts replaced; `(other)` for patterns beyond `maxPatterns`. */
  readonly pattern: string
  /** Estimates if only a sample is read. */
  readonly hits: number
  /** Estimated like `hits`. */
  readonly misses: number
  /** hits / (hits + misses), 0 to 1. */
  readonly hitRate: number
}

export interface PatternMemory {
  /** The key with its variable parts replaced; `(other)` for patterns beyond the limit. */
  readonly pattern: string
  /** Entries of this pattern in memory. */
  readonly entries: number
  /** Their estimated size. */
  readonly bytes: number
  /** Of all bytes, 0 to 1. */
  readonly share: number
}

/** Also a recorder: `cache.record(statistics)` feeds it. */
export interface KeyStatistics extends Required<Pick<Recorder, 'hit' | 'miss'>> {
  /** A read and whether it was a hit. All but every n-th call return at once. */
  record(key: string, isHit: boolean): void
  /** Most read first. */
  patterns(): PatternStats[]
  /**
   * The currently hottest first, as in insight: a read counts half after 15 minutes, a quarter after 30. Default: 20.
   */
  hotKeys(limit?: number): HotKey[]
  /** Forgets all reads, of patterns and of hot keys. */
  reset(): void
}

export const OTHER = '(other)'
const SEED = 0x9e3779b9
const MAX_PATTERNS = 200
const OPTIONS: Shape<KeyStatisticsOptions> = {
  sampleEvery: whole(1),
  maxPatterns: whole(1),
  trackedKeys: whole(1),
  seed: whole(0),
  clock: clockCheck,
}

/** Counts reads, hits and bytes by pattern of keys. */
export function createKeyStatistics(options: KeyStatisticsOptions = {}): KeyStatistics {
  checkOptions<KeyStatisticsOptions>(options, OPTIONS, 'createKeyStatistics')
  const {
    sampleEvery = 64,
    maxPatterns = MAX_PATTERNS,
    trackedKeys = 256,
    seed = SEED,
    clock = systemClock(),
  } = options
  return new Sampled({ sampleEvery, maxPatterns, trackedKeys, seed, clock })
}

class Sampled implements KeyStatistics {
  readonly #every: number
  readonly #maxPatterns: number
  readonly #hot: FadingKeys
  readonly #patterns = new Map<string, { hits: number; misses: number }>()
  #random: number
  #skip: number

  constructor({ sampleEvery, maxPatterns, trackedKeys, seed, clock }: Resolved<KeyStatisticsOptions>) {
    this.#every = sampleEvery
    this.#maxPatterns = maxPatterns
    this.#hot = new FadingKeys(trackedKeys, clock)
    this.#random = seed | 0 || 1
    this.#skip = 0
    this.#next()
  }

  record(key: string, isHit: boolean): void {
    if (--this.#skip > 0) return
    this.#next()
    this.#hot.add(key, this.#every)
    const counts = this.#counts(keyPattern(key))
    if (isHit) counts.hits += this.#every
    else counts.misses += this.#every
  }

  hit(_hash: number, _bytes: number, key: string): void {
    this.record(key, true)
  }

  miss(_hash: number, _cause: MissCause, key: string): void {
    this.record(key, false)
  }

  patterns(): PatternStats[] {
    return [...this.#patterns]
      .map(([pattern, { hits, misses }]) => ({ pattern, hits, misses, hitRate: hits / (hits + misses) }))
      .sort((a, b) => b.hits + b.misses - a.hits - a.misses)
  }

  hotKeys(limit = 20): HotKey[] {
    return this.#hot.top(limit)
  }

  reset(): void {
    this.#patterns.clear()
    this.#hot.clear()
  }

  #counts(pattern: string): { hits: number; misses: number } {
    const name = this.#patterns.has(pattern) || this.#patterns.size < this.#maxPatterns ? pattern : OTHER
    const known = this.#patterns.get(name)
    if (known !== undefined) return known
    const fresh = { hits: 0, misses: 0 }
    this.#patterns.set(name, fresh)
    return fresh
  }

  /**
   * The next gap is uniform from 1 to 2n - 1, so that periodic traffic is not always sampled at the same phase
   * (xorshift, Marsaglia 2003).
   */
  #next(): void {
    let x = this.#random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#random = x
    this.#skip = 1 + ((x >>> 0) % (2 * this.#every - 1))
  }
}

/**
 * Entries and bytes by key pattern, largest first. At most `maxPatterns` and `(other)`. Scans all entries: for a
 * report, not for each request.
 */
export function memoryByPattern(
  entries: Iterable<{ readonly key: string; readonly bytes: number }>,
  maxPatterns?: number,
): PatternMemory[] {
  const sums = new PatternSums(maxPatterns)
  for (const entry of entries) sums.add(entry)
  return sums.patterns()
}

/** The same, one entry at a time. */
export class PatternSums {
  entries = 0
  bytes = 0
  readonly #maxPatterns: number
  readonly #sums = new Map<string, { entries: number; bytes: number }>()

  constructor(maxPatterns = MAX_PATTERNS) {
    this.#maxPatterns = maxPatterns
  }

  add({ key, bytes }: { readonly key: string; readonly bytes: number }): void {
    const pattern = keyPattern(key)
    const name = this.#sums.has(pattern) || this.#sums.size < this.#maxPatterns ? pattern : OTHER
    const sum = this.#sums.get(name) ?? { entries: 0, bytes: 0 }
    sum.entries++
    sum.bytes += bytes
    this.#sums.set(name, sum)
    this.entries++
    this.bytes += bytes
  }

  patterns(): PatternMemory[] {
    const total = this.bytes
    return [...this.#sums]
      .map(([pattern, sum]) => ({ pattern, ...sum, share: total === 0 ? 0 : sum.bytes / total }))
      .sort((a, b) => b.bytes - a.bytes)
  }
}
