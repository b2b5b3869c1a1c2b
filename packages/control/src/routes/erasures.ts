// Erasures: plan and confirm whose data is erased; the results, with their audit rows.
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { runErasure } from '../operations/erasure.ts'
import { erasureBody, erasurePlan, planErasure } from '../operations/erasure-plan.ts'
import { orLater } from '../operations/wait.ts'
import { mayLookAt } from './operations.ts'
import { accepted, instant, operation } from './schemas.ts'

const LIST = 'erasures'
const planned = z.object({ plan: erasurePlan })
const receipt = z.object({
  operation,
  subject: z.unknown().describe('tenant, tags or keys'),
  salt: z.string(),
  audit: z
    .object({
      seq: z.number().int(),
      id: z.string(),
      hash: z.string(),
      at: instant,
      actor: z.string(),
      detail: z.unknown(),
    })
    .nullable()
    .describe('null while it runs. audit/verify/?seq=&hash= proves that the row still exists'),
})

export const erasureRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'erasures/',
    summary: 'List erasures, newest first',
    scope: 'audit:read',
    query: listQuery,
    answers: { 200: { description: 'A page', schema: page(operation) } },
    async handle({ control, principal, query }) {
      const rows = await control.operations.list({
        kind: 'erase',
        before: readCursor(query.cursor, LIST),
        limit: query.limit + 1,
      })
      const { data, ...rest } = pageOf(
        rows,
        query.limit,
        LIST,
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter((view) => mayLookAt(principal, view)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'erasures/',
    summary:
      'Erase the data of a tenant, tags or keys in every process and tier: planned, confirmed by text and proven',
    scope: 'erase',
    rate: 'purge',
    body: erasureBody,
    answers: {
      200: { description: 'The result, or with dry_run the plan', schema: z.union([operation, planned]) },
      202: { description: 'Running: a large tier takes time', schema: accepted },
    },
    async handle({ control, principal, caller, body, request, base }) {
      if (!body.dry_run) return orLater(request, base, (began) => runErasure(control, principal, caller, body, began))
      const plan = await planErasure(control, principal, body)
      await control.store.write((tx) =>
        appendAudit(control.store, tx, {
          ...caller,
          kind: 'plan',
          action: 'erase',
          target: plan.caches.map(({ cache_name }) => cache_name).join(','),
          detail: { id: plan.id, subject_kind: Object.keys(plan.subject)[0], reason: body.reason },
        }),
      )
      return json(200, { plan })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'erasures/{id}/receipt/',
    summary:
      'Get the receipt: whose data, what happened to it in each tier, and the audit row. Each access is recorded in the audit',
    scope: 'erase',
    answers: { 200: { description: 'A document to file with the erasure request', schema: receipt } },
    async handle({ control, params, principal, caller }) {
      const view = await control.operations.get(params.id ?? '')
      if (view.kind !== 'erase' || !mayLookAt(principal, view)) throw notFound(`erasure ${view.id}`)
      const { subject, salt } = z
        .object({ subject: z.unknown(), salt: z.string() })
        .parse(await control.operations.planOf(view.id))
      await control.store.write((tx) =>
        appendAudit(control.store, tx, { ...caller, kind: 'access', action: 'erasure.receipt', target: view.id }),
      )
      const rows = await control.store.read
        .selectFrom('audit')
        .select(['seq', 'id', 'hash', 'at', 'actor', 'detail'])
        .where('action', '=', 'erase')
        .where('kind', '=', 'result')
        .where('detail', 'like', `%"${view.id}"%`)
        .execute()
      const row = rows
        .map(({ detail, ...rest }) => ({ ...rest, detail: JSON.parse(detail) as unknown }))
        .find(({ detail }) => idIn(detail) === view.id)
      const audit =
        row === undefined ? null : { ...row, seq: Number(row.seq), at: new Date(Number(row.at)).toISOString() }
      return json(200, { operation: view, subject, salt, audit })
    },
  }),
]

const idIn = (detail: unknown): unknown =>
  typeof detail === 'object' && detail !== null ? Reflect.get(detail, 'id') : undefined
