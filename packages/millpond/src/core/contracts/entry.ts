// A cached entry, as it is judged and as a tier stores it; its scope, and why it left.
import type { Position } from '../ledger.ts'

export const REMOVAL_REASONS = [
  ...([
    'ttl_expired',
    'manual',
    'data_changed',
    'capacity_limit',
    'not_admitted',
    'too_large',
    'error_threshold',
    'tag_based',
  ] as const),
  ...([
    'pattern_based',
    'cleared',
    'epoch_changed',
    'replaced',
    'memory_pressure',
    'switched_off',
    'erased',
    'superseded',
  ] as const),
] as const

/** Why an entry left, as operators see it in counters, events and the audit log. */
export type RemovalReason = (typeof REMOVAL_REASONS)[number]

/**
 * Who shares a tier's contents: this process, every process of this host, or all.
 * A tier that is not shared must be told what peers invalidate.
 */
export type Scope = 'process' | 'host' | 'shared'

/** A cached value with everything needed to judge it. Times are epoch milliseconds, `Infinity` means never. */
export interface Entry<V = unknown> {
  readonly value: V
  readonly createdAt: number
  /** Until when it may be returned as fresh. */
  readonly freshUntil: number
  /** Until when it may be returned as stale; never before `freshUntil`. */
  readonly staleUntil: number
  readonly tags: readonly string[]
  /** The ledger's position when the work that made the value began. */
  readonly asOf: Position
}

/** An entry as a far tier stores it: bytes, and what the tier itself needs. */
export interface Stored {
  /** The ledger's position at which it was last known to be valid. */
  readonly asOf: Position
  /** The entry as the codec encoded it. */
  readonly body: Uint8Array
  /** Epoch milliseconds after which the tier may forget it; `Infinity` for never. */
  readonly expiresAt: number
  /** The region where it was made, if the tier has several. */
  readonly region?: string
}

export interface TierItem extends Stored {
  /** The storage key. */
  readonly key: string
}
