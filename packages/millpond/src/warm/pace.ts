// Concurrency control for a source: fewer loads while it slows down or fails, one more with each successful round.
//
// Additive increase, multiplicative decrease (D.-M. Chiu, R. Jain, "Analysis of the Increase and Decrease Algorithms
// for Congestion Avoidance in Computer Networks", Computer Networks and ISDN Systems 17, 1989), by the load time
// relative to the best one seen.
import type { Clock } from '../core/contracts.ts'
import { onAbort } from '../core/on-abort.ts'

/** A load that takes this many times the best is a sign of queueing; below this time nothing is. */
const SLOW_FACTOR = 3
const SLOW_MS = 20
/** The best time decays slowly: a source that has become permanently slower must not be throttled for ever. */
const FADE = 1.02

export class Pace {
  readonly #clock: Clock
  readonly #most: number
  readonly #gapMs: number
  /** The rest after each load, as a share of its time. */
  readonly #rest: number
  #allowed: number
  #bestMs = Number.POSITIVE_INFINITY
  #running = 0
  #nextAt = Number.NEGATIVE_INFINITY
  #waiting: (() => void)[] = []

  /** `share`: of the time, for loads; the rest is left to others. */
  constructor(clock: Clock, concurrency: number, rate: number, share = 1) {
    this.#clock = clock
    this.#most = concurrency
    this.#allowed = concurrency
    this.#gapMs = 1000 / rate
    this.#rest = (1 - share) / share
  }

  /** Loads that may run concurrently now. */
  get allowed(): number {
    return Math.max(1, Math.floor(this.#allowed))
  }

  /** Resolves when one more may begin, or the signal is aborted. Must be followed by `end`. */
  async begin(signal?: AbortSignal): Promise<void> {
    while (this.#running >= this.allowed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    const now = this.#clock.monotonic()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + this.#gapMs
    if (at > now && signal?.aborted !== true) await this.#pause(at - now, signal)
  }

  /** `ms`: its duration; undefined if the source was not called. */
  end(ms: number | undefined, isGood: boolean): void {
    this.#running--
    if (ms !== undefined && this.#rest > 0)
      this.#nextAt = Math.max(this.#nextAt, this.#clock.monotonic() + ms * this.#rest)
    if (!isGood) this.#allowed = Math.max(1, this.#allowed / 2)
    else if (ms !== undefined) this.#judge(ms)
    for (const go of this.#waiting.splice(0)) go()
  }

  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve) => {
      const go = (): void => {
        cancel()
        unhear?.()
        resolve()
      }
      const cancel = this.#clock.after(ms, go, true)
      const unhear = signal && onAbort(signal, go)
    })
  }

  #judge(ms: number): void {
    const isSlow = ms > SLOW_MS && ms > this.#bestMs * SLOW_FACTOR
    this.#bestMs = Math.min(ms, this.#bestMs * FADE)
    this.#allowed = isSlow ? Math.max(1, this.#allowed / 2) : Math.min(this.#most, this.#allowed + 1 / this.#allowed)
  }
}
