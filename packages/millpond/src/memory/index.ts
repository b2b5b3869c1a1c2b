// The memory tier: what `memory()` gives to `createCache`.
import type { Clock, MemoryStore } from '../core/contracts.ts'
import { type MemoryOptions, resolveMemoryOptions } from './options.ts'
import { SlotStore } from './store.ts'

export type { MemoryOptions, PolicyName } from './options.ts'

/**
 * A memory tier that was asked for: checked options, and how to make its store. One descriptor may make several stores.
 */
export interface MemoryTier {
  readonly kind: 'memory'
  /** The most entries and bytes it may hold; `Infinity` where there is no limit. */
  readonly limits: { readonly maxEntries: number; readonly maxBytes: number }
  /** How long this tier keeps an entry, as a share of the entry's TTL. */
  readonly ttlFactor: number
  /** `false`: configured, but not to be used. */
  readonly enabled: boolean
  /**
   * Makes the store. The clock decides what has expired; the store starts nothing before the first entry with a
   * deadline.
   */
  createStore(clock: Clock): MemoryStore
}

/**
 * A memory tier for the `tiers` of `createCache`. Without options: 1000 entries, no limit of bytes, the adaptive
 * policy.
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

/** The store itself, for those who need no engine around it. */
export function createMemoryStore(options: MemoryOptions, { clock }: { readonly clock: Clock }): MemoryStore {
  return new SlotStore(resolveMemoryOptions(options), clock)
}

export type { Eviction, EvictionFactory } from '../core/contracts.ts'
export { type HotKey, hottestKeys } from './hottest.ts'
export { policyByName } from './policies/index.ts'
export { type SnapshotEntry, type SnapshotMeta, type SnapshotWritten, writeSnapshot } from './snapshot.ts'
export { type OpenSnapshot, openSnapshot, type SnapshotItem, type SnapshotOpened } from './snapshot-read.ts'
export { weighBeside } from './weigh.ts'
