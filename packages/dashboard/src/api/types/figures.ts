// Metrics of caches, tiers and namespaces, now and over time.

/** `null`: unknown. Never treated as 0. */
export type Known = number | null

export type Counts = Readonly<Record<string, number>>

export interface Figures {
  readonly hits: number
  readonly misses: number
  readonly hit_ratio: Known
  readonly stale: number
  readonly loads: number
  readonly load_errors: number
  readonly load_joins: number
  readonly evictions: number
  readonly loads_per_second: Known
  readonly error_rate: Known
  readonly p50_ms: Known
  readonly p99_ms: Known
  readonly load_avg_ms: Known
}

export interface TierFigures {
  readonly hits: number
  readonly misses: number
  readonly hit_ratio: Known
  readonly share: Known
  readonly errors: number
  readonly calls: number
  readonly p50_ms: Known
  readonly p99_ms: Known
}

export interface Tier extends TierFigures {
  readonly name: string
  readonly scope: string
  readonly enabled: boolean
  readonly breaker: string
  readonly last_minute:
    | (TierFigures & {
        /** Between a process and the tier's store; `null` for memory. */
        readonly read_bytes_per_second?: Known
        readonly written_bytes_per_second?: Known
      })
    | null
}

export interface HealthPart {
  readonly name: string
  readonly weight: number
  readonly state: 'known' | 'unknown'
  readonly deduction: number
  readonly value: Known
  readonly target: Known
  readonly detail: string | null
}

export interface Health {
  readonly score: { readonly from: number; readonly to: number }
  readonly status: string
  readonly parts: readonly HealthPart[]
}

export interface NamespaceRow extends Figures {
  readonly name: string
  readonly entries: number
  readonly bytes: number
  readonly miss_causes: Counts
}

export interface Summary {
  readonly cache_name: string
  readonly health: Health
  readonly as_of: string
  readonly nodes: { readonly total: number; readonly late: readonly string[]; readonly unseen: string | null }
  /** Of its processes; empty if the cache has no regions. */
  readonly regions: readonly string[]
  readonly total: Figures
  readonly last_minute: (Figures & { readonly seconds: number }) | null
  readonly memory: {
    readonly entries: number
    readonly bytes: number
    readonly max_bytes: Known
    readonly used_ratio: Known
  }
  readonly tiers: readonly Tier[]
  readonly miss_causes: Counts
  readonly last_minute_miss_causes: Counts | null
  readonly namespaces: readonly NamespaceRow[]
}

export interface Columns {
  readonly step_seconds: number
  readonly t: readonly number[]
  readonly series: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly v: readonly Known[]
  }[]
  readonly partial_last: boolean
}

export interface Marker {
  readonly id: string
  readonly at: string
  readonly kind: string
  readonly message: string
  readonly actor: string
}
