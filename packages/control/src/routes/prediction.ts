// How well processes predict what is read next, the effect of prefetching it, and switching that on and off.
import { z } from 'zod'
import type { Answered } from '../agent/answers.ts'
import { namespacesFor, oneCache, oneWholeCache } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { askInsight, notRunning } from '../operations/advice.ts'
import { orLater } from '../operations/wait.ts'
import { why } from './insight-schemas.ts'
import { accepted, number, operation } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const count = z.number()
const prediction = z.object({
  state: z
    .enum(['open', 'closed', 'watching', 'off'])
    .describe(
      'open: proposals are loaded; closed: loading brought too little, or there is not enough data yet; watching: nothing is ever loaded; off: memory has no limit',
    ),
  accuracy: number.describe('share of finished proposals that were read while in memory'),
  benefit: number.describe(
    'misses avoided relative to a memory without loading ahead; the only figure that says whether it helps',
  ),
  spared: count.describe('share of all loads that were avoided or would have been'),
  threshold: count.describe('the probability above which a key is proposed'),
  proposed: count,
  used: count,
  wasted: count,
  outstanding: count,
  kept: count
    .optional()
    .describe(
      'how often memory was told to keep an entry that is expected to be read soon; absent in earlier releases',
    ),
  is_keeping: z
    .boolean()
    .optional()
    .describe(
      'whether it is told so now: a shadow of memory that keeps them has fewer misses; absent in earlier releases',
    ),
  loads: z.object({ loaded: count, present: count, empty: count, failed: count, skipped: count }),
  closings: count,
  drifts: count,
  lost: count.describe('reads that arrived faster than they could be observed'),
  model_fault: z.string().nullable().describe('why a custom model is no longer used'),
  patterns: z.array(
    z.object({
      namespace: z.string(),
      pattern: z.string(),
      candidates: count,
      read_ratio: count,
      loss: number,
      base_loss: number.describe(
        'log loss of a baseline that only knows how often candidates are read: lower is better',
      ),
      is_off: z.boolean(),
    }),
  ),
})
const PATH = 'optimizations/prediction/'

export const predictionRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: PATH,
    summary: 'Show how well the next reads are predicted and what loading ahead brings, per process',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: {
      200: {
        description: 'Since memory has had its current settings',
        schema: z.object({
          cache_name: z.string(),
          why,
          nodes: z.array(z.object({ node: z.string(), error: z.string().nullable(), said: prediction.nullable() })),
        }),
      },
    },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      const only = namespacesFor(principal, cache, undefined)
      const says = await askInsight(control, cache, 'prediction', null)
      const nodes = says.nodes.map(({ said, ...row }) => ({ ...row, said: shownTo(said, only) }))
      return json(200, { cache_name: cache, why: says.why, nodes })
    },
  }),
  defineRoute({
    method: 'POST',
    path: PATH,
    summary:
      'Turn loading ahead on or off in every process that predicts, until the process ends or the setting is changed',
    scope: 'config:write',
    rate: 'write',
    body: z.strictObject({ cache_name: cacheName, load_ahead: z.boolean(), reason: z.string().max(500).optional() }),
    answers: {
      200: { description: 'What each process did', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    handle({ control, principal, body, caller, request, base }) {
      const cache = oneWholeCache(control, principal, body.cache_name)
      return orLater(request, base, (began) =>
        control.operations.run(
          { kind: 'load_ahead', prefix: 'op', caches: [cache], request: body, reason: body.reason },
          caller,
          async (step) => {
            began(step.id)
            const replies = await control.fleet.ask(
              cache,
              'load_ahead',
              { is_on: body.load_ahead },
              { deadlineMs: 10_000 },
            )
            const nodes = replies.map(({ id, status, error, body: done }) => ({
              node: id,
              error: status !== 'answered' ? (error ?? status) : done === null ? notRunning('prediction') : null,
              was_on: done?.was_on ?? null,
            }))
            const failed = nodes.filter(({ error }) => error !== null).length
            return {
              state: failed === 0 ? 'completed' : failed === nodes.length ? 'failed' : 'partial',
              result: { nodes },
            }
          },
        ),
      )
    },
  }),
]

function shownTo(said: Answered['prediction'], only: readonly string[] | undefined): Answered['prediction'] {
  if (said === null || only === undefined) return said
  return { ...said, patterns: said.patterns.filter(({ namespace }) => only.includes(namespace)) }
}
