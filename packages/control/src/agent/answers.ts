// What nodes answer to a control plane, by topic (requests: `requests.ts`).
import type { Explanation, SettingChange } from 'millpond'
import type { InsightAnswered } from './insight-answers.ts'

export interface KeyRow {
  readonly namespace: string
  readonly key: string
  readonly bytes: number
  readonly hits: number
  readonly age_seconds: number
  /** `null`: without limit. */
  readonly ttl_seconds: number | null
  readonly tags: readonly string[]
}

export interface KeyList {
  readonly data: readonly KeyRow[]
  /** The cursor of the next page; `null` at the end. */
  readonly cursor: string | null
  readonly scanned: number
  /** Where hit counts saturate; absent from nodes of an earlier release. */
  readonly hits_limit?: number
}

export interface Group {
  readonly name: string
  readonly namespace: string | null
  readonly entries: number
  readonly bytes: number
  readonly hits: number
}

/** What an invalidation would take from one node's memory, or with `scan` from all tiers. */
export interface NodePlan {
  readonly entries: number
  readonly bytes: number
  /** By their counts and ages; a count saturates, so there may be more. */
  readonly reads_per_second: number
  readonly namespaces: Readonly<Record<string, number>>
  readonly hottest: readonly { readonly namespace: string; readonly key: string; readonly hits: number }[]
  readonly cascade: readonly string[]
  readonly is_exact: boolean
  /**
   * Not all of memory was looked at in the time available, so an unknown number may be missing. Absent: all of it was,
   * or a list was given.
   */
  readonly is_cut?: boolean
}

export interface NodeReceipt {
  readonly namespace: string
  readonly receipt: string
  readonly position: { readonly epoch: string; readonly seq: number }
  readonly removed: number
  readonly is_exact: boolean
  readonly is_applied: boolean
  /** Absent from nodes of an earlier release. */
  readonly ms?: number
  readonly tiers: readonly { readonly name: string; readonly ok: boolean; readonly removed: number }[]
  readonly outlets: readonly unknown[]
}

export interface Warmed {
  readonly loaded: number
  readonly fresh: number
  readonly failed: number
  readonly without_source: number
  /** Not reached in the time that was given. */
  readonly left: readonly string[]
  readonly errors: readonly string[]
}

export interface TestStep {
  /** Or `all`. */
  readonly tier: string
  readonly step: string
  /** Whether it did not fail; false means `failed`. */
  readonly ok: boolean
  /** `warning`: it works, but not as it should. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly ms: number
  readonly detail?: string
  /** What to do, if it is not ok. */
  readonly remedy?: string
}

/** The names that an application registered for a cache. */
export interface Registered {
  readonly cache_types: readonly string[]
  readonly scopes: readonly string[]
  readonly models: readonly string[]
  readonly views: readonly string[]
  readonly endpoints: readonly string[]
  readonly has_critical_paths: boolean
}

/** The progress of a run of named plans. */
export interface NamedRun {
  readonly run: string
  readonly is_done: boolean
  readonly plans: number
  readonly plans_done: number
  readonly loaded: number
  readonly fresh: number
  readonly empty: number
  readonly failed: number
  readonly errors: readonly string[]
  readonly paths: readonly { readonly name: string; readonly ms: number; readonly failed: number }[]
}

/** A queued write that an erasure has dropped. */
export interface DroppedWrite {
  readonly collection: string
  readonly key: string
  readonly kind: 'set' | 'remove' | null
  readonly was_sent: boolean
  readonly was_dead: boolean
}

/** The result of an erasure in some namespaces of one cache: the library's `Erased`, with JSON names. */
export interface ErasedPart {
  readonly id: string
  readonly receipts: readonly { readonly namespace: string; readonly id: string }[]
  readonly is_proven: boolean
  readonly namespaces: readonly string[]
  readonly tiers: readonly {
    readonly name: string
    readonly state: 'proven' | 'shredded' | 'until' | 'failed'
    readonly removed: number
    /** `null`: unknown. */
    readonly until?: string | null
    readonly error?: string
  }[]
  readonly writes: readonly DroppedWrite[]
  readonly keys: {
    readonly shredded_at: string | null
    readonly ids: readonly string[]
    readonly held_until: string | null
  } | null
  readonly unheard: readonly string[]
  readonly ms: number
}

/** One event of a cache. */
export interface TailRow {
  readonly kind: 'hit' | 'stale' | 'miss' | 'load' | 'load_error' | 'set' | 'delete' | 'invalidate'
  readonly namespace: string
  /** How long before the answer it happened, so that clocks need not agree. */
  readonly age_ms: number
  readonly key?: string
  /** The key is truncated. */
  readonly is_cut?: boolean
  readonly tier?: string
  readonly cause?: string
  readonly ms?: number
  readonly receipt?: string
  readonly detail?: string
  readonly mode?: 'soft' | 'hard'
  /** The first of the invalidated targets. */
  readonly targets?: readonly { readonly kind: string; readonly name: string }[]
  readonly more?: number
}

