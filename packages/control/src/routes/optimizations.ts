// Health and benchmark of caches; actions that exist elsewhere say where.
import { z } from 'zod'
import { cachesFor, oneCache } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { healthOnly } from '../metrics/summary.ts'
import { orLater } from '../operations/wait.ts'
import { adviceRoutes } from './advice.ts'
import { appliedRoutes } from './applied.ts'
import { autoRoutes } from './auto.ts'
import { experimentRoutes } from './experiments.ts'
import { freshnessRoutes } from './freshness.ts'
import { predictionRoutes } from './prediction.ts'
import { accepted, health, operation } from './schemas.ts'
import { whatIfRoutes } from './what-if.ts'

const cacheName = z.string().max(128).optional()

export const optimizationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'optimizations/health_check/',
    summary: 'Check health: 503 if a cache is unhealthy',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: {
      200: { description: 'By cache, with every deduction', schema: healthReport() },
      503: { description: 'The same, if a cache is unhealthy', schema: healthReport() },
    },
    async handle({ control, principal, query }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const caches = await Promise.all(
        names.map(async (cache_name) => ({ cache_name, ...(await healthOnly(control, cache_name)) })),
      )
      const worst =
        ['unhealthy', 'degraded', 'unknown', 'healthy'].find((status) => caches.some((one) => one.status === status)) ??
        'unknown'
      return json(worst === 'unhealthy' ? 503 : 200, { status: worst, caches })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'optimizations/benchmark/',
    summary: 'Measure how fast a cache is: gets and sets in a separate namespace, erased afterwards',
    scope: 'benchmark',
    rate: 'scan',
    body: z.strictObject({
      cache_name: cacheName,
      duration_seconds: z.number().positive().max(300).default(60),
      value_bytes: z.number().int().min(1).max(1_048_576).default(256),
      keys: z
        .number()
        .int()
        .min(1)
        .max(100_000)
        .default(1000)
        .describe('fewer if they would take more than 5 % of memory'),
      operations: z.number().int().min(1).max(1_000_000_000).optional().describe('the maximum within duration_seconds'),
      skew: z
        .number()
        .min(0)
        .max(5)
        .default(1)
        .describe("Zipf's exponent of key popularity; 0: all keys equally often"),
      share: z
        .number()
        .gt(0)
        .max(1)
        .default(0.5)
        .describe('the share of the time that it works; it rests for the remainder'),
    }),
    answers: {
      200: { description: 'The figures', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    handle({ control, principal, body, caller, request, base }) {
      const cache = oneCache(control, principal, body.cache_name)
      return orLater(request, base, (began) =>
        control.operations.run(
          { kind: 'benchmark', prefix: 'op', caches: [cache], request: body, reason: undefined },
          caller,
          async (step) => {
            began(step.id)
            const parts: unknown[] = []
            let operations = body.operations
            // In slices: a request to a node is bounded, and the benchmark can be cancelled in between.
            for (let left = body.duration_seconds * 1000; left > 0; left -= SLICE_MS) {
              const asked = {
                duration_ms: Math.max(10, Math.min(SLICE_MS, left)),
                value_bytes: body.value_bytes,
                keys: body.keys,
                skew: body.skew,
                share: body.share,
                ...(operations !== undefined && { operations }),
              }
              const part = await control.fleet.one(cache, 'benchmark', asked, { deadlineMs: SLICE_MS + 20_000 })
              parts.push(part)
              if (operations !== undefined) operations -= part.operations
              if (left <= SLICE_MS || operations === 0) break
              await step.progress({ parts })
              if (await step.isCancelled()) return { state: 'cancelled', result: { parts } }
            }
            return { state: 'completed', result: { parts } }
          },
        ),
      )
    },
  }),
  ...adviceRoutes,
  ...appliedRoutes,
  ...whatIfRoutes,
  ...autoRoutes,
  ...predictionRoutes,
  ...freshnessRoutes,
  ...experimentRoutes,
]

const SLICE_MS = 5000

function healthReport() {
  return z.object({
    status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
    caches: z.array(health.extend({ cache_name: z.string() })),
  })
}
