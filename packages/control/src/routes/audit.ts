// The audit log: pages, export, verification.
import { z } from 'zod'
import { appendAudit, verifyAudit } from '../audit/audit.ts'
import { csvOf, ndjsonOf, viewOf } from '../audit/export.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

const row = z.object({
  id: z.string(),
  seq: z.number().int(),
  at: z.iso.datetime(),
  kind: z.string(),
  actor: z.string(),
  via: z.string(),
  address: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  detail: z.unknown(),
  outcome: z.string(),
  request_id: z.string(),
  hash: z.string(),
})
const MOST_EXPORTED = 10_000

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'audit/',
    summary:
      'Show who did what, newest first; format=ndjson or csv exports 10,000 rows at a time, which is recorded: the Link header of an answer leads to the next part',
    scope: 'audit:read',
    query: listQuery.extend({
      actor: z.string().max(200).optional(),
      action: z.string().max(200).optional().describe('the whole action or a prefix such as configuration.'),
      format: z.enum(['json', 'ndjson', 'csv']).default('json'),
    }),
    answers: { 200: { description: 'A page, or the export', schema: page(row) } },
    async handle({ control, query, caller, request }) {
      const { actor, action, format, limit } = query
      const list = `audit ${actor ?? ''} ${action ?? ''}`
      const before = readCursor(query.cursor, list)
      let rows = control.store.read.selectFrom('audit').selectAll().orderBy('seq', 'desc')
      if (actor !== undefined) rows = rows.where('actor', '=', actor)
      if (action !== undefined) rows = rows.where('action', '>=', action).where('action', '<', `${action}\u{10ffff}`)
      if (before !== undefined) rows = rows.where('seq', '<', before)
      if (format !== 'json') {
        const found = await rows.limit(MOST_EXPORTED + 1).execute()
        const { data: all, next_cursor } = pageOf(
          found,
          MOST_EXPORTED,
          list,
          ({ seq }) => Number(seq),
          (one) => one,
        )
        const next = new URL(request.url).searchParams
        if (next_cursor !== null) next.set('cursor', next_cursor)
        const link = next_cursor === null ? {} : { Link: `<?${next}>; rel="next"` }
        await control.store.write((tx) =>
          appendAudit(control.store, tx, {
            ...caller,
            kind: 'access',
            action: 'audit.export',
            target: format,
            detail: { rows: all.length, newest: all[0]?.seq ?? null, oldest: all.at(-1)?.seq ?? null, actor, action },
          }),
        )
        return format === 'csv'
          ? {
              status: 200,
              text: csvOf(all),
              headers: {
                'Content-Type': 'text/csv; charset=utf-8',
                'Content-Disposition': 'attachment; filename="audit.csv"',
                ...link,
              },
            }
          : { status: 200, text: ndjsonOf(all), headers: { 'Content-Type': 'application/x-ndjson', ...link } }
      }
      return json(
        200,
        pageOf(await rows.limit(limit + 1).execute(), limit, list, ({ seq }) => Number(seq), viewOf),
      )
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'audit/verify/',
    summary: 'Verify the whole chain; seq and hash of an earlier answer prove that nothing has been cut off since',
    scope: 'audit:read',
    rate: 'scan',
    query: z
      .strictObject({ seq: z.coerce.number().int().min(1).optional(), hash: z.string().length(64).optional() })
      .refine(
        ({ seq, hash }) => (seq === undefined) === (hash === undefined),
        'give seq and hash of one earlier answer, or neither',
      ),
    answers: {
      200: {
        description: 'Whether it is whole',
        schema: z.object({
          ok: z.boolean(),
          rows: z.number().int(),
          broken: z.object({ seq: z.number().int(), why: z.string() }).optional(),
          last: z.object({ seq: z.number().int(), hash: z.string() }),
        }),
      },
    },
    async handle({ control, query: { seq, hash } }) {
      return json(
        200,
        await verifyAudit(control.store, seq === undefined || hash === undefined ? undefined : { seq, hash }),
      )
    },
  }),
]
