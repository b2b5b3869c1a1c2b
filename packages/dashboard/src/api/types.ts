// What the routes answer, as far as the pages read it. Names and units are the server's own.

export interface Session {
  readonly name: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly namespaces: readonly string[] | null
  readonly max_keys: number | null
}

export interface Page<Row> {
  readonly data: readonly Row[]
  readonly has_more: boolean
  readonly next_cursor?: string | null
}

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

export interface AuditRow {
  readonly id: string
  readonly seq: number
  readonly at: string
  readonly kind: string
  readonly actor: string
  readonly via: string
  readonly address: string | null
  readonly action: string
  readonly target: string
  readonly detail: unknown
  readonly outcome: string
  readonly request_id: string
  readonly hash: string
}

export interface AuditVerdict {
  readonly ok: boolean
  readonly rows: number
  readonly broken?: { readonly seq: number; readonly why: string }
  readonly last: { readonly seq: number; readonly hash: string }
}

export interface User {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly namespaces: readonly string[] | null
  readonly max_keys: number | null
  readonly created_at: string
}

export interface Token {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly scopes: readonly string[] | null
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
}

export interface MadeToken {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly expires_at: string
}
