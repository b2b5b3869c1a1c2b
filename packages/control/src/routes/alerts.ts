// Alerts, firing and past; resolving one.
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { instant, number } from './schemas.ts'

const alert = z.object({
  id: z.string(),
  fingerprint: z.string(),
  rule: z.string(),
  severity: z.string(),
  cache_name: z.string(),
  state: z.string(),
  value: number,
  threshold: number,
  message: z.string(),
  since: instant,
  updated_at: instant,
  resolved_at: instant.nullable(),
  resolved_by: z.string().nullable(),
  note: z.string().nullable(),
})

export const alertRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'alerts/',
    summary: 'List alerts, newest first',
    scope: 'alerts:read',
    query: listQuery.extend({
      state: z.enum(['firing', 'resolved']).optional(),
      cache_name: z.string().max(128).optional(),
    }),
    answers: { 200: { description: 'A page', schema: page(alert) } },
    async handle({ control, principal, query: { state, cache_name: cache, cursor, limit } }) {
      const list = `alerts ${state ?? ''} ${cache ?? ''}`
      const { data, ...rest } = pageOf(
        await control.alerts.list({ state, cache, before: readCursor(cursor, list), limit: limit + 1 }),
        limit,
        list,
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter(({ cache_name }) => mayTouch(principal, cache_name)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'alerts/{id}/resolve/',
    summary: 'Resolve an alert by hand: it is raised again only after its cause has gone and come back',
    scope: 'alerts:resolve',
    body: z.strictObject({ note: z.string().max(1000).optional() }),
    answers: { 200: { description: 'Resolved', schema: alert } },
    async handle({ control, params, principal, body, caller }) {
      const held = await control.alerts.get(params.id ?? '')
      if (!mayTouch(principal, held.cache_name)) throw notFound(`alert ${held.id}`)
      return json(200, await control.alerts.resolve(held.id, body.note, caller))
    },
  }),
]
