// Loads: at most one load per key and process. A change outdates the load of its key: later reads do not join it, and
// its result is not stored.

import type { Clock } from '../core/contracts.ts'
import type { Target } from '../core/ledger.ts'
import type { Load } from './load.ts'
import { LoadTable } from './load-table.ts'
import { UntoldInvalidations } from './untold-invalidations.ts'

/** The most errors that are remembered at a time. */
const MAX_FAILURES = 10_000

interface Failure {
  readonly error: unknown
  /** Until when callers get the error, on the monotonic clock. */
  readonly until: number
  /** Until when a caller that accepts a stale value does not trigger the loader again. */
  readonly pausedUntil: number
}

/** Tells a write to a source whether its key has been changed in this process meanwhile. */
export interface MoveMark {
  readonly key: string
  isMoved: boolean
}

/** The loads of one space, by key. */
export class InFlightLoads {
  readonly joinable = new LoadTable()
  /** How many of them continue in the background after their callers have been served. */
  refreshing = 0
  /** Of the writes being sent to a source. */
  readonly #marks = new Map<string, Set<MoveMark>>()
  readonly #failures = new Map<string, Failure>()
  readonly untold: UntoldInvalidations

  constructor(compile: (pattern: string) => (key: string) => boolean) {
    this.untold = new UntoldInvalidations(compile)
  }

  /** Remembers a loader's error. */
  remember(key: string, failure: Failure): void {
    if (this.#failures.size >= MAX_FAILURES) this.#failures.clear()
    this.#failures.set(key, failure)
  }

  /** The remembered error of the key's loader. */
  failure(key: string, clock: Pick<Clock, 'monotonic'>): { readonly error: unknown } | undefined {
    const known = this.#failures.get(key)
    return known !== undefined && known.until > clock.monotonic() ? known : undefined
  }

  /** The key's loader has just failed: callers with a stale value trigger it later. */
  isPaused(key: string, clock: Pick<Clock, 'monotonic'>): boolean {
    const known = this.#failures.get(key)
    return known !== undefined && known.pausedUntil > clock.monotonic()
  }

  /** Its loader has answered. */
  recover(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key)
  }

  /** Later reads find this one. A running one that cannot be joined is outdated. */
  begin(load: Load): void {
    load.untoldBefore = this.untold.count
    this.joinable.set(load)?.outdate()
  }

  /** It cannot be joined any more. */
  end(load: Load): void {
    this.joinable.delete(load)
  }

  /** A caller gets a value of the key that this load has not returned. */
  overlap(key: string, by?: Load): void {
    const load = this.joinable.get(key)
    if (load !== undefined && load !== by) load.isOverlapped = true
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
    outdateIn(this.joinable, key)
  }

  /** Outdates the key's loads that began before the ledger reached `seq`. */
  outdateBefore(key: string, seq: number): void {
    this.recover(key)
    const load = this.joinable.get(key)
    if (load !== undefined && load.asOf.seq < seq) outdateIn(this.joinable, key)
  }

  outdateAll(): void {
    this.#failures.clear()
    for (const load of [...this.joinable]) outdateIn(this.joinable, load.key)
  }

  /**
   * Outdates the loads concerned by an invalidation of which the ledger could not be told. Those that learn their tags
   * later are judged when they are joined, and when they end.
   */
  outdateUntold(targets: readonly Target[], mode: 'delete' | 'expire'): void {
    this.untold.add(targets, mode)
    this.outdateWhere(({ key, tags, untoldBefore }) => this.untold.concern(key, tags, untoldBefore))
  }

  outdateWhere(concerns: (load: Load) => boolean): void {
    this.#failures.clear()
    for (const load of [...this.joinable]) if (concerns(load)) outdateIn(this.joinable, load.key)
  }
}

function outdateIn(loads: LoadTable, key: string): void {
  const load = loads.get(key)
  if (load === undefined) return
  loads.delete(load)
  load.outdate()
}
