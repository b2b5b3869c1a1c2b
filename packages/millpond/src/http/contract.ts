// What the HTTP store needs of a cache: the used part of its public interface. Any `Cache` of `createCache` fits.

export interface HttpReceipt {
  readonly id: string
  readonly mode: 'delete' | 'expire'
  readonly removed: number
  readonly isExact: boolean
  readonly isApplied: boolean
  readonly ms: number
  /** Resolves with the processes that have not applied it in time; empty: it is gone everywhere. */
  acked?(options?: { readonly timeout?: number }): Promise<readonly string[]>
}

export interface LoadControl {
  addTags(...tags: string[]): void
  setTtl(ms: number): void
  isOutdated(): boolean | Promise<boolean>
}

/** The reader: the cache itself, or the same cache for a session. */
export type Reader = Pick<Backing, 'peek' | 'getEntry'>

export interface Backing {
  /** For the option `session`. */
  for?(whose: { readonly session: string }): Reader
  peek<T>(key: string): T | undefined
  get<T>(key: string): Promise<T | undefined>
  getEntry<T>(
    key: string,
    options?: Counted,
  ): Promise<{ readonly kind: 'hit' | 'stale'; readonly value: T } | { readonly kind: 'miss' }>
  getOrSet<T>(key: string, load: (control: LoadControl) => Promise<T>, options: LoadTimes): Promise<T>
  set(
    key: string,
    value: unknown,
    options: { readonly ttl: number; readonly staleFor?: number; readonly tags: readonly string[] },
  ): Promise<void>
  touch(key: string, ttl: number): Promise<boolean>
  deleteMany(keys: readonly string[], options: { readonly reason: 'data_changed' | 'superseded' }): Promise<unknown>
  invalidateTags(tags: readonly string[], options?: { readonly mode?: 'delete' | 'expire' }): Promise<HttpReceipt>
  invalidate(what: Named, options: { readonly mode: 'delete' | 'expire' }): Promise<HttpReceipt>
  clear(): Promise<HttpReceipt>
}

/** `quiet`: counts as neither hit nor miss. */
export interface Counted {
  readonly quiet?: boolean
}

/** Tags, and globs over keys. */
export interface Named {
  readonly tags?: readonly string[]
  readonly patterns?: readonly string[]
}

export interface LoadTimes extends Counted {
  readonly ttl: number
  readonly staleFor: number
  readonly timeout: { readonly hard: number }
  /** The key is new with each load. */
  readonly singleFlight: 'call'
}
