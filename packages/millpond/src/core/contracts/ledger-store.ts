// The contract of the store for the numbers that decide what is valid, and of the outbox for what could not reach it.
import type { Line, Position, Target } from '../ledger.ts'
import type { Scope, TierItem } from './entry.ts'
import type { PeerRegion, Regions } from './regions.ts'

/**
 * What an advance does besides incrementing the number, in the same step if the ledger's own tier holds the entries.
 */
export interface Change {
  /** The keys, tags and patterns to invalidate. */
  readonly targets: readonly Target[]
  /** `expire`: entries become stale instead of invalid. */
  readonly mode: 'delete' | 'expire'
  /**
   * Shown in events, logs and explanations of later misses: a `RemovalReason`, or one followed by `: ` and the caller's
   * own words (at most 200 characters).
   */
  readonly reason: string
  /** Receipt id, shown in logs and `explain`. */
  readonly id: string
  /** Storage keys to drop in the same step. */
  readonly drop: readonly string[]
  /** Entries to write in the same step; they get the new position. The i-th belongs to the i-th target, a key. */
  readonly write: readonly Omit<TierItem, 'asOf'>[]
  /**
   * Write an entry only if its key has not moved since this position (drop it otherwise; the number is incremented in
   * any case). A command that was given up may still arrive late: it must not overwrite what others wrote meanwhile. A
   * pattern counts as a move of every key, whatever it matches; a position that the record has not reached counts as
   * moved.
   */
  readonly unmovedSince?: Position
  /**
   * With `unmovedSince` or `settles`: the i-th list holds the tags of the i-th of `write`, which must not have moved
   * either. A late entry would get a newer number than the tag's invalidation, and so outlive it.
   */
  readonly watch?: readonly (readonly string[])[]
  /**
   * Holds the keys and tags that the step names, for so many milliseconds of the store's own time, under the step's
   * number. While a key is held nothing is stored for it, neither by `commit` nor by `write`, except by the step that
   * ends its only hold. A hold that expires becomes a step that names what is still held: the next `pull` or `advance`
   * takes it, and until then the hold stands. Holds survive a clear, and end with their epoch.
   */
  readonly hold?: number
  /** Ends holds. A `write` whose target ends one is judged from that hold's number on, not from `unmovedSince`. */
  readonly settles?: Settled
}

/** Which holds a step ends. */
export interface Settled {
  readonly epoch: string
  /**
   * The i-th: the number of the hold on the step's i-th target that ends; undefined for none. As many as there are
   * targets.
   */
  readonly seqs: readonly (number | undefined)[]
}

export interface Advanced {
  /** The position of the step. */
  readonly position: Position
  /** How many of `drop` existed. */
  readonly dropped: number
  /** Whether each of `drop` existed. If a store cannot tell, invalidations of a burst are sent one by one. */
  readonly wasThere?: readonly boolean[]
  /** With `unmovedSince` or `settles`: whether each of `write` was stored. */
  readonly stored?: readonly boolean[]
}

/** Everything in force: for a process without a position. */
export interface Snapshot {
  readonly kind: 'snapshot'
  /** The position that it describes. */
  readonly position: Position
  /** Entries below it are invalid, whatever else is known. */
  readonly floor: number
  /**
   * Key targets up to it may have been forgotten: entries below it that no step has dropped (in tiers besides the
   * ledger's own) are invalid. Never less than what was answered before in this epoch.
   */
  readonly outerFloor: number
  /** The targets in force, as lines. */
  readonly lines: readonly Line[]
}

/** Everything after the asked position, without a gap. */
export interface Tail {
  readonly kind: 'tail'
  /** The position that the lines lead to. */
  readonly position: Position
  /** As in a snapshot. */
  readonly floor: number
  /** As in a snapshot. */
  readonly outerFloor: number
  /** The lines, in the order of their numbers. */
  readonly lines: readonly Line[]
}

/** One of many leases that are requested, or released, together. */
export interface LeaseAsk {
  /** The storage key. */
  readonly key: string
  /** The caller's id. */
  readonly id: string
}

export type LeaseAnswer = { readonly granted: true } | { readonly granted: false; readonly leftMs: number }

/** A namespace, and the position up to which a process has applied its lines. */
export interface LedgerPlace {
  /** The name of the namespace. */
  readonly namespace: string
  /** The position of the process in it. */
  readonly position: Position
}

/** What a process says of itself to the ledger's store. */
export interface Heartbeat {
  /** Grows with each: one that comes after a later one is ignored. */
  readonly count: number
  /** Every line up to these positions is applied in this process. */
  readonly moved: readonly LedgerPlace[]
  /** Nothing of these namespaces is trusted in this process any more. */
  readonly left: readonly string[]
}

/**
 * The ledger's record of a namespace. Each call is one atomic step, and names the epoch that it is based on.
 * Rejects with `LEDGER_UNREACHABLE` if the store does not answer in time.
 */
