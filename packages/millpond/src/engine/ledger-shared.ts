// What all namespaces of a process share of one store.
import { isSystemClock } from '../core/clock.ts'
import type { Clock, LedgerStore } from '../core/contracts.ts'

/** Stands for all clocks that tell the system's time. */
const SYSTEM = {}

/** One for each store and clock: clocks that tell the system's time count as one. */
export function sharedBy<T>(create: (store: LedgerStore, clock: Clock) => T): (store: LedgerStore, clock: Clock) => T {
  const all = new WeakMap<LedgerStore, WeakMap<object, T>>()
  return (store, clock) => {
    const byClock = all.get(store) ?? new WeakMap<object, T>()
    all.set(store, byClock)
    const kind = isSystemClock(clock) ? SYSTEM : clock
    const one = byClock.get(kind) ?? create(store, clock)
    byClock.set(kind, one)
    return one
  }
}
