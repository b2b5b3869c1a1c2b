// A clock for spans of days: wall time that cannot be set. If the system clock is adjusted, or the machine sleeps, only
// `lead` changes.
import type { Clock } from '../core/contracts.ts'

export class SteadyClock implements Clock {
  /** How far the wall clock is ahead of `now`, in whole milliseconds, as of the last call. */
  lead = 0
  readonly #clock: Clock
  readonly #base: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#base = clock.now() - clock.monotonic()
  }

  /** What the wall clock would show if it had run evenly since creation. */
  now(): number {
    const now = Math.round(this.#base + this.#clock.monotonic())
    this.lead = Math.round(this.#clock.now() - now)
    return now
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  get coarse(): number {
    return this.#clock.coarse - this.lead
  }

  after(ms: number, fn: () => void, hold?: boolean): () => void {
    return this.#clock.after(ms, fn, hold)
  }
}
