// When the store is asked because it has pushed: at once, and while pushes keep coming only every few milliseconds, for
// all namespaces of this process together. At a thousand invalidations a second this saves a third of a process's
// commands where they are all of one namespace, and a sixth where they are spread over a hundred
// (docs/decisions/0092 has the figures).
import type { Clock, LedgerStore } from '../core/contracts.ts'
import { sharedBy } from './ledger-shared.ts'

/** Between two rounds of questions: for so long an entry may be served after the push of its invalidation. */
export const PACE_MS = 4

/** A namespace of which something was pushed. */
export interface Pushed {
  /** Asks the store, unless what was pushed has become known meanwhile. */
  askPushed(): void
}

/** Caches of one process that share a store and a clock share the pace. */
export const pushesOf = sharedBy((_: LedgerStore, clock: Clock) => new Pushes(clock))

export class Pushes {
  readonly #clock: Clock
  readonly #pushed = new Set<Pushed>()
  #askedAt = Number.NEGATIVE_INFINITY
  /** When the next round begins; infinite: none is due. */
  #dueAt = Number.POSITIVE_INFINITY
  #cancel = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `isOwn`: probably of a step of this process, whose answer is on its way and says the same. */
  add(one: Pushed, isOwn: boolean): void {
    this.#pushed.add(one)
    const now = this.#clock.monotonic()
    const paced = Math.min(Math.max(now, this.#askedAt + PACE_MS), now + PACE_MS)
    const dueAt = isOwn ? now + PACE_MS : paced
    // A timer may have been dropped, or have been one of another clock: faked timers that are real again.
    const isDue = now <= this.#dueAt && this.#dueAt <= now + PACE_MS
    if (isDue && dueAt >= this.#dueAt) return
    this.#cancel()
    this.#dueAt = dueAt
    // What is pushed in one turn goes out together.
    if (dueAt === now) queueMicrotask(() => this.#ask())
    else this.#cancel = this.#clock.after(dueAt - now, () => this.#ask())
  }

  remove(one: Pushed): void {
    this.#pushed.delete(one)
  }

  #ask(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    if (this.#pushed.size === 0) return
    this.#askedAt = this.#clock.monotonic()
    const pushed = [...this.#pushed]
    this.#pushed.clear()
    for (const one of pushed) one.askPushed()
  }
}
