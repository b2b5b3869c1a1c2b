// Flights: at most one load per key and process. A change outdates the flight of its key: later reads do not join it, and its result is not stored.

import type { MissCause } from '../core/causes.ts'
import type { Clock, Isolated } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import { FlightTable } from './flight-table.ts'
import type { Found } from './found.ts'
import type { Gone } from './gone.ts'
import { LateSignal } from './late-signal.ts'

/** How a flight begins. */
export interface Start {
  readonly asOf: Position
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly startedWall: number
  readonly tags: readonly string[]
  /** When its loader is given up, in milliseconds. */
  readonly hardMs: number
  readonly isBackground: boolean
}

interface Waiting {
  readonly promise: Promise<Found>
  readonly resolve: (found: Found) => void
  readonly reject: (error: unknown) => void
}

/** A space, as far as flights know one. */
interface Owner {
  readonly abroad: object | undefined
}

/** What a caller has set by hand, in a loader's place: see `miss-lease.ts`. */
export interface Setting {
  readonly isolated: Isolated
  readonly policy: LoadPolicy
  /** What became of it: kept, or overtaken; undefined where the ledger does not say. */
  readonly told: (kept: boolean | undefined | Promise<boolean>) => void
}

/** What a flight fails with whose caller by hand will not set anything. Nobody is shown it: who had joined loads by himself. */
export const LET_GO = new Error('the lease was let go')

/** Most loads have one caller, who reads the end off the flight itself: a promise is made for those who join. */
export class Flight {
  /** The space it belongs to. */
  readonly owner: Owner
  readonly key: string
  readonly #start: Start
  /** What memory and the past say of the key. */
  readonly gone: Gone
  /** Why the key has to be loaded. */
  cause: MissCause
  /** A refresh behind a stale value: it goes on when nobody waits. */
  isBackground: boolean
  /** Whose loader call this one's value comes from: its own, or that of the first of its batch. */
  lead: Flight = this
  /** All that share the call of this one's loader; none beside itself until that begins. */
  crew: readonly Flight[] = NOBODY
  /** Flights that this one's loader is waiting for. */
  waitsFor: Set<Flight> | undefined
  isOutdated = false
  /** Reads that come find it. */
  isListed = false
  /** While it was on its way, somebody was given another value of its key, which may be newer. */
  isOverlapped = false
  /** Loaded while the ledger did not answer: joinable for a moment after its end, stored nowhere. */
  isProvisional = false
  /** The lease under which it loads. */
  lease: string | undefined
  /** The time to live that its loader asked for. */
  ttlMs: number | undefined
  setting: Setting | undefined
  /** Called once when the flight is outdated: gives back its lease, so that nobody waits for a result that will not be believed. */
  onOutdated: (() => void) | undefined
  /** The call of the loader that this one leads, while it is under way. */
  call: { left(why: unknown): void } | undefined
  waiters = 0
  #tags: readonly string[]
  #ownTags: Set<string> | undefined
  #givenUp: LateSignal | undefined
  #state: 'open' | 'landed' | 'failed' = 'open'
  #found: Found | undefined
  #error: unknown
  #waiting: Waiting | undefined
  #fallback: Found | undefined
  /** Who would take an expired value, should one be met. */
  #hopes: (() => void)[] | undefined

