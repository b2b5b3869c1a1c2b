// A collection as its users see it: what is told of a kind of things once (where they come from, where they go), and
// the verbs that follow from it.

import type { Duration } from '../core/duration.ts'
import type { GuardOptions, SourceGuard } from '../core/guard.ts'
import type { Key } from '../core/key.ts'
import type { ById, EntryOptions, LoadOptions, ReadOptions } from '../core/options.ts'
import type { StandardSchema } from '../core/standard-schema.ts'
import type { Receipt } from './receipt.ts'

/** What becomes of a write. Both spellings mean the same. */
export type WriteStrategy =
  | 'cache-aside'
  | 'cache_aside'
  | 'write-through'
  | 'write_through'
  | 'write-around'
  | 'write_around'
  | 'write-behind'
  | 'write_behind'
  | 'write-back'
  | 'write_back'

/** A strategy by its name: how values are read, kept or written. */
export type Strategy =
  | WriteStrategy
  | 'read-through'
  | 'read_through'
  | 'refresh-ahead'
  | 'refresh_ahead'
  | 'TTL'
  | 'tag-based'
  | 'tag_based'
  | 'adaptive'

/** What a loader of a collection is given beside the id. */
export interface CollectionContext {
  /** The encoded key. */
  readonly key: string
  /** Fires when nobody waits any more, or the hard timeout has come. */
  readonly signal: AbortSignal
  addTags(...tags: string[]): void
  /** Another time to live for this value: see `LoadContext`. */
  setTtl(ttl: Duration): void
}

/** What a write to the source is given. */
export interface StoreContext {
  /** Fires when a write behind has taken longer than `writeBehind.timeout`: it will be tried again. */
  readonly signal: AbortSignal
  /**
   * Of a write behind: grows with each write of a key, over restarts, so that a source that keeps it can refuse what is
   * older. 0 of other writes.
   */
  readonly number: number
}

/** One write of several. */
export interface CollectionWrite<Id, T> {
  readonly id: Id
  readonly value: T
  /** As `StoreContext.number`. */
  readonly number: number
}

/**
 * A Redis or Valkey server that keeps acknowledged writes, for all hosts. It must sync what it acknowledges and must
 * not evict: `appendonly yes`, `appendfsync always`, and `maxmemory 0` or `maxmemory-policy noeviction`; one that does
 * not say so is refused.
 */
export interface WriteStreamOptions {
  /** `redis://host:6379`; needs the package ioredis. */
  readonly url?: string | undefined
  /** In its place a client of ioredis (Redis or Cluster), which stays open. */
  readonly client?: WriteStreamClient | undefined
  /**
   * From 2000: `appendfsync everysec` will do, and what was acknowledged in the last two seconds may be lost with the
   * server. Default 0.
   */
  readonly allowLossMs?: number | undefined
  /** Its settings cannot be read (a managed service), and you know them. Default false. */
  readonly assumeDurable?: boolean | undefined
  /**
   * Replicas that must have a write before it is acknowledged (WAIT): what only the master had is lost when a replica
   * takes its place. Default 0.
   */
  readonly replicas?: number | undefined
}

/** What is used of a client of ioredis. */
export interface WriteStreamClient {
  call(command: string, args: (string | number | Uint8Array)[]): Promise<unknown>
  callBuffer(command: string, args: (string | number | Uint8Array)[]): Promise<unknown>
}

