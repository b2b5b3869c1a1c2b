// Prefetching: loads missing keys, after all other loads, at a pace that the source can bear; what memory holds stays
// there.
import { encodeKey, type Key } from '../core/key.ts'
import type { Prefetched } from '../core/warm.ts'
import { Pace } from './pace.ts'
import type { WarmedCache } from './warmed-cache.ts'

const CONCURRENCY = 4
/** Above this many running loads of others, no prefetch begins: it would be too late, and in the way. */
const MOST_OTHERS = 16

type Counts = { -readonly [name in keyof Prefetched]: number }

export class Prefetching {
  readonly #cache: WarmedCache
  /** Kept from call to call: a slow source is remembered. */
  readonly #pace: Pace
  #running = 0

  constructor(cache: WarmedCache) {
    this.#cache = cache
    this.#pace = new Pace(cache.clock, CONCURRENCY, Number.POSITIVE_INFINITY)
  }

  /** Never rejects: failures are counted. */
  async load(keys: readonly Key[]): Promise<Prefetched> {
    const counts: Counts = { loaded: 0, present: 0, empty: 0, failed: 0, skipped: 0 }
    const work: Promise<void>[] = []
    for (const key of keys) {
      if (this.#cache.keep(key)) {
        counts.present++
        continue
      }
      if (!this.#cache.knows(encodeKey(key))) {
        counts.skipped++
        continue
      }
      await this.#pace.begin()
      if (this.#cache.underWay() - this.#running < MOST_OTHERS) work.push(this.#one(key, counts))
      else {
        this.#pace.end(undefined, true)
        counts.skipped++
      }
    }
    await Promise.all(work)
    return counts
  }

  async #one(key: Key, counts: Counts): Promise<void> {
    const began = this.#cache.clock.monotonic()
    this.#running++
    let ms: number | undefined
    let isGood = true
    try {
      const { value, isLoaded } = await this.#cache.load(key, undefined, {}, false)
      counts[!isLoaded ? 'present' : value === undefined ? 'empty' : 'loaded']++
      if (isLoaded) ms = this.#cache.clock.monotonic() - began
    } catch {
      counts.failed++
      isGood = false
    }
    this.#running--
    this.#pace.end(ms, isGood)
  }
}
