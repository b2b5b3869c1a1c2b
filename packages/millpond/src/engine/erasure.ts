// The words of an erasure: whom it concerns, and what it came to.
import type { ShreddedKeys } from '../core/contracts.ts'
import type { Key } from '../core/key.ts'

/** Whose data is erased: a tenant's, or what has one of the tags or keys. One of the three. */
export interface ErasureSubject {
  /** All of the tenant, in every namespace; its keys are destroyed where `codec: { encrypt }` is a `tenantKeyring`. */
  readonly tenant?: string | undefined
  /** Of this namespace: entries that carry one of them, and whatever was computed from those entries. */
  readonly tags?: readonly string[] | undefined
  readonly keys?: readonly Key[] | undefined
}

/** A queued write that will not reach its source any more. */
export interface ErasedWrite {
  readonly collection: string
  /** The encoded key. */
  readonly key: string
  /** Undefined for a dead letter that cannot be read. */
  readonly kind: 'set' | 'remove' | undefined
  /** It was on its way, and may have reached the source: look there. */
  readonly wasSent: boolean
  /** It had been set aside. */
  readonly wasDead: boolean
}

/** Is what lies under the key meant? Tags are looked at where keys do not decide. */
export type ErasurePredicate = (key: string, tags: () => readonly string[]) => boolean

/** Forgets queued writes that are meant, for good. */
export type Eraser = (isMeant: ErasurePredicate) => Promise<readonly ErasedWrite[]>

/** What an erasure came to in one tier. */
export interface ErasedTier {
  readonly name: string
  /**
   * `proven`: everything that is there was looked at, or named one by one, after all processes had heard. `shredded`:
   * what may be left cannot be read by anybody. `until`: a readable copy may live until then. `failed`: it did not
   * answer; erase again when it does.
   */
  readonly state: 'proven' | 'shredded' | 'until' | 'failed'
  /**
   * Epoch milliseconds, with `until`; `Infinity` where nobody can say: the longest time to live that was ever given.
   */
  readonly until?: number
  /** Entries and pieces of entries that were there. */
  readonly removed: number
  /** Why it failed. */
  readonly error?: unknown
}

/** What an erasure came to. */
export interface Erased {
  /** Of the invalidation that told everybody. */
  readonly id: string
  /** Everything that this cache can reach was reached: each tier is `proven` or `shredded`, and nobody is `unheard`. */
  readonly isProven: boolean
  /** Where it was looked for. */
  readonly namespaces: readonly string[]
  /** The invalidation of each: processes name it in their event `erased`. */
  readonly receipts: readonly { readonly namespace: string; readonly id: string }[]
  readonly tiers: readonly ErasedTier[]
  /**
   * Queued writes and dead letters of this process that were dropped; other processes tell of theirs by the event
   * `erased`.
   */
  readonly writes: readonly ErasedWrite[]
  /** The tenant's keys, where it had some. */
  readonly keys: ShreddedKeys | undefined
  /**
   * Processes that have not said within the time that they have heard. Their memory is given to nobody; erase again.
   */
  readonly unheard: readonly string[]
  readonly ms: number
}
