// The contract of the in-process tier: synchronous and slot-based, so that a hit allocates nothing.
import type { RemovalReason } from './entry.ts'
import type { EvictionFactory } from './eviction.ts'

/**
 * One key space of the in-process tier: synchronous, slot-based, so that a hit allocates nothing.
 * A slot is valid only until the next call that changes the space.
 */
export interface MemorySpace {
  readonly size: number
  /** The weight of its entries: see `weight`. */
  readonly bytes: number
  /** The budget in bytes that it shares with the store's other spaces; `Infinity` for none. */
  readonly maxBytes: number
  /** The key's slot, or -1. Changes nothing, counts nothing. */
  find(key: string): number
  /** Tells the eviction policy that the slot was read. */
  hit(slot: number): void
  /** The slot will be read soon: unless it was read lately, the policy passes it over once. No read is counted. */
  keep(slot: number): void
  /** The value; a copy if freezing cannot protect it (Map, Set, Date, Buffer). */
  value(slot: number): unknown
  freshUntil(slot: number): number
  /** `freshUntil` is after `now`, and `asOf` not below `seq`: what each hit checks. */
  isCurrent(slot: number, now: number, seq: number): boolean
  staleUntil(slot: number): number
  createdAt(slot: number): number
  tags(slot: number): readonly string[]
  /** The ledger number at which the entry was last known to be valid. */
  asOf(slot: number): number
  /** The entry was judged valid at this later number: remember it, so that the next hit is one comparison. */
  confirm(slot: number, seq: number): void
  /** The estimated bytes the entry weighs, key and bookkeeping included. */
  weight(slot: number): number
  /** How often the entry was read since it was stored, at least approximately (it may saturate). */
  hits(slot: number): number
  /**
   * When the entry was last read, to the second, epoch milliseconds; undefined if that is not recorded, and for never.
   */
  readAt(slot: number): number | undefined
  /** `hashOf` the whole key, with the space's name as its seed; computed once if the store keeps hashes. */
  hash(slot: number): number
  /** Changes the deadlines of a stored entry; the value stays. */
  retime(slot: number, freshUntil: number, staleUntil: number): void
  /**
   * Stores the value, as a copy unless it is isolated already. `false`: refused (too large, or not admitted). Replaces
   * the previous value in any case.
   */
  set(key: string, entry: MemoryEntry): boolean
  /** Removes the key; `false` if it was absent. */
  drop(key: string, reason: RemovalReason): boolean
  clear(reason: RemovalReason): void
  keys(): IterableIterator<string>
}

/** Entries by their slots alone, whatever space they are of. */
export interface HeldEntries {
  /** As `MemorySpace.hash`, of the first `count` of the slots: many at a time, so that their cache misses overlap. */
  hashesOf(slots: Int32Array, count: number, into: Int32Array): void
  keyOf(slot: number): string
  /** As `MemorySpace.weight`. */
  weightOf(slot: number): number
  /** The name of its space. */
  spaceOf(slot: number): string
}

/** To be run before an entry leaves: those that have noted its slot read it first. */
export interface NotedSlots {
  /** Slots that are noted now. */
  readonly count: number
  flush(): void
}

/** What memory stores. `cost` is the measured load time in milliseconds, for cost-aware eviction. */
export interface MemoryEntry {
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[]
  readonly asOf: number
  readonly cost?: number
  /** Loaded before anyone asked for it. */
  readonly isAhead?: boolean
  /** The value is isolated already. */
  readonly isolated?: Isolated | undefined
}

/** A value that can no longer be changed: frozen, except for what freezing cannot protect. */
export interface Isolated {
  readonly value: unknown
  /** Parts of it (Map, Set, Date, bytes) are not protected: each reader gets copies of them. */
  readonly live: boolean
  /** Its estimated heap size. */
  readonly bytes: number
  /**
   * Of objects and lists that JSON text keeps exactly, at most 500 deep: how many array elements and fields they have
   * together, where an empty one counts as one.
   */
  readonly jsonItems?: number | undefined
}

/** Memory's limits and policy. What is left out stays as it is. */
export interface MemoryBudget {
  /** `Infinity`: no such limit. */
  readonly maxEntries?: number
  readonly maxBytes?: number
  readonly policy?: EvictionFactory
  readonly pressure?: number | false
}

/** The in-process tier: several spaces (one per namespace) within one budget. */
export interface MemoryStore extends HeldEntries {
  /** The space of that name, created on first use; the same one until it is released. */
  space(name: string): MemorySpace
  /** Releases a space and its contents; remaining references read and write nothing. */
  release(name: string): void
  /** Entries held, over all spaces. */
  readonly entries: number
  /** What they weigh together, in estimated bytes: keys, values and bookkeeping. */
  readonly bytes: number
  /**
   * As configured, `Infinity` for no such limit; the effective limit may be lower while the heap is short, and higher
   * while the budget is being reduced.
   */
  readonly limits: { readonly maxEntries: number; readonly maxBytes: number }
  /** The name of the eviction policy. */
  readonly policy: string
  /** The share of available memory above which it gives some back; `false`: never. */
  readonly pressure: number | false
  /**
   * Changes budget or policy at runtime. More room is available at once; less, and another policy, take effect in steps
   * of at most 5 ms. Resolves when all of it is in force, or replaced by a later change.
   */
  configure(budget: MemoryBudget): Promise<void>
  /** Entries that left, by reason; including those that were refused. */
  readonly evictions: Readonly<Partial<Record<RemovalReason, number>>>
  /** Called for each entry that leaves or is refused, with its times; undefined without listeners. */
  onRemoval:
    | ((space: string, key: string, reason: RemovalReason, createdAt: number, freshUntil: number) => void)
    | undefined
  /** Keeps the hashes of whole keys (four bytes per entry), or drops them. */
  keepHashes(isKept: boolean): void
  /** Flushed before a slot holds something else. */
  noted: NotedSlots | undefined
  /** Drops all entries and timers; later sets are refused. */
  close(): void
}
