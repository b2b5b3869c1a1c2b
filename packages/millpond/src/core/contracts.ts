// The contracts between rooms: what a caller guarantees and what an implementer must do.
import type { Line, Position, Target } from './ledger.ts'
import type { NodeStore } from './nodes.ts'

const REASONS = [
  ...(['ttl_expired', 'manual', 'data_changed', 'capacity_limit', 'not_admitted', 'too_large', 'error_threshold', 'tag_based'] as const),
  ...(['pattern_based', 'cleared', 'epoch_changed', 'replaced', 'memory_pressure', 'switched_off'] as const),
] as const

/** Why an entry left, as operators read it in counters, events and the audit. */
export type Reason = (typeof REASONS)[number]

/** A reason as another process wrote it; one that this version does not know counts as somebody's own, `manual`. */
export const reasonFrom = (text: string): Reason => REASONS.find((reason) => reason === text) ?? 'manual'

/**
 * Who sees what a tier holds: this process, every process of this host, or all.
 * A tier that is not shared must be told what peers invalidate.
 */
export type Scope = 'process' | 'host' | 'shared'

/** A cached value with all that is needed to judge it. Times are epoch milliseconds, `Infinity` means never. */
export interface Entry<V = unknown> {
  readonly value: V
  readonly createdAt: number
  /** Until when it may be returned as fresh. */
  readonly freshUntil: number
  /** Until when it may be returned as stale; never before `freshUntil`. */
  readonly staleUntil: number
  readonly tags: readonly string[]
  /** The ledger's position when the work that made the value began. */
  readonly asOf: Position
}

/** Time is a part that is passed in. Millisecond values. */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number
  /** Monotonic time, milliseconds; never steps back. */
  monotonic(): number
  /** Wall time of the last tick, at most some 25 ms old while the event loop runs; costs a field read. */
  readonly coarse: number
  /**
   * Calls the listener when the wall has fallen behind monotonic time (it was set back, or runs slow), with by how many whole milliseconds, before a
   * reading that shows it is returned: whoever holds wall times moves them back as far. Returns how to stop. Absent where that cannot happen.
   */
  onSetBack?(listener: (ms: number) => void): () => void
  /** Runs `fn` once after `ms`; the handle cancels. Keeps the process alive only with `hold`: somebody awaits what it brings. */
  after(ms: number, fn: () => void, hold?: boolean): () => void
}

/**
 * One key space of the in-process tier: synchronous, slot-based, so that a hit allocates nothing.
 * A slot is valid only until the next call that changes the space.
 */
export interface Near {
  readonly size: number
  /** What its entries weigh together: see `weight`. */
  readonly bytes: number
  /** The budget in bytes that it shares with the store's other spaces; `Infinity` for none. */
  readonly maxBytes: number
  /** The key's slot, or -1. Changes nothing, counts nothing. */
  find(key: string): number
  /** Tells the eviction policy that the slot was read. */
  hit(slot: number): void
  /** The value; a copy where freezing cannot protect it (Map, Set, Date, Buffer). */
  value(slot: number): unknown
  freshUntil(slot: number): number
  staleUntil(slot: number): number
  createdAt(slot: number): number
  tags(slot: number): readonly string[]
  /** The ledger number at which the entry was last known to be valid. */
  asOf(slot: number): number
  /** The entry was judged valid at this later number: remember it, so that the next hit is one comparison. */
  reaffirm(slot: number, seq: number): void
  /** The estimated bytes the entry weighs, key and bookkeeping included. */
  weight(slot: number): number
  /** How often the entry was read since it was stored, at least approximately (it may saturate). */
  hits(slot: number): number
  /** When the entry was last read, to the second, epoch milliseconds; undefined where that is not noted, and for never. */
  readAt(slot: number): number | undefined
  /** `hashOf` the whole key, with the space's name as its seed; worked out once while the store keeps hashes. */
  hash(slot: number): number
  /** Changes the deadlines of a held entry; the value stays. */
  retime(slot: number, freshUntil: number, staleUntil: number): void
  /** Stores the value, as a copy unless it is isolated already. `false`: refused (too large, or not admitted). Replaces what was there in any case. */
  set(key: string, entry: NearEntry): boolean
  /** Removes the key; `false` when it was not there. */
  drop(key: string, reason: Reason): boolean
  clear(reason: Reason): void
  keys(): IterableIterator<string>
}