/** What memory holds of one organisation, tenant or namespace. */
export interface Held {
  readonly name: string
  readonly entries: number
  readonly bytes: number
  readonly hits: number
}

/** How much of what an application names is in memory, and whether it is read. */
export interface Coverage {
  readonly scopes: readonly (Held & {
    readonly scope: string
    /** Cache types with at least one entry, and those with none; types without tags of their own are in neither. */
    readonly held: readonly string[]
    readonly missing: readonly string[]
  })[]
  readonly tenants: readonly Held[]
  readonly namespaces: readonly (Held & {
    /** Past half of their TTL, and not read since they were stored. */
    readonly unread: number
    /** Those with a TTL, of which a share can have elapsed. */
    readonly timed: number
  })[]
  readonly scanned: number
  readonly is_complete: boolean
}

/** The progress of filling a region. */
export interface FillRow {
  readonly from: string
  readonly keys: number
  readonly copied: number
  readonly bytes: number
  readonly is_done: boolean
  readonly error: string | null
}

/** A region as seen by one process. */
export interface RegionRow {
  readonly region: string
  readonly is_origin: boolean
  /** `null`: its stores do not answer. */
  readonly state: 'serving' | 'drained' | 'filling' | null
  readonly is_heard: boolean
  readonly lag_seconds: number | null
  /** Steps of the process's own region that it has not applied. `null`: unknown. */
  readonly waiting: number | null
  /** Why the last attempt to read it failed. */
  readonly error: string | null
  readonly filling: FillRow | null
}

export interface Answered extends InsightAnswered {
  /** `own: null`: the cache has no regions. */
  regions: { readonly own: string | null; readonly regions: readonly RegionRow[] }
  region_drain: {
    readonly region: string
    readonly is_safe: boolean
    readonly namespaces: number
    readonly behind: readonly string[]
  }
  region_fill: { readonly region: string; readonly filling: FillRow | null }
  region_serve: { readonly region: string }
  tail: { readonly rows: readonly TailRow[]; readonly seen: number }
  coverage: Coverage
  jobs: {
    readonly repeated: readonly {
      readonly name: string
      readonly state: string
      readonly due_at: string | null
      readonly error: string | null
      readonly runs: readonly {
        readonly due_at: string | null
        readonly ms: number
        readonly late_ms: number
        readonly attempts: number
        readonly error: string | null
      }[]
    }[]
    readonly counted: readonly Readonly<Record<string, string | number>>[]
  }
  job_run: { readonly is_triggered: boolean }
  erase_plan: {
    readonly namespaces: readonly string[]
    readonly entries: number
    readonly by_namespace: Readonly<Record<string, number>>
  }
  erase_heard: {
    /** Open here, but not acknowledged in time. */
    readonly missing: readonly string[]
    readonly writes: readonly (DroppedWrite & { readonly namespace: string })[]
  }
  erase_begun: {
    readonly cache: string
    readonly begun: readonly {
      readonly seq: number
      readonly at: string
      readonly id: string
      readonly namespace: string
      readonly writes: number
    }[]
  }
  erase: {
    readonly run: string
    readonly is_done: boolean
    readonly parts: readonly ErasedPart[]
    readonly error?: string
  }
  application: Registered
  target: {
    /** Absent: the whole cache. */
    readonly namespaces?: readonly string[]
    /** Ids by scope. */
    readonly scopes: Readonly<Record<string, string>>
    /** `null`: everything in these namespaces. */
    readonly tags: readonly string[] | null
  }
  warm_named: NamedRun
  describe: Readonly<Record<string, unknown>>
  preview: {
    readonly changes: readonly SettingChange[]
    readonly drops: readonly { readonly tier: string; readonly bytes: number; readonly why: string }[]
    /** More loads than now. Absent from nodes of an earlier release. */
    readonly loads_per_second?: number
  }
  keys: KeyList
  groups: {
    readonly data: readonly Group[]
    readonly scanned: number
    readonly hits_limit?: number
    readonly is_complete: boolean
  }
  explain: Explanation & { readonly hitsLimit?: number }
  /** The entries that answer a URL, the likeliest first. */
  url: { readonly entries: readonly { readonly namespace: string; readonly key: string; readonly verdict: string }[] }
  value: { readonly found: boolean; readonly tier?: string; readonly value: unknown; readonly is_stale?: boolean }
  plan: NodePlan
  invalidate: { readonly receipts: readonly NodeReceipt[]; readonly ms: number }
  acked: { readonly ok: boolean; readonly behind: readonly string[] }
  probe: { readonly checked: number; readonly old: readonly string[] }
  warm: Warmed
  test: { readonly ok: boolean; readonly steps: readonly TestStep[]; readonly warnings: readonly string[] }
  benchmark: {
    readonly operations: number
    /** Without pauses. */
    readonly seconds: number
    readonly keys: number
    readonly hit_ratio: number
    readonly ops: Readonly<
      Record<
        string,
        {
          readonly count: number
          readonly avg_ms: number
          readonly p50_ms: number
          readonly p95_ms: number
          readonly p99_ms: number
        }
      >
    >
  }
}
