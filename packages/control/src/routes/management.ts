// The API below /api/cache-management/ (C2) for existing clients: warm, invalidate, inspect; by the cache types that an
// application has registered.
import { z } from 'zod'
import { may } from '../access/roles.ts'
import { cachesFor } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { summaryOf } from '../metrics/summary.ts'
import { runInvalidation } from '../operations/invalidation.ts'
import { invalidationBody } from '../operations/invalidation-body.ts'
import { planInvalidation } from '../operations/plan.ts'
import { holders, registeredDocument, runRegistered } from '../operations/registered.ts'
import { orLater } from '../operations/wait.ts'
import { accepted, number, operation } from './schemas.ts'

const ALL = 'all'
const body = z.strictObject({
  cache_type: z
    .string()
    .min(1)
    .max(128)
    .default(ALL)
    .describe('as registered by the application: strategic, response, ...; or all'),
  organization: z.string().min(1).max(200).optional().describe('by name or id'),
  cache_name: z.string().max(128).optional(),
  reason: z.string().max(1000).optional(),
})
const status = z.enum(['healthy', 'degraded', 'unhealthy', 'unknown'])
const tier = z.object({
  name: z.string(),
  enabled: z.boolean(),
  breaker: z.string(),
  hit_ratio: number,
  avg_ms: number,
})

export const managementRoutes = (base: string): readonly Route[] => [
  defineRoute({
    base,
    method: 'POST',
    path: 'warm-cache/',
    summary: 'Warm one cache type or all: what the application registered for it, otherwise its critical paths',
    scope: 'warm',
    body,
    answers: {
      200: { description: 'The result', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, principal, caller, body: { cache_type, ...named }, request, base: from }) {
      const all = await holders(control, principal, named.cache_name)
      const isCritical =
        cache_type === ALL &&
        named.organization === undefined &&
        !all.some(({ registered }) => registered.cache_types.includes(ALL)) &&
        all.some(({ registered }) => registered.has_critical_paths)
      const wanted = isCritical
        ? { critical: true as const }
        : cache_type === ALL && named.organization !== undefined
          ? {}
          : { cache_type }
      const document = registeredDocument.parse({ ...named, ...wanted })
      return orLater(request, from, (began) => runRegistered(control, principal, caller, document, began))
    },
  }),
  defineRoute({
    base,
    method: 'POST',
    path: 'invalidate-cache/',
    summary:
      'Invalidate one cache type or all: planned, recorded, acknowledged and probed like any other, but without a confirmation',
    scope: 'invalidate',
    rate: 'purge',
    body,
    answers: {
      200: { description: 'The result', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, principal, caller, body: { cache_type, reason, ...named }, request, base: from }) {
      const isAll = cache_type === ALL && named.organization === undefined
      if (isAll && !may(principal, 'purge:all'))
        throw new Problem(403, 'forbidden', 'clearing everything needs the permission purge:all: name a cache_type')
      const criteria = isAll ? { all: true as const } : cache_type === ALL ? {} : { cache_type }
      const plan = await planInvalidation(control, principal, invalidationBody.parse({ ...named, ...criteria }))
      const run = invalidationBody.parse({
        plan_id: plan.id,
        confirm: plan.guard.confirm,
        ...(reason !== undefined && { reason }),
      })
      if (!request.headers.has('prefer')) return json(200, await runInvalidation(control, principal, caller, run))
      return orLater(request, from, (began) => runInvalidation(control, principal, caller, run, began))
    },
  }),
  defineRoute({
    base,
    method: 'GET',
    path: 'cache-status/',
    summary: 'Show every cache in brief: health, hits, tiers, and its cache types',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: z.string().max(128).optional() }),
    answers: {
      200: {
        description: 'By cache; status is the worst of them',
        schema: z.object({
          status,
          caches: z.array(
            z.object({
              cache_name: z.string(),
              status,
              health_score: z.number(),
              hit_ratio: number,
              entries: z.number(),
              bytes: z.number(),
              nodes: z.number(),
              tiers: z.array(tier),
              cache_types: z.array(z.string()),
            }),
          ),
        }),
      },
    },
    async handle({ control, principal, query }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const registered = new Map(
        (await holders(control, principal, query.cache_name)).map((one) => [one.cache, one.registered.cache_types]),
      )
      const caches = await Promise.all(
        names.map(async (cache_name) => {
          const { health, health_score, total, memory, nodes, tiers } = await summaryOf(control, cache_name)
          return {
            cache_name,
            status: health.status,
            health_score,
            hit_ratio: total.hit_ratio,
            entries: memory.entries,
            bytes: memory.bytes,
            nodes: nodes.total,
            tiers: tiers.map(({ name, enabled, breaker, hit_ratio, avg_ms }) => ({
              name,
              enabled,
              breaker,
              hit_ratio,
              avg_ms,
            })),
            cache_types: [...(registered.get(cache_name) ?? [])],
          }
        }),
      )
      const worst = (['unhealthy', 'degraded', 'unknown', 'healthy'] as const).find((one) =>
        caches.some((cache) => cache.status === one),
      )
      return json(200, { status: worst ?? 'unknown', caches })
    },
  }),
]