/** What a near tier stores. `cost` is the measured load time in milliseconds, for cost-aware eviction. */
export interface NearEntry {
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[]
  readonly asOf: number
  readonly cost?: number
  /** The value is isolated already. */
  readonly isolated?: Isolated | undefined
}

/** A value that nobody can change any more: frozen, but for what freezing cannot protect. */
export interface Isolated {
  readonly value: unknown
  /** Parts of it (Map, Set, Date, bytes) are not protected: each reader gets copies of them. */
  readonly live: boolean
  /** What it takes of the heap, estimated. */
  readonly bytes: number
}

/** What a near store may hold, and who leaves. What is left out stays as it is. */
export interface NearBudget {
  /** `Infinity`: no such limit. */
  readonly maxEntries?: number
  readonly maxBytes?: number
  readonly policy?: EvictionFactory
  readonly pressure?: number | false
}

/** The in-process tier: several spaces (one a namespace) within one budget. */
export interface NearStore {
  /** The space of that name, made on first use; the same one until it is let go of. */
  space(name: string): Near
  /** Lets go of a space and of what it holds; whoever still has it reads and writes nothing. */
  release(name: string): void
  /** Entries held, over all spaces. */
  readonly entries: number
  /** What they weigh together, in estimated bytes: keys, values and bookkeeping. */
  readonly bytes: number
  /** What was configured, `Infinity` for no such limit; less may be in force while the heap is short, more while the budget shrinks. */
  readonly limits: { readonly maxEntries: number; readonly maxBytes: number }
  /** The name of the eviction policy. */
  readonly policy: string
  /** The share of the memory that there is, beyond which it gives some back; `false`: never. */
  readonly pressure: number | false
  /**
   * Another budget or policy, while it is used. More room is there at once; less, and another policy, come in steps of at most 5 ms. Resolves when
   * all of it is in force, or replaced by a later change.
   */
  configure(budget: NearBudget): Promise<void>
  /** Entries that left, by reason; those that were refused, too. */
  readonly evictions: Readonly<Partial<Record<Reason, number>>>
  /** Called for each entry that leaves or is refused, with its times; undefined while nobody listens. */
  onLeave: ((space: string, key: string, reason: Reason, createdAt: number, freshUntil: number) => void) | undefined
  /** Keeps the hashes of whole keys (four bytes an entry), or lets go of them. */
  keepHashes(isKept: boolean): void
  /** Lets go of all entries and timers; what is set afterwards is refused. */
  close(): void
}

/**
 * Decides who leaves. Knows slots, key hashes (32 bits, signed or not) and weights; never values.
 * The store calls `add` after it put an entry in a slot, then `victim` while it is over budget.
 */
export interface Eviction {
  /** As shown to operators: `lru`, `adaptive`. */
  readonly name: string
  /**
   * When present, the store itself bumps `marks[slot]` on a hit while it is below `markLimit` and does not call `hit`: the cheapest hit there is.
   * `markLimit` is a power of two less one; the reads are `marks[slot] & markLimit`. A mark above it is the policy's sign that it wants to
   * know: then the store calls `hit` and leaves the mark alone. May be replaced by a larger array in `grow`.
   */
  readonly marks?: Uint8Array
  readonly markLimit?: number
  /** The entry in `slot` was read. With `marks`, called only for a mark above the limit. */
  hit(slot: number): void
  /** A new entry is in `slot`; `hash`, signed, is in the column of hashes too. `cost` is its load time in milliseconds, 0 when unknown. */
  add(slot: number, hash: number, weight: number, cost: number): void
  /** The entry in `slot` was stored anew, with another weight and load time perhaps (0: unknown); counts as a use. */
  reweigh(slot: number, weight: number, cost: number): void
  /** The entry left for another reason than `victim` (deleted, expired). */
  remove(slot: number): void
  /** Chooses, forgets and returns the slot that must leave; the newest may be chosen (not admitted). -1 when empty. */
  victim(): number
  /**
   * Slots 0 .. slots-1 may be used from now on. `hashes` is the store's own column: what each slot's entry is known by. It says what `add` was
   * told until the index learns to look at more of the keys; who compares hashes of entries should read them there.
   */
  grow(slots: number, hashes: Int32Array): void
  /** The budget in weight units (entries, or bytes) changed. */
  resize(capacity: number): void
  /** Forgets every entry; the slots stay usable. */
  clear(): void
}

/** Makes a policy for a budget in weight units; `unit` says what a weight counts. */
export type EvictionFactory = (options: { readonly capacity: number; readonly unit: 'entries' | 'bytes' }) => Eviction

