// Deadlines of many exchanges, all of the same length, on one timer: the first begun is the first due.
import { afterAwake } from '../../core/awake.ts'
import { Chain, type Link } from '../../core/chain.ts'
import { outside } from '../../core/outside.ts'
import { unheld } from '../../core/unheld.ts'

interface Running {
  /** Milliseconds, without the pauses of this process. */
  readonly dueAt: number
  readonly expire: () => void
}

export type Deadline = Link<Running>

export class Deadlines {
  readonly #ms: number
  /** In order of their beginning, which is also the order in which they are due. */
  readonly #running = new Chain<Running>()
  #isArmed = false
  /** How long this process has been paused in total while exchanges were running. */
  #pausedMs = 0
  #idle: (() => void) | undefined
  /**
   * It outlives the exchange that set it, since the next one needs it again; it keeps the process alive only while an
   * exchange is running.
   */
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #clock = {
    monotonic: () => performance.now(),
    after: (ms: number, fn: () => void) => {
      const timer = outside(() => setTimeout(fn, ms))
      if (this.#running.isEmpty) unheld(timer)
      this.#timer = timer
      return () => clearTimeout(timer)
    },
  }

  constructor(ms: number) {
    this.#ms = ms
  }

  begin(expire: () => void): Deadline {
    const wasIdle = this.#running.isEmpty
    const deadline = this.#running.add({ dueAt: performance.now() - this.#pausedMs + this.#ms, expire })
    if (!this.#isArmed) this.#arm(this.#ms)
    else if (wasIdle) this.#timer?.ref?.()
    return deadline
  }

  end(deadline: Deadline): void {
    this.#running.remove(deadline)
    if (!this.#running.isEmpty) return
    unheld(this.#timer)
    this.#idle?.()
  }

  /** Resolves when none is running. */
  idle(): Promise<void> {
    if (this.#running.isEmpty) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  #arm(ms: number): void {
    this.#isArmed = true
    afterAwake(
      ms,
      () => this.#check(),
      this.#clock,
      (paused) => (this.#pausedMs += paused),
    )
  }

  #check(): void {
    this.#isArmed = false
    const now = performance.now() - this.#pausedMs
    for (const deadline of this.#running) {
      const { item } = deadline
      if (item === undefined) continue
      if (item.dueAt > now) {
        this.#arm(Math.ceil(item.dueAt - now))
        return
      }
      this.end(deadline)
      item.expire()
    }
  }
}
