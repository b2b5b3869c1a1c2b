// A problem of an outlet, for operators.
import type { CdnError } from './errors.ts'
import type { Probe } from './probe.ts'

export interface CdnIssue {
  /** The edge, or the outlet if it concerns all of its edges. */
  readonly edge: string
  /** The targets, for display. */
  readonly targets: readonly string[]
  /** `true`: it is retried. */
  readonly isTriedAgain: boolean
  /** Why they could not be purged; absent if a probe found them old. */
  readonly error?: CdnError
  /** The probe's result. */
  readonly probe?: Probe
}
