// Commands of many queues to one server, as many at once as it takes. The queues take turns, so what waits stays in its
// queue, where commands can still be merged, instead of standing in line for a connection.
//
// A gate that moves is no outage: queues wait for their turn as long as the server answers any of them. If it has
// answered none for as long as it may be silent, those that wait fail with those that were sent.
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'

export interface GateQueue {
  /** It is this queue's turn: it calls `enter` again, unless it has nothing to send any more. */
  turn(): void
  /** The server is silent. */
  fail(): void
}

export class Gate {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #most: number
  /** In the order in which they came. */
  readonly #waiting = new Set<GateQueue>()
  #inside = 0
  #heardAt = Number.NEGATIVE_INFINITY

  /** `most`: commands at once. */
  constructor(clock: Pick<Clock, 'monotonic'>, most: number) {
    this.#clock = clock
    this.#most = most
  }

  /** `false`: the server has enough to do, and the queue is told when it is its turn. */
  enter(queue: GateQueue): boolean {
    if (this.#inside >= this.#most) {
      this.#waiting.add(queue)
      return false
    }
    this.#inside++
    return true
  }

  /** A command that entered has ended; `isAnswered`: by the server, and not by its deadline. */
  leave(isAnswered: boolean): void {
    if (isAnswered) this.#heardAt = this.#clock.monotonic()
    this.#inside--
    while (this.#inside < this.#most) {
      const [next] = this.#waiting
      if (next === undefined) return
      this.#waiting.delete(next)
      next.turn()
    }
  }

  /** A command has had no answer for `silentMs`: unless another one had, those that wait would fail the same way. */
  silent(silentMs: number): void {
    if (this.#clock.monotonic() - this.#heardAt < silentMs) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const queue of waiting) queue.fail()
  }

  /**
   * Runs a command of its own when it is its turn. `waits` is given a function that lets it go on at once if it still
   * waits, in the place of another one that waits for it.
   */
  async run<T>(what: string, work: () => Promise<T>, waits?: (goOn: () => void) => void): Promise<T> {
    let hasEntered = true
    await new Promise<void>((resolve, reject) => {
      const queue: GateQueue = {
        turn: () => {
          if (this.enter(queue)) resolve()
        },
        fail: () => reject(new MillpondError('LEDGER_UNREACHABLE', `${what}: the server is silent`)),
      }
      waits?.(() => {
        if (!this.#waiting.delete(queue)) return
        hasEntered = false
        resolve()
      })
      queue.turn()
    })
    let isAnswered = false
    try {
      const answer = await work()
      isAnswered = true
      return answer
    } finally {
      if (hasEntered) this.leave(isAnswered)
    }
  }
}
