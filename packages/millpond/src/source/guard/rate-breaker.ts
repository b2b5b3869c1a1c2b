// A breaker that opens by the rates of failed and slow calls within a window, and closes by trial calls.
//
// When to open is decided here; staying open, and permitting one trial, is the tiers' breaker (`wrap/breaker.ts`). A
// call is judged by the state in which it began: one that was running when the breaker opened says nothing about the
// source afterwards.
import type { Clock } from '../../core/contracts.ts'
import type { GuardState } from '../../core/guard.ts'
import { Breaker } from '../../wrap/breaker.ts'
import type { BreakerPolicy } from './options.ts'

const PARTS = 10

/** Calls of a tenth of the window. */
interface Part {
  readonly since: number
  calls: number
  failed: number
  slow: number
}

/** A permitted call. */
export interface Pass {
  readonly era: number
  readonly isTry: boolean
}

export class RateBreaker {
  #policy: BreakerPolicy
  readonly #clock: Clock
  readonly #breaker: Breaker
  /** Incremented whenever it opens or closes. */
  #era = 0
  #parts: Part[] = []
  /** Calls that still have to succeed after a trial. */
  #probation = 0
  #triedAt = Number.NEGATIVE_INFINITY

  constructor(policy: BreakerPolicy, clock: Clock, onChange: (state: GuardState) => void) {
    this.#policy = policy
    this.#clock = clock
    this.#breaker = new Breaker({ threshold: Number.POSITIVE_INFINITY, openMs: policy.openMs }, clock, onChange)
  }

  get state(): GuardState {
    return this.#breaker.state
  }

  configure(policy: BreakerPolicy): void {
    this.#policy = policy
    this.#breaker.configure({ openMs: policy.openMs })
  }

  /** Whether a call would be permitted now. Changes nothing. */
  get isShut(): boolean {
    return this.#breaker.state === 'open' && !this.#breaker.isDue
  }

  /** `undefined`: not now. */
  pass(): Pass | undefined {
    const now = this.#clock.monotonic()
    // A trial that never ends must not block everything for ever.
    const isLost = this.#breaker.state === 'half-open' && now - this.#triedAt >= this.#policy.openMs
    if (!isLost && !this.#breaker.allows()) return undefined
    const isTry = this.#breaker.state === 'half-open'
    if (isTry) {
      this.#triedAt = now
      this.#era++
    }
    return { era: this.#era, isTry }
  }

  /** `isGood` undefined: the outcome is not known, since the caller has left. */
  ended({ era, isTry }: Pass, isGood: boolean | undefined, ms: number): void {
    if (era !== this.#era) return
    const isSlow = ms >= this.#policy.slowMs
    if (isTry) this.#tried(isGood, isSlow)
    else if (isGood !== undefined) this.#count(isGood, isSlow)
  }

  trip(): void {
    this.#era++
    this.#parts = []
    this.#breaker.trip()
  }

  reset(): void {
    this.#era++
    this.#parts = []
    this.#probation = 0
    this.#breaker.succeeded()
  }

  get rates(): { readonly errorRate: number; readonly slowRate: number } {
    const { calls, failed, slow } = this.#sums()
    return calls === 0 ? { errorRate: 0, slowRate: 0 } : { errorRate: failed / calls, slowRate: slow / calls }
  }

  #tried(isGood: boolean | undefined, isSlow: boolean): void {
    // The next call becomes the trial in its place.
    if (isGood === undefined) this.#triedAt = Number.NEGATIVE_INFINITY
    else if (!isGood || isSlow) this.trip()
    else {
      this.reset()
      this.#probation = this.#policy.probes
    }
  }

  #count(isGood: boolean, isSlow: boolean): void {
    const isOnProbation = this.#probation > 0
    if (isOnProbation) this.#probation--
    const part = this.#part()
    part.calls++
    if (!isGood) part.failed++
    if (isSlow) part.slow++
    const { calls, failed, slow } = this.#sums()
    const { least, errorRate, slowRate } = this.#policy
    const isIll = calls >= least && (failed / calls >= errorRate || slow / calls >= slowRate)
    if (isIll || (isOnProbation && (!isGood || isSlow))) this.trip()
  }

  #part(): Part {
    const now = this.#clock.monotonic()
    const last = this.#parts.at(-1)
    if (last !== undefined && now - last.since < this.#policy.windowMs / PARTS) return last
    const part: Part = { since: now, calls: 0, failed: 0, slow: 0 }
    this.#parts.push(part)
    return part
  }

  #sums(): Omit<Part, 'since'> {
    const from = this.#clock.monotonic() - this.#policy.windowMs
    while (this.#parts[0] !== undefined && this.#parts[0].since <= from) this.#parts.shift()
    const sum = (of: (part: Part) => number): number => this.#parts.reduce((all, part) => all + of(part), 0)
    return { calls: sum(({ calls }) => calls), failed: sum(({ failed }) => failed), slow: sum(({ slow }) => slow) }
  }
}
