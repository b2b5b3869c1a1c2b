// What a read found.
import type { Entry } from '../core/contracts.ts'

/** What a read found, before it is shown to the caller. */
export interface Found extends Entry {
  readonly key: string
  /** `memory`, a far tier's name, or `loader`. */
  readonly tier: string
  /** Past its freshness, and returned because stale values are permitted. */
  readonly isStale?: boolean
}
