// The loads of a space that can be joined, by key. One that has ended stays in the map until many have, and is only
// marked.
//
// A Map that fills and empties with each batch grows and shrinks all the time, and what its old tables hold survives
// the collections of the young (as with `Chain`): that was an eighth of what a key of a batch costs.
import type { Load } from './load.ts'

/** Beyond so many that have ended, and are more than those under way, the map is made anew. */
const MOST_ENDED = 128

export class LoadTable implements Iterable<Load> {
  #loads = new Map<string, Load>()
  #ended = 0

  /** Those under way. */
  get size(): number {
    return this.#loads.size - this.#ended
  }

  get(key: string): Load | undefined {
    // An empty map would have V8 hash the key.
    if (this.#loads.size === 0) return undefined
    const load = this.#loads.get(key)
    return load?.isListed === true ? load : undefined
  }

  /** In the place of whichever the key has. */
  set(load: Load): void {
    if (this.#ended > MOST_ENDED && this.#ended > this.#loads.size >> 1) this.#sweep()
    const former = this.#loads.get(load.key)
    if (former?.isListed === true) former.isListed = false
    else if (former !== undefined) this.#ended--
    load.isListed = true
    this.#loads.set(load.key, load)
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
