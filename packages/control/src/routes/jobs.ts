// Jobs of caches: the repeated ones with their last runs, and running one now.
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { appendAudit } from '../audit/audit.ts'
import { cachesFor } from '../fleet/reach.ts'
import { notFound } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { all, instant } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const run = z.object({
  due_at: instant.nullable(),
  ms: z.number(),
  late_ms: z.number(),
  attempts: z.number(),
  error: z.string().nullable(),
})
const row = z.object({
  cache_name: z.string(),
  name: z.string(),
  state: z.string().describe('waiting, running; unknown: it is not in the table'),
  due_at: instant.nullable(),
  error: z.string().nullable().describe('error of the last attempt, if it is retried'),
  runs: z.array(run).describe('the last ten, newest first'),
})

export const jobRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'jobs/',
    summary: 'List repeated jobs over all processes: the next run and the results of the last runs',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'By cache and name', schema: all(row) } },
    async handle({ control, principal, query }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const data = await Promise.all(
        names
          .filter((cache) => mayTouch(principal, cache))
          .map(async (cache) => {
            const replies = await control.fleet.ask(cache, 'jobs', null)
            // Processes share the table; each knows only the kinds that it handles.
            const byName = new Map(
              replies.flatMap(({ body }) => (body?.repeated ?? []).map((job) => [job.name, job] as const)),
            )
            return [...byName.values()].map((job) => ({ cache_name: cache, ...job, runs: [...job.runs] }))
          }),
      )
      return json(200, { data: data.flat().sort((a, b) => (a.name < b.name ? -1 : 1)), has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'jobs/{name}/run/',
    summary: 'Run a repeated job now, even outside its windows; its next run is counted from now',
    scope: 'warm',
    body: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'It is now due', schema: z.object({ cache_name: z.string(), name: z.string() }) } },
    async handle({ control, principal, params, body, caller }) {
      const name = params.name ?? ''
      for (const cache of cachesFor(control, principal, body.cache_name).filter((one) => mayTouch(principal, one))) {
        const replies = await control.fleet.ask(cache, 'jobs', null)
        const knows = replies.find((reply) => reply.body?.repeated.some((job) => job.name === name))
        if (knows === undefined) continue
        const done = await control.fleet.one(cache, 'job_run', { name }, { to: [knows.id] })
        if (!done.is_triggered) continue
        await control.store.write((tx) =>
          appendAudit(control.store, tx, {
            ...caller,
            kind: 'change',
            action: 'job.run',
            target: name,
            detail: { cache },
          }),
        )
        return json(200, { cache_name: cache, name })
      }
      throw notFound(`repeated job ${JSON.stringify(name)}`)
    },
  }),
]
