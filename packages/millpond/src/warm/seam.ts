// What warming asks of the cache that it warms.
import type { Clock } from '../core/contracts.ts'
import type { Events } from '../core/events.ts'
import type { JobWindow } from '../core/jobs.ts'
import type { Key } from '../core/key.ts'
import type { LoadOptions } from '../core/options.ts'

/** How a plan loads a key by itself. */
export type LoadKey = (key: Key, context: { readonly signal: AbortSignal }) => unknown

export interface WarmSeam {
  readonly namespace: string
  readonly clock: Clock
  readonly events: Events
  /**
   * What there is of the key, or, where there is nothing or `isForced` says so, what its loader brings: the plan's own,
   * else the registered one. Nobody's read.
   * @throws what the loader throws; MillpondError `OPTION_INVALID` where nobody knows how to load it.
   */
  load(key: Key, own: LoadKey | undefined, options: LoadOptions, isForced: boolean): Promise<Warmth>
  set(key: Key, value: unknown, options: LoadOptions): Promise<void>
  /**
   * Loads a thing of a collection, likewise.
   * @throws MillpondError `OPTION_INVALID` where there is no such collection.
   */
  collection(name: string): (id: unknown, isForced: boolean) => Promise<Warmth>
  /** The keys that memory has seen read most, encoded, the hottest first. */
  hottest(limit: number): Promise<readonly string[]>
  /** Is a loader registered for the encoded key? */
  knows(key: string): boolean
  /** Loads of the namespace that are under way. */
  underWay(): number
  /** What is stored of a key, as nobody's read. */
  recall(key: Key): Promise<unknown>
  /** Told of each invalidation of the namespace, in whichever process; returns how to stop. */
  onInvalidation(listener: () => void): () => void
  /**
   * Checks when something is to be repeated; tells when it comes next, as this process reckons.
   * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
   */
  timetable(when: WarmTimes, name: string): WarmTable
  /** Does it again and again, in one process of all; returns how to end that here. */
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
