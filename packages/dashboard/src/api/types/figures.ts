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
  /** The range of the score, 0 to 100; both ends are the same if everything is known. */
  readonly score: { readonly from: number; readonly to: number }
  /** `healthy`, `degraded`, `unhealthy`, or `unknown` without any process. */
  readonly status: string
  /** What the score is made of. */
  readonly parts: readonly HealthPart[]
}

export interface NamespaceRow extends Figures {
  readonly name: string
  readonly entries: number
  readonly bytes: number
  readonly miss_causes: Counts
}

export interface Summary {
  /** The name of the cache. */
  readonly cache_name: string
  /** Judged by the last minute. */
  readonly health: Health
  /** When the figures were collected: RFC 3339. */
  readonly as_of: string
  /**
   * How many processes there are, which of them did not report in time, and why some may be missing (`null`: none is).
   */
  readonly nodes: { readonly total: number; readonly late: readonly string[]; readonly unseen: string | null }
  /** Of its processes; empty if the cache has no regions. */
  readonly regions: readonly string[]
  /** Over all processes, since each was started. */
  readonly total: Figures
  /** Of about the last minute, which took `seconds`; `null` before there are two reports. */
  readonly last_minute: (Figures & { readonly seconds: number }) | null
  /** Over all processes. `max_bytes` and `used_ratio` (0 to 1) are `null` if memory is not limited. */
  readonly memory: {
    readonly entries: number
    readonly bytes: number
    readonly max_bytes: Known
    readonly used_ratio: Known
  }
  /** Each tier, fastest first. */
  readonly tiers: readonly Tier[]
  /** Misses by cause, since the start of each process. */
  readonly miss_causes: Counts
  /** Misses by cause within `last_minute`; `null` with it. */
  readonly last_minute_miss_causes: Counts | null
  /** Each namespace; of a process with more than 50 only the busiest, and the rest as `other`. */
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
