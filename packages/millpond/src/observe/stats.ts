// What a cache tells about itself when asked: plain snapshots, counted since the start.

import type { MissCause } from '../core/causes.ts'
import type { CompressionFigures, PeerRegion, Rejection, RemovalReason, TierMember } from '../core/contracts.ts'

/** How often each; absent is never. */
export type Counts<K extends string> = { readonly [P in K]?: number }

/** Durations in milliseconds. Percentiles are at most 3.2 % off; all are 0 while `count` is. */
export interface LatencyStats {
  readonly count: number
  readonly avgMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** How many were below each of `LATENCY_BOUNDS_MS`; only in snapshots for an exporter. */
  readonly buckets?: readonly number[]
}

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface TierStats {
  readonly name: string
  readonly hits: number
  readonly misses: number
  readonly errors: number
  /** Entries written. */
  readonly sets: number
  /** Entries dropped by invalidation or delete. */
  readonly drops: number
  /**
   * Misses of what it had and could not serve, by cause; absent where there were none. What it did not have at all has
   * no cause that it could know.
   */
  readonly missesByCause?: Counts<MissCause>
  /** Found but not accepted: invalidated, corrupt, of another key or epoch. */
  readonly refused?: number
  /**
   * Of them, those whose bytes were not accepted, by the reason that the event `rejected` tells; absent where there
   * were none.
   */
  readonly rejected?: Counts<Rejection>
  readonly entries?: number
  readonly bytes?: number
  /** The most that it may hold; absent where there is no limit. */
  readonly maxBytes?: number
  /**
   * What is written to it is sealed, and nothing else is read: with the id of the key that seals now, and since when
   * (epoch milliseconds), where the codec knows. Absent: it is not.
   */
  readonly encryption?: { readonly id?: string; readonly since?: number }
  /**
   * Bytes of entries that came from its store and went there, without what its protocol adds; absent of memory. Of the
   * whole tier.
   */
  readonly readBytes?: number
  readonly writtenBytes?: number
  /** The stores of a tier that is made of several (`distributed`). Of the whole tier. */
  readonly members?: readonly TierMember[]
  /** Of the whole tier, as `errors` and `latency` are: one tier serves all namespaces of a cache. */
  readonly breaker: BreakerState
  readonly latency: LatencyStats
}

/** How far what decides about validity can be reached. */
export interface LedgerStats {
  readonly isUp: boolean
  /** Invalidations that have not reached it yet. */
  readonly pending: number
  /** Times memory was dropped because lines of its log were missed (`gaps`), or its history was lost (`epochs`). */
  readonly gaps: number
  readonly epochs: number
  /** How much is known here of each other region, over all namespaces; absent without an edge tier. */
  readonly regions?: readonly PeerRegion[]
}

/** A queue of writes that are on their way to their source. */
export interface QueueStats {
  readonly collection: string
  /** Writes that wait, or are on their way. */
  readonly depth: number
  /** How long the oldest of them has waited, in milliseconds. */
  readonly lagMs: number
  /** Writes that the source has taken. */
  readonly stored: number
  /** Attempts that failed. */
  readonly failed: number
  /** Writes set aside. */
  readonly dead: number
  /** On disk; 0 without a journal. */
  readonly journalBytes: number
}

/** What was run of a kind of jobs: `cache.info().jobs`. */
export interface JobStats {
  readonly job: string
  readonly running: number
  readonly done: number
  readonly retried: number
  readonly failed: number
  readonly late: number
  readonly lost: number
}

export interface CacheStats {
  readonly cache: string
  /** The part of the cache that was counted. Default `default`. */
  readonly namespace?: string
  /** Reads answered with a value from any tier, stale ones included. */
  readonly hits: number
  readonly misses: number
  /** Of `hits`, those past their freshness. */
  readonly stale: number
  readonly loads: number
  readonly loadErrors: number
  /** Calls that waited for a load under way. */
  readonly loadJoins?: number
  readonly refreshes?: number
  readonly sets: number
  readonly deletes: number
  /** hits / (hits + misses), 0 to 1; 0 before the first read. */
  readonly hitRate: number
  readonly tiers: readonly TierStats[]
  /** Entries that left memory, by reason. */
  readonly evictions: Counts<RemovalReason>
  readonly missesByCause: Counts<MissCause>
  readonly invalidationsByReason?: Counts<RemovalReason>
  /** Entries that memory pushed out before half their time was over, and that were asked for again. */
  readonly youngEvictions?: number
  readonly ledger?: LedgerStats
  readonly queues?: readonly QueueStats[]
  /** What compression did; absent where nothing is compressed. */
  readonly compression?: CompressionFigures
  readonly latency: { readonly get: LatencyStats; readonly set: LatencyStats; readonly load: LatencyStats }
}

/** hits / (hits + misses), 0 before the first read. */
export function hitRate(hits: number, misses: number): number {
  const reads = hits + misses
  return reads === 0 ? 0 : hits / reads
}

/** The sum of two codecs' figures: counts, bytes and milliseconds alike. */
export function addCompression(a: CompressionFigures, b: CompressionFigures): CompressionFigures {
  return {
    compressed: a.compressed + b.compressed,
    left: a.left + b.left,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    compressMs: a.compressMs + b.compressMs,
    inflateMs: a.inflateMs + b.inflateMs,
  }
}
