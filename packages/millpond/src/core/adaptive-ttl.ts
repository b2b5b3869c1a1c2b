// The interface of a part that chooses TTLs: `adaptiveTtl` of millpond/insight is one.

/** A value that a loader has just returned. */
export interface LoadedValue {
  /** The namespace: `cache.name`. */
  readonly namespace: string
  /** Encoded. */
  readonly key: string
  /** Of namespace and key, the same in every process. */
  readonly hash: number
  /** Differs from the previous load's if the value has changed. */
  readonly valueHash: number
  /** Epoch milliseconds. From a load whose time is not finite nothing is learnt. */
  readonly now: number
}

/** A TTL, and what it is based on. */
export interface ChosenTtl {
  /** Milliseconds. */
  readonly ttlMs: number
  /** The reason, for people. */
  readonly why: string
}

/** Chooses TTLs for loads without one of their own. One per cache: it remembers what it has seen. */
export interface AdaptiveTtl {
  /** How long the value may be served, in milliseconds. Called once for each load, synchronously. */
  next(load: LoadedValue): number
  /** Its latest choice for the key; undefined if it does not remember. */
  explain(hash: number): ChosenTtl | undefined
}
