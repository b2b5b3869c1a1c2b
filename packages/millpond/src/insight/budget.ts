// How much of a core looking at notes may take: where it takes more, fewer keys are watched.
import type { Clock } from '../core/contracts.ts'

/** The most of a core, how often that is judged, and the share of keys below which it does not go. */
const MOST_BUSY = 0.03
const JUDGED_EVERY_MS = 10_000
const LEAST_SHARE = 1 / 256

export class Budget {
  /** Of all keys, the most that are watched. */
  share = 1
  readonly #clock: Clock
  #workedMs = 0
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  work<T>(work: () => T): T {
    const cpu = cpuMs()
    const began = this.#clock.monotonic()
    const result = work()
    // The shorter of both: a machine that is busy with other things must not look like work of ours.
    this.#workedMs += Math.min(cpuMs() - cpu, this.#clock.monotonic() - began)
    return result
  }

  /** Whether it took too much since the last judgement: the share is smaller then. `rate`: the share of keys that is watched now. */
  isExceeded(rate: number): boolean {
    const now = this.#clock.monotonic()
    const passed = now - this.#since
    if (passed < JUDGED_EVERY_MS) return false
    const busy = this.#workedMs / passed
    this.#since = now
    this.#workedMs = 0
    if (busy <= MOST_BUSY || this.share <= LEAST_SHARE) return false
    this.share = Math.max(LEAST_SHARE, Math.min(this.share, rate) * Math.min(0.5, MOST_BUSY / busy))
    return true
  }
}

/** Of this process so far. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
