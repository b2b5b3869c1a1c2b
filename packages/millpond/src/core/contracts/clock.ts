// The clock contract.

/** The clock, passed in so that it can be replaced. Millisecond values. */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number
  /** Monotonic time, milliseconds; never steps back. */
  monotonic(): number
  /** Wall time of the last tick, at most some 25 ms old while the event loop runs; costs a field read. */
  readonly coarse: number
  /**
   * Calls the listener when the wall clock has fallen behind monotonic time (it was set back, or runs slow), with the
   * number of whole milliseconds, before a reading that shows it is returned: holders of wall times move them back by
   * as much. Returns a function that unsubscribes. Absent if that cannot happen.
   */
  onSetBack?(listener: (ms: number) => void): () => void
  /**
   * Runs `fn` once after `ms`; the handle cancels. Keeps the process alive only with `hold`, for work that is awaited.
   */
  after(ms: number, fn: () => void, hold?: boolean): () => void
}
