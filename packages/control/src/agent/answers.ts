// What nodes answer a control plane, by topic (`words.ts`).
import type { Explanation, SettingChange } from 'millpond'
import type { InsightAnswered } from './insight-answers.ts'

export interface KeyRow {
  readonly namespace: string
  readonly key: string
  readonly bytes: number
  readonly hits: number
  readonly age_seconds: number
  /** `null`: for ever. */
  readonly ttl_seconds: number | null
  readonly tags: readonly string[]
}

export interface KeyList {
  readonly data: readonly KeyRow[]
  /** Where to go on; `null` at the end. */
  readonly cursor: string | null
  readonly scanned: number
  /** Where counts of hits stop; a node of an earlier release does not say it. */
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
   * There was no time to look at all that memory holds: how many more there are, nobody knows. Absent: it was looked
   * at, or a list was given.
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
  /** A node of an earlier release does not say it. */
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
  /** It did not fail: false is `failed`. */
  readonly ok: boolean
  /** `warning`: it works, and yet not as it should. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly ms: number
  readonly detail?: string
  /** What to do, where it is not ok. */
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

/** How far a run of named plans is. */
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

/** What an erasure came to in some namespaces of one cache: `Erased` of the library, in names for JSON. */
export interface ErasedPart {
  readonly id: string
  readonly receipts: readonly { readonly namespace: string; readonly id: string }[]
  readonly is_proven: boolean
  readonly namespaces: readonly string[]
  readonly tiers: readonly {
    readonly name: string
    readonly state: 'proven' | 'shredded' | 'until' | 'failed'
    readonly removed: number
    /** `null`: nobody can say. */
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

/** One thing that a cache did. */
export interface TailRow {
  readonly kind: 'hit' | 'stale' | 'miss' | 'load' | 'load_error' | 'set' | 'delete' | 'invalidate'
  readonly namespace: string
  /** How long before the answer, so that clocks need not agree. */
  readonly age_ms: number
  readonly key?: string
  /** Only the beginning of the key is here. */
  readonly is_cut?: boolean
  readonly tier?: string
  readonly cause?: string
  readonly ms?: number
  readonly receipt?: string
  readonly detail?: string
  readonly mode?: 'soft' | 'hard'
  /** The first of what was invalidated. */
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

/** How far what an application names is in memory, and whether what is there is read. */
export interface Coverage {
  readonly scopes: readonly (Held & {
    readonly scope: string
    /**
     * Cache types of which it has at least one entry, and those of which it has none; types without tags of their own
     * are in neither.
     */
    readonly held: readonly string[]
    readonly missing: readonly string[]
  })[]
  readonly tenants: readonly Held[]
  readonly namespaces: readonly (Held & {
    /** Older than half of their time, and not read since they were stored. */
    readonly unread: number
    /** With a time to live, of which a share can be spent. */
    readonly timed: number
  })[]
  readonly scanned: number
  readonly is_complete: boolean
}

/** How far a region is filled. */
export interface FillRow {
  readonly from: string
  readonly keys: number
  readonly copied: number
  readonly bytes: number
  readonly is_done: boolean
  readonly error: string | null
}

/** A region as one process sees it. */
export interface RegionRow {
  readonly region: string
  readonly is_origin: boolean
  /** `null`: its stores do not answer. */
  readonly standing: 'serving' | 'drained' | 'filling' | null
  readonly is_heard: boolean
  readonly lag_seconds: number | null
  /** Steps of the process's own region that it has not applied. `null`: it does not say. */
  readonly waiting: number | null
  /** Why it could not be heard when it was asked last. */
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
    /** Open here, and not heard of in time. */
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
    /** Absent: all of the cache. */
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
    /** More than now. A node of an earlier release does not say it. */
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
  /** What answers a URL, the likeliest first. */
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
    /** Rests left out. */
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
