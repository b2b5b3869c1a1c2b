// The terms of the ledger: positions, targets and log lines.

/** A place in a namespace's history. Positions of two epochs cannot be compared. */
export interface Position {
  /** An id of the history: a new one begins when the ledger has lost its record. */
  readonly epoch: string
  /** Counts invalidations and writes within the epoch, from 0. */
  readonly seq: number
}

/** The target of an invalidation. */
export type Target =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'all' }

/** One numbered step of the log: what to invalidate, never a value. */
export interface Line {
  /** The number of the step within its epoch. */
  readonly seq: number
  /** The keys, tags and patterns to invalidate. */
  readonly targets: readonly Target[]
  /** `expire`: entries become stale instead of invalid. */
  readonly mode: 'delete' | 'expire'
  /** Shown in events, logs and explanations of later misses. */
  readonly reason: string
  /** Receipt id. */
  readonly id: string
}

/**
 * A stamp in a step's id identifies the encrypted entries that it wrote (decision 0031). The id of a step that is sent
 * again later must have none: what it was to write was refused.
 */
const STAMPED = /^w\.([\w-]+)\.(.*)$/s

export const stampedId = (stamp: string, id: string): string => `w.${stamp}.${id}`

export const stampOf = (id: string): string | undefined => (id.startsWith('w.') ? STAMPED.exec(id)?.[1] : undefined)

export const withoutStamp = (id: string): string => STAMPED.exec(id)?.[2] ?? id
