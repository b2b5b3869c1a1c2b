// Time, as a part that is passed in.

/** Time is a part that is passed in. Millisecond values. */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number
  /** Monotonic time, milliseconds; never steps back. */
  monotonic(): number
  /** Wall time of the last tick, at most some 25 ms old while the event loop runs; costs a field read. */
  readonly coarse: number
  /**
   * Calls the listener when the wall has fallen behind monotonic time (it was set back, or runs slow), with by how many
   * whole milliseconds, before a reading that shows it is returned: whoever holds wall times moves them back as far.
   * Returns how to stop. Absent where that cannot happen.
   */
  onSetBack?(listener: (ms: number) => void): () => void
  /**
   * Runs `fn` once after `ms`; the handle cancels. Keeps the process alive only with `hold`: somebody awaits what it
   * brings.
   */
  after(ms: number, fn: () => void, hold?: boolean): () => void
}
