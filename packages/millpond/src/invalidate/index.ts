// Invalidation: criteria, patterns, relations between models, and the sources of changes.
export { Coalesce, type CoalesceOptions } from './coalesce.ts'
export { type Criteria, MAX_KEYS, MAX_PATTERNS, parseInstant, type Resolved, resolveCriteria } from './criteria.ts'
export { type Delayed, Delays, MAX_DELAY_MS } from './delay.ts'
export { type Emitter, EventMap, type EventMapOptions, type EventRule } from './event-map.ts'
export { ModelEvents, type ModelEventsOptions, type TransactionChanges } from './model-events.ts'
export { changedTags, type ModelId, modelTags } from './model-tags.ts'
export { memoryNonces, type NonceAnswer, type NonceStore } from './nonces.ts'
export { type CompiledPattern, compilePattern, patternCompiler, patternSource } from './pattern.ts'
export {
  type ChangesFollower,
  type FollowOptions,
  followPostgresChanges,
  type ListenClient,
  type TableChange,
} from './postgres-changes.ts'
export { installChangesSql, type PostgresChangesSql, removeChangesSql, type WatchedTable } from './postgres-triggers.ts'
export { type LinearRegex, type RegexEngine, re2 } from './regex-engine.ts'
export {
  type CascadePlan,
  type CascadeStep,
  type ChangeKind,
  type ModelRule,
  type ModelRules,
  type Related,
  type RelatedModel,
  type RelatedTag,
  type RelationLimits,
  Relations,
} from './relations.ts'
export {
  type DueInvalidation,
  INVALIDATION_JOB,
  invalidationHandler,
  type JobQueue,
  type ScheduleOptions,
  type ScheduleTime,
  scheduleInvalidation,
} from './schedule.ts'
export { decodeToken, encodeToken, mergePositions, type Positions, type TokenOptions } from './token.ts'
export { type RequestHeaders, TokenCarrier, type TokenCarrierOptions } from './token-carrier.ts'
export {
  type NoteOptions,
  type RunSql,
  type Settled,
  type TransactionOutbox,
  type TransactionOutboxOptions,
  transactionOutbox,
} from './transaction-outbox.ts'
export { type Webhook, type WebhookAnswer, type WebhookHeaders, type WebhookOptions, webhook } from './webhook.ts'
export { type SignOptions, signWebhook, type WebhookSecret } from './webhook-signature.ts'
