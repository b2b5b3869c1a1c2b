// What the comparison asks of a cache, and how a contender is set up. Each setup is the one that its own documentation
// shows.

export interface ContenderOptions {
  readonly url: string
  readonly ttlMs: number
  /** Entries in memory. */
  readonly maxEntries: number
  /** Some libraries want tags switched on, and are dearer then: only where a row needs them. */
  readonly tags: boolean
  /** How ours writes values to Redis; the others have no choice. Default JSON, as theirs. */
  readonly format?: 'packed'
}

/** A cache in one process: memory over Redis, with the library's own bus where it has one. */
export interface ContenderCache {
  getOrSet<T>(key: string, load: () => Promise<T>, options?: CallOptions): Promise<T | undefined>
  get(key: string): Promise<unknown>
  getMany(keys: readonly string[]): Promise<readonly unknown[]>
  set(key: string, value: unknown, tags?: readonly string[] | undefined): Promise<unknown>
  /** Many in one call. Absent where the library cannot. */
  readonly setMany?: (entries: readonly (readonly [key: string, value: unknown])[]) => Promise<unknown>
  /** Resolves with whether it is in force; a rejection means that it is not. */
  delete(key: string): Promise<boolean>
  /** Absent where the library has no tags. */
  readonly invalidateTag?: (tag: string) => Promise<boolean>
  close(): Promise<unknown>
}

export interface CallOptions {
  readonly ttlMs?: number
  readonly tags?: readonly string[]
}

export interface Contender {
  readonly name: string
  /** How it is set up, in one line for the reader of the table. */
  readonly setup: string
  readonly hasTags: boolean
  open(options: ContenderOptions): Promise<ContenderCache>
}