/** How writes that are acknowledged before they are stored are kept, gathered and sent to the source. */
export interface WriteBehindOptions {
  /**
   * What an acknowledged write survives. `journal`: the end of the process. `journal-sync`: also a loss of power.
   * `stream`: the end of the process's host and of the Redis server that keeps it. `memory`: nothing, it is lost with
   * the process. Default `stream` where `stream` is given, else `journal`.
   */
  readonly durability?: 'journal' | 'journal-sync' | 'memory' | 'stream' | undefined
  /**
   * The journal's folder: of this collection alone, shared by all processes of this host, made where it does not exist.
   * Needed for `journal`.
   */
  readonly journal?: string | undefined
  /** The server that keeps acknowledged writes. Needed for `stream`. */
  readonly stream?: WriteStreamOptions | undefined
  /**
   * How long a write waits for others before it goes to the source. It goes sooner where `maxBatch` keys wait that were
   * not sent within this time, and where half of `maxQueued` is taken: so of a key that is written all the time one
   * write in this time is sent. Default `'2s'`.
   */
  readonly maxDelay?: Duration | undefined
  /** The most writes of one call of `storeMany`, and of calls of `store` at a time. Default 100. */
  readonly maxBatch?: number | undefined
  /** Keys that may wait for the source; who comes then waits for room. Default 10,000. */
  readonly maxQueued?: number | undefined
  /** How long it waits for room before it is refused with `QUEUE_FULL`. Default `'5s'`. */
  readonly maxWait?: Duration | undefined
  /** How long a call of the source may take before it counts as failed. Default `'30s'`. */
  readonly timeout?: Duration | undefined
  /**
   * How often a write that the source refuses, while it takes others, is tried before it becomes a dead letter. Default
   * 8.
   */
  readonly maxAttempts?: number | undefined
  /** How long `close()`, and the process after SIGTERM, wait for the queue to drain. Default `'10s'`. */
  readonly drainTimeout?: Duration | undefined
  /**
   * Drain on SIGTERM. A process that listens to SIGTERM itself ends when it likes, any other by the signal once all is
   * drained. Default true.
   */
  readonly drainOnSigterm?: boolean | undefined
}

/** What tells which of two records of a thing is the later one: a row's number, or when it was changed. */
export type RecordVersion = number | bigint | Date

type StoreMany<Id, T, Answer> = (
  writes: readonly CollectionWrite<Id, T>[],
  context: { readonly signal: AbortSignal },
) => Answer

/** What one collection is told. `Id` and `T` follow from its loader. */
export interface CollectionOptions<Id, T> extends Omit<LoadOptions, 'tags' | keyof ReadOptions> {
  /** The key of an id. Default `[name, id]`. */
  readonly key?: ((id: Id) => Key) | undefined
  /**
   * What a record is: a Standard Schema (Zod, Valibot, ArkType and others) that answers at once and accepts what it has
   * made. What is loaded or set and is not of this shape is `VALUE_UNSUPPORTED`. What another version of the program
   * has stored, in whatever tier, is taken as the schema makes it, else as `upgrade` does, else it is a miss
   * (`other_shape`). Keys must be tuples that end with the id. What memory holds is not looked at again.
   */
  readonly schema?: StandardSchema<T> | undefined
  /**
   * Makes a record of this shape of one of another; `undefined`: it cannot. Needs `schema`. An error counts as
   * `undefined`, and is told by `warning`.
   */
  readonly upgrade?: ((old: unknown, id: Id) => T | undefined) | undefined
  /**
   * Which version of the thing a record is. One that is older than what this process has seen in the last minute is not
   * accepted: of a tier it is a miss (`older_version`), of a replica the source is asked instead, and of the source (a
   * lagging one) it is given to who asked and kept nowhere. Keys must be tuples that end with the id; `getMany` then
   * loads each by itself, and these loads meet in `loadMany`.
   */
  readonly versionOf?: ((value: T) => RecordVersion) | undefined
  /**
   * Part of every key: values of another shape get another version, and old and new processes do not meet. Nor do their
   * invalidations, but by tags that both give: where both write, use `schema` instead.
   */
  readonly keyVersion?: number | string | undefined
  /** What an entry belongs to; a function says it of each value. */
  readonly tags?: readonly string[] | ((value: T, id: Id) => readonly string[]) | undefined
  /** Loads one value. `undefined`: there is none, and nothing is stored. */
  readonly load?: ((id: Id, context: CollectionContext) => Promise<T | undefined> | T | undefined) | undefined
  /** Loads one value from a replica, where the source is slow or fails: see `hedge` of the guard, which says when. */
  readonly replicaLoad?: ((id: Id, context: CollectionContext) => Promise<T | undefined> | T | undefined) | undefined
  /**
   * What stands before the source's loads: the name of one of `cache.guard`, the guard itself, or its options. Default:
   * nothing.
   */
  readonly guard?: string | SourceGuard | GuardOptions | undefined
  /**
   * Loads several at once: an array in the order of the ids (an `Error` in it fails its own id alone), or a Map from id
   * to value. Single reads of one turn come together in it.
   */
  readonly loadMany?:
    | ((
        ids: readonly Id[],
        context: { readonly signal: AbortSignal },
      ) => Promise<readonly (T | Error | undefined)[] | ById<Id, T>>)
    | undefined
  /** The most ids of one call of `loadMany`. Default 500. */
  readonly maxBatch?: number | undefined
  /** Writes one value to the source. */
  readonly store?: ((id: Id, value: T, context: StoreContext) => unknown) | undefined
  /**
   * Writes several. Resolves with nothing when all are stored, or with one verdict each, in their order: `undefined`
   * for stored, else its error. A rejection says that nobody knows. An error whose `permanent` is true is not tried
   * again.
   */
  readonly storeMany?:
    | StoreMany<Id, T, Promise<void>>
    | StoreMany<Id, T, Promise<readonly unknown[] | undefined>>
    | undefined
  /**
   * How long a write through or around may take: for so long its keys are held, so that nobody caches what may be the
   * old value. A process that ends between source and caches leaves the hold behind, and when it runs out the caches
   * forget the keys. From 1 ms to an hour. Default `'10s'`.
   */
  readonly hold?: Duration | undefined
  /** Removes one from the source. Needed for `delete`. */
  readonly remove?: ((id: Id, context: StoreContext) => unknown) | undefined
  /** What becomes of writes. Default: `write-through` where there is `store` or `storeMany`, else `cache-aside`. */
  readonly write?: WriteStrategy | undefined
  /**
   * The same by the names of strategies, one or several; for `refresh-ahead` 0.8 of the TTL where `refreshAhead` does
   * not say otherwise.
   */
  readonly strategy?: Strategy | readonly Strategy[] | undefined
  /** Writes are acknowledged when they are queued, and reach the source later. */
  readonly writeBehind?: WriteBehindOptions | undefined
}

