// The counters of a space. Plain fields: an increment is all that a hit costs.
import type { MissCause } from '../core/causes.ts'
import type { Rejection, RemovalReason } from '../core/contracts.ts'

export class Counters {
  memoryHits = 0
  /** Of these, those that are part of calls whose time is measured as a whole. */
  hitsInCalls = 0
  /** Entries in memory that the ledger had invalidated. */
  memoryInvalidated = 0
  stale = 0
  misses = 0
  loads = 0
  loadErrors = 0
  loadJoins = 0
  refreshes = 0
  /** Prefetched. */
  prefetches = 0
  sets = 0
  deletes = 0
  invalidations = 0
  leaseWaits = 0
  /** Misses of entries that memory had evicted before half their TTL was over. */
  youngEvictions = 0
  /** How often lines of the ledger were missed, or its history was lost, so that memory was dropped. */
  gaps = 0
  epochs = 0
  readonly tiers = new Map<string, TierCounters>()
  /** Entries that left memory: in total, and by reason. */
  gone = 0
  readonly left: Partial<Record<RemovalReason, number>> = {}
  readonly missesByCause = new Map<MissCause, number>()
  readonly invalidationsByReason = new Map<RemovalReason, number>()

  tier(name: string): TierCounters {
    const known = this.tiers.get(name)
    if (known !== undefined) return known
    const fresh: TierCounters = {
      hits: 0,
      misses: 0,
      writes: 0,
      drops: 0,
      refused: 0,
      causes: new Map(),
      rejected: new Map(),
    }
    this.tiers.set(name, fresh)
    return fresh
  }

  miss(cause: MissCause): void {
    this.misses++
    this.missesByCause.set(cause, (this.missesByCause.get(cause) ?? 0) + 1)
  }
}

export interface TierCounters {
  hits: number
  misses: number
  writes: number
  drops: number
  /** Why existing entries could not be served. */
  readonly causes: Map<MissCause, number>
  /** Entries found but not accepted: invalidated, corrupt, or of another epoch. */
  refused: number
  /** Of these, those whose bytes were not accepted, by the codec's reason. */
  readonly rejected: Map<Rejection, number>
}
