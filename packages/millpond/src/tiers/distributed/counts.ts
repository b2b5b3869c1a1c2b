// Counters of a ring, besides those of every tier.
import type { TierMember } from '../../core/contracts.ts'

type Counted = 'reads' | 'failures' | 'repaired' | 'handedOver' | 'hintsDropped' | 'movedIn' | 'movedOut'

/** Counters of one node. */
export type NodeCounts = { -readonly [K in Counted]: TierMember[K] }

/** Anomalies that were not errors, counted since the tier was created. */
export interface DistributedCounts {
  /** Keys that read as absent because none of their nodes answered, while others did. */
  unreachable: number
  /** Entries that could not be stored because all their nodes were down. */
  unstored: number
  /** Keys for which another copy was asked because a node did not answer. */
  failedOver: number
  /** Copies that were missing or outdated, and were rewritten. */
  repaired: number
  /** Entries that were kept for a node while it was down, and delivered when it was back. */
  handedOver: number
}
