// The contract of a tier outside the heap: bytes in, bytes out, in batches.
import type { NodeStore } from '../nodes.ts'
import type { Scope, Stored, TierItem } from './entry.ts'
import type { LedgerStore } from './ledger-store.ts'

/**
 * How much a tier takes at a time. What is beyond a limit is never sent: a long key is shortened, a large body is
 * stored in pieces, a large batch goes in several calls, and calls beyond `calls` wait for those before them.
 */
export interface TierLimits {
  /**
   * The longest storage key, in bytes of UTF-8, at least 64. Default: no limit but that of storage keys, 512
   * characters.
   */
  readonly keyBytes?: number
  /**
   * The largest body, in bytes, at least 1024; a larger one goes in pieces of up to 256 KB, each an item. Default: no
   * limit.
   */
  readonly itemBytes?: number
  /**
   * The largest body that goes in pieces, in bytes; 0: none does. What is larger is refused. Default 64 MiB, and never
   * more than one item can list.
   */
  readonly entryBytes?: number
  /** The most keys or items of one call. Default 1,000. */
  readonly items?: number
  /** The most bytes of bodies in one call, beyond its first item. Default 8 MiB. */
  readonly batchBytes?: number
  /** The most calls of one verb under way at a time. Default 8. */
  readonly calls?: number
}

/** The most that a tier holds, over all who use its store; who comes then takes the place of others. */
export interface TierBounds {
  readonly maxEntries?: number
  /** As `usage` counts them. */
  readonly maxBytes?: number
}

/** What a tier holds. */
export interface TierUsage {
  readonly entries?: number
  readonly bytes?: number
  /** Entries that have left for want of room, since the store was made. */
  readonly evicted?: number
}

/** A store of a tier that is made of several, as this process sees it; what is counted since it came to the tier. */
export interface TierMember {
  readonly name: string
  /** Its share of the keys, beside the weights of the others. */
  readonly weight: number
  /**
   * `away`: it did not answer; it is tried from beside, and others are asked meanwhile. `doubted`: it is back, and its
   * answers are compared with another copy's.
   */
  readonly state: 'up' | 'doubted' | 'away'
  /** Entries that this process keeps for it. */
  readonly hints: number
  /** Of these, those that were let go for want of room. */
  readonly hintsDropped: number
  /** Of these, those that it was given when it was back. */
  readonly handedOver: number
  /** Keys that it was asked for. */
  readonly reads: number
  /** Commands that it did not carry out, or not in time; those by which it is tried while it is away do not count. */
  readonly failures: number
  /** Copies that it lacked, or had in an older form, as a read has shown, and was given. */
  readonly repaired: number
  /**
   * Copies that moves and repairs of the whole ring, as far as this process does them, have brought to it, and taken
   * from it.
   */
  readonly movedIn: number
  readonly movedOut: number
}

/** One step of `examine`: what was tried, how it went, and what to do. No secret is in it. */
export interface TierStep {
  /**
   * In this order, where there is such a step: a name resolved, a port reached, TLS, a user signed in, round trips,
   * what the server is, whether its settings suit a cache; `open` in place of the first four for what lies on a disk.
   */
  readonly step: 'resolve' | 'connect' | 'tls' | 'authenticate' | 'open' | 'ping' | 'server' | 'settings'
  /** Which server or folder. */
  readonly at: string
  /** `warning`: it works, and yet not as it should. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly ms: number
  /** What was found. */
  readonly detail?: string
  /** What to do. With each step that is not ok. */
  readonly remedy?: string
}

/** What a tier is told of a call beside its keys. */
export interface TierCall {
  /** Fires when nobody waits for the answer any more. Made when it is first read. */
  readonly signal: AbortSignal
}

/** Why a tier did not store an item, though it is well: no failure, and no reason to ask it less. */
export type Refusal = 'too_large' | 'key_too_long' | 'full' | 'unsupported'

/**
 * A tier outside the process's heap. Keys are storage keys: already prefixed with their namespace, well-formed UTF-16,
 * at most 512 characters (or `limits.keyBytes`). Values are opaque bytes. The batch is the only path.
 *
 * Obligations: `read` answers in the order of the keys, `undefined` for absent or expired or unreadable entries, and
 * never throws for a bad entry; in one batch the last write of a key wins; every call settles; a failure rejects with a
 * `MillpondError` of code `TIER_FAILED`, after `close` with `CLOSED`; nothing blocks the event loop. What is stored is
 * checked as a whole: of a record in which a single bit has changed, the position and the deadline included, nothing is
 * answered.
 *
 * What the caller does for it: keys and bodies are within `limits`, calls beyond `limits.calls` wait, a call that is
 * not answered within its deadline (which begins when it is made) is given up and its `signal` fires, and a tier that
 * fails again and again is left alone for a while.
 */
export interface Tier {
  /** As shown to operators: `redis`, `sqlite`. */
  readonly name: string
  readonly scope: Scope
  /** Survives a restart of the process. */
  readonly durable: boolean
  readonly limits?: TierLimits
  /** Absent: none that this side knows of. */
  readonly bounds?: TierBounds
  /**
   * Where its entries lie, a text for each store: tiers that have one in common are one store, which cannot keep two
   * copies of anything. No secret is in it. Absent: nobody can tell.
   */
  readonly places?: readonly string[]
  read(keys: readonly string[], call?: TierCall): Promise<(Stored | undefined)[]>
  /** Answers nothing where all was stored, else for each item why it was not, `undefined` where it was. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing answers so
  write(items: readonly TierItem[], call?: TierCall): Promise<readonly (Refusal | undefined)[] | void>
  /** Resolves with how many were there. */
  drop(keys: readonly string[], call?: TierCall): Promise<number>
  /** Removes every key that begins with the prefix. Resolves with how many there were, where the tier can tell. */
  clear(prefix: string, call?: TierCall): Promise<number>
  /** Keys that begin with the prefix, in small steps; absent where the tier cannot list. */
  scan?(prefix: string): AsyncIterable<readonly string[]>
  /** Where the tier can tell cheaply. */
  usage?(): Promise<TierUsage>
  /** Of a tier that is made of several stores: each of them. */
  members?(): readonly TierMember[]
  /**
   * `scan` and `clear` may pass over what is there all the while: nobody can prove by them that it is gone. Default
   * false.
   */
  readonly scanMayMiss?: boolean
  /**
   * Overwrites or lets go of what is still there of entries that were dropped, replaced, or are over: free pages, logs,
   * old segments of the tier's own. Absent where nothing of that kind is in the tier's hands. May take its time;
   * rejects where it could not be done.
   */
  scrub?(): Promise<void>
  /**
   * Whether its store can be reached and suits a cache, in steps, over connections of their own; what comes after a
   * step that failed is left out. Never rejects for what is wrong with the store. Absent where there is nothing to
   * reach.
   */
  examine?(): Promise<readonly TierStep[]>
  /** The numbers that decide what is valid, where this tier can hold them (DESIGN: the ledger). */
  readonly ledger?: LedgerStore
  /** Where the processes that use this tier may meet, where it can hold that (`millpond/nodes`). */
  readonly nodes?: NodeStore
  /** May be called twice. */
  close(): Promise<void>
}
