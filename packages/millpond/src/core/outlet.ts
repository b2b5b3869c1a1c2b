// The contract of an outlet, another recipient of invalidations (a CDN, an edge, an audit), and its part of a receipt.
import type { RemovalReason } from './contracts.ts'
import type { Duration } from './duration.ts'
import type { Target } from './ledger.ts'

/** An invalidation. Keys are encoded keys: `decodeKey` returns the original. */
export interface OutletLine {
  /** Of the receipt, or of the write. Redelivered under the same id. */
  readonly id: string
  /** As in the receipt. */
  readonly reason: RemovalReason
  /** The caller's own words, if it gave a reason in them. */
  readonly note?: string
  /** `expire`: entries may still be served as stale. */
  readonly mode: 'delete' | 'expire'
  /** The invalidated keys, tags and patterns. */
  readonly targets: readonly Target[]
  /** For a write: its tags. Missing after a crash. */
  readonly tags?: readonly string[]
  /** From the outbox: a process that has ended may have delivered it, or some of it. */
  readonly isLeft?: boolean
  /** Requested in this process. */
  readonly isOwn: boolean
}

/** One delivery to an outlet: lines of one namespace, in the order in which they happened. */
export interface OutletBatch {
  /** The namespace: `cache.name`. */
  readonly namespace: string
  /** Oldest first. */
  readonly lines: readonly OutletLine[]
  /** Aborted when the delivery has taken too long; it is retried later. */
  readonly signal: AbortSignal
  /**
   * Waits until every live process has applied the lines, at most for as long as a process may trust its memory without
   * hearing of them (`maxStale` of `createCache`). `all` have; some are `late`, and trust nothing that they hold;
   * `unreachable`: the ledger does not answer, so others may not know.
   */
  readonly heard?: (() => Promise<'all' | 'late' | 'unreachable'>) | undefined
  /** How long a load that was already running may still take, in milliseconds: `timeout.hard` of the namespace. */
  readonly longestLoadMs?: number | undefined
}

/** Work that an outlet has accepted and will do by itself, such as purges that wait for a vendor's limit. */
export interface OutletDebt {
  /** In the outlet's own words, for receipts. */
  readonly state: string
  /** The estimated time that it will take, in milliseconds. */
  readonly leftMs: number
  /** Resolves when the invalidated content is gone there: `acked` of the receipt waits for it. */
  readonly gone: Promise<unknown>
  /**
   * Resolves when nothing is left to do: until then it is in the outbox. Never resolves if that fails: then the next
   * process repeats it.
   */
  readonly done: Promise<unknown>
}

/**
 * Receives every invalidation, in order for each target, at least once: across a crash too if the cache has an outbox.
 * One delivery at a time for each namespace. An invalidation waits for its delivery.
 */
export interface Outlet {
  /** The name of its records in the outbox, and of its part of receipts. */
  readonly name: string
  /**
   * Resolves when all of it has been done, or accepted. If it rejects, or takes longer than `timeout`, all of it is
   * redelivered.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most outlets return a Promise<void>
  deliver(batch: OutletBatch): Promise<OutletDebt | void>
  /** The longest that a delivery may take, and that an invalidation waits for it. Default `'5s'`. */
  readonly timeout?: Duration | undefined
  /**
   * The namespaces that it receives; for others nothing is delivered, and nothing is kept in the outbox. Default: all.
   */
  readonly namespaces?: readonly string[] | undefined
  /** Also deliver here what other processes have invalidated. Default `false`: each process delivers its own. */
  readonly peers?: boolean | undefined
}

/** A receipt's information on an outlet. */
export interface OutletReceipt {
  /** The name of the outlet. */
  readonly name: string
  /** `false`: not delivered in time; it is retried. */
  readonly ok: boolean
  /** If the outlet has accepted it, to be done by itself: its progress, in its own words. */
  readonly state?: string
  /** The estimated time that it will take, in milliseconds. */
  readonly leftMs?: number
}
