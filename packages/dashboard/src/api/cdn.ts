// Responses of the routes below cdn/.

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
    readonly failures: readonly {
      readonly targets: readonly string[]
      readonly count: number
      readonly message: string
    }[]
  }[]
}

export interface CdnFolder {
  readonly name: string
  /** `null`: it is not uploaded. */
  readonly to: string | null
  readonly has_images: boolean
}

/** An upload of a folder, or the results of optimising its images. */
export interface CdnWork {
  readonly id: string
  readonly kind: 'upload_assets' | 'optimize_images'
  readonly state: string
  readonly request: { readonly folder?: string; readonly dry_run?: boolean }
  readonly created_at: string
  readonly result: {
    readonly done?: number
    readonly all?: number
    readonly files?: number
    readonly sent?: number
    readonly bytes?: number
    readonly images?: number
    readonly made?: number
    readonly failed?: number
    readonly bytes_before?: number
    readonly bytes_after?: number
    readonly error?: string
  } | null
}

/** What each vendor reports, or why it reports nothing. */
export interface CdnByEdge<T> {
  readonly edges: readonly {
    readonly edge: string
    readonly found: T | null
    readonly error: { readonly message: string } | null
  }[]
}

export interface CdnHealth {
  readonly is_ready: boolean
  readonly notes: readonly string[]
}

export interface CdnPlace {
  readonly code: string
  readonly name: string
  readonly region: string | null
  readonly state: 'ok' | 'degraded' | 'down' | 'unknown'
  readonly met: { readonly at: string; readonly ms: number; readonly ok: boolean } | null
}

export interface CdnStatus {
  readonly folders: readonly CdnFolder[]
  readonly edges: readonly CdnEdge[]
  readonly outlets: readonly CdnOutletState[]
  readonly purges: readonly CdnPurge[]
}
