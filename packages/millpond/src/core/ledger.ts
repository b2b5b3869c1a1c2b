// The words of the ledger: positions, targets and log lines.

/** A place in a namespace's history. Positions of two epochs cannot be compared. */
export interface Position {
  readonly epoch: string
  /** Counts invalidations and writes within the epoch, from 0. */
  readonly seq: number
}

/** What an invalidation concerns. */
export type Target =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'all' }

/** One numbered step of the log: what to forget, never a value. */
export interface Line {
  readonly seq: number
  readonly targets: readonly Target[]
  /** `expire`: entries become stale instead of void. */
  readonly mode: 'delete' | 'expire'
  readonly reason: string
  /** Receipt id. */
  readonly id: string
}
