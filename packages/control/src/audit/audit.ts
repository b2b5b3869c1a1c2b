// The audit log: who did what, when, from where, and with what result. Rows are chained: each holds the hash of the
// previous one, so that changed, removed, moved or inserted rows are detected. Keep the last hash elsewhere (`verify`
// takes it as a checkpoint): without one, anyone who can write to the store can cut off the end unnoticed.
import { createHash } from 'node:crypto'
import { newId } from '../access/tokens.ts'
import { storable } from '../http/storable.ts'
import type { AuditTable } from '../store/schema.ts'
import type { Store, Writer } from '../store/store.ts'

export type AuditKind = 'change' | 'plan' | 'intent' | 'result' | 'access'
export type AuditOutcome = 'ok' | 'refused' | 'failed'

export interface AuditEntry {
  readonly kind: AuditKind
  readonly actor: string
  readonly via: string
  readonly address?: string | undefined
  /** `configuration.create`, `invalidate.keys`, `token.revoke`. */
  readonly action: string
  readonly target: string
  /** JSON-safe, without secrets. */
  readonly detail?: unknown
  readonly outcome?: AuditOutcome
  readonly requestId: string
}

/** The part of an audit row that identifies the caller. */
export type Caller = Pick<AuditEntry, 'actor' | 'via' | 'address' | 'requestId'>

export type AuditRow = AuditTable

/** A position in the chain, to be kept outside of the store. */
export interface Checkpoint {
  /** The number of the row, from 1; 0: the log is empty. */
  readonly seq: number
  /** The hash of that row, which depends on all rows before it. */
  readonly hash: string
}

export interface Verdict {
  /** `true`: no row was changed, removed, moved or inserted. */
  readonly ok: boolean
  /** Rows that were read. */
  readonly rows: number
  /** The first row that does not fit, and why. */
  readonly broken?: { readonly seq: number; readonly why: string }
  /** The last row that fits: keep it elsewhere, to detect later that the log was truncated. */
  readonly last: Checkpoint
}

const PAGE = 1000
const HEAD = 1

/** Appends a row in the transaction of the change that it describes: both are committed or neither. */
export async function appendAudit(store: Store, tx: Writer, entry: AuditEntry): Promise<string> {
  const { seq, hash: previous } = await tx
    .selectFrom('audit_head')
    .select(['seq', 'hash'])
    .where('id', '=', HEAD)
    .executeTakeFirstOrThrow()
  const row = {
    seq: Number(seq) + 1,
    id: newId('aud'),
    at: await store.now(tx),
    kind: entry.kind,
    actor: storable(entry.actor),
    via: storable(entry.via),
    address: entry.address === undefined ? null : storable(entry.address),
    action: storable(entry.action),
    target: storable(entry.target),
    detail: JSON.stringify(entry.detail ?? null),
    outcome: entry.outcome ?? 'ok',
    request_id: storable(entry.requestId),
    previous,
  }
  const hash = rowHash(row)
  await tx
    .insertInto('audit')
    .values({ ...row, hash })
    .execute()
  await tx.updateTable('audit_head').set({ seq: row.seq, hash }).where('id', '=', HEAD).execute()
  return row.id
}

/** The hash of all fields of a row, in a fixed order. */
export function rowHash(row: Omit<AuditRow, 'hash'>): string {
  const parts = [row.seq, row.id, row.at, row.kind, row.actor, row.via, row.address, row.action, row.target]
  return createHash('sha256')
    .update(JSON.stringify([...parts, row.detail, row.outcome, row.request_id, row.previous]))
    .digest('hex')
}

/**
 * Reads the whole chain.
 * @param checkpoint of an earlier verdict: the rows up to it must be unchanged
 */
export async function verifyAudit(store: Store, checkpoint?: Checkpoint): Promise<Verdict> {
  let last: Checkpoint = { seq: 0, hash: '' }
  let rows = 0
  const broken = (seq: number, why: string): Verdict => ({ ok: false, rows, broken: { seq, why }, last })
  for (;;) {
    const page = await store.read
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', last.seq)
      .orderBy('seq')
      .limit(PAGE)
      .execute()
    for (const row of page) {
      const seq = Number(row.seq)
      rows++
      if (seq !== last.seq + 1) return broken(last.seq + 1, 'this row is missing')
      if (row.previous !== last.hash) return broken(seq, 'it does not follow the row before it')
      if (rowHash({ ...row, seq, at: Number(row.at) }) !== row.hash) return broken(seq, 'it was changed')
      last = { seq, hash: row.hash }
      if (checkpoint?.seq === seq && checkpoint.hash !== row.hash)
        return broken(seq, 'it differs from the row at the checkpoint')
    }
    if (page.length < PAGE) break
  }
  if (checkpoint !== undefined && checkpoint.seq > last.seq)
    return broken(last.seq + 1, 'the chain ends before the checkpoint')
  const head = await store.read
    .selectFrom('audit_head')
    .select(['seq', 'hash'])
    .where('id', '=', HEAD)
    .executeTakeFirst()
  if (head === undefined || Number(head.seq) !== last.seq || head.hash !== last.hash)
    return broken(last.seq + 1, 'the chain was cut at its end')
  return { ok: true, rows, last }
}
