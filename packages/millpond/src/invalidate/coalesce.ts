// Rate limiting per target with a trailing call: the first call runs at once, the calls in the following window share
// one at its end.
import { checkOptions, clock, duration, fn, required, type Shape, whole } from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'

export interface CoalesceOptions<T, R> {
  /** The window of a target. */
  readonly every: Duration
  /** The clock. */
  readonly clock: Clock
  /** Does the work; called with the argument of the window's last call. */
  readonly run: (target: string, request: T) => Promise<R>
  /** How many targets may be in their window at once; further calls run at once. Default 10,000. */
  readonly maxTargets?: number | undefined
}

const OPTIONS: Shape<CoalesceOptions<unknown, unknown>> = {
  every: required(duration),
  clock: required(clock),
  run: required(fn('a function that does the work')),
  maxTargets: whole(1),
}

interface Window<T, R> {
  /** The call that waits for the window's end. */
  next: { request: T; readonly promise: Promise<R>; settle(work: Promise<R>): void } | undefined
  cancel: () => void
}

/** Runs the first call at once, and merges the following ones within a window into one at its end. */
export class Coalesce<T, R> {
  readonly #options: CoalesceOptions<T, R>
  readonly #everyMs: number
  readonly #maxTargets: number
  readonly #windows = new Map<string, Window<T, R>>()
  readonly #running = new Set<Promise<unknown>>()

  /** @throws MillpondError `DURATION_INVALID`, `OPTION_INVALID`. */
  constructor(options: CoalesceOptions<T, R>) {
    const given: unknown = options
    checkOptions<CoalesceOptions<unknown, unknown>>(given, OPTIONS, 'Coalesce')
    this.#options = options
    this.#everyMs = parseDuration(options.every, 'every')
    this.#maxTargets = options.maxTargets ?? 10_000
  }

  /** Targets within their window. */
  get size(): number {
    return this.#windows.size
  }

  /**
   * Resolves (or rejects) with the run that covers this call. Every run starts after the calls that it covers, so its
   * acknowledgement is theirs.
   */
  call(target: string, request: T): Promise<R> {
    const window = this.#windows.get(target)
    if (window === undefined) {
      if (this.#everyMs > 0 && this.#windows.size < this.#maxTargets) this.#open(target)
      return this.#run(target, request)
    }
    window.next ??= waiting<T, R>(request)
    window.next.request = request
    return window.next.promise
  }

  /** Runs waiting calls at once, and waits for all that are running. For a shutdown: nothing is lost. Never rejects. */
  async flush(): Promise<void> {
    for (const [target, window] of [...this.#windows]) {
      window.cancel()
      this.#windows.delete(target)
      if (window.next !== undefined) window.next.settle(this.#run(target, window.next.request))
    }
    while (this.#running.size > 0) await Promise.allSettled([...this.#running])
  }

  #open(target: string): void {
    const window: Window<T, R> = { next: undefined, cancel: () => undefined }
    // A caller may wait for the window's end, so the process must live until then.
    window.cancel = this.#options.clock.after(this.#everyMs, () => this.#end(target, window), true)
    this.#windows.set(target, window)
  }

  #end(target: string, window: Window<T, R>): void {
    this.#windows.delete(target)
    if (window.next === undefined) return
    this.#open(target)
    window.next.settle(this.#run(target, window.next.request))
  }

  #run(target: string, request: T): Promise<R> {
    const work = this.#start(target, request)
    this.#running.add(work)
    const done = (): void => void this.#running.delete(work)
    work.then(done, done)
    return work
  }

  /** A `run` that throws synchronously is treated like one that rejects. */
  async #start(target: string, request: T): Promise<R> {
    return this.#options.run(target, request)
  }
}

function waiting<T, R>(request: T): NonNullable<Window<T, R>['next']> {
  let settle: (work: Promise<R>) => void = () => undefined
  const promise = new Promise<R>((resolve) => {
    settle = resolve
  })
  return { request, promise, settle }
}
