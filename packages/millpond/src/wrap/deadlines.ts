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

/** One of them, until it ends. */
export type Deadline = Link<Running>

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
      const deadline = this.begin(ms, what, reject)
      renewable?.(() => this.renew(deadline, ms))
      work.then(
        (value) => {
          this.end(deadline)
          resolve(value)
        },
        (error: unknown) => {
          this.end(deadline)
          reject(error)
        },
      )
    })
  }

  /** Calls `expired` with `TIER_FAILED` after `ms`, unless it ends before. */
  begin(ms: number, what: () => string, expired: (error: MillpondError) => void): Deadline {
    const dueAt = this.#awakeMs() + ms
    const expire = (): void =>
      expired(new MillpondError('TIER_FAILED', `${what()} did not answer within ${Math.round(ms)} ms`))
    const deadline = this.#running.add({ dueAt, expire })
    if (dueAt < this.#ringsAt) this.#ringAt(dueAt, ms)
    return deadline
  }

  /** Begins the time again. */
  renew({ item }: Deadline, ms: number): void {
    if (item !== undefined) item.dueAt = this.#awakeMs() + ms
  }

  end(deadline: Deadline): void {
    this.#running.remove(deadline)
    if (this.#running.isEmpty) this.#rest()
  }

  /** The timer keeps the process alive, so it must not outlive the last call. */
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
