// Operations: invalidations with their plans, and warming.
import type { Counts } from './figures.ts'

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
