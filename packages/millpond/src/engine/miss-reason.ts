// What is known about a key that no tier has.
import type { MissCause } from '../core/causes.ts'

export interface MissReason {
  readonly cause: MissCause
  /** When it was removed, as seen by this process: epoch milliseconds. */
  readonly at?: number
  /** The invalidation that removed it. */
  readonly receipt?: string
  /** For `unknown`: why the cause is not known. */
  readonly detail?: string
}
