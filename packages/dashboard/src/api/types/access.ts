// Users and tokens, and the audit log.

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
