// How long a queue waits after failures: delays grow, with full jitter (Brooker, Exponential Backoff and Jitter, 2015).
//
// While nothing at all is stored, the whole queue pauses between attempts: a source that comes back is not met by
// everybody at once.
import type { QueueOptions } from './contract.ts'

const FIRST_MS = 100
const LONGEST_MS = 30_000

export class BackOff {
  readonly #options: Pick<QueueOptions, 'clock' | 'random' | 'concurrency'>
  /** Batches of which nothing was stored, in a row. */
  #failures = 0
  /** Nothing is sent before, on the monotonic clock. */
  until = Number.NEGATIVE_INFINITY

  constructor(options: Pick<QueueOptions, 'clock' | 'random' | 'concurrency'>) {
    this.#options = options
  }

  /** Of a batch something. */
  stored(): void {
    this.#failures = 0
  }

  /** Of a batch nothing was stored. */
  failed(): void {
    const { clock, concurrency } = this.#options
    if (++this.#failures > concurrency) this.until = clock.monotonic() + this.delayMs(this.#failures - concurrency)
  }

  /** Before the next attempt of what has failed so often before. */
  delayMs(tries: number): number {
    return this.#options.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries)
  }
}
