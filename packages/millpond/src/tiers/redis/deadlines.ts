// Deadlines of many exchanges that all have the same length, on one timer: the first begun is the first due.

export interface Deadline {
  readonly dueAt: number
  readonly expire: () => void
}

export class Deadlines {
  readonly #ms: number
  /** In the order of their beginning, which is the order of their ends. */
  readonly #running = new Set<Deadline>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #idle: (() => void) | undefined

  constructor(ms: number) {
    this.#ms = ms
  }

  begin(expire: () => void): Deadline {
    const deadline = { dueAt: performance.now() + this.#ms, expire }
    this.#running.add(deadline)
    if (this.#timer === undefined) this.#arm(this.#ms)
    return deadline
  }

  end(deadline: Deadline): void {
    this.#running.delete(deadline)
    if (this.#running.size === 0) this.#idle?.()
  }

  /** Resolves when none is running. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  /** After a pause of this process timers run before sockets are read: the answers may be here, so they are read first. */
  #arm(ms: number): void {
    this.#timer = setTimeout(() => setImmediate(() => this.#check()), ms)
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const deadline of this.#running) {
      if (deadline.dueAt > now) {
        this.#arm(Math.ceil(deadline.dueAt - now))
        return
      }
      this.end(deadline)
      deadline.expire()
    }
  }
}
