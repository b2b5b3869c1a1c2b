// A load of a key in progress: its waiting callers, and its outcome.
import type { MissCause } from '../core/causes.ts'
import type { Clock, Isolated } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import type { Found } from './found.ts'
import { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { MissReason } from './miss-reason.ts'

/** How a load begins. */
export interface LoadStart {
  readonly asOf: Position
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly startedWall: number
  readonly tags: readonly string[]
  /** Hard timeout of its loader, in milliseconds. */
  readonly hardMs: number
  readonly isBackground: boolean
  /** Quiet: a prefetch, or warming. */
  readonly isAhead: boolean
}

interface Waiting {
  readonly promise: Promise<Found>
  readonly resolve: (found: Found) => void
  readonly reject: (error: unknown) => void
}

/** A space, as far as loads know one. */
interface Owner {
  readonly foreign: object | undefined
}

/** A value set under a lease, in place of a loader: see `miss-lease.ts`. */
export interface Setting {
  readonly isolated: Isolated
  readonly policy: LoadPolicy
  /** The outcome: stored, or overtaken; undefined if the ledger does not tell. */
  readonly told: (kept: boolean | undefined | Promise<boolean>) => void
}

/**
 * The error of a load whose lease holder will not set a value. It is never shown to callers: those that had joined then
 * load themselves.
 */
export const LET_GO = new Error('the lease was released')

/**
 * Most loads have one caller, which reads the outcome from the load itself: a promise is created only for callers that
 * join.
 */
export class Load {
  /** The space it belongs to. */
  readonly owner: Owner
  readonly key: string
  readonly #start: LoadStart
  /** Why memory does not have the key, as far as is known. */
  readonly missReason: MissReason
  /** Why the key has to be loaded. */
  cause: MissCause
  /** A refresh behind a stale value: it continues without callers. */
  isBackground: boolean
  /** No read has asked for it yet. */
  isAhead: boolean
  /** The load whose loader call provides the value: this one, or the first of its batch. */
  lead: Load = this
  /** All loads that share this one's loader call; empty until that begins. */
  batch: readonly Load[] = NO_LOADS
  /** Loads that this one's loader is waiting for. */
  waitsFor: Set<Load> | undefined
  isOutdated = false
  /** Whether later reads find it. */
  isListed = false
  /** How many invalidations there had been of which the ledger could not be told, when it began. */
  untoldBefore = 0
  /** During the load a caller was given another value of its key, which may be newer. */
  isOverlapped = false
  /** Loaded while the ledger did not answer: joinable for a moment after its end, not stored. */
  isProvisional = false
  /** The lease under which it loads. */
  lease: string | undefined
  /** Its value is being stored in the tiers below memory. */
  storing: Promise<unknown> | undefined
  /** The TTL that its loader set. */
  ttlMs: number | undefined
  setting: Setting | undefined
  /**
   * Called once when the load is outdated: gives back its lease, so that no process waits for a result that will not be
   * accepted.
   */
  onOutdated: (() => void) | undefined
  /** The loader call that this load leads, while in progress. */
  call: { left(why: unknown): void } | undefined
  waiters = 0
  #tags: readonly string[]
  #ownTags: Set<string> | undefined
  #givenUp: LazyAbortSignal | undefined
  #state: 'open' | 'completed' | 'failed' = 'open'
  #found: Found | undefined
  #error: unknown
  #waiting: Waiting | undefined
  #fallback: Found | undefined
  /** Callbacks of callers that accept an expired value. */
  #hopes: (() => void)[] | undefined

  constructor(owner: Owner, key: string, gone: MissReason, start: LoadStart) {
    this.owner = owner
    this.key = key
    this.missReason = gone
    this.cause = gone.cause
    this.#start = start
    this.#tags = start.tags
    this.isBackground = start.isBackground
    this.isAhead = start.isAhead
  }

  get asOf(): Position {
    return this.#start.asOf
  }

  get startedAt(): number {
    return this.#start.startedAt
  }

  get hardMs(): number {
    return this.#start.hardMs
  }

  /** The tags known so far. */
  get tags(): readonly string[] {
    if (this.#ownTags !== undefined) this.#tags = [...this.#ownTags]
    return this.#tags
  }

  addTags(tags: Iterable<string>): void {
    this.#ownTags ??= new Set(this.#tags)
    for (const tag of tags) this.#ownTags.add(tag)
  }

  /** Fires at the hard timeout, and when the last waiter has left. */
  get givenUp(): LazyAbortSignal {
    this.#givenUp ??= new LazyAbortSignal()
    return this.#givenUp
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Whether all waiting callers have left. */
  get isGivenUp(): boolean {
    return this.#givenUp?.isFired === true
  }

  /** An expired entry that the load met in a tier. */
  get fallback(): Found | undefined {
    return this.#fallback
  }

  set fallback(met: Found | undefined) {
    this.#fallback = met
    if (met === undefined || this.#hopes === undefined) return
    const hopes = this.#hopes
    this.#hopes = undefined
    for (const hope of hopes) hope()
  }

  /** Calls back once, as soon as a tier returns an expired value. */
  onFallback(hope: () => void): void {
    this.#hopes ??= []
    this.#hopes.push(hope)
  }

  /**
   * Milliseconds since its start: the larger of monotonic and wall advance, since a frozen process must not trust its
   * own timers.
   */
  age(clock: Pick<Clock, 'monotonic' | 'now'>): number {
    return Math.max(clock.monotonic() - this.startedAt, clock.now() - this.#start.startedWall)
  }

  /** Later reads must not join it, and its result is not stored. */
  outdate(): void {
    if (this.isOutdated) return
    this.isOutdated = true
    this.onOutdated?.()
  }

  /** Completes the load. Only the first outcome counts. */
  complete(found: Found): void {
    if (this.#state !== 'open') return
    this.#state = 'completed'
    this.#found = found
    this.#waiting?.resolve(found)
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#error = error
    this.#waiting?.reject(error)
  }

  /** Settles as the load does. */
  get result(): Promise<Found> {
    if (this.#waiting === undefined) {
      this.#waiting = withResolvers<Found>()
      this.#waiting.promise.catch(() => {}) // joiners see the error; a load without callers must not crash the process
      if (this.#state === 'completed' && this.#found !== undefined) this.#waiting.resolve(this.#found)
      if (this.#state === 'failed') this.#waiting.reject(this.#error)
    }
    return this.#waiting.promise
  }

  /** The outcome, for the caller that led it. @throws the loader's error. */
  take(): Found {
    const found = this.#found
    if (found === undefined) throw this.#error
    this.release()
    return found
  }

  /** Called when it has ended and its callers have been served. It keeps its value while it can be joined. */
  release(): void {
    if (!this.isProvisional || !this.isListed) this.forget()
  }

  /** Drops its value: the map's old tables may hold the load for long, as a Set's would (`core/chain.ts`). */
  forget(): void {
    this.#found = undefined
    this.#waiting = undefined
    this.#fallback = undefined
    this.#hopes = undefined
    this.call = undefined
    this.setting = undefined
  }

  /** A waiting caller has left before the end. The last one to leave gives up the load. */
  leave(why: unknown): void {
    if (this.waiters > 0 || this.isBackground || !this.isOpen) return
    this.outdate()
    this.givenUp.fire(why)
    this.lead.call?.left(why)
  }
}

const NO_LOADS: readonly Load[] = Object.freeze([])

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
