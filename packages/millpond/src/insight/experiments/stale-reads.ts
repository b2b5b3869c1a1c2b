// Estimates stale reads from reloads: a reload that finds another value shows that the source changed some time since
// the previous load, and half of the reads in between are assumed to have come after that.
//
// Tracks some 32,768 keys at a time, each in the place given by its hash: of two keys with the same place, the later
// one is tracked.

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

  /**
   * The value was invalidated or overwritten: a change that a later reload finds was announced, so no read was stale.
   */
  forget(hash: number): void {
    const place = hash & (PLACES - 1)
    if (this.#hashes[place] === hash) this.#reads[place] = -1
  }

  /** Reads since the previous load that were stale. */
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
