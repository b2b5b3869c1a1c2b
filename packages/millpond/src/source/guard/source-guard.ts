// A guard for a source: a breaker, a bulkhead and retries, in that order around each call, and their counts.
import type { Clock } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { GuardOptions, GuardState, GuardStats, SourceGuard } from '../../core/guard.ts'
import { onAbort } from '../../core/on-abort.ts'
import { Budget } from './budget.ts'
import { Bulkhead } from './bulkhead.ts'
import { follow } from './follow.ts'
import { type GuardPolicy, guardPolicy, isOptions, mergedOptions } from './options.ts'
import { type Pass, RateBreaker } from './rate-breaker.ts'

export interface GuardServices {
  readonly clock: Clock
  readonly random: () => number
  /** Called at each change of the breaker, and when the error threshold is reached. */
  readonly tell: (guard: string, state: GuardState | 'error_threshold', error?: unknown) => void
}

type Work<T> = (context: { readonly signal: AbortSignal; readonly attempt: number }) => Promise<T> | T

const UNBOUNDED = { concurrency: Number.POSITIVE_INFINITY, queue: 0 }

export class Guard implements SourceGuard {
  readonly name: string
  readonly #services: GuardServices
  #options: GuardOptions
  #policy: GuardPolicy
  #breaker: RateBreaker | undefined
  readonly #bulkhead: Bulkhead
  readonly #retries: Budget
  readonly #hedges: Budget
  readonly #counts = { calls: 0, failed: 0, slow: 0, retried: 0, hedged: 0, refusedOpen: 0, refusedBusy: 0, opened: 0 }
  /** What is invalidated after too many consecutive failures. */
  readonly #forgetters = new Set<() => void>()
  #failuresInRow = 0

  /** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
  constructor(name: string, options: GuardOptions, services: GuardServices) {
    const policy = guardPolicy(options, `guard ${name}`)
    const { concurrency, queue } = policy.bulkhead ?? UNBOUNDED
    this.name = name
    this.#services = services
    this.#options = options
    this.#policy = policy
    this.#bulkhead = new Bulkhead(concurrency, queue)
    this.#retries = new Budget(policy.retry?.budget ?? 0)
    this.#hedges = new Budget(policy.hedge?.budget ?? 0)
    this.#breaker = this.#breakerOf(policy)
  }

  get state(): GuardState {
    return this.#breaker?.state ?? 'closed'
  }

  /** The tag of its entries, if they are to be invalidated when it keeps failing. */
  get tag(): string | undefined {
    return this.#policy.errorThreshold?.action === 'invalidate' ? `source:${this.name}` : undefined
  }

