// What a ledger is given, and what it tells its namespace.
import type { Advanced, Clock, HiddenNames, LedgerStore, Outbox } from '../core/contracts.ts'
import type { Line } from '../core/ledger.ts'

export interface LedgerOptions {
  readonly namespace: string
  readonly store: LedgerStore | undefined
  readonly clock: Clock
  readonly compile: (pattern: string) => (key: string) => boolean
  /** How long after a question memory may be trusted, in milliseconds. */
  readonly trustMs: number
  /** The longest a question or a step may take, in milliseconds. */
  readonly timeoutMs: () => number
  /** Keeps invalidations that could not reach the store, so that they survive a crash of the process. */
  readonly outbox: Outbox | undefined
  /** The id of this process, as others see it. */
  readonly nodeId: () => string
  /**
   * What stands for keys and tags outside the process; undefined where they are not hidden. All lines have it, those of
   * this process too.
   */
  readonly names: () => HiddenNames | undefined
}

/** `isApplied: false`: kept in the outbox, and applied before memory is trusted again. */
export interface Outcome extends Advanced {
  readonly isApplied: boolean
}

/** How the namespace reacts when the ledger moves. */
export interface LedgerHandlers {
  /**
   * Lines were applied to the view, in order. `isOwn`: they are of a step of this process, and may come once more with
   * those of others.
   */
  applied(lines: readonly Line[], isOwn: boolean): void
  /**
   * A push says that these keys, as lines name them, are invalid before `seq`, which is not known here yet. It may be
   * forged, so nothing may come of it but that they are read again.
   */
  pushed(keys: readonly string[], seq: number): void
  /** The history was lost: everything held in this process is invalid. */
  lost(why: 'epoch' | 'gap'): void
  /**
   * Memory can no longer be trusted, or can be again: the store stopped or began to answer, or, with `isUnheard`, it
   * answers but takes no heartbeat of this process.
   */
  reachable(up: boolean, error?: unknown, isUnheard?: boolean): void
}
