// Changes of memory that were applied: what each was to bring, and what it has brought since.
import { z } from 'zod'
import { memoryChange } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { oneCache } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { changeOf, measuredNow } from '../operations/kept-outcome.ts'
import type { OperationView } from '../operations/operations.ts'
import { effect } from '../operations/outcome.ts'
import { mayLookAt } from './operations.ts'
import { instant } from './schemas.ts'

const MOST = 20
const applied = z.object({
  id: z.string().describe('of the operation'),
  at: instant,
  actor: z.string().describe('auto: applied automatically'),
  reason: z.string().nullable(),
  state: z.string(),
  change: memoryChange,
  predicted: effect.nullable().describe('before the change; null: made by an earlier version'),
  realised: effect.describe(
    'since the change, by the same shadow caches: what its undo would cost now, or as last measured (see stopped)',
  ),
  stopped: z
    .string()
    .nullable()
    .describe('why realised is the last figure and is measured no further; null: it is current, or there is none'),
})

export const appliedRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'optimizations/applied/',
    summary:
      'List applied changes of memory, newest first, with what each was predicted to bring and what was measured since',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: z.string().max(128).optional() }),
    answers: {
      200: {
        description: 'The last 20 of one cache',
        schema: z.object({ cache_name: z.string(), data: z.array(applied) }),
      },
    },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      const rows = await control.operations.list({ kind: 'optimize', cache, limit: MOST })
      const data = await Promise.all(
        rows.flatMap(({ view }) => {
          const change = changeOf(view)
          return change === undefined || !mayLookAt(principal, view) ? [] : [shownOf(control, cache, view, change)]
        }),
      )
      return json(200, { cache_name: cache, data })
    },
  }),
]

async function shownOf(
  control: Control,
  cache: string,
  view: OperationView,
  change: z.output<typeof memoryChange>,
): Promise<z.output<typeof applied>> {
  const { id, created_at, actor, reason, state } = view
  const now = await measuredNow(control, cache, view)
  const kept = now.hit_ratio_change === null ? effect.safeParse(await control.operations.outcomeOf(id)).data : undefined
  return {
    id,
    at: created_at,
    actor,
    reason,
    state,
    change,
    predicted: effect.safeParse(view.plan).data ?? null,
    realised: kept ?? now,
    stopped: kept === undefined ? null : now.why,
  }
}
