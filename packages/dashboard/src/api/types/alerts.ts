// Alerts, their rules and silences.
import type { Known } from './figures.ts'

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

/** For which notifications are paused. */
export interface Silenced {
  readonly id: string
  /** `null`: every one. */
  readonly rule: string | null
  readonly cache_name: string | null
  readonly until: string
  readonly actor: string
  readonly reason: string | null
}

export type AlertRules = Readonly<
  Record<string, { readonly enabled: boolean; readonly levels: Readonly<Record<string, number>> }>
>
