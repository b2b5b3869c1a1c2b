// The contract of an eviction policy.

/**
 * Decides which entries are evicted. Knows slots, key hashes (32 bits, signed or not) and weights; never values.
 * The store calls `add` after it put an entry in a slot, then `victim` while it is over budget.
 */
export interface Eviction {
  /** As shown to operators: `lru`, `adaptive`. */
  readonly name: string
  /**
   * If present, the store itself increments `marks[slot]` on a hit while it is below `markLimit` and does not call
   * `hit`: the cheapest possible hit. `markLimit` is a power of two minus one; the count is `marks[slot] & markLimit`.
   * A mark above it means that the policy wants to be called: then the store calls `hit` and leaves the mark unchanged.
   * May be replaced by a larger array in `grow`.
   */
  readonly marks?: Uint8Array
  /** See `marks`. */
  readonly markLimit?: number
  /** The entry in `slot` was read. With `marks`, called only for a mark above the limit. */
  hit(slot: number): void
  /**
   * A new entry is in `slot`; `hash`, signed, is in the column of hashes too. `cost` is its load time in milliseconds,
   * 0 if unknown. `isAhead`: loaded before anyone asked for it; a policy decides whether that counts as a request.
   */
  add(slot: number, hash: number, weight: number, cost: number, isAhead?: boolean): void
  /** The entry in `slot` was stored again, possibly with another weight and load time (0: unknown); counts as a use. */
  reweigh(slot: number, weight: number, cost: number): void
  /** The entry left for another reason than `victim` (deleted, expired). */
  remove(slot: number): void
  /** Chooses, forgets and returns the slot to evict; the newest may be chosen (not admitted). -1 if empty. */
  victim(): number
  /**
   * Slots 0 .. slots-1 may be used from now on. `hashes` is the store's own column: the hash of each slot's entry. It
   * equals the `hash` of `add` until the index starts to hash more characters of the keys; policies that compare
   * entries' hashes should read them there.
   */
  grow(slots: number, hashes: Int32Array): void
  /**
   * The column of hashes has changed for existing entries: the index now hashes other characters. What is remembered by
   * former hashes will not be met again. Rare, and only when a space grows.
   */
  rehashed?(): void
  /** The budget in weight units (entries, or bytes) changed. */
  resize(capacity: number): void
  /** Forgets every entry; the slots stay usable. */
  clear(): void
}

/** Makes a policy for a budget in weight units; `unit` says what a weight counts. */
export type EvictionFactory = (options: { readonly capacity: number; readonly unit: 'entries' | 'bytes' }) => Eviction