/** An entry as a far tier holds it: bytes, and what the tier itself must know. */
export interface Stored {
  readonly asOf: Position
  readonly body: Uint8Array
  /** Epoch milliseconds after which the tier may forget it; `Infinity` for never. */
  readonly expiresAt: number
}

export interface TierItem extends Stored {
  readonly key: string
}

/**
 * How much a tier takes at a time. What is beyond a limit is never sent: a long key is shortened, a large body is stored in pieces, a large batch goes in several
 * calls, and calls beyond `calls` wait for those before them.
 */
export interface TierLimits {
  /** The longest storage key, in bytes of UTF-8, at least 64. Default: no limit but that of storage keys, 512 characters. */
  readonly keyBytes?: number
  /** The largest body, in bytes, at least 1024; a larger one goes in pieces of up to 256 KB, each an item. Default: no limit. */
  readonly itemBytes?: number
  /** The largest body that goes in pieces, in bytes; 0: none does. What is larger is refused. Default 64 MiB, and never more than one item can list. */
  readonly entryBytes?: number
  /** The most keys or items of one call. Default 1,000. */
  readonly items?: number
  /** The most bytes of bodies in one call, beyond its first item. Default 8 MiB. */
  readonly batchBytes?: number
  /** The most calls of one verb under way at a time. Default 8. */
  readonly calls?: number
}

/** What a tier is told of a call beside its keys. */
export interface TierCall {
  /** Fires when nobody waits for the answer any more. Made when it is first read. */
  readonly signal: AbortSignal
}

/** Why a tier did not store an item, though it is well: no failure, and no reason to ask it less. */
export type Refusal = 'too_large' | 'key_too_long' | 'full' | 'unsupported'

/**
 * A tier outside the process's heap. Keys are storage keys: already prefixed with their namespace, well-formed UTF-16, at most 512 characters
 * (or `limits.keyBytes`). Values are opaque bytes. The batch is the only path.
 *
 * Obligations: `read` answers in the order of the keys, `undefined` for absent or expired or unreadable entries, and never throws for
 * a bad entry; in one batch the last write of a key wins; every call settles; a failure rejects with a `MillpondError` of code `TIER_FAILED`, after `close`
 * with `CLOSED`; nothing blocks the event loop. What is stored is checked as a whole: of a record in which a single bit has changed,
 * the position and the deadline included, nothing is answered.
 *
 * What the caller does for it: keys and bodies are within `limits`, calls beyond `limits.calls` wait, a call that is not answered within its
 * deadline (which begins when it is made) is given up and its `signal` fires, and a tier that fails again and again is left alone for a while.
 */
export interface Tier {
  /** As shown to operators: `redis`, `sqlite`. */
  readonly name: string
  readonly scope: Scope
  /** Survives a restart of the process. */
  readonly durable: boolean
  readonly limits?: TierLimits
  read(keys: readonly string[], call?: TierCall): Promise<(Stored | undefined)[]>
  /** Answers nothing where all was stored, else for each item why it was not, `undefined` where it was. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing answers so
  write(items: readonly TierItem[], call?: TierCall): Promise<readonly (Refusal | undefined)[] | void>
  /** Resolves with how many were there. */
  drop(keys: readonly string[], call?: TierCall): Promise<number>
  /** Removes every key that begins with the prefix. Resolves with how many there were, where the tier can tell. */
  clear(prefix: string, call?: TierCall): Promise<number>
  /** Keys that begin with the prefix, in small steps; absent where the tier cannot list. */
  scan?(prefix: string): AsyncIterable<readonly string[]>
  /** Entry count and bytes, where the tier can tell cheaply. */
  usage?(): Promise<{ entries?: number; bytes?: number }>
  /** The numbers that decide what is valid, where this tier can hold them (DESIGN: the ledger). */
  readonly ledger?: LedgerStore
  /** Where the processes that use this tier may meet, where it can hold that (`millpond/nodes`). */
  readonly nodes?: NodeStore
  /** May be called twice. */
  close(): Promise<void>
}

