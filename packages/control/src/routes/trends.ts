// Trends and forecasts of caches from the stored history.
import { z } from 'zod'
import { oneCache } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { trends, trendsOf } from '../reports/trends.ts'

const price = z.coerce.number().positive().max(1e15).optional()

export const trendRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'metrics/trends/',
    summary:
      'Show how hit ratio, traffic, loads, p95, memory and cost change from day to day, with a forecast for the next hours',
    scope: 'metrics:read',
    query: z.strictObject({
      cache_name: z.string().max(128).optional(),
      days: z.coerce.number().int().min(1).max(30).default(30).describe('of history'),
      hours: z.coerce.number().int().min(1).max(168).default(24).describe('ahead; shorter if there is little data'),
      memory_gb_month: price.describe(
        'the price of a gigabyte of memory for 30 days: with million_loads, the cost of a day is among the figures',
      ),
      million_loads: price.describe('the price of a million loads from the source'),
    }),
    answers: { 200: { description: 'With 95 % intervals, or the reason why nothing can be said', schema: trends } },
    async handle({ control, principal, query }) {
      const { cache_name, days, hours, memory_gb_month: gbMonth, million_loads: millionLoads } = query
      if ((gbMonth === undefined) !== (millionLoads === undefined))
        throw new Problem(422, 'invalid', 'the cost of a day needs both prices: memory_gb_month and million_loads')
      const prices = gbMonth === undefined || millionLoads === undefined ? undefined : { gbMonth, millionLoads }
      return json(200, await trendsOf(control, oneCache(control, principal, cache_name), { days, hours, prices }))
    },
  }),
]
