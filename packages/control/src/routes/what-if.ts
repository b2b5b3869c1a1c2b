// A query over recorded reads: what another size, policy or TTL would have brought.
import { whatIfOf } from 'millpond/insight'
import { z } from 'zod'
import { oneCache } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { askInsight } from '../operations/advice.ts'
import { seenOf } from '../operations/outcome.ts'
import { amount, days, evidence, range, why as whyNothing } from './insight-schemas.ts'

const what = {
  size: z.coerce.number().positive().max(1e6).optional().describe('as a multiple of the current memory size'),
  max_entries: z.coerce
    .number()
    .int()
    .min(1)
    .max(134_217_727)
    .optional()
    .describe('of memory, if it is limited by entries'),
  max_bytes: z.coerce.number().int().min(1).optional().describe('of memory, if it is limited by bytes'),
  more_bytes: z.coerce.number().int().min(1).optional().describe('in addition to the current size'),
  policy: z.enum(['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']).optional(),
  ttl: z
    .union([z.literal('forever'), z.coerce.number().positive()])
    .optional()
    .describe(
      'as a multiple of the time to live that values are given; forever: until they are evicted or invalidated',
    ),
}
const change = z.object({
  hit_ratio_change: range
    .nullable()
    .describe('the additional share of all reads that memory would have answered; null: see why'),
  misses_per_second: range
    .nullable()
    .describe('additional reads per second that would have missed memory; negative: fewer'),
})
const answer = change.extend({
  node: z.string(),
  error: z.string().nullable(),
  evidence: evidence.nullable(),
  hit_ratio: z.number().nullable().describe('measured'),
  size: amount.nullable().describe('the memory size that was simulated'),
  why: z.string().nullable().describe('why there is no result'),
})
type Answer = z.output<typeof answer>

export const whatIfRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'sizing/what_if/',
    summary: 'Simulate one other size, policy or time to live, per process and overall',
    scope: 'metrics:read',
    query: z.strictObject({
      cache_name: z.string().max(128).optional(),
      days: z.coerce.number().pipe(days).default(7),
      ...what,
    }),
    answers: {
      200: {
        description:
          'With 95 % intervals and the evidence; together: the average of the processes with data, weighted by reads',
        schema: z.object({
          cache_name: z.string(),
          why: whyNothing,
          together: change.nullable(),
          nodes: z.array(answer),
        }),
      },
    },
    async handle({ control, principal, query }) {
      const { cache_name, days: window, ...asked } = query
      const cache = oneCache(control, principal, cache_name)
      if (Object.values(asked).filter((value) => value !== undefined).length !== 1)
        throw new Problem(422, 'invalid', `ask for one thing: ${Object.keys(what).join(', ')}`)
      const { size, policy, ttl, max_entries: maxEntries, max_bytes: maxBytes, more_bytes: moreBytes } = asked
      const question = {
        size,
        policy,
        maxEntries,
        maxBytes,
        moreBytes,
        ttl: ttl === 'forever' ? Number.POSITIVE_INFINITY : ttl,
      }
      const says = await askInsight(control, cache, 'sizing', { days: window })
      const nodes = says.nodes.map(({ said, ...row }): Answer => {
        if (said === null)
          return {
            ...row,
            evidence: null,
            hit_ratio: null,
            hit_ratio_change: null,
            misses_per_second: null,
            size: null,
            why: null,
          }
        const { change: told, missesPerSecond, size: room, why } = whatIfOf(seenOf(said), question)
        return {
          ...row,
          evidence: said.evidence,
          hit_ratio: said.hit_ratio,
          hit_ratio_change: told ?? null,
          misses_per_second: missesPerSecond ?? null,
          size: room ?? null,
          why: why ?? null,
        }
      })
      return json(200, { cache_name: cache, why: says.why, together: together(nodes), nodes })
    },
  }),
]

/**
 * Processes see the same keys, so their uncertainties are not independent: the ends of intervals are averaged like the
 * values.
 */
function together(nodes: readonly Answer[]): z.output<typeof change> | null {
  const told = nodes.flatMap(({ evidence: seen, hit_ratio_change: of, misses_per_second: misses }) =>
    seen === null || of === null ? [] : [{ reads: seen.reads, of, misses }],
  )
  const reads = told.reduce((sum, one) => sum + one.reads, 0)
  if (reads === 0) return null
  const ends = (end: (one: (typeof told)[number]) => number): number => told.reduce((sum, one) => sum + end(one), 0)
  return {
    hit_ratio_change: {
      value: ends(({ of, reads: weight }) => (of.value * weight) / reads),
      low: ends(({ of, reads: weight }) => (of.low * weight) / reads),
      high: ends(({ of, reads: weight }) => (of.high * weight) / reads),
    },
    misses_per_second: {
      value: ends(({ misses }) => misses?.value ?? 0),
      low: ends(({ misses }) => misses?.low ?? 0),
      high: ends(({ misses }) => misses?.high ?? 0),
    },
  }
}
