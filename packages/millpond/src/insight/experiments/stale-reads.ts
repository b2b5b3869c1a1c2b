// Stale reads, as far as reloads tell: a reload that finds another value says that the source had changed at some time
// since the load before, and half of the reads in between are taken to have come after that.
//
// Reads of some 32,768 keys at a time, each in the place that its hash has: of two keys with one place the later one is
// followed.

const PLACES = 32_768

export class StaleReads {
  readonly #hashes = new Int32Array(PLACES)
  readonly #values = new Int32Array(PLACES)
  readonly #reads = new Int32Array(PLACES).fill(-1)

  read(hash: number): void {
    const place = hash & (PLACES - 1)
    if (this.#hashes[place] === hash && (this.#reads[place] as number) >= 0)
      this.#reads[place] = (this.#reads[place] as number) + 1
  }

  /** What was held was invalidated, or written over: what a reload finds after that was no surprise to a reader. */
  forget(hash: number): void {
    const place = hash & (PLACES - 1)
    if (this.#hashes[place] === hash) this.#reads[place] = -1
  }

  /** Reads since the load before that were stale. */
  loaded(hash: number, valueHash: number): number {
    const place = hash & (PLACES - 1)
    const reads = this.#reads[place] as number
    const stale = this.#hashes[place] === hash && reads > 0 && this.#values[place] !== valueHash ? reads / 2 : 0
    this.#hashes[place] = hash
    this.#values[place] = valueHash
    this.#reads[place] = 0
    return stale
  }
}
