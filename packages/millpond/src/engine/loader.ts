// What a loader is, and what it is given.
import type { Duration } from '../core/duration.ts'
import type { Load } from './load.ts'

/** What a loader is given. */
export interface LoadContext {
  /** The encoded key. */
  readonly key: string
  /** Fires at the hard timeout, and when no caller waits any more. */
  readonly signal: AbortSignal
  /** Tags that only the loaded value tells. */
  addTags(...tags: string[]): void
  /**
   * Another time to live for this value: milliseconds, or `'5m'`; 0 stores nothing.
   * @throws MillpondError `DURATION_INVALID` for what is not a duration.
   */
  setTtl(ttl: Duration): void
  /**
   * Asks the ledger now: whether something that this load reads was invalidated since it began, in whatever process, by
   * its key and the tags known so far. Such a value is given to who waits and is stored nowhere; a loader that hands it
   * on to others that keep it can tell them not to. `true` also where the ledger does not answer. At once where the
   * ledger lives in this process.
   */
  isOutdated(): boolean | Promise<boolean>
}

/**
 * Loads one value. `undefined` means "do not store"; `null` is a value. An error passes to every caller that waits,
 * unchanged.
 */
export type Loader<T> = (context: LoadContext) => Promise<T> | T

/** Loads the values of many keys in one call, in their order. The signal fires when all are given up. */
export type BatchLoader = (
  keys: readonly string[],
  batch: { readonly signal: AbortSignal },
) => Promise<readonly unknown[]>

/**
 * How a call loads: a key by itself, or all that it needs in one call. `othersLoad` is told when somebody else is found
 * to load the key.
 */
export type AnyLoader =
  | { readonly one: Loader<unknown>; readonly othersLoad?: (load: Load) => void }
  | { readonly many: BatchLoader }
