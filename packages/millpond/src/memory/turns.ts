// Runs long work in slices, yielding to the event loop whenever it has blocked it for a while.
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The longest time that the event loop is blocked at once, in milliseconds. */
const HOLD_MS = 5

/** For one piece of work, which starts when this is created. */
export class Turns {
  #since = performance.now()

  /** Await this after each small step. */
  async rest(): Promise<void> {
    if (performance.now() - this.#since < HOLD_MS) return
    await nextTurn()
    this.#since = performance.now()
  }
}
