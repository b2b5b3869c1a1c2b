// The words of guarding a source: what is done so that a source that fails, hangs or slows takes nobody along.
import type { Duration } from './duration.ts'

/** When a source counts as ill. Rates are of the calls within `window`. */
export interface GuardBreaker {
  /** The share of calls that fail, above 0 to 1, at which it opens. Default 0.5. */
  readonly errorRate?: number | undefined
  /** The share of calls slower than `slowAfter` at which it opens. Default 1. */
  readonly slowRate?: number | undefined
  /** What counts as slow. Default: nothing does. */
  readonly slowAfter?: Duration | undefined
  /** Default `'30s'`. */
  readonly window?: Duration | undefined
  /** Calls within the window before it judges. Default 20. */
  readonly least?: number | undefined
  /** How long it stays open before one call may try. Default `'5s'`. */
  readonly openFor?: Duration | undefined
  /** Calls that must go well after that try before rates count again: one that fails opens it at once. Default 3. */
  readonly probes?: number | undefined
}

/** How often a call that failed is made again. */
export interface GuardRetry {
  /** Calls in all. Default 3. */
  readonly attempts?: number | undefined
  /**
   * The longest pause before the second call; doubled each time; the pause itself is random, from 0. Default `'50ms'`.
   */
  readonly base?: Duration | undefined
  /** Default `'1s'`. */
  readonly max?: Duration | undefined
  /**
   * Calls made again, as a share of all first calls, 0 to 1, beside ten in a row: a source that is down is not asked
   * three times as often. Default 0.1.
   */
  readonly budget?: number | undefined
}

/** How much is asked of a source at a time. */
export interface GuardBulkhead {
  /** Calls at a time. Default 32. */
  readonly concurrency?: number | undefined
  /** Calls that may wait for their turn; the next is refused with `SOURCE_BUSY`. Default 100. */
  readonly queue?: number | undefined
}

/** Reads of a declared replica (`replicaLoad` of a collection) when the source itself is slow or fails. */
export interface GuardHedge {
  /** How long the source may take before the replica is asked too. */
  readonly after: Duration
  /**
   * Such reads, as a share of all, 0 to 1, beside ten in a row. Where the source fails or its breaker is open the
   * replica is asked in any case. Default 0.1.
   */
  readonly budget?: number | undefined
  /**
   * How long an answer of the replica is kept. A replica may lag behind what has just been invalidated, so by default
   * it is given to the callers and not kept: 0.
   */
  readonly replicaTtl?: Duration | undefined
}

/** What happens when calls fail one after the other. */
export interface GuardErrorThreshold {
  /** Failed calls in a row, each with its retries. */
  readonly failures: number
  /**
   * `hold`: nothing more is loaded until a try goes well, and what is cached stays, and is served as long as
   * `staleIfError` permits. `invalidate`: what the source has brought goes, once, by the tag `source:NAME` that its
   * entries carry, and is counted as `error_threshold`.
   */
  readonly action: 'hold' | 'invalidate'
}

/** How a source is guarded. What is not named is off, but for the breaker. */
export interface GuardOptions {
  /** `false`: none. */
  readonly breaker?: GuardBreaker | false | undefined
  /** For calls that may be made twice. `{}` for the defaults. */
  readonly retry?: GuardRetry | false | undefined
  /** How many loads run at a time, and how many may wait; `false`: any number. */
  readonly bulkhead?: GuardBulkhead | false | undefined
  /** Asks a second time where an answer takes longer than most; `false`: never. */
  readonly hedge?: GuardHedge | false | undefined
  /** The share of failures that opens the guard; `false`: none does. */
  readonly errorThreshold?: GuardErrorThreshold | false | undefined
  /** When one call is given up, counts as failed and may be made again. Default: the hard timeout of the load alone. */
  readonly timeout?: Duration | undefined
  /**
   * Is the error the source's fault? Of what is not (a row that is refused, say) nothing is counted or tried again.
   * Default: every error.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
}

/** `closed`: calls go through; `open`: none does; `half-open`: one is trying. */
export type GuardState = 'closed' | 'open' | 'half-open'

/** What a guard has seen since the start. */
export interface GuardStats {
  readonly guard: string
  readonly state: GuardState
  /** Calls under way, and those that wait for their turn. */
  readonly running: number
  readonly waiting: number
  /** Within the window of the breaker: 0 to 1. */
  readonly errorRate: number
  readonly slowRate: number
  readonly calls: number
  readonly failed: number
  readonly slow: number
  readonly retried: number
  readonly hedged: number
  /** Refused because the breaker was open, and because the queue was full. */
  readonly refusedOpen: number
  readonly refusedBusy: number
  /** Times that the breaker has opened. */
  readonly opened: number
}

/** Stands before a source. */
export interface SourceGuard {
  readonly name: string
  readonly state: GuardState
  /**
   * Makes a call. Its error passes unchanged.
   * @throws MillpondError `SOURCE_OPEN` at once while the breaker is open, `SOURCE_BUSY` where the queue is full,
   * `SOURCE_TIMEOUT` after `timeout`.
   */
  run<T>(
    work: (context: { readonly signal: AbortSignal; readonly attempt: number }) => Promise<T> | T,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>
  /**
   * What is left out stays as it is. What runs goes on by what it began with.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
   */
  configure(options: GuardOptions): void
  /** Opens the breaker now. */
  trip(): void
  /** Closes it now, and forgets what was counted for it. */
  reset(): void
  stats(): GuardStats
}
