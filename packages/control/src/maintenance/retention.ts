// What is kept, and for how long. The audit log is a chain and stays whole; so does everything that is in force.
import { type RawBuilder, sql } from 'kysely'
import { counted } from 'millpond/options'
import { z } from 'zod'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { putDocument, readDocument } from '../store/documents.ts'
import type { Store, Writer } from '../store/store.ts'

const DAY_MS = 86_400_000
const NAME = 'retention'

export const retention = z.strictObject({
  days: z
    .number()
    .min(1)
    .max(3650)
    .default(30)
    .describe('records that ended longer ago are removed; figures after at most 30 days'),
  is_automatic: z.boolean().default(true).describe('remove them once a day; false: only by maintenance/cleanup/'),
})
export type Retention = z.output<typeof retention>

export const retentionOf = async (store: Store): Promise<Retention> =>
  retention.parse((await readDocument(store, NAME)) ?? {})
export const putRetention = (store: Store, document: Retention, caller: Caller): Promise<void> =>
  putDocument(store, NAME, document, {
    ...caller,
    kind: 'change',
    action: 'retention.update',
    target: NAME,
    detail: document,
  })

export const removed = z.object({
  history: z.number(),
  operations: z.number(),
  resolved_alerts: z.number(),
  markers: z.number(),
  reports: z.number(),
  ended_silences: z.number(),
  expired_tokens: z.number(),
  proposals: z.number(),
})
export type Removed = z.output<typeof removed>

/** A table, and the condition for rows that ended before an instant. */
interface Old {
  readonly table: string
  readonly isOld: (before: number) => RawBuilder<unknown>
}

const OLD: Readonly<Record<keyof Removed, Old>> = {
  history: { table: 'history', isOld: (before) => sql`at < ${before}` },
  operations: { table: 'operations', isOld: (before) => sql`ended_at is not null and ended_at < ${before}` },
  resolved_alerts: { table: 'alerts', isOld: (before) => sql`state = 'resolved' and updated_at < ${before}` },
  markers: { table: 'markers', isOld: (before) => sql`at < ${before}` },
  reports: { table: 'reports', isOld: (before) => sql`at < ${before}` },
  ended_silences: { table: 'silences', isOld: (before) => sql`until < ${before}` },
  expired_tokens: { table: 'tokens', isOld: (before) => sql`expires_at is not null and expires_at < ${before}` },
  proposals: { table: 'proposals', isOld: (before) => sql`expires_at < ${before}` },
}

export interface Cleanup {
  readonly days: number
  /** Metrics only. */
  readonly isMetricsOnly: boolean
  readonly isDry: boolean
}

/** Together with its audit row. */
export function cleanUp(store: Store, caller: Caller, { days, isMetricsOnly, isDry }: Cleanup): Promise<Removed> {
  return store.write(async (tx) => {
    const found = await sweep(tx, (await store.now(tx)) - days * DAY_MS, isMetricsOnly, isDry)
    await appendAudit(store, tx, {
      ...caller,
      kind: isDry ? 'plan' : 'change',
      action: 'maintenance.cleanup',
      target: `older than ${counted(days, 'day')}`,
      detail: { days, metrics_only: isMetricsOnly, removed: found },
    })
    return found
  })
}

/** The same conditions count and delete. */
async function sweep(tx: Writer, before: number, isMetricsOnly: boolean, isDry: boolean): Promise<Removed> {
  const counts: Record<keyof Removed, number> = {
    history: 0,
    operations: 0,
    resolved_alerts: 0,
    markers: 0,
    reports: 0,
    ended_silences: 0,
    expired_tokens: 0,
    proposals: 0,
  }
  for (const name of removed.keyof().options) {
    if (isMetricsOnly && name !== 'history') continue
    const { table, isOld } = OLD[name]
    const { rows } = await sql<{
      n: number
    }>`select count(*) as n from ${sql.table(table)} where ${isOld(before)}`.execute(tx)
    counts[name] = Number(rows[0]?.n ?? 0)
    if (!isDry && counts[name] > 0) await sql`delete from ${sql.table(table)} where ${isOld(before)}`.execute(tx)
  }
  if (!isDry && counts.operations > 0)
    await sql`delete from operation_receipts where operation_id not in (select id from operations)`.execute(tx)
  return counts
}

const CLOCK: Caller = { actor: 'control plane', via: 'clock', requestId: 'clock' }

/** Once a day, counted from the last clean-up in the audit log. */
export async function cleanUpWhereDue(store: Store): Promise<void> {
  const { days, is_automatic } = await retentionOf(store)
  if (!is_automatic) return
  const last = await store.read
    .selectFrom('audit')
    .select('at')
    .where('action', '=', 'maintenance.cleanup')
    .where('actor', '=', CLOCK.actor)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  if ((await store.now()) - Number(last?.at ?? 0) >= DAY_MS)
    await cleanUp(store, CLOCK, { days, isMetricsOnly: false, isDry: false })
}
