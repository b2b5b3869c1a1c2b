// The memory tier: what `memory()` gives to `createCache`.
import type { Clock, MemoryStore } from '../core/contracts.ts'
import { type MemoryOptions, resolveMemoryOptions } from './options.ts'
import { SlotStore } from './store.ts'

export type { MemoryOptions, PolicyName } from './options.ts'

/** A configured memory tier: checked options, and a factory of its store. One descriptor may create several stores. */
export interface MemoryTier {
  readonly kind: 'memory'
  /** The most entries and bytes it may hold; `Infinity` where there is no limit. */
  readonly limits: { readonly maxEntries: number; readonly maxBytes: number }
  /** How long this tier keeps an entry, as a share of the entry's TTL. */
  readonly ttlFactor: number
  /** `false`: configured, but not used. */
  readonly enabled: boolean
  /**
   * Creates the store. The clock decides what has expired; the store starts no timer before the first entry with a
   * deadline.
   */
  createStore(clock: Clock): MemoryStore
}

/**
 * A memory tier for the `tiers` of `createCache`. Without options: 1000 entries, no byte limit, the adaptive policy.
 * @throws MillpondError `OPTION_INVALID`, showing the value and the remedy.
 */
export function memory(options: MemoryOptions = {}): MemoryTier {
  const settings = resolveMemoryOptions(options)
  const { maxEntries, maxBytes, ttlFactor, enabled } = settings
  return Object.freeze({
    kind: 'memory',
    limits: Object.freeze({ maxEntries, maxBytes }),
    ttlFactor,
    enabled,
    createStore: (clock: Clock) => new SlotStore(settings, clock),
  })
}

/** The store itself, for use without the engine. */
export function createMemoryStore(options: MemoryOptions, { clock }: { readonly clock: Clock }): MemoryStore {
  return new SlotStore(resolveMemoryOptions(options), clock)
}

export type { Eviction, EvictionFactory } from '../core/contracts.ts'
export { type HotKey, hottestKeys } from './hottest.ts'
export { policyByName } from './policies/index.ts'
export { type SnapshotEntry, type SnapshotMeta, type SnapshotWritten, writeSnapshot } from './snapshot.ts'
export { type OpenSnapshot, openSnapshot, type SnapshotItem, type SnapshotOpened } from './snapshot-read.ts'
export { entryOverhead } from './weigh.ts'
