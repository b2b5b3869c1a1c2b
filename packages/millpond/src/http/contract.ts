// What the HTTP store needs of a cache: the used part of its public interface. Any `Cache` of `createCache` fits.

export interface HttpReceipt {
  /** Names this invalidation in events, logs and explanations of later misses. */
  readonly id: string
  /** `expire`: entries may still be served as stale, where that is permitted. */
  readonly mode: 'delete' | 'expire'
  /** Entries removed at once; those invalidated by a tag or a pattern may be dropped later, and are not counted. */
  readonly removed: number
  /** Whether `removed` is the whole effect. */
  readonly isExact: boolean
  /** `false`: the ledger did not answer; it is in force in this process, but not yet elsewhere. */
  readonly isApplied: boolean
  /** How long it took, in milliseconds. */
  readonly ms: number
  /** Resolves with the processes that have not applied it in time; empty: it is gone everywhere. */
  acked?(options?: { readonly timeout?: number }): Promise<readonly string[]>
}

export interface LoadControl {
  /** Adds tags to the value that is being loaded. */
  addTags(...tags: string[]): void
  /** Sets how long the value is fresh, in milliseconds, instead of the option `ttl`. */
  setTtl(ms: number): void
  /** Whether the key was invalidated since the load began: the value will not be stored. */
  isOutdated(): boolean | Promise<boolean>
}

/** The reader: the cache itself, or the same cache for a session. */
export type Reader = Pick<Backing, 'peek' | 'getEntry'>

export interface Backing {
  /** For the option `session`. */
  for?(whose: { readonly session: string }): Reader
  /** A fresh value that is in memory; undefined otherwise. Reads no other tier and calls no loader. */
  peek<T>(key: string): T | undefined
  /** A value from any tier; undefined if there is none. */
  get<T>(key: string): Promise<T | undefined>
  /** A value from any tier, and whether it is stale. */
  getEntry<T>(
    key: string,
    options?: Counted,
  ): Promise<{ readonly kind: 'hit' | 'stale'; readonly value: T } | { readonly kind: 'miss' }>
  /** A value from any tier; if there is none, that of `load`, which is stored. Rejects with its error. */
  getOrSet<T>(key: string, load: (control: LoadControl) => Promise<T>, options: LoadTimes): Promise<T>
  /** Stores a value, fresh for `ttl` and kept for `staleFor` after that, both in milliseconds. */
  set(
    key: string,
    value: unknown,
    options: { readonly ttl: number; readonly staleFor?: number; readonly tags: readonly string[] },
  ): Promise<void>
  /** Gives an entry a new TTL in milliseconds, counted from now; `false`: there is no such entry. */
  touch(key: string, ttl: number): Promise<boolean>
  /** Deletes these keys from every tier and every process. */
  deleteMany(keys: readonly string[], options: { readonly reason: 'data_changed' | 'superseded' }): Promise<unknown>
  /** Invalidates all entries with one of these tags. Default `delete`. */
  invalidateTags(tags: readonly string[], options?: { readonly mode?: 'delete' | 'expire' }): Promise<HttpReceipt>
  /** Invalidates all entries with one of these tags, or whose keys match one of these patterns. */
  invalidate(what: Named, options: { readonly mode: 'delete' | 'expire' }): Promise<HttpReceipt>
  /** Removes everything. */
  clear(): Promise<HttpReceipt>
}

/** `quiet`: counts as neither hit nor miss. */
export interface Counted {
  readonly quiet?: boolean
}

/** Tags, and globs over keys. */
export interface Named {
  /** Tags given when entries were stored. */
  readonly tags?: readonly string[]
  /** Globs over keys: `*` matches any characters. */
  readonly patterns?: readonly string[]
}

export interface LoadTimes extends Counted {
  /** How long the value is fresh, in milliseconds. */
  readonly ttl: number
  /** How long it is kept after that, in milliseconds. */
  readonly staleFor: number
  /** `hard`: the longest that the load may take, in milliseconds. */
  readonly timeout: { readonly hard: number }
  /** The key is new with each load. */
  readonly singleFlight: 'call'
}