/** What an advance does beside moving the number, in the same step where the ledger's own tier holds the entries. */
export interface Change {
  readonly targets: readonly Target[]
  readonly mode: 'delete' | 'expire'
  readonly reason: Reason
  /** Receipt id, shown in logs and `explain`. */
  readonly id: string
  /** Storage keys to drop in the same step. */
  readonly drop: readonly string[]
  /** Entries to write in the same step; they get the new position. The i-th belongs to the i-th target, a key. */
  readonly write: readonly Omit<TierItem, 'asOf'>[]
  /**
   * Write an entry only if its key has not moved since this position (drop it otherwise; the number moves in any case). A command that was given
   * up may still arrive late: it must not lie over what others wrote meanwhile. A pattern counts as a move of every key, whatever it matches;
   * a position that the record has not reached counts as moved.
   */
  readonly unmovedSince?: Position
  /**
   * With `unmovedSince` or `settles`: the i-th list holds the tags of the i-th of `write`, which must not have moved either. A late entry would get a newer
   * number than the tag's invalidation, and so outlive it.
   */
  readonly watch?: readonly (readonly string[])[]
  /**
   * Holds the keys and tags that the step names, for so many milliseconds of the store's own time, under the step's number. While a key is held nothing is stored
   * for it, neither by `commit` nor by `write`, but by the step that ends its only hold. A hold that runs out becomes a step that names what is still held: the next
   * `pull` or `advance` takes it, and until then the hold stands. Holds survive a clear, and end with their epoch.
   */
  readonly hold?: number
  /** Ends holds. A `write` whose target ends one is judged from that hold's number on, not from `unmovedSince`. */
  readonly settles?: Settled
}

/** Which holds a step ends. */
export interface Settled {
  readonly epoch: string
  /** The i-th: the number of the hold on the step's i-th target that ends; undefined for none. As many as there are targets. */
  readonly seqs: readonly (number | undefined)[]
}

export interface Advanced {
  readonly position: Position
  /** How many of `drop` were there. */
  readonly dropped: number
  /** Whether each of `drop` was there. Where a store cannot tell, invalidations that come in a burst are sent one by one. */
  readonly wasThere?: readonly boolean[]
  /** With `unmovedSince` or `settles`: whether each of `write` was stored. */
  readonly stored?: readonly boolean[]
}

/** Everything in force: what a process that has no position yet must know. */
export interface Snapshot {
  readonly kind: 'snapshot'
  readonly position: Position
  /** Entries below it are void, whatever else is known. */
  readonly floor: number
  /**
   * Key targets up to it may have been forgotten: entries below it that no step has dropped (in tiers beside the ledger's own) are void. Never less than
   * what was answered before in this epoch.
   */
  readonly outerFloor: number
  readonly lines: readonly Line[]
}

/** Everything after the asked position, without a gap. */
export interface Tail {
  readonly kind: 'tail'
  readonly position: Position
  readonly floor: number
  readonly outerFloor: number
  readonly lines: readonly Line[]
}

export type LeaseAnswer = { readonly granted: true } | { readonly granted: false; readonly leftMs: number }

/**
 * The ledger's record of a namespace. One step each; every step names the epoch it believes in.
 * Rejects with `LEDGER_UNREACHABLE` when the store does not answer in time.
 */
export interface LedgerStore {
  readonly scope: Scope
  /**
   * Lines after `from`, or a snapshot when `from` is absent, of another epoch, or older than the log reaches.
   * Creates the record when there is none. The answer is at least as new as the moment the question was sent.
   */
  pull(namespace: string, from?: Position): Promise<Snapshot | Tail>
  /** Moves the number, logs the line, drops and writes: one step, all or nothing. */
  advance(namespace: string, change: Change): Promise<Advanced>
  /**
   * Stores loaded entries, each only if its epoch is current, its position is not below the commit floor, and its key is not held and has not moved since;
   * with `lease`, only while that lease still holds. Answers per item.
   */
  commit(namespace: string, items: readonly CommitItem[]): Promise<boolean[]>
  /** One load over all processes: grants the key's lease to `id`, or says how long the holder has left. A holder may ask again (renew). */
  lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer>
  release(namespace: string, key: string, id: string): Promise<void>
  /** Calls `wake` soon after the namespace moves. A hint only: correctness rests on `pull`. Returns how to stop. */
  follow?(namespace: string, wake: () => void): () => void
  /** This process has applied every line up to the position. Kept for some seconds; a process that ended leaves by silence. */
  report?(namespace: string, id: string, position: Position): Promise<void>
  /** The processes that reported in the last 3 seconds, of the current epoch. */
  nodes?(namespace: string): Promise<readonly LedgerNode[]>
  /**
   * Says that entries of this ledger also lie in tiers beside its own that outlive a process (files, Memcached, SQLite beside Redis):
   * key targets are then kept as long as there is room, however old they are, and `outerFloor` says up to where they are forgotten. Called before the
   * first use; remembered with the record.
   */
  coverOtherTiers?(): void
  /** Entries of its own tier change after the step, not in it: they count as those of a tier beside it. */
  readonly entriesApart?: boolean
}

