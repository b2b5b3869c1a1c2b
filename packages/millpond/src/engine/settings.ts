// What a namespace works by, beside its parts: read anew by each call, while a load keeps the policy it began with.
import type { Dependencies, LoadPolicy } from '../core/options.ts'
import type { Relations } from '../invalidate/relations.ts'

/** How long a tier keeps an entry: as a multiple of its fresh time, or absolutely. Never how long the entry is fresh. */
export interface Keep {
  readonly factor: number
  readonly ttlMs: number
}

export interface Settings {
  readonly policy: LoadPolicy
  /** How long memory keeps an entry. */
  readonly nearKeep: Keep
  readonly dependencies: Dependencies
  readonly relations: Relations
  /** All far tiers together may take this long before the loader is called, in milliseconds. */
  readonly readBudgetMs: number
}
