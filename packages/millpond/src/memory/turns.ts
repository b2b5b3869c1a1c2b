// Long work in slices: whenever it has held the event loop for a while, others get their turn.
import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long the event loop may be held at once, in milliseconds. */
const HOLD_MS = 5

/** For one piece of work; begins when it is made. */
export class Turns {
  #since = performance.now()

  /** To be awaited after each small step. */
  async rest(): Promise<void> {
    if (performance.now() - this.#since < HOLD_MS) return
    await nextTurn()
    this.#since = performance.now()
  }
}
