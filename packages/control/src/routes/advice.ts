// What another size, policy or TTL would bring, what to do, and doing it.
import { z } from 'zod'
import { may } from '../access/roles.ts'
import type { Answered } from '../agent/answers.ts'
import { memoryChange, prices } from '../agent/requests.ts'
import type { Control } from '../control.ts'
import { cachesFor, namespacesFor, oneCache, oneWholeCache } from '../fleet/reach.ts'
import { notFound, Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { agreedOn, askInsight } from '../operations/advice.ts'
import { changeMemory, undoFor } from '../operations/memory-change.ts'
import { orLater } from '../operations/wait.ts'
import { amount, days, evidence, range, why } from './insight-schemas.ts'
import { mayLookAt } from './operations.ts'
import { accepted, instant, operation } from './schemas.ts'

const cacheName = z.string().max(128).optional()
const price = z.coerce.number().positive().max(1e15)
const ttl = z.object({ factor: z.number().nullable(), change: range })
const sizing = z.object({
  evidence,
  capacity: amount.nullable(),
  policy: z.string().nullable(),
  used: z.number().nullable().optional().describe('what memory holds now, in the unit of its capacity'),
  is_full: z
    .boolean()
    .nullable()
    .optional()
    .describe('whether shadows of memory have evicted anything: before they have, no size or policy is recommended'),
  hit_ratio: z.number(),
  sizes: z.array(z.object({ factor: z.number(), size: z.number(), hit_ratio: range })),
  policies: z.array(z.object({ policy: z.string(), factor: z.number(), change: range })),
  ttls: z.array(ttl),
})
const recommendation = z.object({
  id: z.string(),
  kind: z.enum(['size', 'policy', 'ttl']),
  text: z.string(),
  change: memoryChange.nullable(),
  undo: memoryChange.nullable(),
  hit_ratio_change: range,
  cost: amount.nullable(),
  risk: z.string(),
  impact: z.number(),
})
const analysis = sizing.extend({
  bottlenecks: z.array(z.object({ kind: z.string(), share: z.number(), of_reads: z.number(), text: z.string() })),
  recommendations: z.array(recommendation),
  patterns: z.array(
    z.object({
      namespace: z.string(),
      pattern: z.string(),
      reads: z.number(),
      share: z
        .number()
        .nullable()
        .optional()
        .describe('of all reads since the pattern is tracked; null below 500 sampled reads'),
      keys: z.number(),
      loads: z.number(),
      reloads: z.number(),
      changed: z.number(),
      ttl: z.array(ttl),
    }),
  ),
  hot_keys: z.array(
    z.object({ tier: z.string(), keys: z.array(z.object({ key: z.string(), count: z.number(), error: z.number() })) }),
  ),
})
const money = z.object({ seen: z.number(), month: z.number().describe('over 30 days at the current rate') })
const cost = z.object({
  evidence,
  load: z.number().nullable().describe('the cost of a load'),
  stored: money,
  asked: money,
  avoided: money.describe('loads saved by hits'),
  net: money,
  tiers: z.array(
    z.object({
      tier: z.string(),
      requests: z.number(),
      hits: z.number(),
      bytes: z.number().nullable(),
      stored: money,
      asked: money,
      avoided: money,
    }),
  ),
  patterns: z.array(
    z.object({
      namespace: z.string(),
      pattern: z.string(),
      from: instant,
      requests: z.number(),
      hits: z.number(),
      loads: z.number(),
      bytes: z.number(),
      stored: money,
      avoided: money,
      net: money,
      break_even_seconds: z
        .number()
        .nullable()
        .describe('an entry that is stored longer than this before its next read costs more than a load'),
      beyond: z.number().describe('the share of stored data that waited longer'),
    }),
  ),
  actions: z.array(z.object({ id: z.string(), text: z.string(), month: range })),
})
const byNode = <T extends z.ZodType>(said: T) =>
  z.array(z.object({ node: z.string(), error: z.string().nullable(), said: said.nullable() }))

export const adviceRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'sizing/',
    summary: 'Hit ratios at other sizes, policies and times to live, per process',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName, days: z.coerce.number().pipe(days).default(7) }),
    answers: {
      200: {
        description: 'With 95 % intervals and the evidence',
        schema: z.object({ cache_name: z.string(), why, nodes: byNode(sizing) }),
      },
    },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      return json(200, { cache_name: cache, ...(await askInsight(control, cache, 'sizing', { days: query.days })) })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'optimizations/cost/',
    summary: 'What a cache costs and saves at the given prices, per process',
    scope: 'metrics:read',
    query: z.strictObject({
      cache_name: cacheName,
      memory_gb_month: price.describe('the price of a gigabyte of memory for 30 days'),
      million_loads: price
        .optional()
        .describe('the price of a million loads from the source; this or source_second is required'),
      source_second: price.optional().describe("the price of a second of the source's work"),
      memory_million_requests: price.optional().describe('the price of a million requests to memory'),
      tiers: z
        .string()
        .max(2000)
        .optional()
        .describe(
          'prices of tiers below memory: redis.gb_month=2,redis.bytes=1000000000,redis.million_requests=0.1; bytes: its size',
        ),
    }),
    answers: {
      200: {
        description: 'In the currency of the prices',
        schema: z.object({ cache_name: z.string(), why, nodes: byNode(cost) }),
      },
    },
    async handle({ control, principal, query }) {
      const { cache_name, tiers, ...asked } = query
      const cache = oneCache(control, principal, cache_name)
      if (asked.million_loads === undefined && asked.source_second === undefined)
        throw new Problem(422, 'invalid', 'the price of a load is missing: add million_loads or source_second')
      const given = prices.safeParse({ ...asked, ...(tiers !== undefined && { tiers: tierPrices(tiers) }) })
      if (!given.success)
        throw new Problem(
          422,
          'invalid',
          `tiers: ${tiers} is not valid: give prices above 0, as in redis.gb_month=2,redis.bytes=1000000000`,
        )
      await checkTiers(control, cache, Object.keys(given.data.tiers ?? {}))
      const says = await askInsight(control, cache, 'cost', given.data)
      const only = namespacesFor(principal, cache, undefined)
      const nodes = says.nodes.map(({ said, ...row }) => ({
        ...row,
        said: said === null ? null : costShownTo(said, only),
      }))
      return json(200, { cache_name: cache, why: says.why, nodes })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'optimizations/analyze/',
    summary: 'Bottlenecks and recommendations with their evidence',
    scope: 'metrics:read',
    body: z.strictObject({
      cache_name: cacheName,
      days: days.default(7),
      min_impact_score: z.number().min(0).max(100).default(0),
    }),
    answers: {
      200: {
        description: 'By cache: what its processes agree on, and the result of each',
        schema: z.object({
          caches: z.array(
            z.object({
              cache_name: z.string(),
              error: z
                .string()
                .nullable()
                .describe('why there is nothing: insight is not running in any process of the cache, or none answers'),
              recommendations: z.array(recommendation.extend({ nodes: z.number(), of_nodes: z.number() })),
              left_out: z.number().describe('recommendations with an impact below min_impact_score'),
              nodes: byNode(analysis),
            }),
          ),
        }),
      },
    },
    async handle({ control, principal, body }) {
      const names = cachesFor(control, principal, body.cache_name)
      const refused: Problem[] = []
      const caches = await Promise.all(
        names.map(async (cache_name) => {
          const says = await askInsight(control, cache_name, 'analyze', { days: body.days }).catch((error: unknown) => {
            if (names.length > 1 && error instanceof Problem) return error
            throw error
          })
          if (says instanceof Problem) refused.push(says)
          if (says instanceof Problem)
            return { cache_name, error: says.message, recommendations: [], left_out: 0, nodes: [] }
          const only = namespacesFor(principal, cache_name, undefined)
          const maySeeKeys = only === undefined && may(principal, 'keys:read')
          const nodes = says.nodes.map(({ said, ...row }) => ({
            ...row,
            said: said === null ? null : shownTo(said, only, maySeeKeys),
          }))
          const found = agreedOn(nodes)
          const recommendations = found.filter(({ impact }) => impact >= body.min_impact_score)
          return {
            cache_name,
            error: says.why,
            recommendations,
            left_out: found.length - recommendations.length,
            nodes,
          }
        }),
      )
      const [first] = refused
      if (first !== undefined && refused.length === names.length) throw first
      return json(200, { caches })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'optimizations/apply/',
    summary:
      'Change the size or policy of memory in every process until it ends: send the change or undo of a recommendation',
    scope: 'config:write',
    rate: 'write',
    body: z.strictObject({ cache_name: cacheName, change: memoryChange, reason: z.string().max(500).optional() }),
    answers: {
      200: { description: 'What each process changed', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    handle({ control, principal, body, caller, request, base }) {
      const cache = oneWholeCache(control, principal, body.cache_name)
      if (Object.keys(body.change).length === 0)
        throw new Problem(422, 'invalid', 'there is nothing to change', {
          errors: [{ pointer: '/change', code: 'empty', detail: 'give max_entries, max_bytes or policy' }],
        })
      const { change, reason } = body
      return orLater(request, base, (began) => changeMemory(control, caller, { cache, change, reason, began }))
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'optimizations/{id}/roll_back/',
    summary: 'Set the memory back to what it was before an applied change, unless it has been changed again since',
    scope: 'config:write',
    rate: 'write',
    body: z.strictObject({ reason: z.string().max(500).optional() }),
    answers: {
      200: { description: 'What each process changed', schema: operation },
      202: { description: 'It runs', schema: accepted },
    },
    async handle({ control, params, principal, body, caller, request, base }) {
      const view = await control.operations.get(params.id ?? '')
      const [name] = view.caches
      if (view.kind !== 'optimize' || !mayLookAt(principal, view)) throw notFound(`applied change ${params.id}`)
      const cache = oneWholeCache(control, principal, name)
      const change = await undoFor(control.store, view)
      const reason = body.reason ?? `rolls back ${view.id}`
      return orLater(request, base, (began) => changeMemory(control, caller, { cache, change, reason, began }))
    },
  }),
]

/** @throws Problem 422 for a tier that no process has, and for memory, whose prices have their own names */
async function checkTiers(control: Control, cache: string, asked: readonly string[]): Promise<void> {
  if (asked.length === 0) return
  const { nodes } = await control.fleet.see(cache)
  const below = new Set(nodes.flatMap(({ report }) => report?.tiers.map(({ name }) => name) ?? []))
  below.delete('memory')
  const unknown = asked.find((tier) => !below.has(tier))
  if (unknown === undefined) return
  const there = below.size === 0 ? 'there is none' : `there are ${[...below].join(', ')}`
  throw new Problem(422, 'invalid', `tiers: ${unknown} is not a tier below memory of ${cache}: ${there}`)
}

/** `redis.gb_month=2,redis.bytes=1e9` as an object of prices by tier; the caller validates the values. */
function tierPrices(text: string): Record<string, Record<string, number>> {
  const tiers: Record<string, Record<string, number>> = {}
  for (const part of text.split(',')) {
    const [, tier = '', name = '', value] = /^([\w-]+)\.(\w+)=(.+)$/.exec(part.trim()) ?? []
    tiers[tier] = { ...tiers[tier], [name]: Number(value) }
  }
  return tiers
}

type Analysis = NonNullable<Answered['analyze']>

/** Key names are only for those who may see keys; patterns of namespaces that the caller may not touch are hidden. */
function shownTo(said: Analysis, only: readonly string[] | undefined, maySeeKeys: boolean): Analysis {
  return {
    ...said,
    patterns: said.patterns.filter(({ namespace }) => only === undefined || only.includes(namespace)),
    recommendations:
      only === undefined ? said.recommendations : said.recommendations.filter(({ kind }) => kind !== 'ttl'),
    hot_keys: maySeeKeys ? said.hot_keys : [],
  }
}

/** A caller limited to some namespaces does not see the patterns of others. */
function costShownTo(
  said: NonNullable<Answered['cost']>,
  only: readonly string[] | undefined,
): NonNullable<Answered['cost']> {
  if (only === undefined) return said
  return {
    ...said,
    patterns: said.patterns.filter(({ namespace }) => only.includes(namespace)),
    actions: said.actions.filter(({ id }) => !id.startsWith('uncached:')),
  }
}
