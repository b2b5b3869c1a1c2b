// What a read found.
import type { Entry, Isolated } from '../core/contracts.ts'

/** What a read found, before it is shown to the caller. */
export interface Found extends Entry {
  readonly key: string
  /** `memory`, a far tier's name, or `loader`. */
  readonly tier: string
  /** The value, once it is frozen: so it may be kept, and handed to many. */
  readonly isolated?: Isolated | undefined
  /** What it takes in its tier, and how it lies there; undefined where that is not known. */
  readonly bytes?: number | undefined
  readonly isCompressed?: boolean | undefined
  readonly isEncrypted?: boolean | undefined
  /** Past its freshness, and returned because stale values are permitted. */
  readonly isStale?: boolean
}
