// Work that is delayed within this process: it runs after its delay, or at once when the process shuts down. For what
// must outlive the process, schedule a job.
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'

/** The longest delay of a timer: 24 days. Longer ones belong into the job table. */
export const MAX_DELAY_MS = 2 ** 31 - 1

export interface Delayed<R> {
  /** The result of the work; `undefined` if it was cancelled. */
  readonly done: Promise<R | undefined>
  /** `false`: it had already begun. */
  cancel(): boolean
}

/** Delayed work of this process, which runs early at shutdown. */
export class Delays {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  readonly #running = new Set<Promise<unknown>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The number of waiting items. */
  get size(): number {
    return this.#waiting.size
  }

  /** @throws MillpondError `DURATION_INVALID` for an invalid duration, or over `MAX_DELAY_MS`. */
  /** Runs it after a delay, unless it is cancelled before. */
  start<R>(delay: Duration, run: () => Promise<R>): Delayed<R> {
    const ms = parseDuration(delay, 'delay')
    if (ms > MAX_DELAY_MS)
      throw new MillpondError('DURATION_INVALID', `delay: ${show(delay)} is over 24 days: schedule a job instead`)
    let settle: (work: Promise<R> | undefined) => void = () => undefined
    const done = new Promise<R | undefined>((resolve) => {
      settle = resolve
    })
    const begin = (): void => {
      stop()
      this.#waiting.delete(begin)
      const work = (async () => run())()
      this.#running.add(work)
      const end = (): void => void this.#running.delete(work)
      work.then(end, end)
      settle(work)
    }
    const stop = this.#clock.after(ms, begin, true)
    this.#waiting.add(begin)
    const cancel = (): boolean => {
      if (!this.#waiting.delete(begin)) return false
      stop()
      settle(undefined)
      return true
    }
    return { done, cancel }
  }

  /** Runs waiting work at once, and waits for all that is running. Never rejects. */
  async flush(): Promise<void> {
    for (const begin of [...this.#waiting]) begin()
    while (this.#running.size > 0) await Promise.allSettled([...this.#running])
  }
}
