// The port for a part that chooses how long values live: `adaptiveTtl` of millpond/insight is one.

/** A value that a loader has just brought. */
export interface LoadedValue {
  readonly namespace: string
  /** Encoded. */
  readonly key: string
  /** Of namespace and key, the same in every process. */
  readonly hash: number
  /** Another one than the last time when the value has changed. */
  readonly valueHash: number
  /** Epoch milliseconds. */
  readonly now: number
}

/** A time to live, and what it rests on. */
export interface ChosenTtl {
  readonly ttlMs: number
  readonly why: string
}

/** Chooses times to live for loads that say none themselves. One for each cache: it remembers what it has seen. */
export interface AdaptiveTtl {
  /** How long the value may be served, in milliseconds. Called once for each load, within it. */
  next(load: LoadedValue): number
  /** What it chose for the key last; undefined where it does not remember. */
  explain(hash: number): ChosenTtl | undefined
}
