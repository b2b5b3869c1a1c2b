// What the routes below cdn/ answer.

export interface CdnEdge {
  readonly edge: string
  readonly vendor: string
  readonly site: string | null
  readonly purges_by: readonly string[]
  readonly tells_when_done: boolean
}

export interface CdnOutletState {
  readonly name: string
  readonly waiting: number
  readonly left_ms: number
  readonly purged: number
  readonly coalesced: number
  readonly failures: number
  readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
}

export interface CdnPurge {
  readonly id: string
  readonly at: string
  readonly targets: number
  readonly ok: boolean
  readonly edges: readonly {
    readonly edge: string
    readonly state: string
    readonly purged: number
    readonly targets: number
    readonly left_ms: number
    readonly failures: readonly { readonly targets: readonly string[]; readonly count: number; readonly message: string }[]
  }[]
}

export interface CdnStatus {
  readonly edges: readonly CdnEdge[]
  readonly outlets: readonly CdnOutletState[]
  readonly purges: readonly CdnPurge[]
}
