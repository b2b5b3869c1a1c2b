// Prefetching: loads missing keys, after all other loads, at a pace that the source can bear; what memory holds stays
// there.
import { encodeKey, type Key } from '../core/key.ts'
import type { Prefetched } from '../core/warm.ts'
import { Pace } from './pace.ts'
import type { WarmSeam } from './seam.ts'

const CONCURRENCY = 4
/** Above this many running loads of others, no prefetch begins: it would be too late, and in the way. */
const MOST_OTHERS = 16

type Counts = { -readonly [name in keyof Prefetched]: number }

export class Prefetching {
  readonly #seam: WarmSeam
  /** Kept from call to call: a slow source is remembered. */
  readonly #pace: Pace
  #running = 0

  constructor(seam: WarmSeam) {
    this.#seam = seam
    this.#pace = new Pace(seam.clock, CONCURRENCY, Number.POSITIVE_INFINITY)
  }

  /** Never rejects: failures are counted. */
  async load(keys: readonly Key[]): Promise<Prefetched> {
    const counts: Counts = { loaded: 0, present: 0, empty: 0, failed: 0, skipped: 0 }
    const work: Promise<void>[] = []
    for (const key of keys) {
      if (this.#seam.keep(key)) {
        counts.present++
        continue
      }
      if (!this.#seam.knows(encodeKey(key))) {
        counts.skipped++
        continue
      }
      await this.#pace.begin()
      if (this.#seam.underWay() - this.#running < MOST_OTHERS) work.push(this.#one(key, counts))
      else {
        this.#pace.end(undefined, true)
        counts.skipped++
      }
    }
    await Promise.all(work)
    return counts
  }

  async #one(key: Key, counts: Counts): Promise<void> {
    const began = this.#seam.clock.monotonic()
    this.#running++
    let ms: number | undefined
    let isGood = true
    try {
      const { value, isLoaded } = await this.#seam.load(key, undefined, {}, false)
      counts[!isLoaded ? 'present' : value === undefined ? 'empty' : 'loaded']++
      if (isLoaded) ms = this.#seam.clock.monotonic() - began
    } catch {
      counts.failed++
      isGood = false
    }
    this.#running--
    this.#pace.end(ms, isGood)
  }
}