export interface LedgerStore {
  /** Which processes share it. */
  readonly scope: Scope
  /**
   * Lines after `from`, or a snapshot if `from` is absent, of another epoch, or older than the log.
   * Creates the record if there is none. The answer is at least as new as the moment the question was sent. `progress`
   * is called for each part of an answer that takes several: who waits gives it its time anew.
   */
  pull(namespace: string, from?: Position, progress?: () => void): Promise<Snapshot | Tail>
  /**
   * One question for many namespaces: for each, whether `pull` from its position would return a tail without lines. At
   * least as new as the moment the question was sent. `false` also if the store cannot tell without `pull`, and if
   * `pull` has something to do. Without it each namespace in use is polled by its own `pull`, ten times a second.
   */
  readonly unmoved?: ((places: readonly LedgerPlace[]) => Promise<readonly boolean[]>) | undefined
  /**
   * How many steps (`advance`) it takes at once, of all namespaces. More of them wait in the process, where those of
   * one namespace become one step. Without it they are all sent.
   */
  readonly stepsAtOnce?: number | undefined
  /** Increments the number, logs the line, drops and writes: one step, all or nothing. */
  advance(namespace: string, change: Change): Promise<Advanced>
  /**
   * Stores loaded entries, each only if its epoch is current, its position is not below the commit floor, and its key
   * is not held and has not moved since; with `lease`, only while that lease is still held, which may end with it.
   * Answers per item, and idempotently while the lease lasts.
   */
  commit(namespace: string, items: readonly CommitItem[]): Promise<boolean[]>
  /**
   * One load over all processes: grants the key's lease to `id`, or says how long the holder has left. A holder may ask
   * again (renew).
   */
  lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer>
  /** Ends the lease of the key, if `id` holds it. */
  release(namespace: string, key: string, id: string): Promise<void>
  /**
   * `lease` for a few hundred keys in one round trip, as if they were requested one after another; each has its own
   * answer, in their order. Two processes that request the same keys in different orders must not wait for each other.
   * Without it a burst of loads requests them one by one, and most of it runs without leases.
   */
  leaseAll?(namespace: string, asks: readonly LeaseAsk[], ms: number): Promise<readonly LeaseAnswer[]>
  /** The same for `release`. */
  releaseAll?(namespace: string, asks: readonly LeaseAsk[]): Promise<void>
  /**
   * Calls `wake` soon after the namespace moves, with where it is then if the store says so: a process that is there
   * already asks nothing. `keys`: some of those that the step invalidates, as its targets name them, which are dropped
   * from memory at once. A hint only: correctness rests on `pull`. Returns a function that stops it.
   */
  follow?(namespace: string, wake: (at?: Position, keys?: readonly string[]) => void): () => void
  /**
   * This process has applied every line up to the position. Kept for some seconds; a process that ends leaves by
   * silence.
   */
  report?(namespace: string, id: string, position: Position): Promise<void>
  /**
   * `report` for all namespaces of a process: that it lives is said once for all, and of a namespace only what is new.
   * What it said before holds for as long as it lives. `false`: its last heartbeat, the one numbered before this one,
   * is not known (it was silent for too long, the store has lost it, or has gone back to what it held earlier), so all
   * of it must be said again. Without it each namespace is reported by itself, once a second.
   */
  readonly heartbeat?: ((id: string, beat: Heartbeat) => Promise<boolean>) | undefined
  /**
   * With `report` alone: the process trusts nothing of the namespace any more, and never will under this id. Without it
   * one that closes leaves by silence.
   */
  leave?(namespace: string, id: string): Promise<void>
  /** The processes that reported, or whose heart has beaten, in the last 3 seconds: those of the current epoch. */
  nodes?(namespace: string): Promise<readonly LedgerNode[]>
  /**
   * Declares that entries of this ledger are also in tiers besides its own that outlive a process (files, Memcached,
   * SQLite beside Redis): key targets are then kept as long as there is room, however old they are, and `outerFloor`
   * says up to where they are forgotten. Called before the first use; remembered with the record.
   */
  coverOtherTiers?(): void
  /** Entries of its own tier change after the step, not in it: they count like those of another tier. */
  readonly entriesApart?: boolean
  /** Other regions, which have their own ledgers and apply each step of this one later. */
  readonly regions?: LedgerRegions
}

/** The regions that receive a ledger's steps. */
export interface LedgerRegions extends Regions {
  /** The names of the other regions. */
  readonly others: readonly string[]
  /** How long an invalidation waits for the others before its receipt says which have applied it. */
  readonly waitMs: number
  /**
   * Waits until the others have applied everything up to the position. Resolves with those that have not within the
   * time, or do not report.
   */
  behind(namespace: string, position: Position, timeoutMs: number): Promise<readonly string[]>
  /** How much this region knows of the others. */
  heard(): readonly PeerRegion[]
}

/** A process that uses the ledger, as it last reported. */
export interface LedgerNode {
  /** The process's id. */
  readonly id: string
  /** Every line up to it is applied there. */
  readonly seq: number
  /** Since its last report, in milliseconds, by the store's own clock. */
  readonly ageMs: number
}

/** Invalidations that could not reach the ledger, kept across a crash of the process. Every call settles. */
export interface Outbox {
  add(namespace: string, change: OutboxChange): Promise<string>
  /** What is kept for a namespace, oldest first. */
  list(namespace: string): Promise<readonly { readonly id: string; readonly change: OutboxChange }[]>
  remove(ids: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** What an outbox stores of a change: what to invalidate, never a value. */
export type OutboxChange = Pick<Change, 'targets' | 'mode' | 'reason' | 'id' | 'drop'>

export interface CommitItem extends TierItem {
  /** The key as the ledger's targets name it (not the storage key). */
  readonly target: string
  /** Id of the lease under which it was loaded. */
  readonly lease?: string
}
