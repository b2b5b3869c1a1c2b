// Keys with their copies, and individual events of a cache.
import type { Known } from './figures.ts'
import type { Page } from './session.ts'

export interface KeyRow {
  readonly namespace: string
  readonly key: string
  readonly bytes: number
  readonly hits: number
  readonly age_seconds: number
  readonly ttl_seconds: Known
  readonly tags: readonly string[]
}

export interface KeyPage extends Page<KeyRow> {
  readonly scanned: number
  readonly hits_limit?: Known
}

export interface Group {
  readonly name: string
  readonly namespace: string | null
  readonly entries: number
  readonly bytes: number
  readonly hits: number
}

export interface GroupPage extends Page<Group> {
  readonly scanned: number
  /** Where hit counts saturate. */
  readonly hits_limit?: Known
  readonly is_complete: boolean
}

/** What one tier of one node knows of a key. */
export interface Copy {
  readonly tier: string
  readonly scope: string
  readonly state: string
  readonly cause?: string
  readonly at?: number
  readonly receipt?: string
  readonly detail?: string
  readonly age_seconds?: number
  readonly ttl_seconds?: number
  readonly bytes?: number
  readonly hits?: number
  readonly tags?: readonly string[]
  readonly version?: { readonly epoch: string; readonly seq: number }
}

export interface Explanation {
  /** The name of the cache. */
  readonly cache_name: string
  /** The namespace of the key. */
  readonly namespace: string
  /** The key, as it was asked for. */
  readonly key: string
  /** What a read would find now. */
  readonly verdict: 'hit' | 'stale' | 'miss'
  /** Why it would miss: `invalidated`, for example; `null`: it would not, or it is unknown. */
  readonly cause: string | null
  /** More about the cause, for display; `null`: nothing. */
  readonly detail: string | null
  /** The id of the invalidation that caused it; `null`: none did. */
  readonly receipt: string | null
  /** Absent from control planes of earlier versions. */
  readonly note?: string | null
  /** The operation that this receipt belongs to; `null`: it was not requested here. */
  readonly by: {
    readonly operation: string
    readonly actor: string
    readonly reason: string | null
    readonly at: string
  } | null
  /** The answer of each process, with the copies that each tier holds. */
  readonly nodes: readonly {
    readonly node: string
    readonly status: string
    readonly verdict: string | null
    readonly is_loading: boolean | null
    readonly error: string | null
    readonly hits_limit?: Known
    readonly tiers: readonly Copy[]
  }[]
}

/** One event of a cache: `event` on the stream. */
export interface TailRow {
  readonly kind: string
  readonly namespace: string
  readonly node: string
  readonly at: number
  readonly key?: string
  /** The key is truncated. */
  readonly is_cut?: boolean
  readonly tier?: string
  readonly cause?: string
  readonly ms?: number
  readonly receipt?: string
  readonly detail?: string
  readonly mode?: string
  readonly targets?: readonly { readonly kind: string; readonly name: string }[]
  readonly more?: number
}

export interface TailRound {
  readonly cache_name: string
  readonly rows: readonly TailRow[]
  /** How many events the rows are a sample of; `null`: hidden from callers limited to namespaces. */
  readonly seen: Known
  readonly silent: readonly string[]
}
