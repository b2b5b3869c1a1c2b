// What the routes answer, as far as the pages read it. Names and units are the server's own.

export interface Session {
  readonly name: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly namespaces: readonly string[] | null
  readonly max_keys: number | null
  /** Caches that the caller may look at; servers before 0.2 do not say. */
  readonly caches?: readonly string[]
  /** The server's clock. */
  readonly now?: string
}

export interface Page<Row> {
  readonly data: readonly Row[]
  readonly has_more: boolean
  readonly next_cursor?: string | null
}

export interface ConfigurationDocument {
  readonly name: string
  readonly cache_type: string
  readonly strategy: string
  readonly ttl_seconds: number
  readonly max_size_mb: number
  readonly compression_enabled: boolean
  readonly is_active: boolean
  readonly priority: number
}

export interface Configuration extends ConfigurationDocument {
  readonly id: string
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
}

export interface ConfigurationVersion {
  readonly version: number
  readonly document: ConfigurationDocument
  readonly actor: string
  readonly reason: string | null
  readonly created_at: string
}

export type Changes = Readonly<Record<string, { readonly from: unknown; readonly to: unknown }>>

export interface AuditRow {
  readonly id: string
  readonly seq: number
  readonly at: string
  readonly kind: string
  readonly actor: string
  readonly via: string
  readonly address: string | null
  readonly action: string
  readonly target: string
  readonly detail: unknown
  readonly outcome: string
  readonly request_id: string
  readonly hash: string
}

export interface AuditVerdict {
  readonly ok: boolean
  readonly rows: number
  readonly broken?: { readonly seq: number; readonly why: string }
  readonly last: { readonly seq: number; readonly hash: string }
}

export interface User {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly namespaces: readonly string[] | null
  readonly max_keys: number | null
  readonly created_at: string
}

export interface Token {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly scopes: readonly string[] | null
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
}

export interface MadeToken {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly expires_at: string
}

/** `null`: not known. Never read as 0. */
export type Known = number | null

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

export type Counts = Readonly<Record<string, number>>

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
  readonly total: Figures
  readonly last_minute: (Figures & { readonly seconds: number }) | null
  readonly memory: { readonly entries: number; readonly bytes: number; readonly max_bytes: Known; readonly used_ratio: Known }
  readonly tiers: readonly Tier[]
  readonly miss_causes: Counts
  readonly last_minute_miss_causes: Counts | null
  readonly namespaces: readonly NamespaceRow[]
}

export interface Columns {
  readonly step_seconds: number
  readonly t: readonly number[]
  readonly series: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly v: readonly Known[] }[]
  readonly partial_last: boolean
}

export interface Alert {
  readonly id: string
  readonly rule: string
  readonly severity: string
  readonly cache_name: string
  readonly state: string
  readonly value: Known
  readonly threshold: Known
  readonly message: string
  readonly since: string
  readonly resolved_at: string | null
  readonly resolved_by: string | null
  readonly note: string | null
}

/** Of the settings of memory. */
export interface MemoryChange {
  readonly max_entries?: number
  readonly max_bytes?: number
  readonly policy?: string
}

/** Of which nobody is told for a while. */
export interface Silenced {
  readonly id: string
  /** `null`: every one. */
  readonly rule: string | null
  readonly cache_name: string | null
  readonly until: string
  readonly actor: string
  readonly reason: string | null
}

export type AlertRules = Readonly<Record<string, { readonly enabled: boolean; readonly levels: Readonly<Record<string, number>> }>>

export interface Criteria {
  readonly keys?: readonly string[]
  readonly tags?: readonly string[]
  readonly patterns?: readonly string[]
  readonly model?: string
  readonly id?: string | number
  readonly all?: true
}

export interface Operation {
  readonly id: string
  readonly kind: string
  readonly state: string
  readonly caches: readonly string[]
  readonly actor: string
  readonly reason: string | null
  readonly request: {
    readonly criteria?: Criteria
    readonly mode?: string
    readonly keys?: readonly unknown[]
    readonly name?: string
    /** What the application registered. */
    readonly cache_type?: string
    readonly organization?: string
    readonly model?: string
    readonly view?: string
    readonly api?: string
    readonly critical?: true
  } | null
  readonly plan: { readonly id?: string; readonly keys?: number; readonly is_exact?: boolean } | null
  readonly result: OperationResult | null
  readonly created_at: string
  readonly ended_at: string | null
}

export interface OperationResult {
  readonly caches?: Readonly<Record<string, InvalidationResult>>
  readonly keys?: number
  readonly done?: number
  readonly loaded?: number
  readonly fresh?: number
  readonly failed?: number
  readonly without_source?: number
  readonly errors?: readonly string[]
  readonly error?: string
}

export interface InvalidationResult {
  readonly receipts: readonly {
    readonly namespace: string
    readonly receipt: string
    readonly removed: number
    readonly is_applied: boolean
    readonly tiers: readonly { readonly name: string; readonly ok: boolean; readonly removed: number }[]
  }[]
  readonly removed?: number
  readonly nodes?: readonly { readonly id: string; readonly status: string; readonly ms?: number }[]
  readonly probe?: { readonly checked: number; readonly old: readonly string[] }
  readonly ms?: number
}

export interface Plan {
  readonly id: string
  readonly expires_at: string
  readonly criteria: Criteria
  readonly mode: 'soft' | 'hard'
  readonly keys: number
  readonly is_exact: boolean
  readonly caches: readonly {
    readonly cache_name: string
    readonly keys: number
    readonly is_exact: boolean
    readonly bytes: number
    readonly reads_per_second: number
    readonly by_namespace: Counts
    readonly sample: readonly { readonly namespace: string; readonly key: string; readonly hits: number }[]
    readonly cascade: readonly string[]
  }[]
  readonly guard: { readonly max_keys: number; readonly needs_confirmation: boolean; readonly confirm: string }
}

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
  readonly is_complete: boolean
}

/** What one tier of one node has of a key. */
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
  readonly cache_name: string
  readonly namespace: string
  readonly key: string
  readonly verdict: 'hit' | 'stale' | 'miss'
  readonly cause: string | null
  readonly detail: string | null
  readonly receipt: string | null
  readonly by: { readonly operation: string; readonly actor: string; readonly reason: string | null; readonly at: string } | null
  readonly nodes: readonly {
    readonly node: string
    readonly status: string
    readonly verdict: string | null
    readonly is_loading: boolean | null
    readonly error: string | null
    readonly tiers: readonly Copy[]
  }[]
}

/** One thing that a cache did: `event` on the stream. */
export interface TailRow {
  readonly kind: string
  readonly namespace: string
  readonly node: string
  readonly at: number
  readonly key?: string
  /** Only the beginning of the key is there. */
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
  /** What the rows are a sample of; `null`: not told to who is limited to namespaces. */
  readonly seen: Known
  readonly silent: readonly string[]
}

export interface Marker {
  readonly id: string
  readonly at: string
  readonly kind: string
  readonly message: string
  readonly actor: string
}

export interface WarmingPlan {
  readonly id: string
  readonly name: string
  readonly cache_name?: string
  readonly namespace?: string
  readonly keys: readonly unknown[]
  readonly concurrency: number
  readonly rate_per_second?: number
  readonly schedule?: {
    readonly every?: string
    readonly cron?: string
    readonly timezone?: string
    readonly windows?: readonly { readonly from: string; readonly to: string; readonly days?: readonly string[] }[]
  }
  readonly updated_at: string
  readonly last_run_at?: string | null
  readonly next_run_at?: string | null
}
