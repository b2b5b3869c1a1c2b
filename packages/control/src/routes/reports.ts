// Performance reports: kept every six hours, made now, read.
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { cachesFor } from '../fleet/reach.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { performanceReport } from '../reports/performance.ts'
import { EVERY_HOURS, makeReport } from '../reports/reports.ts'
import { all, instant, number } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const kept = z.object({ id: z.string(), at: instant, report: performanceReport })
const row = z.object({
  id: z.string(),
  cache_name: z.string(),
  at: instant,
  from: instant,
  to: instant,
  hit_ratio: number,
  bottlenecks: z.number(),
})

export const reportRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'reports/',
    summary: `List stored performance reports, newest first: one for each cache every ${EVERY_HOURS} hours`,
    scope: 'metrics:read',
    query: listQuery.extend({ cache_name: cacheName }),
    answers: { 200: { description: 'A page', schema: page(row) } },
    async handle({ control, principal, query: { cache_name, cursor, limit } }) {
      const list = `reports ${cache_name ?? ''}`
      const before = readCursor(cursor, list)
      let rows = control.store.read.selectFrom('reports').selectAll().orderBy('seq', 'desc')
      if (cache_name !== undefined) rows = rows.where('cache', '=', cache_name)
      if (before !== undefined) rows = rows.where('seq', '<', before)
      const found = await rows.limit(limit + 1).execute()
      const { data, ...rest } = pageOf(
        found,
        limit,
        list,
        ({ seq }) => Number(seq),
        ({ id, cache, at, document }) => {
          const { from, to, effectiveness, bottlenecks } = performanceReport.parse(JSON.parse(document))
          return {
            id,
            cache_name: cache,
            at: new Date(Number(at)).toISOString(),
            from,
            to,
            hit_ratio: effectiveness.hit_ratio,
            bottlenecks: bottlenecks.length,
          }
        },
      )
      return json(200, { data: data.filter((one) => mayTouch(principal, one.cache_name)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'reports/',
    summary: 'Create and store a performance report for each cache now',
    scope: 'benchmark',
    rate: 'scan',
    body: z.strictObject({
      cache_name: cacheName,
      hours: z.number().positive().max(720).default(EVERY_HOURS).describe('up to now'),
    }),
    answers: { 200: { description: 'One per cache', schema: all(kept) } },
    async handle({ control, principal, body }) {
      const names = cachesFor(control, principal, body.cache_name).filter((name) => mayTouch(principal, name))
      const data = []
      for (const name of names) data.push(await makeReport(control, name, body.hours))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'reports/{id}/',
    summary: 'Get a performance report: effectiveness, coverage, bottlenecks, times to live, invalidations, growth',
    scope: 'metrics:read',
    answers: { 200: { description: 'As it was created', schema: kept } },
    async handle({ control, params, principal }) {
      const found = await control.store.read
        .selectFrom('reports')
        .selectAll()
        .where('id', '=', params.id ?? '')
        .executeTakeFirst()
      if (found === undefined || !mayTouch(principal, found.cache)) throw notFound(`report ${params.id}`)
      return json(200, {
        id: found.id,
        at: new Date(Number(found.at)).toISOString(),
        report: performanceReport.parse(JSON.parse(found.document)),
      })
    },
  }),
]
