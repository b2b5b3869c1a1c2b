// Recently evicted keys, exactly: a ring of hashes, and a table that finds a place in it (open addressing with linear
// probing).
//
// For a policy whose paper says "queue": on a loop longer than cache and ghosts together, S3-FIFO must find none of
// them, while small buckets that each forget at their own pace (`ghosts.ts`, a quarter of the memory) find some that
// should be gone.
import { powerOfTwo } from './arrays.ts'

const NONE = -1

/** Remembers the last `places` hashes that were put, including those taken since. 10 to 16 bytes per place. */
export class GhostQueue {
  #ring = new Int32Array(0)
  /** A place in the ring plus one, or 0. */
  #cells = new Int32Array(0)
  #mask = 0
  /** The oldest place, reused next. */
  #next = 0

  /** Sets how many hashes are remembered; 0 for none. Forgets all if the ring is resized. */
  resize(places: number): void {
    const whole = Math.ceil(places)
    if (whole === this.#ring.length) return
    this.#ring = new Int32Array(whole)
    this.#cells = new Int32Array(powerOfTwo(whole * 1.5))
    this.#mask = this.#cells.length - 1
    this.#next = 0
  }

  clear(): void {
    this.#cells.fill(0)
  }

  put(hash: number): void {
    if (this.#ring.length === 0) return
    const place = this.#next
    this.#next = place + 1 < this.#ring.length ? place + 1 : 0
    this.#empty(this.#cellOf(place))
    this.#ring[place] = hash
    let cell = this.#home(hash)
    while (this.#cells[cell] !== 0) cell = (cell + 1) & this.#mask
    this.#cells[cell] = place + 1
  }

  /** Removes the hash; whether it was remembered. */
  take(hash: number): boolean {
    if (this.#ring.length === 0) return false
    let cell = this.#home(hash)
    for (let place = this.#placeIn(cell); place !== NONE && this.#ring[place] !== hash; place = this.#placeIn(cell)) {
      cell = (cell + 1) & this.#mask
    }
    if (this.#cells[cell] === 0) return false
    this.#empty(cell)
    return true
  }

  #placeIn(cell: number): number {
    return (this.#cells[cell] as number) - 1
  }

  #cellOf(place: number): number {
    let cell = this.#home(this.#ring[place] as number)
    while (this.#placeIn(cell) !== place && this.#cells[cell] !== 0) cell = (cell + 1) & this.#mask
    return cell
  }

  /** Shifts later cells back, so that no probe ends too early. */
  #empty(hole: number): void {
    if (this.#cells[hole] === 0) return
    for (let cell = (hole + 1) & this.#mask; this.#cells[cell] !== 0; cell = (cell + 1) & this.#mask) {
      const home = this.#home(this.#ring[this.#placeIn(cell)] as number)
      if (((cell - home) & this.#mask) < ((cell - hole) & this.#mask)) continue
      this.#cells[hole] = this.#cells[cell] as number
      hole = cell
    }
    this.#cells[hole] = 0
  }

  #home(hash: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1)
    return (mixed ^ (mixed >>> 15)) & this.#mask
  }
}
