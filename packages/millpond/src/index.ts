// The main entry point.

export type { AdaptiveTtl, ChosenTtl, LoadedValue } from './core/adaptive-ttl.ts'
export { MISS_CAUSES, type MissCause } from './core/causes.ts'
export type {
  Clock,
  Codec,
  Drained,
  DrainRegionOptions,
  FillProgress,
  FillRegionOptions,
  PeerRegion,
  RegionState,
  Regions,
  RegionView,
  RemovalReason,
  Scope,
  Tier,
  TierMember,
  TierStep,
} from './core/contracts.ts'
export type { Priority } from './core/dependency.ts'
export type { ArmSettings, Division } from './core/division.ts'
export type { Duration } from './core/duration.ts'
export { type ErrorCode, MillpondError } from './core/errors.ts'
export type { CacheEvents, EventName } from './core/events.ts'
export type {
  GuardBreaker,
  GuardBulkhead,
  GuardErrorThreshold,
  GuardHedge,
  GuardOptions,
  GuardRetry,
  GuardState,
  GuardStats,
  SourceGuard,
} from './core/guard.ts'
export type { JobDay, JobWindow } from './core/jobs.ts'
export { decodeKey, type Key, type KeyPart } from './core/key.ts'
export { hashOf } from './core/key-hash.ts'
export type { Position, Target } from './core/ledger.ts'
export type {
  ById,
  Consistency,
  Dependencies,
  EntryOptions,
  LoadOptions,
  ReadOptions,
  RefreshAhead,
  SingleFlight,
} from './core/options.ts'
export type { Outlet, OutletBatch, OutletDebt, OutletLine, OutletReceipt } from './core/outlet.ts'
export type { InvalidationReason } from './core/reason.ts'
export type { Recorder } from './core/recorder.ts'
export type { Source, SourceContext, SourceLoad, SourceOptions, SourceView } from './core/source.ts'
export type { SchemaAnswer, StandardSchema } from './core/standard-schema.ts'
export type { LoadStrategy } from './core/strategies.ts'
export type {
  Prefetched,
  ScheduledWarming,
  WarmApi,
  WarmCollection,
  WarmEndpoint,
  Warmed,
  Warmer,
  WarmHot,
  Warming,
  WarmingSettings,
  WarmKeys,
  WarmList,
  WarmModel,
  WarmOptions,
  WarmPlan,
  WarmPlanOptions,
  WarmPlanReport,
  WarmPriority,
  WarmReport,
  WarmRequest,
  WarmScheduleOptions,
  WarmStore,
  WarmUrls,
  WarmValues,
  WarmView,
  WarmViews,
} from './core/warm.ts'
export { type CacheOptions, createCache } from './create.ts'
export type { Cache, TenantOrSession } from './engine/cache.ts'
export type { CacheInvalidations, CacheJobs, ClearOptions, ScheduledFor } from './engine/cache-invalidations.ts'
export type { CacheLifecycle } from './engine/cache-lifecycle.ts'
export type { CacheLoads, GetOrSetManyOptions, LoadedEntry } from './engine/cache-loads.ts'
export type { CacheReads, EntryReadOptions, EntryView, KeysOptions, LeasedView } from './engine/cache-reads.ts'
export type { CacheWrites, DeleteOptions, LeasedOptions } from './engine/cache-writes.ts'
export type {
  Collection,
  CollectionContext,
  CollectionDeadLetter,
  CollectionOptions,
  CollectionWrite,
  CollectionWriteOptions,
  DeadLetters,
  RecordVersion,
  StoreContext,
  Strategy,
  WriteBehindOptions,
  WriteStrategy,
  WriteStreamClient,
  WriteStreamOptions,
} from './engine/collection.ts'
export type {
  Changes,
  Configured,
  ConfigureOptions,
  DefaultChanges,
  SettingChange,
  TierChanges,
} from './engine/configure.ts'
export { changesFromJson } from './engine/configure-json.ts'
export type {
  Amount,
  CacheDescription,
  DescribedDefaults,
  DescribedMemory,
  DescribedRule,
  DescribedTier,
} from './engine/describe.ts'
export type { HeldEntry } from './engine/entries.ts'
export type { Erased, ErasedTier, ErasedWrite, ErasureSubject } from './engine/erasure.ts'
export type { ExaminedTier } from './engine/examine.ts'
export type { Explanation, TierExplanation } from './engine/explain.ts'
export type { EntryFacts } from './engine/facts.ts'
export type { Frozen } from './engine/frozen.ts'
export type { Lease, LeaseVerdict } from './engine/held-lease.ts'
export type { InvalidateOptions } from './engine/invalidate.ts'
export { buildKey, type KeyParts } from './engine/key-builder.ts'
export type { LoadContext, Loader } from './engine/loader.ts'
export type { LeaseOptions } from './engine/miss-lease.ts'
export type { NamespaceOptions } from './engine/namespace-options.ts'
export type { Operation, PluggedCache, Plugin } from './engine/plugins.ts'
export type { DryRun, Receipt, TierReceipt } from './engine/receipt.ts'
export type { Resealed, ResealOptions } from './engine/reseal.ts'
export type { RouteRule } from './engine/route.ts'
export type { CacheInfo, InfoOptions, NamespaceActivity, SpaceStats } from './engine/stats.ts'
export type { Transaction, TransactionOptions, TransactionTargets } from './engine/transaction.ts'
export type { WrapOptions, WrappedCall } from './engine/wrap-call.ts'
export type { Criteria } from './invalidate/criteria.ts'
export { modelTags } from './invalidate/model-tags.ts'
export type { ModelRules } from './invalidate/relations.ts'
export { type MemoryOptions, type MemoryTier, memory } from './memory/index.ts'
export type { TierConfiguration } from './tier-configuration.ts'
export { Breaker, type BreakerOptions, type BreakerState } from './wrap/breaker.ts'
