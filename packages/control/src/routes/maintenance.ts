// What is kept, and what is old enough to go. The audit is a chain and stays whole; so does everything that is in force.
import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { appendAudit } from '../audit/audit.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import type { Writer } from '../store/store.ts'

const DAY_MS = 86_400_000
const removed = z.object({
  history: z.number(),
  operations: z.number(),
  resolved_alerts: z.number(),
  markers: z.number(),
  ended_silences: z.number(),
  expired_tokens: z.number(),
})
type Removed = z.output<typeof removed>

/** A table, and which of its rows have ended before an instant. */
interface Old {
  readonly table: string
  readonly isOld: (before: number) => RawBuilder<unknown>
}

const OLD: Readonly<Record<keyof Removed, Old>> = {
  history: { table: 'history', isOld: (before) => sql`at < ${before}` },
  operations: { table: 'operations', isOld: (before) => sql`ended_at is not null and ended_at < ${before}` },
  resolved_alerts: { table: 'alerts', isOld: (before) => sql`state = 'resolved' and updated_at < ${before}` },
  markers: { table: 'markers', isOld: (before) => sql`at < ${before}` },
  ended_silences: { table: 'silences', isOld: (before) => sql`until < ${before}` },
  expired_tokens: { table: 'tokens', isOld: (before) => sql`expires_at is not null and expires_at < ${before}` },
}

export const maintenanceRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: 'maintenance/cleanup/',
    summary: 'Remove figures, and what has ended, that are older than so many days; the audit, configurations and their versions stay',
    scope: 'users:write',
    body: z.strictObject({
      days: z.number().min(1).max(3650).default(30),
      metrics_only: z.boolean().default(false).describe('figures, and nothing else'),
      dry_run: z.boolean().default(false),
    }),
    answers: {
      200: {
        description: 'How many went, or with dry_run would go',
        schema: z.object({ days: z.number(), dry_run: z.boolean(), removed }),
      },
    },
    async handle({ control, body: { days, metrics_only, dry_run }, who }) {
      const counts = await control.store.write(async (tx) => {
        const before = (await control.store.now(tx)) - days * DAY_MS
        const found = await sweep(tx, before, metrics_only, dry_run)
        await appendAudit(control.store, tx, {
          ...who,
          kind: dry_run ? 'plan' : 'change',
          action: 'maintenance.cleanup',
          target: `older than ${days} days`,
          detail: { days, metrics_only, removed: found },
        })
        return found
      })
      return json(200, { days, dry_run, removed: counts })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'alerts/evaluate/',
    summary: 'Judge every rule now, and raise what is bad, without waiting to see it a second time',
    scope: 'alerts:resolve',
    body: z.strictObject({}),
    answers: {
      200: {
        description: 'What fires',
        schema: z.object({ data: z.array(z.looseObject({ id: z.string() })), has_more: z.literal(false) }),
      },
    },
    async handle({ control, principal }) {
      await control.judge()
      const firing = await control.alerts.list({ state: 'firing', limit: 200 })
      return json(200, {
        data: firing.map(({ view }) => view).filter(({ cache_name }) => mayTouch(principal, cache_name)),
        has_more: false,
      })
    },
  }),
]

/** The same conditions count and remove. */
async function sweep(tx: Writer, before: number, isMetricsOnly: boolean, isDry: boolean): Promise<Removed> {
  const counts = { history: 0, operations: 0, resolved_alerts: 0, markers: 0, ended_silences: 0, expired_tokens: 0 }
  for (const name of removed.keyof().options) {
    if (isMetricsOnly && name !== 'history') continue
    const { table, isOld } = OLD[name]
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)} where ${isOld(before)}`.execute(tx)
    counts[name] = Number(rows[0]?.n ?? 0)
    if (!isDry && counts[name] > 0) await sql`delete from ${sql.table(table)} where ${isOld(before)}`.execute(tx)
  }
  if (!isDry && counts.operations > 0)
    await sql`delete from operation_receipts where operation_id not in (select id from operations)`.execute(tx)
  return counts
}
