// Alerts, their rules and silences.
import type { Known } from './figures.ts'

export interface Alert {
  /** Identifies the alert in routes: to resolve it, for example. */
  readonly id: string
  /** The name of the rule that raised it. */
  readonly rule: string
  /** `critical`, `high` or `medium`. */
  readonly severity: string
  /** The cache that it concerns. */
  readonly cache_name: string
  /** `firing` or `resolved`. */
  readonly state: string
  /** What was measured, in the unit of the rule; `null`: unknown. */
  readonly value: Known
  /** The limit that the value has crossed; `null`: the rule has none. */
  readonly threshold: Known
  /** What is wrong, in a sentence for an operator. */
  readonly message: string
  /** When it was raised: RFC 3339. */
  readonly since: string
  /** RFC 3339; `null` while it fires. */
  readonly resolved_at: string | null
  /** The name of the user, or `itself`; `null` while it fires. */
  readonly resolved_by: string | null
  /** The words of the user who resolved it; `null`: none. */
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
