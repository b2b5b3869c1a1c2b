// A cache's statistics: plain snapshots, counted since the start.

import type { MissCause } from '../core/causes.ts'
import type { CompressionFigures, PeerRegion, Rejection, RemovalReason, TierMember } from '../core/contracts.ts'

/** How often each; absent is never. */
export type Counts<K extends string> = { readonly [P in K]?: number }

/** Durations in milliseconds. Percentiles are at most 3.2 % off; all are 0 while `count` is. */
export interface LatencyStats {
  /** Durations recorded. */
  readonly count: number
  /** Their mean, exact. */
  readonly avgMs: number
  /** The median: half of all took at most this long. */
  readonly p50Ms: number
  /** 95 % took at most this long. */
  readonly p95Ms: number
  /** 99 % took at most this long. */
  readonly p99Ms: number
  /** How many were below each of `LATENCY_BOUNDS_MS`; only in snapshots for an exporter. */
  readonly buckets?: readonly number[]
}

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface TierStats {
  /** `memory`, or the name of the tier below it, such as `redis`. */
  readonly name: string
  /** Reads that this tier answered; for `memory` without stale values. */
  readonly hits: number
  /** Reads that reached this tier and that it could not answer. */
  readonly misses: number
  /** Calls of the tier that failed or timed out. Of the whole tier; 0 for memory. */
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
  /** Entries held now; absent for tiers other than memory, which are not counted. */
  readonly entries?: number
  /** Their estimated size: keys, values and bookkeeping; absent for tiers other than memory. */
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
  /** Bytes written to its store, counted like `readBytes`; absent for memory. */
  readonly writtenBytes?: number
  /** The stores of a tier that consists of several (`distributed`). Of the whole tier. */
  readonly members?: readonly TierMember[]
  /** Of the whole tier, like `errors` and `latency`: one tier serves all namespaces of a cache. */
  readonly breaker: BreakerState
  /** Durations of calls of the tier; for memory, of a sample of the hits. */
  readonly latency: LatencyStats
}

/** Whether the ledger can be reached. */
export interface LedgerStats {
  /**
   * `false`: the ledger does not answer, or takes no heartbeat of this process, and memory is not trusted meanwhile.
   */
  readonly isUp: boolean
  /** Invalidations that have not reached it yet. */
  readonly pending: number
  /** How often memory was dropped because lines of its log were missed (`gaps`), or its history was lost (`epochs`). */
  readonly gaps: number
  /** How often memory was dropped because the history of the ledger was lost. */
  readonly epochs: number
  /** What is known here of each other region, over all namespaces; absent without an edge tier. */
  readonly regions?: readonly PeerRegion[]
}

/** A queue of writes to their source. */
export interface QueueStats {
  /** The collection whose writes are queued. */
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
  /** The kind, or the name of a repeated job. */
  readonly job: string
  /** Runs in progress in this process. */
  readonly running: number
  /** Runs that have succeeded. */
  readonly done: number
  /** Attempts that failed and were followed by another. */
  readonly retried: number
  /** Runs whose last attempt failed. */
  readonly failed: number
  /** Runs that began later than they may; they are counted by their outcome too. */
  readonly late: number
  /** Runs whose lease expired, so that another process runs the job. */
  readonly lost: number
}

export interface CacheStats {
  /** The name of the cache: its option `name`. */
  readonly cache: string
  /** The namespace. Default `default`. */
  readonly namespace?: string
  /** Reads answered with a value from any tier, including stale ones. */
  readonly hits: number
  /** Reads that no tier could answer. */
  readonly misses: number
  /** Of `hits`, stale ones. */
  readonly stale: number
  /** Calls of a loader, including failed ones and those in the background; a batch counts once for each of its keys. */
  readonly loads: number
  /** Calls of a loader that failed, counted like `loads`. */
  readonly loadErrors: number
  /** Calls that waited for a running load. */
  readonly loadJoins?: number
  /** Loads in the background, of values that were still served meanwhile. */
  readonly refreshes?: number
  /** Values set by callers; loaded values are not included. */
  readonly sets: number
  /** Keys deleted by callers, whether or not they were in the cache. */
  readonly deletes: number
  /** hits / (hits + misses), 0 to 1; 0 before the first read. */
  readonly hitRate: number
  /** Each tier, fastest first. */
  readonly tiers: readonly TierStats[]
  /** Entries that left memory, by reason. */
  readonly evictions: Counts<RemovalReason>
  /** Reads that no tier could answer, by cause. */
  readonly missesByCause: Counts<MissCause>
  /** Invalidations requested in this process, by reason. */
  readonly invalidationsByReason?: Counts<RemovalReason>
  /** Entries that memory evicted before half their TTL was over, and that were read again. */
  readonly youngEvictions?: number
  /** The ledger, as this process sees it. */
  readonly ledger?: LedgerStats
  /** Queues of writes to their sources; absent if there are none. */
  readonly queues?: readonly QueueStats[]
  /** Compression; absent if nothing is compressed. */
  readonly compression?: CompressionFigures
  /** Durations of whole calls. Hits in memory are measured in a sample. */
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
