// Circuit breaker: stops calling what keeps failing, and makes one trial call after a pause.
//
// closed -> open after `threshold` consecutive failures; open -> half-open after `openMs`; half-open lets one call
// through and closes on its success or opens again on its failure.
import { check, checkOptions, type Resolved, refused, type Shape } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'

/** `closed`: calls pass; `open`: none does; `half-open`: one trial is running. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** Consecutive failures that open it: a whole number from 1, or `Infinity` for never. Default 5. */
  readonly threshold?: number | undefined
  /** How long it stays open before a trial call, in milliseconds, up to an hour. Default 500. */
  readonly openMs?: number | undefined
}

const MOST_OPEN_MS = 3_600_000
const SHAPE: Shape<BreakerOptions> = {
  threshold: check(
    (value): value is number =>
      value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) >= 1),
    'a whole number from 1, or Infinity for a breaker that never opens',
  ),
  openMs: check(
    (value): value is number => typeof value === 'number' && value >= 1 && value <= MOST_OPEN_MS,
    `milliseconds from 1 to ${MOST_OPEN_MS}`,
  ),
}

/** @throws MillpondError `OPTION_INVALID`. */
export function checkBreaker(options: unknown, at: string): asserts options is BreakerOptions {
  checkOptions<BreakerOptions>(options, SHAPE, at)
}

/** Stops calling what keeps failing: `new Breaker()` for your own client, or `cache.breaker('redis')` for a tier's. */
export class Breaker {
  #options: Resolved<BreakerOptions>
  readonly #clock: Clock
  readonly #onChange: (state: BreakerState) => void
  #failures = 0
  #openedAt = 0
  #state: BreakerState = 'closed'

  /**
   * `clock` and `onChange` are optional: by default the machine's clock, and no callback.
   * @throws MillpondError `OPTION_INVALID`.
   */
  constructor(
    options: BreakerOptions = {},
    clock: Clock = systemClock(),
    onChange: (state: BreakerState) => void = () => {},
  ) {
    checkBreaker(options, 'breaker')
    this.#options = { threshold: options.threshold ?? 5, openMs: options.openMs ?? 500 }
    this.#clock = clock
    this.#onChange = onChange
  }

  /** The options in force, including defaults. */
  get options(): Resolved<BreakerOptions> {
    return this.#options
  }

  /**
   * What is left out stays as it is. Failure counts are kept.
   * @throws MillpondError `OPTION_INVALID`.
   */
  configure(options: BreakerOptions): void {
    checkBreaker(options, 'breaker')
    const { threshold = this.#options.threshold, openMs = this.#options.openMs } = options
    this.#options = { threshold, openMs }
  }

  /** `closed` lets calls pass, `open` none, `half-open` one trial. */
  get state(): BreakerState {
    return this.#state
  }

  /** It is open, and has been for long enough that a trial call may be made. */
  get isDue(): boolean {
    return this.#state === 'open' && this.#clock.monotonic() - this.#openedAt >= this.#options.openMs
  }

  /** Whether a call may pass now. In the half-open state only the caller that got `true` may. */
  allows(): boolean {
    if (this.#state === 'closed') return true
    if (!this.isDue) return false
    this.#become('half-open')
    return true
  }

  /** Reports a successful call. */
  succeeded(): void {
    this.#failures = 0
    if (this.#state !== 'closed') this.#become('closed')
  }

  /** Reports a failed call. */
  failed(): void {
    this.#failures++
    if (this.#state === 'half-open' || this.#failures >= this.#options.threshold) this.trip()
  }

  /** Opens it now, whatever its counts. */
  trip(): void {
    this.#openedAt = this.#clock.monotonic()
    if (this.#state !== 'open') this.#become('open')
  }

  /**
   * Runs `fn` behind the breaker; its error passes unchanged.
   * @throws MillpondError `TIER_FAILED` at once while the breaker is open; `OPTION_INVALID` for a value that is not a
   * function.
   */
  async protect<T>(fn: () => Promise<T>): Promise<T> {
    if (typeof fn !== 'function') throw refused(fn, 'protect', 'a function that makes the call')
    if (!this.allows())
      throw new MillpondError(
        'TIER_FAILED',
        `the breaker is ${this.#state}: the last ${this.#failures === 1 ? 'call' : `${this.#failures} calls`} failed; it tries again within ${this.#options.openMs} ms`,
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
