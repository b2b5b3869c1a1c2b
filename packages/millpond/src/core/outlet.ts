// What else must hear of invalidations: a CDN, an edge, an audit. The contract of an outlet, and what a receipt says of
// it.
import type { RemovalReason } from './contracts.ts'
import type { Duration } from './duration.ts'
import type { Target } from './ledger.ts'

/** What was invalidated. Keys are encoded keys: `decodeKey` gives back what was written. */
export interface OutletLine {
  /** Of the receipt, or of the write. Delivered again under the same id. */
  readonly id: string
  readonly reason: RemovalReason
  readonly mode: 'delete' | 'expire'
  readonly targets: readonly Target[]
  /** Of a write: what it was tagged with. Not there any more after a crash. */
  readonly tags?: readonly string[]
  /** From the outbox: a process that has ended may have delivered it, or some of it. */
  readonly isLeft?: boolean
  /** Asked for in this process. */
  readonly isOwn: boolean
}

/** What an outlet is given at a time: lines of one namespace, in the order in which they happened. */
export interface OutletBatch {
  readonly namespace: string
  /** Oldest first. */
  readonly lines: readonly OutletLine[]
  /** Fires when the delivery has taken too long; it is tried again later. */
  readonly signal: AbortSignal
  /**
   * Waits until every live process has applied the lines, and as long as a process may not have heard of them and still
   * be accepted at the most (`maxStale` of `createCache`). `all` have; some are `late`, and trust nothing that they
   * hold; `unreachable`: the ledger does not answer, so that others may not know.
   */
  readonly heard?: (() => Promise<'all' | 'late' | 'unreachable'>) | undefined
  /** How long a load that was under way before may last yet, in milliseconds: `timeout.hard` of the namespace. */
  readonly longestLoadMs?: number | undefined
}

/** What an outlet has taken on and will do by itself, such as purges that wait for a vendor's limit. */
export interface OutletDebt {
  /** In the outlet's own words, for receipts. */
  readonly state: string
  /** How long it will take, in milliseconds; an estimate. */
  readonly leftMs: number
  /** Resolves when what was invalidated is gone there: `acked` of the receipt waits for it. */
  readonly gone: Promise<unknown>
  /**
   * Resolves when nothing is left to be done: until then it is in the outbox. Not at all where that does not come
   * about: then the next process does it again.
   */
  readonly done: Promise<unknown>
}

/**
 * Hears of every invalidation, in order for each target, at least once: over a crash too where the cache has an outbox.
 * One delivery at a time for each namespace. An invalidation waits for its delivery.
 */
export interface Outlet {
  /** Names its records in the outbox, and its part of receipts. */
  readonly name: string
  /**
   * Resolves when all of it has happened, or has been taken on. Rejecting, or taking longer than `timeout`, means that
   * all of it is delivered again.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most outlets return nothing, and a Promise<void> is not one of undefined
  deliver(batch: OutletBatch): Promise<OutletDebt | void>
  /** The longest that a delivery may take, and that an invalidation waits for it. Default `'5s'`. */
  readonly timeout?: Duration | undefined
  /** Namespaces that concern it; of others it is told nothing, and nothing of them is kept for it. Default: all. */
  readonly namespaces?: readonly string[] | undefined
  /** Deliver here, too, what other processes have invalidated. Default `false`: each process delivers its own. */
  readonly peers?: boolean | undefined
}

/** What a receipt says of an outlet. */
export interface OutletReceipt {
  readonly name: string
  /** `false`: not delivered in time; it is tried again. */
  readonly ok: boolean
  /** Where the outlet has taken it on, to do it by itself: how far it is, in its own words. */
  readonly state?: string
  /** And how long it will take, in milliseconds; an estimate. */
  readonly leftMs?: number
}
