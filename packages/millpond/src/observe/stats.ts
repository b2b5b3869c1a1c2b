// A cache's statistics: plain snapshots, counted since the start.

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
   * Misses for entries that it had but could not serve, by cause; absent if there were none. For entries that it did
   * not have it cannot know a cause.
   */
  readonly missesByCause?: Counts<MissCause>
  /** Found but not accepted: invalidated, corrupt, of another key or epoch. */
  readonly refused?: number
  /**
   * Of these, those whose bytes were not accepted, by the reason in the event `rejected`; absent if there were none.
   */
  readonly rejected?: Counts<Rejection>
  readonly entries?: number
  readonly bytes?: number
  /** Its capacity; absent if unlimited. */
  readonly maxBytes?: number
  /**
   * It is written encrypted, and only encrypted entries are read: with the id of the current key, and since when (epoch
   * milliseconds), if the codec knows. Absent: it is not.
   */
  readonly encryption?: { readonly id?: string; readonly since?: number }
  /**
   * Bytes of entries read from and written to its store, without protocol overhead; absent for memory. Of the whole
   * tier.
   */
  readonly readBytes?: number
  readonly writtenBytes?: number
  /** The stores of a tier that consists of several (`distributed`). Of the whole tier. */
  readonly members?: readonly TierMember[]
  /** Of the whole tier, like `errors` and `latency`: one tier serves all namespaces of a cache. */
  readonly breaker: BreakerState
  readonly latency: LatencyStats
}

/** Whether the ledger can be reached. */
export interface LedgerStats {
  readonly isUp: boolean
  /** Invalidations that have not reached it yet. */
  readonly pending: number
  /** How often memory was dropped because lines of its log were missed (`gaps`), or its history was lost (`epochs`). */
  readonly gaps: number
  readonly epochs: number
  /** What is known here of each other region, over all namespaces; absent without an edge tier. */
  readonly regions?: readonly PeerRegion[]
}

/** A queue of writes to their source. */
export interface QueueStats {
  readonly collection: string
  /** Writes that are waiting or in progress. */
  readonly depth: number
  /** How long the oldest of them has waited, in milliseconds. */
  readonly lagMs: number
  /** Writes that the source has accepted. */
  readonly stored: number
  /** Attempts that failed. */
  readonly failed: number
  /** Dead letters. */
  readonly dead: number
  /** On disk; 0 without a journal. */
  readonly journalBytes: number
}

/** The runs of a kind of jobs: `cache.info().jobs`. */
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
  /** The namespace. Default `default`. */
  readonly namespace?: string
  /** Reads answered with a value from any tier, including stale ones. */
  readonly hits: number
  readonly misses: number
  /** Of `hits`, stale ones. */
  readonly stale: number
  readonly loads: number
  readonly loadErrors: number
  /** Calls that waited for a running load. */
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
  /** Entries that memory evicted before half their TTL was over, and that were read again. */
  readonly youngEvictions?: number
  readonly ledger?: LedgerStats
  readonly queues?: readonly QueueStats[]
  /** Compression; absent if nothing is compressed. */
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
