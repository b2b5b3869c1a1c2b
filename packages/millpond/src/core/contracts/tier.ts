// The contract of a tier outside the heap: bytes in, bytes out, in batches.
import type { NodeStore } from '../nodes.ts'
import type { Scope, Stored, TierItem } from './entry.ts'
import type { LedgerStore } from './ledger-store.ts'

/**
 * A tier's limits. They are never exceeded: a long key is shortened, a large body is stored in pieces, a large batch is
 * split into several calls, and calls beyond `calls` wait for earlier ones.
 */
export interface TierLimits {
  /**
   * The longest storage key, in bytes of UTF-8, at least 64. Default: no limit but that of storage keys, 512
   * characters.
   */
  readonly keyBytes?: number
  /**
   * The largest body, in bytes, at least 1024; a larger one is stored in pieces of up to 256 KB, each an item. Default:
   * no limit.
   */
  readonly itemBytes?: number
  /**
   * The largest body that is stored in pieces, in bytes; 0: none. Larger ones are refused. Default 64 MiB, and never
   * more than one item can list.
   */
  readonly entryBytes?: number
  /** The most keys or items of one call. Default 1,000. */
  readonly items?: number
  /** The most bytes of bodies in one call, beyond its first item. Default 8 MiB. */
  readonly batchBytes?: number
  /** The most concurrent calls of one verb. Default 8. */
  readonly calls?: number
}

/** The capacity of a tier, over all users of its store; beyond it entries are evicted. */
export interface TierBounds {
  /** The most entries. */
  readonly maxEntries?: number
  /** As `usage` counts them. */
  readonly maxBytes?: number
}

/** The contents of a tier. */
export interface TierUsage {
  /** The number of entries. */
  readonly entries?: number
  /** The bytes of its entries. */
  readonly bytes?: number
  /** Entries evicted for lack of space, since the store was created. */
  readonly evicted?: number
}

/** A store of a tier that consists of several, as seen by this process; counted since it joined the tier. */
export interface TierMember {
  /** Its name within the tier. */
  readonly name: string
  /** Its share of the keys, relative to the weights of the others. */
  readonly weight: number
  /**
   * `away`: it did not answer; it is probed in the background, and others are used meanwhile. `doubted`: it is back,
   * and its answers are compared with another copy's.
   */
  readonly state: 'up' | 'doubted' | 'away'
  /** Entries that this process holds for it. */
  readonly hints: number
  /** Of these, those that were dropped for lack of space. */
  readonly hintsDropped: number
  /** Of these, those that were delivered when it was back. */
  readonly handedOver: number
  /** Keys that were requested from it. */
  readonly reads: number
  /** Commands that failed or timed out; probes while it is away do not count. */
  readonly failures: number
  /** Copies that it lacked, or had in an older version, as a read has shown, and that were repaired. */
  readonly repaired: number
  /** Copies that moves and repairs of the whole ring, as far as this process does them, have written to it. */
  readonly movedIn: number
  /** Copies that they have removed from it. */
  readonly movedOut: number
}

/** One step of `examine`: what was tried, the result, and the remedy. Contains no secrets. */
export interface TierStep {
  /**
   * In this order, if applicable: a name resolved, a port reached, TLS, a user signed in, round trips, the server's
   * version, whether its settings suit a cache; `open` in place of the first four for a store on disk.
   */
  readonly step: 'resolve' | 'connect' | 'tls' | 'authenticate' | 'open' | 'ping' | 'server' | 'settings'
  /** The server or folder. */
  readonly at: string
  /** `warning`: it works, but not as it should. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  /** How long it took, in milliseconds. */
  readonly ms: number
  /** What was found. */
  readonly detail?: string
  /** The remedy. Present for each step that is not ok. */
  readonly remedy?: string
}

/** Context of a tier call. */
export interface TierCall {
  /** Aborted when the answer is no longer needed. Created when it is first read. */
  readonly signal: AbortSignal
}

/** Why a healthy tier did not store an item: not a failure, and no reason to use it less. */
export type Refusal = 'too_large' | 'key_too_long' | 'full' | 'unsupported'

/**
 * A tier outside the process's heap. Keys are storage keys: already prefixed with their namespace, well-formed UTF-16,
 * at most 512 characters (or `limits.keyBytes`). Values are opaque bytes. The batch is the only path.
 *
 * Obligations: `read` answers in the order of the keys, `undefined` for absent or expired or unreadable entries, and
 * never throws for a bad entry; in one batch the last write of a key wins; every call settles; a failure rejects with a
 * `MillpondError` of code `TIER_FAILED`, after `close` with `CLOSED`; nothing blocks the event loop. Stored records are
 * verified as a whole: a record in which a single bit has changed, including the position and the deadline, is not
 * returned.
 *
 * What the caller does for it: keys and bodies are within `limits`, calls beyond `limits.calls` wait, a call that is
 * not answered within its deadline (which begins when it is made) is given up and its `signal` fires, and a tier that
 * fails again and again is left alone for a while.
 */
export interface Tier {
  /** As shown to operators: `redis`, `sqlite`. */
  readonly name: string
  /** Who sees its entries: this process, this host, or every process. */
  readonly scope: Scope
  /** Survives a restart of the process. */
  readonly durable: boolean
  /**
   * What it accepts: the sizes of keys, items and batches, and the number of concurrent calls. Absent: no known limits.
   */
  readonly limits?: TierLimits
  /** Its capacity, in entries and bytes. Absent: no known bounds. */
  readonly bounds?: TierBounds
  /**
   * The location of its entries, a text for each store: tiers with one in common are one store, which cannot hold two
   * copies of anything. Contains no secrets. Absent: unknown.
   */
  readonly places?: readonly string[]
  /** The entries of the keys, in their order; `undefined` for each that is absent, expired or unreadable. */
  read(keys: readonly string[], call?: TierCall): Promise<(Stored | undefined)[]>
  /** Resolves with nothing if everything was stored, else for each item why it was not, `undefined` if it was. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing answers so
  write(items: readonly TierItem[], call?: TierCall): Promise<readonly (Refusal | undefined)[] | void>
  /** Resolves with how many existed. */
  drop(keys: readonly string[], call?: TierCall): Promise<number>
  /** Removes every key that begins with the prefix. Resolves with how many there were, if the tier can tell. */
  clear(prefix: string, call?: TierCall): Promise<number>
  /** Keys that begin with the prefix, in small steps; absent if the tier cannot list. */
  scan?(prefix: string): AsyncIterable<readonly string[]>
  /** If the tier can tell cheaply. */
  usage?(): Promise<TierUsage>
  /** For a tier that consists of several stores: each of them. */
  members?(): readonly TierMember[]
  /** `scan` and `clear` may miss existing entries: they cannot prove that something is gone. Default false. */
  readonly scanMayMiss?: boolean
  /**
   * Overwrites or discards the remains of entries that were dropped, replaced, or have expired: free pages, logs, old
   * segments of the tier. Absent if the tier has none of that kind. May take a while; rejects if it could not be done.
   */
  scrub?(): Promise<void>
  /**
   * Whether its store can be reached and suits a cache, in steps, over separate connections; steps after a failed one
   * are omitted. Never rejects for a problem of the store. Absent if there is nothing to reach.
   */
  examine?(): Promise<readonly TierStep[]>
  /** The numbers that decide what is valid, if this tier can hold them (DESIGN: the ledger). */
  readonly ledger?: LedgerStore
  /** Where the processes that use this tier can meet, if it supports that (`millpond/nodes`). */
  readonly nodes?: NodeStore
  /** May be called twice. */
  close(): Promise<void>
}
