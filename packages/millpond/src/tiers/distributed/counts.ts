// What a ring counts beside the figures that every tier has.
import type { TierMember } from '../../core/contracts.ts'

type Counted = 'reads' | 'failures' | 'repaired' | 'handedOver' | 'hintsDropped' | 'movedIn' | 'movedOut'

/** Of one node. */
export type NodeCounts = { -readonly [K in Counted]: TierMember[K] }

/** What was not an error and yet not as it should be, since the tier was made. */
export interface DistributedCounts {
  /** Keys that read as absent because none of the nodes that keep them answered, while others did. */
  unreachable: number
  /** Entries that no node could take, because all that keep them were away. */
  unstored: number
  /** Keys for which another copy was asked because a node did not answer. */
  failedOver: number
  /** Copies that were missing or older than another, and were written anew. */
  repaired: number
  /** Entries that were kept for a node which was away, and given to it when it was back. */
  handedOver: number
}
