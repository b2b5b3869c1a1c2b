// How long a queue waits after failures: exponential back-off with full jitter (Brooker, Exponential Backoff and
// Jitter, 2015).
//
// While nothing at all is stored, the whole queue pauses between attempts: a recovering source is not hit by everything
// at once.
import type { QueueOptions } from './contract.ts'

const FIRST_MS = 100
const LONGEST_MS = 30_000

export class BackOff {
  readonly #options: Pick<QueueOptions, 'clock' | 'random' | 'concurrency'>
  /** Consecutive batches of which nothing was stored. */
  #failures = 0
  /** Nothing is sent before, on the monotonic clock. */
  until = Number.NEGATIVE_INFINITY

  constructor(options: Pick<QueueOptions, 'clock' | 'random' | 'concurrency'>) {
    this.#options = options
  }

  /** Something of a batch was stored. */
  stored(): void {
    this.#failures = 0
  }

  /** Nothing of a batch was stored. */
  failed(): void {
    const { clock, concurrency } = this.#options
    if (++this.#failures > concurrency) this.until = clock.monotonic() + this.delayMs(this.#failures - concurrency)
  }

  /** The pause before the next attempt after so many failures. */
  delayMs(tries: number): number {
    return this.#options.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries)
  }
}
