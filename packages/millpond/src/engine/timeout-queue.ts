// Hard timeouts of loads, on one timer: nearly all of them are cancelled, most in the turn in which they were set, and
// a separate timer for each would cost as much as the rest of the waiting.
import { Chain, type Link } from '../core/chain.ts'
import type { Clock } from '../core/contracts.ts'
import { atTurnEnd } from './turn-end.ts'

export interface QueuedTimeout {
  /** On the monotonic clock. */
  readonly dueAt: number
  expire(): void
}

export class TimeoutQueue {
  readonly #clock: Clock
  readonly #waiting = new Chain<QueuedTimeout>()
  /** When the timer fires; `Infinity` while there is none. */
  #wakesAt = Number.POSITIVE_INFINITY
  #isRestDue = false
  #cancel = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(alarm: QueuedTimeout): Link<QueuedTimeout> {
    if (alarm.dueAt < this.#wakesAt) this.#wakeAt(alarm.dueAt, this.#clock.monotonic())
    return this.#waiting.add(alarm)
  }

  /**
   * The timer keeps the process alive, so it must not outlive the last load; but the next one may be set in the same
   * turn.
   */
  callOff(link: Link<QueuedTimeout>): void {
    this.#waiting.remove(link)
    if (this.#isRestDue || !this.#waiting.isEmpty) return
    this.#isRestDue = true
    atTurnEnd(this.#rest)
  }

  readonly #rest = (): void => {
    this.#isRestDue = false
    if (!this.#waiting.isEmpty) return
    this.#cancel()
    this.#wakesAt = Number.POSITIVE_INFINITY
  }

  #wakeAt(at: number, now: number): void {
    this.#cancel()
    this.#wakesAt = at
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(at - now)), this.#wake, true)
  }

  readonly #wake = (): void => {
    this.#wakesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const link of this.#waiting) {
      const { item } = link
      if (item === undefined) continue
      if (item.dueAt > now) next = Math.min(next, item.dueAt)
      else {
        this.#waiting.remove(link)
        item.expire()
      }
    }
    if (next < this.#wakesAt) this.#wakeAt(next, now)
  }
}
