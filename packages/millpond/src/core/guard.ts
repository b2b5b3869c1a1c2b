// The terms of guarding a source: protections against a source that fails, hangs or slows down.
import type { Duration } from './duration.ts'

/** When a source counts as failing. Rates are of the calls within `window`. */
export interface GuardBreaker {
  /** The share of failing calls, above 0 to 1, at which it opens. Default 0.5. */
  readonly errorRate?: number | undefined
  /** The share of calls slower than `slowAfter` at which it opens. Default 1. */
  readonly slowRate?: number | undefined
  /** What counts as slow. Default: nothing does. */
  readonly slowAfter?: Duration | undefined
  /** Default `'30s'`. */
  readonly window?: Duration | undefined
  /** Calls within the window before it judges. Default 20. */
  readonly least?: number | undefined
  /** How long it stays open before one trial call is made. Default `'5s'`. */
  readonly openFor?: Duration | undefined
  /** Calls that must succeed after the trial before rates count again: a failing one opens it at once. Default 3. */
  readonly probes?: number | undefined
}

/** How often a failed call is retried. */
export interface GuardRetry {
  /** Calls in total. Default 3. */
  readonly attempts?: number | undefined
  /**
   * The longest pause before the second call; doubled each time; the pause itself is random, from 0. Default `'50ms'`.
   */
  readonly base?: Duration | undefined
  /** Default `'1s'`. */
  readonly max?: Duration | undefined
  /**
   * Retries as a share of all first calls, 0 to 1, in addition to ten in a row: a source that is down is not called
   * three times as often. Default 0.1.
   */
  readonly budget?: number | undefined
}

/** The concurrency limits of a source. */
export interface GuardBulkhead {
  /** Concurrent calls. Default 32. */
  readonly concurrency?: number | undefined
  /** Calls that may wait for their turn; further ones are refused with `SOURCE_BUSY`. Default 100. */
  readonly queue?: number | undefined
}

/** Reads of a declared replica (`replicaLoad` of a collection) if the source itself is slow or fails. */
export interface GuardHedge {
  /** How long the source may take before the replica is called too. */
  readonly after: Duration
  /**
   * Such reads as a share of all, 0 to 1, in addition to ten in a row. If the source fails or its breaker is open, the
   * replica is called in any case. Default 0.1.
   */
  readonly budget?: number | undefined
  /**
   * How long an answer of the replica is cached. A replica may lag behind the latest invalidation, so by default it is
   * returned to the callers and not cached: 0.
   */
  readonly replicaTtl?: Duration | undefined
}

/** What happens after consecutive failures. */
export interface GuardErrorThreshold {
  /** Consecutive failed calls, each with its retries. */
  readonly failures: number
  /**
   * `hold`: nothing more is loaded until a trial succeeds, and cached values stay, and are served as long as
   * `staleIfError` permits. `invalidate`: the values of the source are invalidated, once, by the tag `source:NAME` that
   * its entries carry, counted as `error_threshold`.
   */
  readonly action: 'hold' | 'invalidate'
}

/** How a source is guarded. Everything but the breaker is off by default. */
export interface GuardOptions {
  /** `false`: none. */
  readonly breaker?: GuardBreaker | false | undefined
  /** For idempotent calls. `{}` for the defaults. */
  readonly retry?: GuardRetry | false | undefined
  /** How many loads run concurrently, and how many may wait; `false`: unlimited. */
  readonly bulkhead?: GuardBulkhead | false | undefined
  /** Sends a second call if an answer takes longer than most; `false`: never. */
  readonly hedge?: GuardHedge | false | undefined
  /** The share of failures that opens the guard; `false`: never. */
  readonly errorThreshold?: GuardErrorThreshold | false | undefined
  /** When one call is given up, counts as failed and may be retried. Default: only the hard timeout of the load. */
  readonly timeout?: Duration | undefined
  /**
   * Is the error the source's fault? Of what is not (a row that is refused, say) nothing is counted or tried again.
   * Default: every error.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
}

/** `closed`: calls pass; `open`: none does; `half-open`: one trial is running. */
export type GuardState = 'closed' | 'open' | 'half-open'

/** The counts of a guard since the start. */
export interface GuardStats {
  /** Its name. */
  readonly guard: string
  /** The state of its breaker. */
  readonly state: GuardState
  /** Calls that are running now. */
  readonly running: number
  /** Calls that wait for their turn. */
  readonly waiting: number
  /** The share of failed calls within the window of the breaker, 0 to 1. */
  readonly errorRate: number
  /** The share of slow calls within the window of the breaker, 0 to 1. */
  readonly slowRate: number
  /** Calls made to the source, each retry included. */
  readonly calls: number
  /** Calls that failed or timed out. */
  readonly failed: number
  /** Calls that took longer than `breaker.slowAfter`. */
  readonly slow: number
  /** Calls that were made again after a failure: included in the calls. */
  readonly retried: number
  /** Calls for which the replica was asked as well. */
  readonly hedged: number
  /** Calls that were refused because the breaker was open. */
  readonly refusedOpen: number
  /** Calls that were refused because the queue was full. */
  readonly refusedBusy: number
  /** How often the breaker has opened. */
  readonly opened: number
}

/** Protects a source. */
export interface SourceGuard {
  /** As shown in metrics and errors. */
  readonly name: string
  /** The state of its breaker. */
  readonly state: GuardState
  /**
   * Makes a call. Its error passes unchanged.
   * @throws MillpondError `SOURCE_OPEN` at once while the breaker is open, `SOURCE_BUSY` if the queue is full,
   * `SOURCE_TIMEOUT` after `timeout`.
   */
  run<T>(
    work: (context: { readonly signal: AbortSignal; readonly attempt: number }) => Promise<T> | T,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>
  /**
   * What is left out stays as it is. Running calls keep their settings.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
   */
  configure(options: GuardOptions): void
  /** Opens the breaker now. */
  trip(): void
  /** Closes it now, and resets its counts. */
  reset(): void
  /** Its counts since it was created. */
  stats(): GuardStats
}
