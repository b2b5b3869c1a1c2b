// A clock for spans of time that last for days: wall time that nobody can set. When a machine's clock is put right, or
// it sleeps, only `lead` moves.
import type { Clock } from '../core/contracts.ts'

export class SteadyClock implements Clock {
  /** By how much the wall is ahead of `now`, whole milliseconds, as of the last time that it was asked. */
  lead = 0
  readonly #clock: Clock
  readonly #base: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#base = clock.now() - clock.monotonic()
  }

  /** What the wall would show had it run on evenly since this was made. */
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
