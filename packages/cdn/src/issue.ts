// What an outlet could not bring about, for whoever looks after it.
import type { CdnError } from './errors.ts'
import type { Probe } from './probe.ts'

export interface CdnIssue {
  readonly edge: string
  readonly targets: readonly string[]
  /** `true`: it is tried again. */
  readonly isTriedAgain: boolean
  readonly error?: CdnError
  /** What a probe found. */
  readonly probe?: Probe
}