/** A process that uses the ledger, as it last reported. */
export interface LedgerNode {
  readonly id: string
  /** Every line up to it is applied there. */
  readonly seq: number
  /** Since its last report, in milliseconds, by the store's own clock. */
  readonly ageMs: number
}

/** Invalidations that could not reach the ledger, kept over a crash of the process. Every call settles. */
export interface Outbox {
  add(namespace: string, change: OutboxChange): Promise<string>
  /** What is kept for a namespace, oldest first. */
  list(namespace: string): Promise<readonly { readonly id: string; readonly change: OutboxChange }[]>
  remove(ids: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** What an outbox keeps of a change: what to forget, never a value. */
export type OutboxChange = Pick<Change, 'targets' | 'mode' | 'reason' | 'id' | 'drop'>

export interface CommitItem extends TierItem {
  /** The key as the ledger's targets name it (not the storage key). */
  readonly target: string
  /** Id of the lease under which it was loaded. */
  readonly lease?: string
}

/** Where an entry belongs, for codecs that bind what they write to it. */
export interface CodecContext {
  readonly cache: string
  readonly namespace: string
  /**
   * The position for which it is written: when its load began; for a write, since when its key must not have moved. When it is read: the position that the tier
   * tells.
   */
  readonly asOf: Position
  /** Of a write: what its step will be known by (`stampOf` its line's id), since its number is not known yet. */
  readonly stamp?: string
  /** Told why bytes are not believed, where a codec can tell: a word for counters, never anything of what they hold. */
  readonly reject?: (why: string) => void
}

/** For which position an entry was sealed, as what it is sealed with proves. */
export interface Sealed {
  readonly asOf: Position
  /** Of a write: the stamp of its step, which has moved its own key. */
  readonly stamp?: string
}

/**
 * Entry to bytes and back. `decode` returns undefined for bytes it cannot trust (corrupt, foreign, older): a miss, never an exception. Either may answer
 * at once or later; after a later answer the entry is judged by what the ledger says then.
 */
export interface Codec {
  encode(entry: EncodedParts, context?: CodecContext): Uint8Array | Promise<Uint8Array>
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined | Promise<DecodedParts | undefined>
  /** Array elements, fields, Map keys and values, Set members of one value that it writes at most; memory keeps to it too. Default 100,000. */
  readonly maxItems?: number
  /** What it writes is bound to the position in the context: it is encoded anew, never copied, for another one. Default `false`. */
  readonly isBound?: boolean
  /** Nothing that it writes shows a value, and it reads nothing that does. Default `false`. */
  readonly isSecret?: boolean
  /** What compression did to the values of a namespace; undefined where nothing is compressed. */
  figures?(place: Pick<CodecContext, 'cache' | 'namespace'>): CompressionFigures | undefined
}

/** What compression did, since the start. */
export interface CompressionFigures {
  /** Values that were compressed, and those that were left as they are: small, or hardly smaller afterwards. */
  readonly compressed: number
  readonly left: number
  /** Bytes of the values that were compressed, before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Time that this took, also where it was in vain, and the way back, in milliseconds. */
  readonly compressMs: number
  readonly inflateMs: number
}

/** A codec that always answers at once. */
export interface SyncCodec extends Codec {
  encode(entry: EncodedParts): Uint8Array
  decode(bytes: Uint8Array, context?: CodecContext): DecodedParts | undefined
}

/** What the body of a stored entry said. */
export interface DecodedParts extends EncodedParts {
  /** Every string of the value takes one byte a character: the codec saw it in passing, memory would have to look for it. */
  readonly isNarrow?: boolean
  /** How the bytes lay there, where the codec knows. */
  readonly isCompressed?: boolean
  readonly isEncrypted?: boolean
  /** Sealed by a key that is not the current one: to be sealed anew some day. */
  readonly isOldKey?: boolean
  /** The entry is judged by this, and not by what its tier says. */
  readonly sealed?: Sealed
}

/** What the body of a stored entry carries. */
export interface EncodedParts {
  /** The full key, checked on decode so that a record moved to another key is a miss. */
  readonly key: string
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[]
}
