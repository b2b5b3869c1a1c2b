// What an invalidation tells: what it came to, or what it would do.
import type { RemovalReason } from '../core/contracts.ts'
import type { Duration } from '../core/duration.ts'
import type { Position, Target } from '../core/ledger.ts'
import type { OutletReceipt } from '../core/outlet.ts'
import type { CascadePlan } from '../invalidate/relations.ts'

/** What an invalidation came to. */
export interface Receipt {
  readonly id: string
  readonly reason: RemovalReason
  readonly mode: 'delete' | 'expire'
  readonly targets: readonly Target[]
  /** The ledger's position after it: a read that has seen this position has seen the invalidation. */
  readonly position: Position
  /**
   * Entries removed at once; entries outdated by a tag or a pattern are dropped when they are next read, or by a walk
   * behind the calls, and not counted here.
   */
  readonly removed: number
  /** Whether `removed` is the whole effect. */
  readonly isExact: boolean
  readonly tiers: readonly TierReceipt[]
  /** What else was to hear of it; see `outlets` of `createCache`. */
  readonly outlets: readonly OutletReceipt[]
  /** Each region, where there are several: see `edge` of `millpond/tiers/edge`. */
  readonly regions: readonly RegionReceipt[]
  /** `false`: the ledger did not answer; kept in the outbox, in force in this process, not yet elsewhere. */
  readonly isApplied: boolean
  readonly ms: number
  /**
   * Waits until every live process has applied it, and every other region, and outlets that have taken it on have done
   * it. Resolves with the ids of those that have not within the time (default 1 s), outlets as `outlet:NAME`, regions
   * as `region:NAME`.
   * @throws MillpondError `LEDGER_UNREACHABLE` when the ledger has not said by then who has; `DURATION_INVALID`.
   */
  acked(options?: { readonly timeout?: Duration }): Promise<readonly string[]>
}

/** What an invalidation came to in one tier. */
export interface TierReceipt {
  readonly name: string
  /** `false`: the tier did not answer; what it holds is not accepted. */
  readonly ok: boolean
  readonly removed: number
}

/** What an invalidation came to in one region. */
export interface RegionReceipt {
  readonly region: string
  /** `queued`: it is in this region's log, and not yet applied there as far as is known; `acked` waits for it. */
  readonly state: 'applied' | 'queued'
}

/** What an invalidation would do. */
export interface DryRun {
  readonly wouldRemove: number
  /** `false`: some tier cannot be listed, or the walk was cut off; there may be more. */
  readonly isExact: boolean
  /** Some of the keys, at most 100. */
  readonly keys: readonly string[]
  readonly tags: readonly string[]
  readonly patterns: readonly string[]
  /** Models that relations bring along, where a model was named. */
  readonly cascade: CascadePlan | undefined
}
