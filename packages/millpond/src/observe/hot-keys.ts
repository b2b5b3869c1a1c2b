// The keys read most, in bounded memory: the space-saving sketch (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k
// elements in data streams, 2005), with a heap that has the smallest counter on top.

export interface HotKey {
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

  /** All counts so far are multiplied: who is hotter than whom stays. */
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