/** What a write of a collection is told. */
export interface CollectionWriteOptions extends EntryOptions {
  /** For this call. A collection that writes behind does so always: its queue knows the order. */
  readonly write?: WriteStrategy | undefined
}

/** A write that the source refuses, set aside. */
export interface CollectionDeadLetter<Id> {
  readonly key: string
  /** Absent where the bytes of the journal cannot be read any more; they are kept all the same. */
  readonly id?: Id
  readonly kind?: 'set' | 'remove'
  readonly value?: unknown
  readonly error: string
}

/**
 * What the source refused. Kept in the journal, over restarts, until they are retried or dropped, or their key is
 * written anew.
 */
export interface DeadLetters<Id> {
  list(): readonly CollectionDeadLetter<Id>[]
  /** Queues the id's again. `false`: there is none, or it cannot be read. */
  retry(id: Id): boolean
  /** Forgets the id's for good. `false`: there is none. */
  drop(id: Id): boolean
}

/** A kind of things with its source. Made by `cache.collection`. */
export interface Collection<Id, T> {
  readonly name: string
  /** What becomes of writes, in its first spelling. */
  readonly write: 'cache-aside' | 'write-through' | 'write-around' | 'write-behind'
  /** The key under which an id is cached. */
  keyOf(id: Id): Key
  /** The value: queued, cached, or loaded once for all who ask. `undefined`: there is none. */
  get(id: Id, options?: LoadOptions): Promise<T | undefined>
  /** Values in the order of the ids; only what is missing is loaded, in one call where there is `loadMany`. */
  getMany(ids: readonly Id[], options?: LoadOptions): Promise<(T | undefined)[]>
  /**
   * Writes a value to source and cache as `write` says. Through and around: resolves when the source has committed and
   * caches have been told, before and after. Behind: when the journal has it. Rejects with the source's error, and with
   * `LEDGER_UNREACHABLE` where caches could not be told: the write itself is then done (through, around), or kept
   * (behind).
   */
  set(id: Id, value: T, options?: CollectionWriteOptions): Promise<void>
  /** Several at once, by one call of `storeMany` where there is one. */
  setMany(entries: Iterable<readonly [Id, T]>, options?: CollectionWriteOptions): Promise<void>
  /**
   * Removes from source and caches.
   * @throws MillpondError `OPTION_INVALID` where the collection has a source and no `remove`.
   */
  delete(id: Id): Promise<Receipt>
  /** Forgets what is cached; the source stays as it is, and so do queued writes. */
  invalidate(ids: Id | readonly Id[]): Promise<Receipt>
  /** Loads anew, whatever is cached. */
  refresh(id: Id, options?: LoadOptions): Promise<T | undefined>
  /** Sends what is queued, and resolves when it has reached the source or was set aside. */
  flush(): Promise<void>
  readonly deadLetters: DeadLetters<Id>
}
