// Results of invalidations: what was done, or what would be done.
import type { RemovalReason } from '../core/contracts.ts'
import type { Duration } from '../core/duration.ts'
import type { Position, Target } from '../core/ledger.ts'
import type { OutletReceipt } from '../core/outlet.ts'
import type { CascadePlan } from '../invalidate/relations.ts'

/** The result of an invalidation. */
export interface Receipt {
  /** Names this invalidation in events, logs and explanations of later misses. */
  readonly id: string
  /** Why: as given, or by what kind of call. */
  readonly reason: RemovalReason
  /** The caller's own words, if it gave a reason in them. */
  readonly note?: string
  /** `expire`: entries may still be served as stale, where that is permitted. */
  readonly mode: 'delete' | 'expire'
  /** The keys, tags and patterns that were invalidated. */
  readonly targets: readonly Target[]
  /** The ledger's position after it: a read that has seen this position has seen the invalidation. */
  readonly position: Position
  /**
   * Entries removed at once; entries invalidated by a tag or a pattern are dropped when they are next read, or by a
   * background sweep, and not counted here.
   */
  readonly removed: number
  /** Whether `removed` is the whole effect. */
  readonly isExact: boolean
  /** The result in each tier. */
  readonly tiers: readonly TierReceipt[]
  /** The outlets it was delivered to; see `outlets` of `createCache`. */
  readonly outlets: readonly OutletReceipt[]
  /** Each region, if there are several: see `edge` of `millpond/tiers/edge`. */
  readonly regions: readonly RegionReceipt[]
  /**
   * `false`: the ledger did not answer; the invalidation is in the outbox and in force in this process, but not yet
   * elsewhere.
   */
  readonly isApplied: boolean
  /** How long it took, in milliseconds. */
  readonly ms: number
  /**
   * Waits until every live process and every other region has applied it, and outlets that accepted it have finished.
   * Resolves with the ids of those that have not within the time (default 1 s), outlets as `outlet:NAME`, regions as
   * `region:NAME`.
   * @throws MillpondError `LEDGER_UNREACHABLE` if the ledger has not answered by then; `DURATION_INVALID`.
   */
  acked(options?: { readonly timeout?: Duration }): Promise<readonly string[]>
}

/** The result of an invalidation in one tier. */
export interface TierReceipt {
  /** The name of the tier. */
  readonly name: string
  /** `false`: the tier did not answer; its copies are not accepted. */
  readonly ok: boolean
  /** Entries that were removed from it at once. */
  readonly removed: number
}

/** The result of an invalidation in one region. */
export interface RegionReceipt {
  readonly region: string
  /** `queued`: it is in this region's log, but not known to be applied there yet; `acked` waits for it. */
  readonly state: 'applied' | 'queued'
}

/** What an invalidation would do. */
export interface DryRun {
  /** The number of entries that would be removed or expired. */
  readonly wouldRemove: number
  /** `false`: some tier cannot be listed, or the walk was cut short; there may be more. */
  readonly isExact: boolean
  /** Some of the keys, at most 100. */
  readonly keys: readonly string[]
  /** The tags that would be invalidated. */
  readonly tags: readonly string[]
  /** The patterns that would be invalidated. */
  readonly patterns: readonly string[]
  /** Models included through relations, if a model was named. */
  readonly cascade: CascadePlan | undefined
}
