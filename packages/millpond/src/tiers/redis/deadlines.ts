// Deadlines of many exchanges that all have the same length, on one timer: the first begun is the first due.
import { afterAwake } from '../../core/awake.ts'
import { Chain, type Link } from '../../core/chain.ts'

interface Running {
  readonly dueAt: number
  readonly expire: () => void
}

export type Deadline = Link<Running>

export class Deadlines {
  readonly #ms: number
  /** In the order of their beginning, which is the order of their ends. */
  readonly #running = new Chain<Running>()
  #isArmed = false
  #idle: (() => void) | undefined

  constructor(ms: number) {
    this.#ms = ms
  }

  begin(expire: () => void): Deadline {
    if (!this.#isArmed) this.#arm(this.#ms)
    return this.#running.add({ dueAt: performance.now() + this.#ms, expire })
  }

  end(deadline: Deadline): void {
    this.#running.remove(deadline)
    if (this.#running.isEmpty) this.#idle?.()
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
    afterAwake(ms, () => this.#check())
  }

  #check(): void {
    this.#isArmed = false
    const now = performance.now()
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
