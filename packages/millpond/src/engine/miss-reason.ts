// What is known of a key that no tier has.
import type { MissCause } from '../core/causes.ts'

export interface MissReason {
  readonly cause: MissCause
  /** When it went, as this process saw it: epoch milliseconds. */
  readonly at?: number
  /** The invalidation that took it. */
  readonly receipt?: string
  /** For `unknown`: why it is not known. */
  readonly detail?: string
}
