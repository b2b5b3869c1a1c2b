// Configurations, with their versions.

export interface ConfigurationDocument {
  readonly name: string
  readonly cache_type: string
  readonly strategy: string
  readonly ttl_seconds: number
  readonly max_size_mb: number
  readonly compression_enabled: boolean
  readonly is_active: boolean
  readonly priority: number
}

export interface Configuration extends ConfigurationDocument {
  readonly id: string
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
}

export interface ConfigurationVersion {
  readonly version: number
  readonly document: ConfigurationDocument
  readonly actor: string
  readonly reason: string | null
  readonly created_at: string
}

export type Changes = Readonly<Record<string, { readonly from: unknown; readonly to: unknown }>>

/** Of memory's settings. */
export interface MemoryChange {
  readonly max_entries?: number
  readonly max_bytes?: number
  readonly policy?: string
}
