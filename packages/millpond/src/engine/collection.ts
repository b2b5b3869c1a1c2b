// The public types of a collection: its options are given once (its source, its writes), and its verbs follow from
// them.

import type { Duration } from '../core/duration.ts'
import type { GuardOptions, SourceGuard } from '../core/guard.ts'
import type { Key } from '../core/key.ts'
import type { ById, EntryOptions, LoadOptions, ReadOptions } from '../core/options.ts'
import type { StandardSchema } from '../core/standard-schema.ts'
import type { LoadStrategy } from '../core/strategies.ts'
import type { Receipt } from './receipt.ts'

/** How writes are handled. Both spellings mean the same. */
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

/** A strategy by name: how values are read, stored or written. */
export type Strategy = WriteStrategy | LoadStrategy

/** The context of a collection's loader. */
export interface CollectionContext {
  /** The encoded key. */
  readonly key: string
  /** Aborted when no caller waits any more, or at the hard timeout. */
  readonly signal: AbortSignal
  /** Adds tags to the entry. */
  addTags(...tags: string[]): void
  /** Another TTL for this value: see `LoadContext`. */
  setTtl(ttl: Duration): void
}

/** What a write to the source is given. */
export interface StoreContext {
  /** Aborted when a write-behind has taken longer than `writeBehind.timeout`: it will be retried. */
  readonly signal: AbortSignal
  /**
   * For write-behind: increases with each write of a key, across restarts, so that a source that stores it can refuse
   * older ones. 0 for other writes.
   */
  readonly number: number
}

/** One write of several. */
export interface CollectionWrite<Id, T> {
  /** The id of the record. */
  readonly id: Id
  /** The value to store. */
  readonly value: T
  /** As `StoreContext.number`. */
  readonly number: number
}

/**
 * A Redis or Valkey server that keeps acknowledged writes, for all hosts. It must sync what it acknowledges and must
 * not evict: `appendonly yes`, `appendfsync always`, and `maxmemory 0` or `maxmemory-policy noeviction`; a server with
 * other settings is refused.
 */
export interface WriteStreamOptions {
  /** `redis://host:6379`; needs the package ioredis. */
  readonly url?: string | undefined
  /** Instead, an ioredis client (Redis or Cluster), which stays open. */
  readonly client?: WriteStreamClient | undefined
  /**
   * From 2000: `appendfsync everysec` is accepted, and writes acknowledged in the last two seconds may be lost with the
   * server. Default 0.
   */
  readonly allowLossMs?: number | undefined
  /** Its settings cannot be read (a managed service), and you vouch for them. Default false. */
  readonly assumeDurable?: boolean | undefined
  /**
   * Replicas that must have a write before it is acknowledged (WAIT): writes that only the master has are lost in a
   * failover. Default 0.
   */
  readonly replicas?: number | undefined
}

/** The used part of an ioredis client. */
export interface WriteStreamClient {
  /** Sends a command; strings in the answer are decoded. */
  call(command: string, args: (string | number | Uint8Array)[]): Promise<unknown>
  /** Sends a command; strings in the answer are bytes. */
  callBuffer(command: string, args: (string | number | Uint8Array)[]): Promise<unknown>
}

