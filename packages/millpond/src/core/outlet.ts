// What else must hear of invalidations: a CDN, an edge, an audit. The contract of an outlet, and what a receipt says of it.
import type { Reason } from './contracts.ts'
import type { Duration } from './duration.ts'
import type { Target } from './ledger.ts'

/** What was invalidated. Keys are encoded keys: `decodeKey` gives back what was written. */
export interface OutletLine {
  /** Of the receipt, or of the write. Delivered again under the same id. */
  readonly id: string
  readonly reason: Reason
  readonly mode: 'delete' | 'expire'
  readonly targets: readonly Target[]
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
}

/**
 * Hears of every invalidation, in order for each target, at least once: over a crash too where the cache has an outbox. One delivery at a time for each
 * namespace. An invalidation waits for its delivery.
 */
export interface Outlet {
  /** Names its records in the outbox, and its part of receipts. */
  readonly name: string
  /** Resolves when all of it has happened. Rejecting, or taking longer than `timeout`, means that all of it is delivered again. */
  deliver(batch: OutletBatch): Promise<void>
  /** The longest that a delivery may take, and that an invalidation waits for it. Default `'5s'`. */
  readonly timeout?: Duration | undefined
  /** Deliver here, too, what other processes have invalidated. Default `false`: each process delivers its own. */
  readonly peers?: boolean | undefined
}

/** What a receipt says of an outlet. */
export interface OutletReceipt {
  readonly name: string
  /** `false`: not delivered in time; it is tried again. */
  readonly ok: boolean
}
