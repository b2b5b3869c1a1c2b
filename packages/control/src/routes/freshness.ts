// How many reads are stale, by reads that processes check against their source.
import { judgeFreshness } from 'millpond/insight'
import { z } from 'zod'
import { oneCache } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { askInsight } from '../operations/advice.ts'
import { range, why } from './insight-schemas.ts'

const judged = {
  objective: z.number().describe('the share of reads that may be stale'),
  checked: z.number().describe('reads that were loaded anew and compared, of the last 1,024 of each process'),
  stale: z.number().describe('those whose value was a different one at the source'),
  stale_ratio: range.nullable().describe('of reads, with its 95 % interval; null: none was checked yet'),
  state: z
    .enum(['met', 'missed', 'unknown'])
    .describe('unknown: the objective lies within the interval, so that more checks are needed'),
}
const checks = z.object({
  ...judged,
  counts: z
    .object({ fresh: z.number(), stale: z.number(), failed: z.number(), unsettled: z.number(), volatile: z.number() })
    .describe(
      'since the process began; unsettled: written or invalidated meanwhile; volatile: two loads in a row differ. Neither is counted as fresh or stale',
    ),
})

export const freshnessRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'freshness/',
    summary: 'Share of stale reads and whether the objective is met, per process and overall',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: z.string().max(128).optional() }),
    answers: {
      200: {
        description: 'By checks of single reads against their source; together: all checks added up',
        schema: z.object({
          cache_name: z.string(),
          why,
          together: z.object(judged).nullable(),
          nodes: z.array(z.object({ node: z.string(), error: z.string().nullable(), said: checks.nullable() })),
        }),
      },
    },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      const says = await askInsight(control, cache, 'freshness', null)
      const told = says.nodes.flatMap(({ said }) => said ?? [])
      const sumOf = (part: 'checked' | 'stale'): number => told.reduce((sum, one) => sum + one[part], 0)
      const objective = Math.min(...told.map((one) => one.objective))
      const [checked, stale] = [sumOf('checked'), sumOf('stale')]
      const { share, state } = judgeFreshness(checked, stale, objective)
      const together = told.length === 0 ? null : { objective, checked, stale, stale_ratio: share ?? null, state }
      return json(200, { cache_name: cache, why: says.why, together, nodes: says.nodes })
    },
  }),
]
