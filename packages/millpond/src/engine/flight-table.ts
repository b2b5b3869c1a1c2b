// The flights of a space that can be joined, by key. One that has ended stays in the map until many have, and is only marked.
//
// A Map that fills and empties with each batch grows and shrinks all the time, and what its old tables hold survives the collections of the young (as with
// `Chain`): that was an eighth of what a key of a batch costs.
import type { Flight } from './flight.ts'

/** Beyond so many that have ended, and are more than those under way, the map is made anew. */
const MOST_ENDED = 128

export class FlightTable implements Iterable<Flight> {
  #flights = new Map<string, Flight>()
  #ended = 0

  /** Those under way. */
  get size(): number {
    return this.#flights.size - this.#ended
  }

  get(key: string): Flight | undefined {
    // An empty map would have V8 hash the key.
    if (this.#flights.size === 0) return undefined
    const flight = this.#flights.get(key)
    return flight?.isListed === true ? flight : undefined
  }

  /** In the place of whichever the key has. */
  set(flight: Flight): void {
    if (this.#ended > MOST_ENDED && this.#ended > this.#flights.size >> 1) this.#sweep()
    const former = this.#flights.get(flight.key)
    if (former?.isListed === true) former.isListed = false
    else if (former !== undefined) this.#ended--
    flight.isListed = true
    this.#flights.set(flight.key, flight)
  }

  /** Nobody finds it any more. Harmless for one that was replaced. */
  delete(flight: Flight): void {
    if (!flight.isListed) return
    flight.isListed = false
    this.#ended++
  }

  *[Symbol.iterator](): IterableIterator<Flight> {
    for (const flight of this.#flights.values()) if (flight.isListed) yield flight
  }

  #sweep(): void {
    const listed = this.#ended === this.#flights.size ? [] : [...this]
    this.#flights = new Map(listed.map((flight) => [flight.key, flight]))
    this.#ended = 0
  }
}