  configure(options: GuardOptions): void {
    const all = isOptions(options) ? mergedOptions(this.#options, options) : options
    const policy = guardPolicy(all, `guard ${this.name}`)
    this.#options = all
    this.#policy = policy
    const { concurrency, queue } = policy.bulkhead ?? UNBOUNDED
    this.#bulkhead.configure(concurrency, queue)
    this.#retries.configure(policy.retry?.budget ?? 0)
    this.#hedges.configure(policy.hedge?.budget ?? 0)
    if (policy.breaker !== undefined && this.#breaker !== undefined) this.#breaker.configure(policy.breaker)
    else this.#breaker = this.#breakerOf(policy)
  }

  trip(): void {
    this.#breaker?.trip()
  }

  reset(): void {
    this.#failuresInRow = 0
    this.#breaker?.reset()
  }

  stats(): GuardStats {
    const { running, waiting } = this.#bulkhead
    const rates = this.#breaker?.rates ?? { errorRate: 0, slowRate: 0 }
    return { guard: this.name, state: this.state, running, waiting, ...rates, ...this.#counts }
  }

  /** Called once after too many consecutive failures; returns a function that unsubscribes. */
  onThreshold(forget: () => void): () => void {
    this.#forgetters.add(forget)
    return () => this.#forgetters.delete(forget)
  }

  async run<T>(work: Work<T>, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    if (typeof work !== 'function')
      throw new MillpondError(
        'OPTION_INVALID',
        `guard ${this.name}: ${show(work)} is not a function that calls the source`,
      )
    const { signal = new AbortController().signal } = options
    const { retry } = this.#policy
    this.#retries.earn()
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#once(work, attempt, signal)
        this.#failuresInRow = 0
        return answer
      } catch (error) {
        const isOver = retry === undefined || attempt >= retry.attempts || signal.aborted || !this.#isFault(error)
        if (isOver || !this.#retries.spend()) {
          this.#failed(error, signal)
          throw error
        }
        this.#counts.retried++
        await this.#pause(Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1)) * this.#services.random(), signal)
      }
    }
  }

  /** The source, or its declared replica if the source is slow or fails. `isReplica`: which one answered. */
  async hedged<T>(
    work: Work<T>,
    replica: Work<T>,
    signal: AbortSignal,
  ): Promise<{ readonly answer: T; readonly isReplica: boolean }> {
    const { hedge } = this.#policy
    if (hedge === undefined) return { answer: await this.run(work, { signal }), isReplica: false }
    this.#hedges.earn()
    // The loser is aborted.
    const ends = [follow(signal), follow(signal)] as const
    const first = this.run(work, { signal: ends[0].signal }).then((answer) => ({ answer, isReplica: false }))
    const second = this.#afterwards(first, hedge.afterMs, signal).then(async () => {
      this.#counts.hedged++
      return { answer: await replica({ signal: ends[1].signal, attempt: 1 }), isReplica: true }
    })
    try {
      return await Promise.any([first, second])
    } catch {
      // Both failed: the source's own error.
      return await first
    } finally {
      for (const end of ends) {
        end.release()
        end.abort()
      }
    }
  }

  get replicaTtlMs(): number {
    return this.#policy.hedge?.ttlMs ?? 0
  }

  /**
   * Resolves when the replica is to be called: the call is slow, or the source has failed. Rejects if it has succeeded,
   * and if no caller waits any more.
   */
  #afterwards(call: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const ask = (): void => {
        if (this.#hedges.spend()) resolve()
      }
      const cancel = this.#services.clock.after(ms, ask, true)
      call.then(
        () => {
          cancel()
          reject(ANSWERED)
        },
        (error: unknown) => {
          cancel()
          if (!signal.aborted && (isRefused(error) || this.#policy.isFailure(error))) resolve()
          else reject(error)
        },
      )
    })
  }

  async #once<T>(work: Work<T>, attempt: number, signal: AbortSignal): Promise<T> {
    // Before a place in the queue is taken, and again when it is reached.
    if (this.#breaker?.isShut === true) throw this.#open()
    try {
      await this.#bulkhead.enter(show(this.name), signal)
    } catch (error) {
      if (isBusy(error)) this.#counts.refusedBusy++
      throw error
    }
    try {
      const pass = this.#breaker?.pass()
      if (this.#breaker !== undefined && pass === undefined) throw this.#open()
      return await this.#call(work, attempt, signal, pass)
    } finally {
      this.#bulkhead.leave()
    }
  }

  async #call<T>(work: Work<T>, attempt: number, signal: AbortSignal, pass: Pass | undefined): Promise<T> {
    const { clock } = this.#services
    const { timeoutMs, breaker } = this.#policy
    const judge = this.#breaker
    const began = clock.monotonic()
    this.#counts.calls++
    let isGood: boolean | undefined = true
    try {
      return await this.#inTime(work, attempt, signal, timeoutMs)
    } catch (error) {
      isGood = this.#verdict(error, signal)
      if (isGood === false) this.#counts.failed++
      throw error
    } finally {
      const ms = clock.monotonic() - began
      if (breaker !== undefined && ms >= breaker.slowMs) this.#counts.slow++
      if (pass !== undefined) judge?.ended(pass, isGood, ms)
    }
  }

  /**
   * The call, until it answers, times out, or its caller has left: a call that ignores its signal must not occupy its
   * slot.
   */
  #inTime<T>(work: Work<T>, attempt: number, outer: AbortSignal, timeoutMs: number | undefined): Promise<T> {
    const { clock } = this.#services
    const { signal, abort, release } = follow(outer)
    const late = (): void =>
      abort(new MillpondError('SOURCE_TIMEOUT', `the source ${show(this.name)} did not answer within ${timeoutMs} ms`))
    return new Promise<T>((resolve, reject) => {
      const give = (): void => reject(signal.reason)
      if (signal.aborted) return give()
      const cancel = timeoutMs === undefined ? undefined : clock.after(timeoutMs, late, true)
      signal.addEventListener('abort', give, { once: true })
      new Promise<T>((begin) => begin(work({ signal, attempt }))).then(resolve, reject).finally(() => cancel?.())
    }).finally(release)
  }

  /** `undefined`: the caller has left, which says nothing about the source. A load's hard timeout does. */
  #verdict(error: unknown, signal: AbortSignal): boolean | undefined {
    if (signal.aborted) return isTimeout(signal.reason) ? false : undefined
    return !this.#policy.isFailure(error)
  }

  /** Whether the call may be retried: the source itself failed. */
  #isFault(error: unknown): boolean {
    return !isRefused(error) && this.#policy.isFailure(error)
  }

  #failed(error: unknown, signal: AbortSignal): void {
    if (!this.#isFault(error) || (signal.aborted && !isTimeout(signal.reason))) return
    this.#failuresInRow++
    const { errorThreshold } = this.#policy
    if (errorThreshold === undefined || this.#failuresInRow !== errorThreshold.failures) return
    this.#services.tell(this.name, 'error_threshold', error)
    if (errorThreshold.action === 'invalidate') for (const forget of this.#forgetters) forget()
    else {
      this.#failuresInRow = 0
      this.trip()
    }
  }

  #open(): MillpondError {
    this.#counts.refusedOpen++
    return new MillpondError(
      'SOURCE_OPEN',
      `the source ${show(this.name)} is not called: it was failing or slow too often; it is tried again within ${this.#policy.breaker?.openMs} ms`,
    )
  }

  #breakerOf({ breaker }: GuardPolicy): RateBreaker | undefined {
    if (breaker === undefined) return undefined
    return new RateBreaker(breaker, this.#services.clock, (state) => {
      if (state === 'open') this.#counts.opened++
      this.#services.tell(this.name, state)
    })
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, () => {
        stop()
        cancel()
        reject(signal.reason)
      })
      const go = (): void => {
        stop()
        resolve()
      }
      const cancel = this.#services.clock.after(ms, go, true)
    })
  }
}

/** The replica was not needed. */
const ANSWERED = new Error('the source has answered')

const isRefused = (error: unknown): boolean =>
  isBusy(error) || (error instanceof MillpondError && error.code === 'SOURCE_OPEN')
const isBusy = (error: unknown): boolean => error instanceof MillpondError && error.code === 'SOURCE_BUSY'
const isTimeout = (error: unknown): boolean => error instanceof MillpondError && error.code === 'LOAD_TIMEOUT'
