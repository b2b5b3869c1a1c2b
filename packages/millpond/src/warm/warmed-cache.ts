// What warming needs of the cache that it warms.
import type { Clock } from '../core/contracts.ts'
import type { Events } from '../core/events.ts'
import type { JobWindow } from '../core/jobs.ts'
import type { Key } from '../core/key.ts'
import type { LoadOptions } from '../core/options.ts'

/** How a plan loads a key itself. */
export type LoadKey = (key: Key, context: { readonly signal: AbortSignal }) => unknown

export interface WarmedCache {
  readonly namespace: string
  readonly clock: Clock
  readonly events: Events
  /**
   * The cached value, or, if there is none or `isForced` is set, the loader's: the plan's own, else the registered one.
   * Not counted as a read.
   * @throws the loader's errors; MillpondError `OPTION_INVALID` if there is no loader.
   */
  load(key: Key, own: LoadKey | undefined, options: LoadOptions, isForced: boolean): Promise<Warmth>
  set(key: Key, value: unknown, options: LoadOptions): Promise<void>
  /**
   * Loads a record of a collection, likewise.
   * @throws MillpondError `OPTION_INVALID` if there is no such collection.
   */
  collection(name: string): (id: unknown, isForced: boolean) => Promise<Warmth>
  /** The most read keys of memory, encoded, the hottest first. */
  hottest(limit: number): Promise<readonly string[]>
  /** `true`: memory holds the key, fresh, and has been told that it will be read soon. */
  keep(key: Key): boolean
  /** Whether a loader is registered for the encoded key. */
  knows(key: string): boolean
  /** Running loads of the namespace. */
  underWay(): number
  /** The stored value of a key, not counted as a read. */
  recall(key: Key): Promise<unknown>
  /** Called for each invalidation of the namespace, in any process; returns a function that unsubscribes. */
  onInvalidation(listener: () => void): () => void
  /**
   * Validates when something is to be repeated; returns when it is due next, by this process's clock.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
   */
  timetable(when: WarmTimes, name: string): WarmTable
  /** Repeats it, in one process of all; returns a function that ends it here. */
  repeat(
    name: string,
    when: WarmTimes & { readonly atStart: boolean },
    run: (signal: AbortSignal) => Promise<void>,
  ): () => void
}

/** What became of a key. */
export interface Warmth {
  readonly value: unknown
  readonly isLoaded: boolean
}

/** When a plan of a schedule runs: `every` or `cron`. */
export interface WarmTimes {
  readonly every?: number
  readonly cron?: string
  readonly timezone?: string
  readonly windows?: readonly JobWindow[]
}

export interface WarmTable {
  next(after: number, last: number): number | undefined
}
