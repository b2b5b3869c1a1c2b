// The types of an erasure: its subject, and its result.
import type { ShreddedKeys } from '../core/contracts.ts'
import type { Key } from '../core/key.ts'

/** Whose data is erased: a tenant's, or entries with one of the tags or keys. Exactly one of the three. */
export interface ErasureSubject {
  /** All of the tenant, in every namespace; its keys are destroyed if `codec: { encrypt }` is a `tenantKeyring`. */
  readonly tenant?: string | undefined
  /** Of this namespace: entries that carry one of them, and whatever was computed from those entries. */
  readonly tags?: readonly string[] | undefined
  /** Entries of this namespace under one of these keys, and whatever was computed from those entries. */
  readonly keys?: readonly Key[] | undefined
}

/** A queued write that will no longer reach its source. */
export interface ErasedWrite {
  /** The name of the collection. */
  readonly collection: string
  /** The encoded key. */
  readonly key: string
  /** Undefined for an unreadable dead letter. */
  readonly kind: 'set' | 'remove' | undefined
  /** It was being sent, and may have reached the source: check there. */
  readonly wasSent: boolean
  /** It was a dead letter. */
  readonly wasDead: boolean
}

/** Whether the entry of the key matches. Tags are called for if keys do not decide. */
export type ErasurePredicate = (key: string, tags: () => readonly string[]) => boolean

/** Permanently drops matching queued writes. */
export type Eraser = (isMeant: ErasurePredicate) => Promise<readonly ErasedWrite[]>

/** The result of an erasure in one tier. */
export interface ErasedTier {
  /** The name of the tier. */
  readonly name: string
  /**
   * `proven`: everything there was searched, or identified one by one, after all processes had applied it. `shredded`:
   * what may be left cannot be decrypted by anyone. `until`: a readable copy may exist until then. `failed`: it did not
   * answer; erase again when it does.
   */
  readonly state: 'proven' | 'shredded' | 'until' | 'failed'
  /** Epoch milliseconds, with `until`; `Infinity` if unknown: the longest TTL that was ever given. */
  readonly until?: number
  /** Entries and pieces of entries that were found. */
  readonly removed: number
  /** Why it failed. */
  readonly error?: unknown
}

/** The result of an erasure. */
export interface Erased {
  /** Of the invalidation that announced it. */
  readonly id: string
  /** Everything that this cache can reach was reached: each tier is `proven` or `shredded`, and `unheard` is empty. */
  readonly isProven: boolean
  /** The searched namespaces. */
  readonly namespaces: readonly string[]
  /** The invalidation of each: processes name it in their event `erased`. */
  readonly receipts: readonly { readonly namespace: string; readonly id: string }[]
  /** The result in each tier. */
  readonly tiers: readonly ErasedTier[]
  /**
   * Queued writes and dead letters of this process that were dropped; other processes report theirs by the event
   * `erased`.
   */
  readonly writes: readonly ErasedWrite[]
  /** The tenant's keys, if it had any. */
  readonly keys: ShreddedKeys | undefined
  /** Processes that have not acknowledged in time. Nothing is served from their memory; erase again. */
  readonly unheard: readonly string[]
  /** How long it took, in milliseconds. */
  readonly ms: number
}
