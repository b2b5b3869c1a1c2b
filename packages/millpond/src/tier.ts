// Everything that the author of a tier needs: the contracts, their types, and the error to reject with.
//
// `describeTier` of `millpond/testing` checks an implementation against the contract; `describeLedger` one that also
// holds the ledger.
export type {
  Advanced,
  Change,
  CommitItem,
  Heartbeat,
  LeaseAnswer,
  LeaseAsk,
  LedgerNode,
  LedgerPlace,
  LedgerRegions,
  LedgerStore,
  PeerRegion,
  Refusal,
  RemovalReason,
  Scope,
  Snapshot,
  Stored,
  Tail,
  Tier,
  TierBounds,
  TierCall,
  TierItem,
  TierLimits,
  TierUsage,
} from './core/contracts.ts'
export { type ErrorCode, MillpondError } from './core/errors.ts'
export type { Line, Position, Target } from './core/ledger.ts'
