// The most read keys, in bounded memory: the space-saving sketch (Metwally, Agrawal, El Abbadi: Efficient computation
// of frequent and top-k elements in data streams, 2005), with a heap that has the smallest counter on top.
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'

export interface HotKey {
  /** The key that was read. */
  readonly key: string
  /** Never below the true count. */
  readonly count: number
  /** `count - error` is never above the true count. */
  readonly error: number
}

interface Cell {
  key: string
  count: number
  error: number
  at: number
}

/** Tracks `capacity` keys: every key with more than a `capacity`-th of all reads is among them. */
export class HotKeys {
  readonly #capacity: number
  readonly #cells = new Map<string, Cell>()
  readonly #heap: Cell[] = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Counts reads of a key. */
  add(key: string, count = 1): void {
    const known = this.#cells.get(key)
    if (known !== undefined) {
      known.count += count
      this.#sink(known)
      return
    }
    if (this.#heap.length < this.#capacity) {
      const cell = { key, count, error: 0, at: this.#heap.length }
      this.#heap.push(cell)
      this.#cells.set(key, cell)
      this.#rise(cell)
      return
    }
    const least = this.#heap[0]
    if (least === undefined) return
    this.#cells.delete(least.key)
    least.key = key
    least.error = least.count
    least.count += count
    this.#cells.set(key, least)
    this.#sink(least)
  }

  /** All counts are multiplied: the order stays. */
  scale(factor: number): void {
    for (const cell of this.#heap) {
      cell.count *= factor
      cell.error *= factor
    }
  }

  /** Never above the true count. */
  leastCountOf(key: string): number {
    const cell = this.#cells.get(key)
    return cell === undefined ? 0 : cell.count - cell.error
  }

  /** The `limit` hottest, hottest first. */
  top(limit: number): HotKey[] {
    return [...this.#heap]
      .sort((a, b) => b.count - a.count)
      .slice(0, limit)
      .map(({ key, count, error }) => ({ key, count, error }))
  }

  /** Forgets all counts. */
  clear(): void {
    this.#cells.clear()
    this.#heap.length = 0
  }

  #sink(cell: Cell): void {
    for (;;) {
      const left = this.#heap[2 * cell.at + 1]
      const right = this.#heap[2 * cell.at + 2]
      const least = right !== undefined && left !== undefined && right.count < left.count ? right : left
      if (least === undefined || least.count >= cell.count) return
      this.#swap(cell, least)
    }
  }

  #rise(cell: Cell): void {
    while (cell.at > 0) {
      const above = this.#heap[(cell.at - 1) >> 1]
      if (above === undefined || above.count <= cell.count) return
      this.#swap(cell, above)
    }
  }

  #swap(a: Cell, b: Cell): void {
    const at = a.at
    a.at = b.at
    b.at = at
    this.#heap[a.at] = a
    this.#heap[b.at] = b
  }
}

/** After this time a read counts half: what was hot yesterday is not hot today. */
const HALF_LIFE_MS = 15 * 60_000
/**
 * Instead of reducing earlier counts, later ones weigh more; after this many half-lives all of them are scaled down.
 */
const MOST_HALVES = 32

/**
 * The most read keys of recent times: the same, but a read counts half after 15 minutes and a quarter after 30. This
 * needs no scan.
 */
export class FadingKeys {
  readonly #keys: HotKeys
  readonly #clock: Clock
  /** A count now weighs twice as much for each half-life since then. */
  #origin: number

  /** `capacity`: keys that are tracked. `clock`: default the machine's. */
  constructor(capacity: number, clock: Clock = systemClock()) {
    this.#keys = new HotKeys(capacity)
    this.#clock = clock
    this.#origin = clock.monotonic()
  }

  /** Counts reads of a key. */
  add(key: string, count = 1): void {
    this.#keys.add(key, count * this.#weight())
  }

  /** The `limit` hottest, hottest first. Keys whose count has decayed below 1 are omitted. */
  top(limit: number): HotKey[] {
    const weight = this.#weight()
    return this.#keys
      .top(limit)
      .map(({ key, count, error }) => ({ key, count: Math.round(count / weight), error: Math.round(error / weight) }))
      .filter(({ count }) => count >= 1)
  }

  /** Forgets all counts. */
  clear(): void {
    this.#keys.clear()
  }

  /** Forward decay (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009). */
  #weight(): number {
    const halves = Math.max(0, (this.#clock.monotonic() - this.#origin) / HALF_LIFE_MS)
    if (halves < MOST_HALVES) return 2 ** halves
    this.#keys.scale(2 ** -halves)
    this.#origin = this.#clock.monotonic()
    return 1
  }
}
