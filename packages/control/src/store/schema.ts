// The control plane's tables as the query builder sees them. Times are epoch milliseconds of the store's own clock,
// flags are 0 or 1, documents JSON.
import type { Generated } from 'kysely'

export interface Schema {
  meta: { key: string; value: string }
  /** The single row that every append to the audit log locks: the chain's last number and hash. */
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
  sessions: { hash: string; token_id: string; created_at: number; expires_at: number }
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
  operations: OperationTable
  /** The operation of a ledger receipt, so that the explanation of a miss can name it. */
  operation_receipts: { receipt: string; operation_id: string }
  plans: {
    id: string
    user_id: string
    document: string
    expires_at: number
    /** The proposal that it was made for; null: none. */
    proposal: string | null
  }
  proposals: ProposalTable
  warming_plans: {
    seq: Generated<number>
    id: string
    document: string
    created_at: number
    updated_at: number
    deleted: number
    /** By its schedule. */
    last_run_at: number | null
    /** JSON: the limits with which it runs automatically; null: it has no schedule. */
    owner: string | null
  }
  history: { cache: string; step: number; at: number; data: string }
  /** Performance reports, one per cache and time. */
  reports: { seq: Generated<number>; id: string; cache: string; at: number; document: string }
  alerts: AlertTable
  experiments: ExperimentTable
  silences: {
    id: string
    rule: string | null
    cache: string | null
    until: number
    actor: string
    reason: string | null
    created_at: number
  }
  markers: { seq: Generated<number>; id: string; at: number; kind: string; message: string; actor: string }
  /** Settings documents: alert rules, webhooks. */
  documents: { name: string; document: string; version: number; updated_at: number }
  leases: { name: string; holder: string; until: number }
}

export interface AuditTable {
  seq: number
  id: string
  at: number
  /** `change`, `plan`, `intent`, `result`, `access`. */
  kind: string
  actor: string
  /** How the actor was authenticated: a token's id, `session`, `host`. */
  via: string
  address: string | null
  action: string
  target: string
  /** JSON: the request, or its result. */
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
  /** JSON list; null: all scopes of the role. */
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

export interface OperationTable {
  seq: Generated<number>
  id: string
  kind: string
  /** `running`, `completed`, `partial`, `failed`, `cancelled`. With an expired lease it was `interrupted`. */
  state: string
  cache: string
  actor: string
  reason: string | null
  request: string
  plan: string | null
  result: string | null
  /** JSON: what an applied change has brought, as measured last; null: not measured. */
  outcome: string | null
  holder: string
  lease_until: number
  created_at: number
  updated_at: number
  ended_at: number | null
}

export interface AlertTable {
  seq: Generated<number>
  id: string
  fingerprint: string
  rule: string
  severity: string
  /** Every one that it has had, joined by commas; null: raised by an earlier version. */
  severities: string | null
  cache: string
  /** `firing`, `resolved`. */
  state: string
  value: number | null
  threshold: number | null
  message: string
  since: number
  updated_at: number
  resolved_at: number | null
  resolved_by: string | null
  note: string | null
}

export interface ExperimentTable {
  seq: Generated<number>
  id: string
  cache: string
  /** `running`, `ended`. */
  state: string
  actor: string
  reason: string | null
  document: string
  /** JSON: the counts of each process start. */
  counts: string
  created_at: number
  updated_at: number
}

export interface ProposalTable {
  seq: Generated<number>
  id: string
  /** `waiting`, `running`, `approved`, `failed`, `rejected`. One that waits past its time has expired. */
  state: string
  method: string
  /** Below the base, each part encoded. */
  path: string
  /** JSON: names and texts. */
  query: string
  /** JSON; null: none. */
  body: string | null
  summary: string
  scope: string
  reason: string
  made_by: string
  actor: string
  user_id: string
  /** JSON list: what the proposer is limited to; null: nothing. */
  namespaces: string | null
  created_at: number
  expires_at: number
  decided_by: string | null
  decided_at: number | null
  note: string | null
  /** While it runs: until when the process that runs it counts as alive. */
  lease_until: number
  answer_status: number | null
  answer: string | null
}
