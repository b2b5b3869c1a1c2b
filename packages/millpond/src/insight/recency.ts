// Keys in the order of their last use, and the distance of a key: the total weight of the keys used after it.
//
// A Fenwick tree over the places of that order (Bennett and Kruskal, "LRU stack processing", IBM Journal of Research
// and Development 1975, with a tree by Fenwick, 1994): a query or a use takes logarithmic time in the number of places.
// When places run out, those in use are compacted.

/** Holds ids from 0 to `most - 1`. */
export class Recency {
  readonly #places: number
  /** The Fenwick tree of weights; index 0 is unused. */
  readonly #sums: Float64Array
  readonly #idAt: Int32Array
  /** 0: the id has no place. */
  readonly #placeOf: Int32Array
  /** The weight counted at its place. */
  readonly #counted: Float64Array
  #next = 1
  /** The total weight of all ids that have a place. */
  total = 0

  constructor(most: number) {
    this.#places = 2 * most
    this.#sums = new Float64Array(this.#places + 1)
    this.#idAt = new Int32Array(this.#places + 1).fill(-1)
    this.#placeOf = new Int32Array(most)
    this.#counted = new Float64Array(most)
  }

  /** The total weight of the ids used after this one; if it has no place, of all. */
  after(id: number): number {
    let before = 0
    for (let at = this.#placeOf[id] as number; at > 0; at &= at - 1) before += this.#sums[at] as number
    return Math.max(0, this.total - before)
  }

  /** Marks the id as used now. */
  use(id: number, weight: number): void {
    this.remove(id)
    if (this.#next > this.#places) this.#moveTogether()
    const place = this.#next++
    this.#placeOf[id] = place
    this.#idAt[place] = id
    this.#counted[id] = weight
    this.#add(place, weight)
  }

  /** The id keeps its place, but weighs nothing: expired entries take no room. */
  discount(id: number): void {
    const weight = this.#counted[id] as number
    if (weight === 0) return
    this.#add(this.#placeOf[id] as number, -weight)
    this.#counted[id] = 0
  }

  isCounted(id: number): boolean {
    return this.#counted[id] !== 0
  }

  remove(id: number): void {
    const place = this.#placeOf[id] as number
    if (place === 0) return
    this.discount(id)
    this.#idAt[place] = -1
    this.#placeOf[id] = 0
  }

  #add(place: number, weight: number): void {
    this.total += weight
    for (let at = place; at <= this.#places; at += at & -at) this.#sums[at] = (this.#sums[at] as number) + weight
  }

  /** At most half of the places are in use. */
  #moveTogether(): void {
    let next = 1
    for (let place = 1; place <= this.#places; place++) {
      const id = this.#idAt[place] as number
      if (id < 0) continue
      this.#idAt[place] = -1
      this.#idAt[next] = id
      this.#placeOf[id] = next++
    }
    this.#next = next
    this.#sums.fill(0)
    this.total = 0
    for (let place = 1; place < next; place++) this.#add(place, this.#counted[this.#idAt[place] as number] as number)
  }
}
