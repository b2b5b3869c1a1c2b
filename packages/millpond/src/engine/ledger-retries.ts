// Namespaces that each have to be asked about by themselves: they owe the store an invalidation, or nothing is known of
// them yet. While the store does not answer, one of them tries every 100 ms, and the others wait for it: a hundred that
// tried by themselves would hold down a store that has just stumbled.
import type { Clock, LedgerStore } from '../core/contracts.ts'
import { ASK_EVERY_MS } from './ledger-poll.ts'
import { sharedBy } from './ledger-shared.ts'

export interface Retried {
  /** Asks the store. `true`: it has answered. */
  retry(): Promise<boolean>
}

const retries = sharedBy((_: LedgerStore, clock: Clock) => new LedgerRetries(clock))

/**
 * Caches of one process that share a store and a clock try together. Undefined where the answer for one namespace says
 * nothing about another: a store that cannot be asked about several may be several servers.
 */
export function retriesOf(store: LedgerStore | undefined, clock: Clock): LedgerRetries | undefined {
  return store?.unmoved === undefined ? undefined : retries(store, clock)
}

export class LedgerRetries {
  readonly #clock: Clock
  /** The next one to try comes first. */
  readonly #namespaces = new Set<Retried>()
  #isTrying = false
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  join(namespace: Retried): void {
    this.#namespaces.add(namespace)
    this.#schedule()
  }

  leave(namespace: Retried): void {
    if (!this.#namespaces.delete(namespace) || this.#namespaces.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #schedule(): void {
    if (this.#isTrying || this.#cancelTimer !== undefined || this.#namespaces.size === 0) return
    this.#cancelTimer = this.#clock.after(ASK_EVERY_MS, () => {
      this.#cancelTimer = undefined
      void this.#try()
    })
  }

  async #try(): Promise<void> {
    const [first] = this.#namespaces
    if (first === undefined) return
    this.#namespaces.delete(first)
    this.#isTrying = true
    const isAnswered = await first.retry()
    this.#isTrying = false
    if (isAnswered) {
      // The first is among them again if the store has not taken its step: it waits like any other that was refused.
      const others = [...this.#namespaces].filter((one) => one !== first)
      for (const one of others) this.#namespaces.delete(one)
      for (const one of others) void one.retry()
    }
    this.#schedule()
  }
}