/** How writes are kept, batched and sent that are acknowledged before they are stored. */
export interface WriteBehindOptions {
  /**
   * What an acknowledged write survives. `journal`: the end of the process. `journal-sync`: also a power failure.
   * `stream`: the loss of the process's host and a crash of the Redis server that keeps it. `memory`: nothing, it is
   * lost with the process. Default `stream` if `stream` is given, else `journal`.
   */
  readonly durability?: 'journal' | 'journal-sync' | 'memory' | 'stream' | undefined
  /**
   * The journal's folder: of this collection only, shared by all processes of this host, created if missing. Required
   * for `journal`.
   */
  readonly journal?: string | undefined
  /** The server that keeps acknowledged writes. Required for `stream`. */
  readonly stream?: WriteStreamOptions | undefined
  /**
   * How long a write waits for others before it goes to the source. It goes earlier if `maxBatch` keys wait that were
   * not sent within this time, and if half of `maxQueued` is taken: so of a key that is written continuously one write
   * is sent in this time. Default `'2s'`.
   */
  readonly maxDelay?: Duration | undefined
  /** The most writes of one call of `storeMany`, and of concurrent calls of `store`. Default 100. */
  readonly maxBatch?: number | undefined
  /** Keys that may wait for the source; further writes wait for room. Default 10,000. */
  readonly maxQueued?: number | undefined
  /** How long it waits for room before it is refused with `QUEUE_FULL`. Default `'5s'`. */
  readonly maxWait?: Duration | undefined
  /** How long a call of the source may take before it counts as failed. Default `'30s'`. */
  readonly timeout?: Duration | undefined
  /**
   * How often a write that the source refuses, while it accepts others, is tried before it becomes a dead letter.
   * Default 8.
   */
  readonly maxAttempts?: number | undefined
  /** How long `close()`, and the process after SIGTERM, wait for the queue to drain. Default `'10s'`. */
  readonly drainTimeout?: Duration | undefined
  /**
   * Drain on SIGTERM. A process with its own SIGTERM listener decides itself when to end, any other ends by the signal
   * once everything is drained. Default true.
   */
  readonly drainOnSigterm?: boolean | undefined
}

/** What tells which of two records is the later one: a row's number, or when it was changed. */
export type RecordVersion = number | bigint | Date

type StoreMany<Id, T, Answer> = (
  writes: readonly CollectionWrite<Id, T>[],
  context: { readonly signal: AbortSignal },
) => Answer

/** The options of a collection. `Id` and `T` are inferred from its loader. */
export interface CollectionOptions<Id, T> extends Omit<LoadOptions, 'tags' | 'strategy' | keyof ReadOptions> {
  /** The key of an id. Default `[name, id]`. */
  readonly key?: ((id: Id) => Key) | undefined
  /**
   * The shape of a record: a Standard Schema (Zod, Valibot, ArkType and others) that is synchronous and accepts its own
   * output. Loaded or set values of another shape are `VALUE_UNSUPPORTED`. Values stored by another version of the
   * program, in any tier, are converted by the schema, else by `upgrade`, else they are a miss (`other_shape`). Keys
   * must be tuples that end with the id. Values in memory are not validated again.
   */
  readonly schema?: StandardSchema<T> | undefined
  /**
   * Converts a record of another shape; `undefined`: impossible. Needs `schema`. An error counts as `undefined`, and is
   * reported by `warning`.
   */
  readonly upgrade?: ((old: unknown, id: Id) => T | undefined) | undefined
  /**
   * The version of a record. One that is older than what this process has seen in the last minute is not accepted: from
   * a tier it is a miss (`older_version`), from a replica the source is read instead, and from the source (a lagging
   * one) it is returned to the caller and not stored. Keys must be tuples that end with the id; `getMany` then loads
   * each separately, and these loads are batched in `loadMany`.
   */
  readonly versionOf?: ((value: T) => RecordVersion) | undefined
  /**
   * Part of every key: values of another shape get another version, and old and new processes do not share entries. Nor
   * do they share invalidations, except by tags that both use: if both write, use `schema` instead.
   */
  readonly keyVersion?: number | string | undefined
  /** The tags of an entry; a function derives them from each value. */
  readonly tags?: readonly string[] | ((value: T, id: Id) => readonly string[]) | undefined
  /** Loads one value. `undefined`: not found, and nothing is stored. */
  readonly load?: ((id: Id, context: CollectionContext) => Promise<T | undefined> | T | undefined) | undefined
  /** Loads one value from a replica, if the source is slow or fails: see `hedge` of the guard, which says when. */
  readonly replicaLoad?: ((id: Id, context: CollectionContext) => Promise<T | undefined> | T | undefined) | undefined
  /**
   * The guard of the source's loads: the name of one of `cache.guard`, the guard itself, or its options. Default: none.
   */
  readonly guard?: string | SourceGuard | GuardOptions | undefined
  /**
   * Loads several at once: an array in the order of the ids (an `Error` in it fails only its own id), or a Map from id
   * to value. Individual reads of one turn are batched in it.
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
   * Writes several. Resolves with nothing if all are stored, or with one result each, in their order: `undefined` for
   * stored, else its error. A rejection means that the result is unknown. An error whose `permanent` is true is not
   * retried.
   */
  readonly storeMany?:
    | StoreMany<Id, T, Promise<void>>
    | StoreMany<Id, T, Promise<readonly unknown[] | undefined>>
    | undefined
  /**
   * How long a write through or around may take: for so long its keys are held, so that a possibly old value is not
   * cached. If the process ends between source and caches the hold remains, and when it expires the keys are
   * invalidated. From 1 ms to an hour. Default `'10s'`.
   */
  readonly hold?: Duration | undefined
  /** Removes one from the source. Required for `delete`. */
  readonly remove?: ((id: Id, context: StoreContext) => unknown) | undefined
  /**
   * How writes are handled. Default: `write-behind` with `writeBehind`, else `write-through` with `store` or
   * `storeMany`, else `cache-aside`.
   */
  readonly write?: WriteStrategy | undefined
  /**
   * The same by the names of strategies, one or several; for `refresh-ahead` 0.8 of the TTL unless `refreshAhead` says
   * otherwise.
   */
  readonly strategy?: Strategy | readonly Strategy[] | undefined
  /** Writes are acknowledged when they are queued, and reach the source later. */
  readonly writeBehind?: WriteBehindOptions | undefined
}

