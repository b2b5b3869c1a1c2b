// The order of the statements of one connection, for callers that send the next one without waiting. The database
// carries out what it receives in order; a read that asks the cache first would be overtaken by what is sent after it,
// and a hit would overtake what was sent before it.

/** What a statement has to wait for, and what waits for it. */
export type Role =
  /** A read that may be answered from the cache: it waits until every change before it has been answered. */
  | 'cached'
  /** It may change what reads return: it waits until every cached read before it has been answered. */
  | 'change'
  /** A read that is sent at once. */
  | 'plain'

export class Turns {
  readonly #reads = new Unanswered()
  readonly #changes = new Unanswered()
  /** Settles when the last statement that had to wait has been started. */
  #last: Promise<void> | undefined

  /** Starts a statement when its turn has come: at once, if there is nothing to wait for. */
  take<R>(role: Role, start: () => Promise<R>): Promise<R> {
    const before = this.#before(role)
    return this.#last === undefined && before === undefined ? this.#started(role, start) : this.#later(role, start)
  }

  /** Every cached read and every change that was sent has been answered. */
  get isIdle(): boolean {
    return this.#last === undefined && this.#reads.count + this.#changes.count === 0
  }

  async #later<R>(role: Role, start: () => Promise<R>): Promise<R> {
    const previous = this.#last
    let begun = (): void => {}
    const last = new Promise<void>((resolve) => {
      begun = resolve
    })
    this.#last = last
    await previous
    // Everything later waits for `last`: there is nothing more to wait for than what has been started by now.
    await this.#before(role)
    const answer = this.#started(role, start)
    if (this.#last === last) this.#last = undefined
    begun()
    return answer
  }

  #before(role: Role): Promise<void> | undefined {
    if (role === 'plain') return undefined
    return role === 'cached' ? this.#changes.none() : this.#reads.none()
  }

  async #started<R>(role: Role, start: () => Promise<R>): Promise<R> {
    if (role === 'plain') return start()
    const own = role === 'cached' ? this.#reads : this.#changes
    own.count++
    try {
      return await start()
    } finally {
      own.answered()
    }
  }
}

/** Statements on their way. */
class Unanswered {
  count = 0
  #waiting: (() => void)[] = []

  answered(): void {
    this.count--
    if (this.count > 0) return
    for (const go of this.#waiting) go()
    this.#waiting = []
  }

  /** `undefined`: there are none. */
  none(): Promise<void> | undefined {
    if (this.count === 0) return undefined
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}
