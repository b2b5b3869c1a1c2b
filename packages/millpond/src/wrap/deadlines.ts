// Deadlines of many calls on one timer: a timer for each of them would cost more than the rest of the waiting.
import { afterAwake } from '../core/awake.ts'
import { Chain, type Link } from '../core/chain.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { SHARE } from './turn-share.ts'

interface Running {
  /** Monotonic milliseconds, excluding pauses of this process. */
  dueAt: number
  readonly expire: () => void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #running = new Chain<Running>()
  /** How long this process was suspended while callers waited. */
  #pausedMs = 0
  /** When the timer fires, by the same measure. */
  #ringsAt = Number.POSITIVE_INFINITY
  #cancel = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Settles as `work` does, or rejects with `TIER_FAILED` after `ms`. A late result or error is ignored. `renewable` is
   * given a function that begins the time again.
   */
  hold<T>(work: Promise<T>, ms: number, what: () => string, renewable?: (renew: () => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const dueAt = this.#awakeMs() + ms
      const running = this.#running.add({
        dueAt,
        expire: () => reject(new MillpondError('TIER_FAILED', `${what()} did not answer within ${Math.round(ms)} ms`)),
      })
      if (dueAt < this.#ringsAt) this.#ringAt(dueAt, ms)
      renewable?.(() => {
        if (running.item !== undefined) running.item.dueAt = this.#awakeMs() + ms
      })
      work.then(
        (value) => {
          this.#end(running)
          resolve(value)
        },
        (error: unknown) => {
          this.#end(running)
          reject(error)
        },
      )
    })
  }

  /** The timer keeps the process alive, so it must not outlive the last call. */
  #end(running: Link<Running>): void {
    this.#running.remove(running)
    if (this.#running.isEmpty) this.#rest()
  }

  #rest(): void {
    this.#cancel()
    this.#ringsAt = Number.POSITIVE_INFINITY
  }

  #ringAt(at: number, ms: number): void {
    this.#cancel()
    this.#ringsAt = at
    this.#cancel = afterAwake(
      ms,
      () => this.#expire(at),
      this.#clock,
      (paused) => (this.#pausedMs += paused),
    )
  }

  #awakeMs(): number {
    return this.#clock.monotonic() - this.#pausedMs
  }

  #expire(rungAt: number): void {
    // Set again meanwhile, for others.
    if (this.#ringsAt !== rungAt) return
    this.#rest()
    const now = this.#awakeMs()
    let next = Number.POSITIVE_INFINITY
    let expired = 0
    for (const running of this.#running) {
      const { item } = running
      if (item === undefined) continue
      if (item.dueAt > now) next = Math.min(next, item.dueAt)
      else if (expired++ === SHARE) {
        next = now
        break
      } else {
        this.#running.remove(running)
        item.expire()
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#ringAt(next, Math.ceil(next - now))
  }
}
