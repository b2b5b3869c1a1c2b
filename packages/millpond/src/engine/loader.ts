// Loaders and their arguments.
import type { Duration } from '../core/duration.ts'
import type { Load } from './load.ts'

/** The argument of a loader. */
export interface LoadContext {
  /** The encoded key. */
  readonly key: string
  /** Fires at the hard timeout, and when no caller waits any more. */
  readonly signal: AbortSignal
  /** Adds tags that are known only from the loaded value. */
  addTags(...tags: string[]): void
  /**
   * Sets another TTL for this value: milliseconds, or `'5m'`; 0 stores nothing.
   * @throws MillpondError `DURATION_INVALID` for what is not a duration.
   */
  setTtl(ttl: Duration): void
  /**
   * Asks the ledger whether something that this load reads was invalidated since it began, in any process, by its key
   * and the tags known so far. Such a value is returned to the waiting callers but not stored; a loader that passes it
   * on to other caches can tell them not to store it. Also `true` if the ledger does not answer. Synchronous if the
   * ledger is in this process.
   */
  isOutdated(): boolean | Promise<boolean>
}

/**
 * Loads one value. `undefined` means "do not store"; `null` is a value. An error is passed unchanged to every waiting
 * caller.
 */
export type Loader<T> = (context: LoadContext) => Promise<T> | T

/** Loads the values of many keys in one call, in their order. The signal fires when all of them are given up. */
export type BatchLoader = (
  keys: readonly string[],
  batch: { readonly signal: AbortSignal },
) => Promise<readonly unknown[]>

/**
 * How a call loads: a single key, or all of its keys in one call. `othersLoad` is called if another caller is already
 * loading the key.
 */
export type AnyLoader =
  | { readonly one: Loader<unknown>; readonly othersLoad?: (load: Load) => void }
  | { readonly many: BatchLoader }