/** The options of a collection's write. */
export interface CollectionWriteOptions extends EntryOptions {
  /** For this call. A write-behind collection always writes behind: its queue knows the order. */
  readonly write?: WriteStrategy | undefined
}

/** A write that the source refuses: a dead letter. */
export interface CollectionDeadLetter<Id> {
  /** The encoded key. */
  readonly key: string
  /** Absent if the bytes of the journal cannot be read any more; they are kept all the same. */
  readonly id?: Id
  /** Whether the value was to be stored or removed; absent if unreadable. */
  readonly kind?: 'set' | 'remove'
  /** The value that was to be stored. */
  readonly value?: unknown
  /** The message of the source's last error. */
  readonly error: string
}

/**
 * Dead letters: kept in the journal, across restarts, until they are retried or dropped, or their key is written again.
 */
export interface DeadLetters<Id> {
  /** All that this process holds. */
  list(): readonly CollectionDeadLetter<Id>[]
  /** Queues the id's again. `false`: there is none, or it is unreadable. */
  retry(id: Id): boolean
  /** Permanently drops the id's. `false`: there is none. */
  drop(id: Id): boolean
}

/** A collection with its source. Created by `cache.collection`. */
export interface Collection<Id, T> {
  /** As given to `cache.collection`. */
  readonly name: string
  /** How writes are handled, in its first spelling. */
  readonly write: 'cache-aside' | 'write-through' | 'write-around' | 'write-behind'
  /** The key under which an id is cached. */
  keyOf(id: Id): Key
  /** The value: queued, cached, or loaded once for all callers. `undefined`: not found. */
  get(id: Id, options?: LoadOptions): Promise<T | undefined>
  /** Values in the order of the ids; only missing ones are loaded, in one call if there is `loadMany`. */
  getMany(ids: readonly Id[], options?: LoadOptions): Promise<(T | undefined)[]>
  /**
   * Writes a value to source and cache, by `write`. Through and around: resolves when the source has committed and
   * caches have been invalidated, before and after. Behind: when the journal has it. Rejects with the source's error,
   * and with `LEDGER_UNREACHABLE` if caches could not be told: the write itself is then done (through, around), or kept
   * (behind).
   */
  set(id: Id, value: T, options?: CollectionWriteOptions): Promise<void>
  /** Several at once, by one call of `storeMany` where there is one. */
  setMany(entries: Iterable<readonly [Id, T]>, options?: CollectionWriteOptions): Promise<void>
  /**
   * Removes from source and caches.
   * @throws MillpondError `OPTION_INVALID` if the collection has a source but no `remove`.
   */
  delete(id: Id): Promise<Receipt>
  /** Invalidates cached entries; the source stays as it is, and so do queued writes. */
  invalidate(ids: Id | readonly Id[]): Promise<Receipt>
  /** Loads, whatever is cached. */
  refresh(id: Id, options?: LoadOptions): Promise<T | undefined>
  /** Sends queued writes, and resolves when they have reached the source or become dead letters. */
  flush(): Promise<void>
  /** The writes that the source has refused. */
  readonly deadLetters: DeadLetters<Id>
}
