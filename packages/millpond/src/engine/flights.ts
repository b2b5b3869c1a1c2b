// Flights: at most one load per key and process. A change outdates the flight of its key: later reads do not join it, and its result is not stored.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'
import type { Found } from './found.ts'
import { LateSignal } from './late-signal.ts'

/** What a flight came to; `found` is undefined when there is nothing. */
export interface Landing {
  readonly found: Found | undefined
  /** Hands out the value: a copy where freezing cannot protect it. */
  read(): unknown
}

const LANDED_EMPTY: Promise<Landing> = Promise.resolve({ found: undefined, read: () => undefined })

export class Flight {
  /** The space it belongs to. */
  readonly owner: object
  readonly key: string
  readonly asOf: Position
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly startedWall: number
  /** Flights that this one's loader is waiting for. */
  waitsFor: Set<Flight> | undefined
  /** The tags known so far. */
  readonly tags = new Set<string>()
  isOutdated = false
  /** A refresh behind a stale value: it goes on when nobody waits. */
  isBackground = false
  /** While it was on its way, somebody was given another value of its key, which may be newer. */
  isOverlapped = false
  /** Loaded while the ledger did not answer: joinable for a moment after its end, stored nowhere. */
  isProvisional = false
  /** What some tier still had, expired, when the flight passed by. */
  fallback: Found | undefined
  /** Called once when the flight is outdated: gives back its lease, so that nobody waits for a result that will not be believed. */
  onOutdated: (() => void) | undefined
  waiters = 0
  landing: Promise<Landing> = LANDED_EMPTY
  /** Fires at the hard timeout, and when the last waiter has left. */
  readonly givenUp = new LateSignal()

  constructor(owner: object, key: string, asOf: Position, clock: Pick<Clock, 'monotonic' | 'now'>) {
    this.owner = owner
    this.key = key
    this.asOf = asOf
    this.startedAt = clock.monotonic()
    this.startedWall = clock.now()
  }

  /** Milliseconds since its start: the larger of monotonic and wall advance, since a frozen process must not believe its own timers. */
  age(clock: Pick<Clock, 'monotonic' | 'now'>): number {
    return Math.max(clock.monotonic() - this.startedAt, clock.now() - this.startedWall)
  }

  /** Later reads must not join it, and its result is not stored. */
  outdate(): void {
    if (this.isOutdated) return
    this.isOutdated = true
    this.onOutdated?.()
  }

  /** Waits for the landing; the caller's own signal rejects the caller alone. The loader's signal fires when the last waiter has left. */
  async join(signal: AbortSignal | undefined): Promise<Landing> {
    this.waiters++
    try {
      return await (signal === undefined ? this.landing : abortable(this.landing, signal))
    } catch (error) {
      if (signal?.aborted && this.waiters === 1 && !this.isBackground) {
        this.outdate()
        this.givenUp.fire(error)
      }
      throw error
    } finally {
      this.waiters--
    }
  }
}

/** Rejects with `ABORTED` as soon as the signal fires. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(new MillpondError('ABORTED', 'the caller gave up waiting', { cause: signal.reason }))
    if (signal.aborted) {
      work.catch(() => {}) // whoever else waits sees the error; this caller has left
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** The most errors that are remembered at a time. */
const MAX_FAILURES = 10_000

/** The flights of one space, by key. */
export class Flights {
  readonly loads = new Map<string, Flight>()
  readonly #failures = new Map<string, { readonly error: unknown; readonly until: number }>()

  /** Keeps a loader's error until a moment on the monotonic clock. */
  remember(key: string, error: unknown, until: number): void {
    if (this.#failures.size >= MAX_FAILURES) this.#failures.clear()
    this.#failures.set(key, { error, until })
  }

  /** The error that the key's loader is remembered to have ended with. */
  failure(key: string, now: number): { readonly error: unknown } | undefined {
    const known = this.#failures.get(key)
    if (known === undefined || known.until > now) return known
    this.#failures.delete(key)
    return undefined
  }

  /**
   * Nobody joins it any more. What it brought goes too: the map's old tables may hold the flight for long, as a Set's would (`core/chain.ts`).
   */
  end(flight: Flight): void {
    if (this.loads.get(flight.key) === flight) this.loads.delete(flight.key)
    flight.landing = LANDED_EMPTY
    flight.fallback = undefined
  }

  /** Somebody is given a value of the key that this flight has not brought. */
  overlap(key: string, by?: Flight): void {
    const flight = this.loads.get(key)
    if (flight !== undefined && flight !== by) flight.isOverlapped = true
  }

  outdate(key: string): void {
    this.#failures.delete(key)
    outdateIn(this.loads, key)
  }

  /** Outdates the key's flights that began before the ledger reached `seq`. */
  outdateBefore(key: string, seq: number): void {
    this.#failures.delete(key)
    const flight = this.loads.get(key)
    if (flight !== undefined && flight.asOf.seq < seq) outdateIn(this.loads, key)
  }

  outdateAll(): void {
    this.#failures.clear()
    for (const key of [...this.loads.keys()]) outdateIn(this.loads, key)
  }

  outdateWhere(concerns: (flight: Flight) => boolean): void {
    this.#failures.clear()
    for (const [key, flight] of [...this.loads]) if (concerns(flight)) outdateIn(this.loads, key)
  }
}

function outdateIn(flights: Map<string, Flight>, key: string): void {
  const flight = flights.get(key)
  if (flight === undefined) return
  flights.delete(key)
  flight.outdate()
}

// Which flight a piece of code runs in. The storage is switched off whenever no loader runs: on Node 20 an enabled one makes every await slower.
const storage = new AsyncLocalStorage<Flight>()
let running = 0

/** Some runtimes (workerd) have no such switch, and need none. */
let canSwitchOff = true
function switchOff(): void {
  if (!canSwitchOff) return
  try {
    storage.disable()
  } catch {
    canSwitchOff = false
  }
}

/** Runs a loader inside its flight, so that loading a key from its own loader can be told from waiting. */
export async function insideFlight<T>(flight: Flight, work: () => Promise<T>): Promise<T> {
  running++
  try {
    return await storage.run(flight, work)
  } finally {
    running--
    if (running === 0) switchOff()
  }
}

/** The flight whose loader this code belongs to. */
export const currentFlight = (): Flight | undefined => (running === 0 ? undefined : storage.getStore())

/**
 * Notes that the running loader waits for `target`; returns how to end the note.
 * @throws MillpondError `LOAD_CYCLE` when `target` waits, directly or not, for the running loader.
 */
export function waitFrom(waiter: Flight | undefined, target: Flight): () => void {
  if (waiter === undefined) return () => {}
  if (reaches(target, waiter, new Set())) {
    throw new MillpondError(
      'LOAD_CYCLE',
      `loading ${show(target.key)} from inside the loader of ${show(waiter.key)} would wait for itself: load the part they share by another key`,
    )
  }
  const waitsFor = waiter.waitsFor ?? new Set()
  waiter.waitsFor = waitsFor
  waitsFor.add(target)
  return () => waitsFor.delete(target)
}

function reaches(from: Flight, to: Flight, seen: Set<Flight>): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  for (const next of from.waitsFor ?? []) if (reaches(next, to, seen)) return true
  return false
}
