// A problem of an outlet, for operators.
import type { CdnError } from './errors.ts'
import type { Probe } from './probe.ts'

export interface CdnIssue {
  readonly edge: string
  readonly targets: readonly string[]
  /** `true`: it is retried. */
  readonly isTriedAgain: boolean
  readonly error?: CdnError
  /** The probe's result. */
  readonly probe?: Probe
}
