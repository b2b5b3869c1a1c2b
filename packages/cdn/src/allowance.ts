// A vendor's rate limit: a bucket that fills with time, or one whose tokens come back when a purge is done. First come,
// first served.

import { pause, type Time } from './clock.ts'
import type { EdgeLimit } from './edge.ts'

/** Returns the tokens when the purge is done; does nothing if time fills the bucket. */
export type Release = () => void

/** How long a purge is assumed to last until one has been observed. */
const FIRST_GUESS_MS = 60_000
/** The moving averages of purge and request durations: the latest value has a weight of one fifth. */
const WEIGHT = 0.2

/**
 * The share of the burst that is kept in reserve. Requests arrive later than they are sent, by varying delays, and a
 * full bucket does not fill: a vendor whose bucket was full a moment longer than ours has less in it from then on, by
 * what fills within a request's delay. A tenth covers a delay of half a second on Cloudflare's pro plan (25 at once, 5
 * a second).
 */
const KEPT_BACK = 0.1

export class Allowance {
  readonly #limit: EdgeLimit
  readonly #burst: number
  readonly #time: Time
  #left: number
  #filledAt: number
  #heldUntil = 0
  /** The cost of waiting requests, in tokens. */
  #wanted = 0
  #last: Promise<unknown> = Promise.resolve()
  #wake: (() => void) | undefined
  #lastsMs = FIRST_GUESS_MS
  #answerMs = 0

  constructor(limit: EdgeLimit, time: Time) {
    this.#limit = limit
    this.#time = time
    this.#burst = limit.perSecond > 0 ? Math.max(1, limit.burst * (1 - KEPT_BACK)) : limit.burst
    this.#left = this.#burst
    this.#filledAt = time.monotonic()
  }

  /** Less than half of the bucket is left. */
  get isScarce(): boolean {
    this.#fill()
    return this.#left < this.#burst / 2
  }

  /** The recent average time until the vendor reports a purge as done; 0 if time fills the bucket. */
  get lastsMs(): number {
    return this.#limit.perSecond > 0 ? 0 : this.#lastsMs
  }

  /** An earlier caller may have just used all of it. */
  drain(): void {
    if (this.#limit.perSecond <= 0) return
    this.#left = Math.min(this.#left, 0)
    this.#filledAt = this.#time.monotonic()
  }

  costOf(targets: number): number {
    return this.#limit.cost === 'request' ? 1 : targets
  }

  /** Resolves when a request may be sent. @throws CdnError `ABORTED` */
  async take(cost: number, signal?: AbortSignal | undefined): Promise<Release> {
    this.#wanted += cost
    const turn = this.#last
      .then(() => this.#wait(cost, signal))
      .finally(() => {
        this.#wanted -= cost
      })
    this.#last = turn.catch(() => {})
    await turn
    return this.#limit.perSecond > 0 ? () => {} : this.#releaseOf(cost)
  }

  /** The vendor has refused: no request is sent for this long. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#time.monotonic() + ms)
  }

  /** The duration of a response, for forecasts. */
  answered(ms: number): void {
    this.#answerMs = this.#answerMs === 0 ? ms : this.#answerMs * (1 - WEIGHT) + ms * WEIGHT
  }

  /**
   * Milliseconds until requests of this cost will have been answered, behind everything that waits.
   * @param requests their number
   * @param side how many run concurrently
   */
  forecast(cost: number, requests: number, side: number): number {
    this.#fill()
    const { perSecond } = this.#limit
    const held = Math.max(0, this.#heldUntil - this.#time.monotonic())
    const missing = this.#wanted + cost - this.#left
    const filling =
      missing <= 0 ? 0 : perSecond > 0 ? (missing / perSecond) * 1000 : Math.ceil(missing / this.#burst) * this.#lastsMs
    return Math.max(held + filling + (cost > 0 ? this.#answerMs : 0), (requests / side) * this.#answerMs)
  }

  async #wait(cost: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      this.#fill()
      const held = this.#heldUntil - this.#time.monotonic()
      if (held > 0) await pause(this.#time, held, signal)
      else if (this.#left >= Math.min(cost, this.#burst)) {
        this.#left -= cost
        return
      } else if (this.#limit.perSecond > 0)
        await pause(this.#time, Math.ceil(((cost - this.#left) / this.#limit.perSecond) * 1000), signal)
      else await this.#someRelease(signal)
    }
  }

  #fill(): void {
    const now = this.#time.monotonic()
    if (this.#limit.perSecond > 0)
      this.#left = Math.min(this.#burst, this.#left + ((now - this.#filledAt) / 1000) * this.#limit.perSecond)
    this.#filledAt = now
  }

  #releaseOf(cost: number): Release {
    const began = this.#time.monotonic()
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      this.#lastsMs = this.#lastsMs * (1 - WEIGHT) + (this.#time.monotonic() - began) * WEIGHT
      this.#left += cost
      this.#wake?.()
    }
  }

  /** Also after a time limit: a release that never comes must not stop everything. */
  async #someRelease(signal: AbortSignal | undefined): Promise<void> {
    const released = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([released, pause(this.#time, FIRST_GUESS_MS, signal)])
  }
}
