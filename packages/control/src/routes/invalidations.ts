// Invalidations: history, plan, run, undo.
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { notFound, Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { runInvalidation } from '../operations/invalidation.ts'
import { type InvalidationBody, invalidationBody } from '../operations/invalidation-body.ts'
import { planInvalidation, shownPlan } from '../operations/plan.ts'
import { orLater } from '../operations/wait.ts'
import { runWarming } from '../operations/warming.ts'
import { mayLookAt } from './operations.ts'
import { accepted, operation } from './schemas.ts'

const hottest = z.array(z.object({ namespace: z.string(), key: z.string(), hits: z.number() }))
const plan = z.object({
  plan: z.object({
    id: z.string(),
    expires_at: z.iso.datetime(),
    dry_run: z.boolean(),
    criteria: z.unknown(),
    mode: z.enum(['soft', 'hard']),
    keys: z.number().describe('how many would be removed'),
    is_exact: z.boolean().describe('false: a lower bound'),
    caches: z.array(
      z.object({
        cache_name: z.string(),
        namespaces: z.array(z.string()).nullable(),
        keys: z.number(),
        is_exact: z.boolean(),
        bytes: z.number(),
        reads_per_second: z.number(),
        by_namespace: z.record(z.string(), z.number()),
        sample: hottest,
        cascade: z.array(z.string()),
      }),
    ),
    pace_per_s: z.number().nullable(),
    cdn: z.object({ targets: z.array(z.unknown()), takes_ms: z.number() }).nullable(),
    guard: z.object({ max_keys: z.number(), needs_confirmation: z.boolean(), confirm: z.string() }),
  }),
})

export const invalidationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'invalidations/',
    summary: 'List invalidations, newest first',
    scope: 'metrics:read',
    query: listQuery,
    answers: { 200: { description: 'A page', schema: page(operation) } },
    async handle({ control, principal, query }) {
      const rows = await control.operations.list({
        kind: 'invalidate',
        before: readCursor(query.cursor, 'invalidations'),
        limit: query.limit + 1,
      })
      const { data, ...rest } = pageOf(
        rows,
        query.limit,
        'invalidations',
        ({ seq }) => seq,
        ({ view }) => view,
      )
      return json(200, { data: data.filter((view) => mayLookAt(principal, view)), ...rest })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'invalidations/plan/',
    summary: 'Plan an invalidation; the id of the plan runs it within 5 minutes',
    scope: 'invalidate',
    body: invalidationBody,
    answers: { 200: { description: 'The plan', schema: plan } },
    handle: (call) => planned(call, call.body),
  }),
  defineRoute({
    method: 'POST',
    path: 'invalidations/invalidate_keys/',
    summary: 'Invalidate by keys, tags, pattern, model or urls: planned, run, acknowledged by every node and probed',
    scope: 'invalidate',
    rate: 'purge',
    body: invalidationBody,
    answers: {
      200: { description: 'The result, or with dry_run the plan', schema: z.union([operation, plan]) },
      202: { description: 'Running: with Prefer: wait=N', schema: accepted },
    },
    async handle(call) {
      const { control, principal, caller, body, request, base } = call
      if (body.dry_run) return planned(call, body)
      // A paced one takes as long as it was told to, and so may a plan.
      const isShort = body.pace_per_s === undefined && body.plan_id === undefined
      if (!request.headers.has('prefer') && isShort)
        return json(200, await runInvalidation(control, principal, caller, body))
      return orLater(request, base, (began) => runInvalidation(control, principal, caller, body, began))
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'invalidations/{id}/undo/',
    summary: 'Reload the hottest of the invalidated keys: only the source can bring values back',
    scope: 'warm',
    body: z.strictObject({ top: z.number().int().min(1).max(500).default(500) }),
    answers: {
      200: { description: 'What was loaded', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle(call) {
      const { control, params, principal, caller, body, request, base } = call
      const view = await control.operations.get(params.id ?? '')
      if (view.kind !== 'invalidate' || !mayLookAt(principal, view)) throw notFound(`invalidation ${params.id}`)
      const [cache, ...others] = view.caches
      const went =
        z.object({ hottest: z.record(z.string(), hottest) }).safeParse(await control.operations.planOf(view.id)).data
          ?.hottest[cache ?? ''] ?? []
      if (cache === undefined || others.length > 0 || went.length === 0)
        throw new Problem(
          409,
          'nothing_known',
          'the plan of this invalidation names no keys in a single cache: there is nothing to warm',
        )
      const keys = [...new Set(went.map(({ key }) => key))].slice(0, body.top)
      const document = {
        name: `undo of ${view.id}`,
        cache_name: cache,
        keys,
        concurrency: 8,
        reason: `undo of ${view.id}`,
      }
      return orLater(request, base, (began) => runWarming(control, principal, caller, document, began))
    },
  }),
]

async function planned(
  { control, principal, caller }: Pick<Call, 'control' | 'principal' | 'caller'>,
  body: InvalidationBody,
) {
  const made = shownPlan(await planInvalidation(control, principal, { ...body, dry_run: true }))
  await control.store.write((tx) =>
    appendAudit(control.store, tx, {
      ...caller,
      kind: 'plan',
      action: 'invalidate',
      target: made.caches.map(({ cache_name }) => cache_name).join(','),
      detail: { id: made.id, criteria: made.criteria, keys: made.keys, reason: body.reason },
    }),
  )
  return json(200, { plan: made })
}
