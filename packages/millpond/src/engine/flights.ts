// Flights: at most one load per key and process. A change outdates the flight of its key: later reads do not join it, and its result is not stored.

import type { Clock } from '../core/contracts.ts'
import type { Flight } from './flight.ts'
import { FlightTable } from './flight-table.ts'

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
  /** How many of them go on behind callers who have been served. */
  refreshing = 0
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
