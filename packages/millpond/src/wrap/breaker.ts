// Circuit breaker: stops calling what keeps failing, and tries one call again after a pause.
//
// closed -> open after `threshold` failures in a row; open -> half-open when `openMs` have passed; half-open lets one call through
// and closes on its success or opens again on its failure.
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  /** Failures in a row that open it. Default 5. */
  readonly threshold?: number
  /** How long it stays open before one call may try, in milliseconds. Default 500. */
  readonly openMs?: number
}

export class Breaker {
  #options: Required<BreakerOptions>
  readonly #clock: Clock
  readonly #onChange: (state: BreakerState) => void
  #failures = 0
  #openedAt = 0
  #state: BreakerState = 'closed'

  constructor(options: BreakerOptions, clock: Clock, onChange: (state: BreakerState) => void = () => {}) {
    this.#options = { threshold: options.threshold ?? 5, openMs: options.openMs ?? 500 }
    this.#clock = clock
    this.#onChange = onChange
  }

  get options(): Required<BreakerOptions> {
    return this.#options
  }

  /** What is left out stays as it is. Failures that were counted stay counted. */
  configure(options: BreakerOptions): void {
    this.#options = { ...this.#options, ...options }
  }

  get state(): BreakerState {
    return this.#state
  }

  /** May a call go through now? In the half-open state only the caller that was told `true` may. */
  allows(): boolean {
    if (this.#state === 'closed') return true
    if (this.#state === 'half-open' || this.#clock.monotonic() - this.#openedAt < this.#options.openMs) return false
    this.#become('half-open')
    return true
  }

  succeeded(): void {
    this.#failures = 0
    if (this.#state !== 'closed') this.#become('closed')
  }

  failed(): void {
    this.#failures++
    if (this.#state === 'half-open' || this.#failures >= this.#options.threshold) {
      this.#openedAt = this.#clock.monotonic()
      if (this.#state !== 'open') this.#become('open')
    }
  }

  /**
   * Runs `fn` behind the breaker; its error passes unchanged.
   * @throws MillpondError `TIER_FAILED` at once while the breaker is open.
   */
  async protect<T>(fn: () => Promise<T>): Promise<T> {
    if (!this.allows())
      throw new MillpondError(
        'TIER_FAILED',
        `the breaker is ${this.#state}: the last ${this.#failures} calls failed; it tries again within ${this.#options.openMs} ms`,
      )
    try {
      const result = await fn()
      this.succeeded()
      return result
    } catch (error) {
      this.failed()
      throw error
    }
  }

  #become(state: BreakerState): void {
    this.#state = state
    this.#onChange(state)
  }
}
