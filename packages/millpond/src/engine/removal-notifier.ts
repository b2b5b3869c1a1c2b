// Tells who listens what has left memory, after the step that took it.
//
// The store cannot be called while it makes room or clears, and the engine holds slots that the next change makes
// invalid. So a listener runs in a microtask: once the step is done, and before the code that awaits the call
// continues. What a listener itself makes leave waits for the next turn of the event loop, and so does all beyond
// `MOST` tellings in one turn: a listener that puts back what was pushed out, be it asynchronous, would never let go of
// the loop otherwise..
import { setImmediate } from 'node:timers'
import type { RemovalReason } from '../core/contracts.ts'
import type { CacheEvents, Events } from '../core/events.ts'

const MOST = 1000

export class RemovalNotifier {
  readonly #events: Events
  #waiting: CacheEvents['removal'][] = []
  #isTelling = false
  /** In microtasks of this turn. */
  #tellings = 0

  constructor(events: Events) {
    this.#events = events
  }

  add(namespace: string, key: string, reason: RemovalReason): void {
    if (this.#waiting.push({ key, namespace, reason }) > 1) return
    if (this.#isTelling || this.#tellings >= MOST) {
      setImmediate(() => this.#tell())
      return
    }
    if (this.#tellings++ === 0) {
      setImmediate(() => {
        this.#tellings = 0
      })
    }
    void Promise.resolve().then(() => this.#tell())
  }

  #tell(): void {
    const told = this.#waiting
    this.#waiting = []
    this.#isTelling = true
    for (const removal of told) this.#events.emit('removal', removal)
    this.#isTelling = false
  }
}
