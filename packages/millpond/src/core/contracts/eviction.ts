// The contract of a policy of eviction: who leaves when memory is full.

/**
 * Decides who leaves. Knows slots, key hashes (32 bits, signed or not) and weights; never values.
 * The store calls `add` after it put an entry in a slot, then `victim` while it is over budget.
 */
export interface Eviction {
  /** As shown to operators: `lru`, `adaptive`. */
  readonly name: string
  /**
   * When present, the store itself bumps `marks[slot]` on a hit while it is below `markLimit` and does not call `hit`:
   * the cheapest hit there is. `markLimit` is a power of two less one; the reads are `marks[slot] & markLimit`. A mark
   * above it is the policy's sign that it wants to know: then the store calls `hit` and leaves the mark alone. May be
   * replaced by a larger array in `grow`.
   */
  readonly marks?: Uint8Array
  readonly markLimit?: number
  /** The entry in `slot` was read. With `marks`, called only for a mark above the limit. */
  hit(slot: number): void
  /**
   * A new entry is in `slot`; `hash`, signed, is in the column of hashes too. `cost` is its load time in milliseconds,
   * 0 when unknown.
   */
  add(slot: number, hash: number, weight: number, cost: number): void
  /** The entry in `slot` was stored anew, with another weight and load time perhaps (0: unknown); counts as a use. */
  reweigh(slot: number, weight: number, cost: number): void
  /** The entry left for another reason than `victim` (deleted, expired). */
  remove(slot: number): void
  /** Chooses, forgets and returns the slot that must leave; the newest may be chosen (not admitted). -1 when empty. */
  victim(): number
  /**
   * Slots 0 .. slots-1 may be used from now on. `hashes` is the store's own column: what each slot's entry is known by.
   * It says what `add` was told until the index learns to look at more of the keys; who compares hashes of entries
   * should read them there.
   */
  grow(slots: number, hashes: Int32Array): void
  /**
   * The column of hashes has changed for entries that are there: the index has learnt to look at other characters. What
   * is remembered by their former hashes will not be met again. Seldom, and only where a space grows.
   */
  rehashed?(): void
  /** The budget in weight units (entries, or bytes) changed. */
  resize(capacity: number): void
  /** Forgets every entry; the slots stay usable. */
  clear(): void
}

/** Makes a policy for a budget in weight units; `unit` says what a weight counts. */
export type EvictionFactory = (options: { readonly capacity: number; readonly unit: 'entries' | 'bytes' }) => Eviction
