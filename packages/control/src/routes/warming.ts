// Warming: stored plans, running them, and warming keys directly.
import { z } from 'zod'
import { newId } from '../access/tokens.ts'
import { appendAudit } from '../audit/audit.ts'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { keptWarming, nextRun, ownerOf, timetableOf } from '../operations/scheduled-warming.ts'
import { orLater } from '../operations/wait.ts'
import { runWarming, warmingDocument } from '../operations/warming.ts'
import { accepted, instant, operation } from './schemas.ts'

const view = keptWarming.extend({
  id: z.string(),
  created_at: instant,
  updated_at: instant,
  last_run_at: instant.nullable().describe('by its schedule'),
  next_run_at: instant.nullable().describe('null without a schedule'),
})
const LIST = 'warming'

export const warmingRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'warming/',
    summary: 'List warming plans, oldest first',
    scope: 'config:read',
    query: listQuery,
    answers: { 200: { description: 'A page', schema: page(view) } },
    async handle({ control, query: { cursor, limit } }) {
      const rows = await control.store.read
        .selectFrom('warming_plans')
        .selectAll()
        .where('deleted', '=', 0)
        .where('seq', '>', readCursor(cursor, LIST) ?? 0)
        .orderBy('seq')
        .limit(limit + 1)
        .execute()
      return json(
        200,
        pageOf(rows, limit, LIST, ({ seq }) => Number(seq), shown),
      )
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'warming/',
    summary: 'Store a warming plan; with a schedule it runs automatically',
    scope: 'warm',
    body: keptWarming,
    answers: { 201: { description: 'Kept', schema: view } },
    async handle({ control, principal, body, caller }) {
      namespacesFor(principal, oneCache(control, principal, body.cache_name), body.namespace)
      const row = await control.store.write(async (tx) => {
        const now = await control.store.now(tx)
        if (body.schedule !== undefined) timetableOf(body.schedule, now)
        const made = {
          id: newId('wrm'),
          document: JSON.stringify(body),
          created_at: now,
          updated_at: now,
          deleted: 0,
          last_run_at: null,
          owner: body.schedule === undefined ? null : ownerOf(principal),
        }
        await tx.insertInto('warming_plans').values(made).execute()
        await appendAudit(control.store, tx, {
          ...caller,
          kind: 'change',
          action: 'warming.create',
          target: body.name,
          detail: {
            id: made.id,
            keys: body.keys.length,
            ...(body.schedule !== undefined && { schedule: body.schedule }),
          },
        })
        return made
      })
      return json(201, shown(row), { Location: `${row.id}/` })
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'warming/{id}/',
    summary: 'Delete a warming plan',
    scope: 'warm',
    answers: { 204: { description: 'Deleted' } },
    async handle({ control, params, caller }) {
      const id = params.id ?? ''
      await control.store.write(async (tx) => {
        const { numUpdatedRows } = await tx
          .updateTable('warming_plans')
          .set({ deleted: 1 })
          .where('id', '=', id)
          .where('deleted', '=', 0)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw notFound(`warming plan ${id}`)
        await appendAudit(control.store, tx, { ...caller, kind: 'change', action: 'warming.delete', target: id })
      })
      return { status: 204 }
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'warming/{id}/execute/',
    summary: 'Run a warming plan',
    scope: 'warm',
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    answers: {
      200: { description: 'The result', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, params, principal, caller, body, request, base }) {
      const row = await control.store.read
        .selectFrom('warming_plans')
        .selectAll()
        .where('id', '=', params.id ?? '')
        .where('deleted', '=', 0)
        .executeTakeFirst()
      if (row === undefined) throw notFound(`warming plan ${params.id}`)
      const { schedule: _, ...document } = keptWarming.parse(JSON.parse(row.document))
      return orLater(request, base, (began) =>
        runWarming(control, principal, caller, { ...document, reason: body.reason ?? document.reason }, began),
      )
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'warming/warm_keys/',
    summary: 'Load keys with the loaders known to the cache (cache.source, collections, wrapped functions)',
    scope: 'warm',
    body: warmingDocument,
    answers: {
      200: { description: 'The result', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    handle: ({ control, principal, caller, body, request, base }) =>
      orLater(request, base, (began) => runWarming(control, principal, caller, body, began)),
  }),
]

function shown(row: {
  readonly id: string
  readonly document: string
  readonly created_at: number
  readonly updated_at: number
  readonly last_run_at: number | null
}) {
  const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()
  const document = keptWarming.parse(JSON.parse(row.document))
  const next =
    document.schedule === undefined ? undefined : nextRun(document.schedule, Number(row.last_run_at ?? row.created_at))
  return {
    id: row.id,
    ...document,
    created_at: timeOf(row.created_at),
    updated_at: timeOf(row.updated_at),
    last_run_at: row.last_run_at === null ? null : timeOf(row.last_run_at),
    next_run_at: next === undefined ? null : timeOf(next),
  }
}
