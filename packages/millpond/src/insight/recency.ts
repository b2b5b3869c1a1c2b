// Keys in the order of their last use, and the distance of a key: the total weight of the keys used after it.
//
// Places of that order are counted with a Fenwick tree (Bennett and Kruskal, "LRU stack processing", IBM Journal of
// Research and Development 1975, with a tree by Fenwick, 1994) over blocks of 16 places; those of one block are added
// up one by one. A query or a use takes logarithmic time in the number of places. When places run out, those in use
// are compacted.
//
// Weights are counted in bands, each in a tree of its own: a cache refuses entries that are larger than itself, so the
// distance in it is made of the entries up to its size.

const BLOCK_BITS = 4

/** Holds ids from 0 to `most - 1`. */
export class Recency {
  readonly #places: number
  readonly #blocks: number
  /** By band, the Fenwick tree of weights of blocks; index 0 is unused. Undefined: nothing of the band was used. */
  readonly #sums: (Float64Array | undefined)[]
  readonly #idAt: Int32Array
  /** 0: the id has no place. */
  readonly #placeOf: Int32Array
  /** The weight counted at its place, and its band. */
  readonly #counted: Float64Array
  readonly #bandOf: Uint16Array
  readonly #totals: Float64Array
  #next = 1

  constructor(most: number, bands: number) {
    this.#places = 2 * most
    this.#blocks = blockOf(this.#places)
    this.#sums = new Array<undefined>(bands).fill(undefined)
    this.#idAt = new Int32Array(this.#places + 1).fill(-1)
    this.#placeOf = new Int32Array(most)
    this.#counted = new Float64Array(most)
    this.#bandOf = new Uint16Array(most)
    this.#totals = new Float64Array(bands)
  }

  /** The total weight of all ids that have a place. */
  get total(): number {
    return this.#totals.reduce((sum, total) => sum + total, 0)
  }

  /** By band, the total weight of the ids used after this one; if it has no place, of all. */
  after(id: number, byBand: Float64Array): void {
    const place = this.#placeOf[id] as number
    const block = place === 0 ? 0 : blockOf(place)
    for (let band = 0; band < byBand.length; band++) {
      const sums = this.#sums[band]
      let left = this.#totals[band] as number
      if (sums !== undefined) for (let at = block; at > 0; at &= at - 1) left -= sums[at] as number
      byBand[band] = left
    }
    if (place === 0) return
    const end = Math.min(this.#next - 1, block << BLOCK_BITS)
    for (let at = place + 1; at <= end; at++) {
      const other = this.#idAt[at] as number
      if (other < 0) continue
      const band = this.#bandOf[other] as number
      byBand[band] = (byBand[band] as number) + (this.#counted[other] as number)
    }
  }

  /** Marks the id as used now. */
  use(id: number, weight: number, band: number): void {
    this.remove(id)
    if (this.#next > this.#places) this.#compact()
    const place = this.#next++
    this.#placeOf[id] = place
    this.#idAt[place] = id
    this.#count(id, weight, band)
  }

  /** The id keeps its place with another weight. */
  weigh(id: number, weight: number, band: number): void {
    this.discount(id)
    if (this.#placeOf[id] !== 0) this.#count(id, weight, band)
  }

  /** The id keeps its place, but weighs nothing: expired entries take no room. */
  discount(id: number): void {
    const weight = this.#counted[id] as number
    if (weight === 0) return
    this.#add(this.#placeOf[id] as number, -weight, this.#bandOf[id] as number)
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

  #count(id: number, weight: number, band: number): void {
    if (weight === 0) return
    this.#counted[id] = weight
    this.#bandOf[id] = band
    this.#add(this.#placeOf[id] as number, weight, band)
  }

  #add(place: number, weight: number, band: number): void {
    let sums = this.#sums[band]
    if (sums === undefined) {
      sums = new Float64Array(this.#blocks + 1)
      this.#sums[band] = sums
    }
    this.#totals[band] = (this.#totals[band] as number) + weight
    for (let at = blockOf(place); at <= this.#blocks; at += at & -at) sums[at] = (sums[at] as number) + weight
  }

  /** At most half of the places are in use. */
  #compact(): void {
    let next = 1
    for (let place = 1; place <= this.#places; place++) {
      const id = this.#idAt[place] as number
      if (id < 0) continue
      this.#idAt[place] = -1
      this.#idAt[next] = id
      this.#placeOf[id] = next++
    }
    this.#next = next
    for (const sums of this.#sums) sums?.fill(0)
    this.#totals.fill(0)
    for (let place = 1; place < next; place++) {
      const id = this.#idAt[place] as number
      const weight = this.#counted[id] as number
      if (weight !== 0) this.#add(place, weight, this.#bandOf[id] as number)
    }
  }
}

/** Blocks and places count from 1. */
const blockOf = (place: number): number => ((place - 1) >> BLOCK_BITS) + 1
