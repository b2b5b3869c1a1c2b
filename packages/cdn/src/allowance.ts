// How often a vendor may still be asked: a bucket that fills with time, or one whose content comes back when a purge is
// done. Who comes first is served first.

import { pause, type Time } from './clock.ts'
import type { EdgeLimit } from './edge.ts'

/** Given back when the purge is done; nothing happens where time fills the bucket. */
export type Release = () => void

/** Until one has been seen, a purge that is watched is taken to last so long. */
const FIRST_GUESS_MS = 60_000
/** Of how long purges last, and requests take: the latest weighs a fifth. */
const WEIGHT = 0.2

/**
 * Of what a vendor takes at once, so much is kept back. Requests reach it later than they are sent, by times that
 * differ, and a bucket that is full does not fill: a vendor whose bucket was full a moment longer than ours has less in
 * it from then on, by what fills within the way of a request. A tenth covers a way of half a second at Cloudflare's pro
 * plan (25 at once, 5 a second).
 */
const KEPT_BACK = 0.1

export class Allowance {
  readonly #limit: EdgeLimit
  readonly #burst: number
  readonly #time: Time
  #left: number
  #filledAt: number
  #heldUntil = 0
  /** What waits, in the bucket's measure. */
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

  /** How long a purge has lasted lately, until the vendor said that it was done; 0 where time fills the bucket. */
  get lastsMs(): number {
    return this.#limit.perSecond > 0 ? 0 : this.#lastsMs
  }

  /** Whoever asked before has perhaps just taken all of it. */
  drain(): void {
    if (this.#limit.perSecond <= 0) return
    this.#left = Math.min(this.#left, 0)
    this.#filledAt = this.#time.monotonic()
  }

  costOf(targets: number): number {
    return this.#limit.cost === 'request' ? 1 : targets
  }

  /** Resolves when it may be asked. @throws CdnError `ABORTED` */
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

  /** The vendor has refused: nobody asks for so long. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#time.monotonic() + ms)
  }

  /** How long an answer took, for forecasts. */
  answered(ms: number): void {
    this.#answerMs = this.#answerMs === 0 ? ms : this.#answerMs * (1 - WEIGHT) + ms * WEIGHT
  }

  /**
   * In how many milliseconds requests of this cost will have been answered, behind all that wait.
   * @param requests how many they are,
   * @param side how many go at a time.
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

  /** Also after a while: a release that never comes must not stop everything. */
  async #someRelease(signal: AbortSignal | undefined): Promise<void> {
    const released = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([released, pause(this.#time, FIRST_GUESS_MS, signal)])
  }
}
