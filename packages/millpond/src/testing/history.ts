// The lines of a history: what several processes did to one cache, and when, on one clock.

/**
 * Milliseconds on a clock that all processes of the host share and that never steps, so times are comparable across
 * processes.
 */
export function historyTime(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export type ReadOp = 'get' | 'getOrSet' | 'peek'
export type ChangeOp = 'set' | 'delete' | 'invalidateTags' | 'clear'

/** One finished operation on the cache; a pending one is written when its record closes. */
export interface Operation {
  readonly kind: 'op'
  /** One run of a process: a process that was killed and started again has another name. */
  readonly process: string
  /** The number of the lane; operations of one lane follow one another. */
  readonly lane: number
  /** What was called. */
  readonly op: ReadOp | ChangeOp
  /** Absent for `invalidateTags` and `clear`. */
  readonly key?: string
  /** Only for `invalidateTags`. */
  readonly tag?: string
  /** A read that asked for strong consistency: it must reflect what any process had acked before it began. */
  readonly strong?: true
  /** Reads: the version that came back, absent for a miss. `set`: the version that was stored. */
  readonly version?: number
  /** Reads: the key that the value itself names. */
  readonly of?: string
  /** When it was called, by `historyTime`. */
  readonly start: number
  /** When it resolved or rejected, by `historyTime`. */
  readonly end: number
  /** It resolved, and for a change: its receipt says that it was applied. */
  readonly acked: boolean
  /** It had neither resolved nor rejected when the record closed, at `end`. */
  readonly pending?: true
  /** What it rejected with. */
  readonly error?: { readonly name: string; readonly code?: string; readonly message?: string }
}

/** The truth store committed a version of a key. Versions count 1, 2, 3, ... per key. */
export interface Commit {
  readonly kind: 'commit'
  /** The key whose truth changed. */
  readonly key: string
  /** The version that is true from then on. */
  readonly version: number
  /** By `historyTime`. */
  readonly at: number
}

/** A loader ran. */
export interface Load {
  readonly kind: 'load'
  /** The run of the process in which it ran. */
  readonly process: string
  /** The key that was loaded. */
  readonly key: string
  /** By `historyTime`. */
  readonly start: number
  /** By `historyTime`. */
  readonly end: number
}

/** How late the process's event loop was at worst between two instants. */
export interface Lag {
  readonly kind: 'lag'
  /** The run of the process. */
  readonly process: string
  /** By `historyTime`. */
  readonly start: number
  /** By `historyTime`. */
  readonly end: number
  /** The longest delay in between, milliseconds. */
  readonly lagMs: number
}

/** The process was stopped from outside (SIGSTOP): its lag in this time is the fault under test, not starvation. */
export interface Freeze {
  readonly kind: 'freeze'
  /** The run of the process. */
  readonly process: string
  /** By `historyTime`. */
  readonly start: number
  /** By `historyTime`. */
  readonly end: number
}

/** Which keys carry a tag; must precede the lines that use it. */
export interface TagPlan {
  readonly kind: 'tag'
  /** The tag. */
  readonly tag: string
  /** All keys that carry it. */
  readonly keys: readonly string[]
}

/** The last fault is over and every change has been acked: convergence is judged from here. */
export interface Quiet {
  readonly kind: 'quiet'
  /** By `historyTime`. */
  readonly at: number
}

/** A fault was in force. For readers of the history; the rules hold under faults as they do without. */
export interface FaultSpan {
  readonly kind: 'fault'
  /** The name of the fault. */
  readonly name: string
  /** Details. */
  readonly how?: string
  /** By `historyTime`. */
  readonly start: number
  /** By `historyTime`. */
  readonly end: number
}

/**
 * A step without an operation of its own made everything in the process's region stale, or invalid: the region's first
 * step, or one for lack of another region's answer.
 */
export interface Sweep {
  readonly kind: 'sweep'
  readonly process: string
  readonly start: number
  readonly end: number
}

export type HistoryLine = Operation | Commit | Load | Lag | Freeze | TagPlan | Quiet | FaultSpan | Sweep

export function isRead(operation: Operation): boolean {
  return operation.op === 'get' || operation.op === 'getOrSet' || operation.op === 'peek'
}
