// The control plane's tables as the query builder sees them. Times are epoch milliseconds of the store's own clock, flags are 0 or 1, documents JSON.
import type { Generated } from 'kysely'

export interface Schema {
  meta: { key: string; value: string }
  /** The one row that whoever appends to the audit holds: the chain's last number and hash. */
  audit_head: { id: number; seq: number; hash: string }
  audit: AuditTable
  users: {
    id: string
    name: string
    role: string
    namespaces: string | null
    max_keys: number | null
    created_at: number
    disabled: number
  }
  tokens: TokenTable
  sessions: { hash: string; token_id: string; csrf: string; created_at: number; expires_at: number }
  configurations: ConfigurationTable
  configuration_versions: {
    configuration_id: string
    version: number
    document: string
    actor: string
    reason: string | null
    created_at: number
  }
  idempotency: IdempotencyTable
}

export interface AuditTable {
  seq: number
  id: string
  at: number
  /** `change`, `plan`, `intent`, `result`, `access`. */
  kind: string
  actor: string
  /** How the actor came in: a token's id, `session`, `host`. */
  via: string
  address: string | null
  action: string
  target: string
  /** JSON: what was asked for, or what came of it. */
  detail: string
  /** `ok`, `refused`, `failed`. */
  outcome: string
  request_id: string
  previous: string
  hash: string
}

export interface TokenTable {
  id: string
  hash: string
  name: string
  user_id: string
  /** JSON list; null: all that the role has. */
  scopes: string | null
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  revoked: number
}

export interface ConfigurationTable {
  seq: Generated<number>
  id: string
  name: string
  document: string
  version: number
  created_at: number
  updated_at: number
  deleted: number
}

export interface IdempotencyTable {
  principal: string
  route: string
  key: string
  body_hash: string
  /** `running`, `done`, `interrupted`. */
  state: string
  lease_until: number
  status: number | null
  headers: string | null
  body: string | null
  created_at: number
}
