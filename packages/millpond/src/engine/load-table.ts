// The loads of a space that can be joined, by key. Ended loads are only marked, and removed once there are many.
//
// A Map that fills and empties with each batch keeps growing and shrinking, and objects held by its old tables survive
// minor collections (as with `Chain`): that was an eighth of the cost of a key in a batch.
import type { Load } from './load.ts'

/** Above this many ended loads, if they also outnumber those in progress, the map is rebuilt. */
const MOST_ENDED = 128

export class LoadTable implements Iterable<Load> {
  #loads = new Map<string, Load>()
  #ended = 0

  /** Number of loads in progress. */
  get size(): number {
    return this.#loads.size - this.#ended
  }

  get(key: string): Load | undefined {
    // Even for an empty map V8 would hash the key.
    if (this.#loads.size === 0) return undefined
    const load = this.#loads.get(key)
    return load?.isListed === true ? load : undefined
  }

  /** Replaces the key's current load, and returns it. */
  set(load: Load): Load | undefined {
    if (this.#ended > MOST_ENDED && this.#ended > this.#loads.size >> 1) this.#sweep()
    const former = this.#loads.get(load.key)
    load.isListed = true
    this.#loads.set(load.key, load)
    if (former === undefined) return undefined
    if (!former.isListed) {
      this.#ended--
      return undefined
    }
    former.isListed = false
    return former
  }

  /** Removes it from the table. Does nothing if it was replaced. */
  delete(load: Load): void {
    if (!load.isListed) return
    load.isListed = false
    this.#ended++
  }

  *[Symbol.iterator](): IterableIterator<Load> {
    for (const load of this.#loads.values()) if (load.isListed) yield load
  }

  #sweep(): void {
    const listed = this.#ended === this.#loads.size ? [] : [...this]
    this.#loads = new Map(listed.map((load) => [load.key, load]))
    this.#ended = 0
  }
}