  constructor(owner: Owner, key: string, gone: Gone, start: Start) {
    this.owner = owner
    this.key = key
    this.gone = gone
    this.cause = gone.cause
    this.#start = start
    this.#tags = start.tags
    this.isBackground = start.isBackground
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
  get givenUp(): LateSignal {
    this.#givenUp ??= new LateSignal()
    return this.#givenUp
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** All who waited have left. */
  get isGivenUp(): boolean {
    return this.#givenUp?.isFired === true
  }

  /** What some tier still had, expired, when the flight passed by. */
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

  /** Calls back once, as soon as a tier on the way has an expired value. */
  hopeFor(hope: () => void): void {
    this.#hopes ??= []
    this.#hopes.push(hope)
  }

  /** Milliseconds since its start: the larger of monotonic and wall advance, since a frozen process must not believe its own timers. */
  age(clock: Pick<Clock, 'monotonic' | 'now'>): number {
    return Math.max(clock.monotonic() - this.startedAt, clock.now() - this.#start.startedWall)
  }

  /** Later reads must not join it, and its result is not stored. */
  outdate(): void {
    if (this.isOutdated) return
    this.isOutdated = true
    this.onOutdated?.()
  }

  /** What it came to. The first end counts. */
  land(found: Found): void {
    if (this.#state !== 'open') return
    this.#state = 'landed'
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
  get landing(): Promise<Found> {
    if (this.#waiting === undefined) {
      this.#waiting = withResolvers<Found>()
      this.#waiting.promise.catch(() => {}) // joiners see the error; a flight that nobody joined any more must not crash the process
      if (this.#state === 'landed' && this.#found !== undefined) this.#waiting.resolve(this.#found)
      if (this.#state === 'failed') this.#waiting.reject(this.#error)
    }
    return this.#waiting.promise
  }

  /** What it came to, for the one who led it. @throws the loader's error. */
  take(): Found {
    const found = this.#found
    if (found === undefined) throw this.#error
    this.leaveBehind()
    return found
  }

  /** It has ended, and who waited has been told. While it can be joined it keeps what it brought. */
  leaveBehind(): void {
    if (!this.isProvisional) this.forget()
  }

  /** What it brought goes: the map's old tables may hold the flight for long, as a Set's would (`core/chain.ts`). */
  forget(): void {
    this.#found = undefined
    this.#waiting = undefined
    this.#fallback = undefined
    this.#hopes = undefined
    this.call = undefined
    this.setting = undefined
  }

  /** One who waited has left before the end. Who leaves last gives the load up. */
  leave(why: unknown): void {
    if (this.waiters > 0 || this.isBackground || !this.isOpen) return
    this.outdate()
    this.givenUp.fire(why)
    this.lead.call?.left(why)
  }
}

const NOBODY: readonly Flight[] = Object.freeze([])

/** The most errors that are remembered at a time. */
const MAX_FAILURES = 10_000

interface Failure {
  readonly error: unknown
  /** Until when callers are given the error, on the monotonic clock. */
  readonly until: number
  /** Until when a caller who is content with a stale value does not make the loader be asked again. */
  readonly pausedUntil: number
}

/** Tells a write that is on its way to a source whether somebody has changed its key in this process meanwhile. */
export interface MoveMark {
  readonly key: string
  isMoved: boolean
}

/** The flights of one space, by key. */
export class Flights {
  readonly loads = new FlightTable()
  /** Of the writes on their way to a source. */
  readonly #marks = new Map<string, Set<MoveMark>>()
  readonly #failures = new Map<string, Failure>()

  /** Keeps what a loader has failed with. */
  remember(key: string, failure: Failure): void {
    if (this.#failures.size >= MAX_FAILURES) this.#failures.clear()
    this.#failures.set(key, failure)
  }

  /** The error that the key's loader is remembered to have ended with. */
  failure(key: string, clock: Pick<Clock, 'monotonic'>): { readonly error: unknown } | undefined {
    const known = this.#failures.get(key)
    return known !== undefined && known.until > clock.monotonic() ? known : undefined
  }

  /** The key's loader has just failed: whoever has a stale value to give asks it later. */
  isPaused(key: string, clock: Pick<Clock, 'monotonic'>): boolean {
    const known = this.#failures.get(key)
    return known !== undefined && known.pausedUntil > clock.monotonic()
  }

  /** Its loader has answered. */
  recover(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key)
  }

  /** Reads that come from now on find this one. One that was on its way, and cannot be joined, is outdated. */
  begin(flight: Flight): void {
    outdateIn(this.loads, flight.key)
    this.loads.set(flight)
  }

  /** Nobody joins it any more. */
  end(flight: Flight): void {
    this.loads.delete(flight)
  }

  /** Somebody is given a value of the key that this flight has not brought. */
  overlap(key: string, by?: Flight): void {
    const flight = this.loads.get(key)
    if (flight !== undefined && flight !== by) flight.isOverlapped = true
  }

  mark(key: string): MoveMark {
    const mark: MoveMark = { key, isMoved: false }
    const marks = this.#marks.get(key)
    if (marks === undefined) this.#marks.set(key, new Set([mark]))
    else marks.add(mark)
    return mark
  }

  unmark(mark: MoveMark): void {
    const marks = this.#marks.get(mark.key)
    marks?.delete(mark)
    if (marks?.size === 0) this.#marks.delete(mark.key)
  }

  outdate(key: string): void {
    if (this.#marks.size > 0) for (const mark of this.#marks.get(key) ?? []) mark.isMoved = true
    this.recover(key)
    outdateIn(this.loads, key)
  }

  /** Outdates the key's flights that began before the ledger reached `seq`. */
  outdateBefore(key: string, seq: number): void {
    this.recover(key)
    const flight = this.loads.get(key)
    if (flight !== undefined && flight.asOf.seq < seq) outdateIn(this.loads, key)
  }

  outdateAll(): void {
    this.#failures.clear()
    for (const flight of [...this.loads]) outdateIn(this.loads, flight.key)
  }

  outdateWhere(concerns: (flight: Flight) => boolean): void {
    this.#failures.clear()
    for (const flight of [...this.loads]) if (concerns(flight)) outdateIn(this.loads, flight.key)
  }
}

function outdateIn(flights: FlightTable, key: string): void {
  const flight = flights.get(key)
  if (flight === undefined) return
  flights.delete(flight)
  flight.outdate()
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
