// Responses of the routes below regions/.

export interface RegionFilling {
  readonly from: string
  readonly keys: number
  readonly copied: number
  readonly bytes: number
  readonly is_done: boolean
  readonly error: string | null
}

export interface Region {
  readonly cache_name: string
  readonly region: string
  readonly is_origin: boolean
  /** `null`: its stores do not answer. */
  readonly state: 'serving' | 'drained' | 'filling' | null
  readonly nodes: readonly string[]
  /** By the regions whose processes are visible. */
  readonly seen_from: readonly {
    readonly region: string
    readonly lag_seconds: number | null
    readonly is_heard: boolean
    readonly waiting: number | null
    readonly error: string | null
  }[]
  readonly filling: RegionFilling | null
}

export interface RegionDrained {
  readonly region: string
  readonly is_safe: boolean
  readonly behind: readonly string[]
}
