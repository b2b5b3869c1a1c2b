// The result of a read.
import type { Entry, Isolated } from '../core/contracts.ts'

/** The result of a read, before it is shown to the caller. */
export interface Found extends Entry {
  readonly key: string
  /** `memory`, a far tier's name, or `loader`. */
  readonly tier: string
  /** The value, once it is frozen: so it may be stored, and shared. */
  readonly isolated?: Isolated | undefined
  /** Its size in its tier, and its layout there; undefined if unknown. */
  readonly bytes?: number | undefined
  readonly isCompressed?: boolean | undefined
  readonly isEncrypted?: boolean | undefined
  /** Stale, and returned because stale values are permitted. */
  readonly isStale?: boolean
}
