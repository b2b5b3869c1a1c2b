// Metrics: now, over time, per configuration, per namespace.
import { z } from 'zod'
import type { ExperimentView } from '../experiments/document.ts'
import { cachesFor, oneCache } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { prometheusOf } from '../metrics/prometheus.ts'
import { seriesOf } from '../metrics/series.ts'
import { healthOnly, namespacesOf, summaryOf } from '../metrics/summary.ts'
import { heldConfiguration } from './configurations.ts'
import { all, columns, counts, figures, namespaceRow, summary } from './schemas.ts'

const HOUR_MS = 3_600_000
const armsOf = (running: ExperimentView | undefined) =>
  running === undefined ? [] : [running.judgement.control, ...running.judgement.arms]
const DAY_MS = 24 * HOUR_MS
const time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date(), z.coerce.number().int().min(0)], {
    error: 'give 2026-01-31T12:00:00Z, 2026-01-31 (its first instant in UTC), or epoch seconds',
  })
  .optional()
const range = {
  from: time.describe('RFC 3339, a date (its first instant in UTC), or epoch seconds; default: an hour before `to`'),
  to: time.describe('default: now'),
  step: z.coerce.number().positive().max(86_400).optional().describe('seconds; default: as fine as 1,000 points allow'),
  days: z.coerce.number().positive().max(30).optional().describe('instead of `from`'),
}
const cacheName = z.string().max(128).optional()

export const metricRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'metrics/',
    summary: 'Get figures over time as columns: by second for an hour, by minute for a week, by hour for 30 days',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName, ...range }),
    answers: { 200: { description: 'Columns', schema: columns } },
    async handle(call) {
      return json(200, await columnsOf(call, oneCache(call.control, call.principal, call.query.cache_name), call.query))
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'metrics/summary/',
    summary: 'Show the current state of one cache or all',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName, days: range.days }),
    answers: {
      200: {
        description: 'By cache, and the totals',
        schema: z.object({ health_score: z.number().nullable(), caches: z.array(summary) }),
      },
    },
    async handle({ control, principal, query }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const caches = await Promise.all(names.map((name) => summaryOf(control, name)))
      const health_score = caches.length === 0 ? null : Math.min(...caches.map((one) => one.health_score))
      return json(200, { health_score, caches })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'metrics/prometheus/',
    summary: 'Export the metrics of every process in the Prometheus format',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'Text in the Prometheus exposition format, or OpenMetrics if preferred (Accept)' } },
    async handle({ control, principal, query, request }) {
      const names =
        query.cache_name === undefined && control.fleet.names.length === 0
          ? []
          : cachesFor(control, principal, query.cache_name)
      const figures = names.map(async (cache) => ({
        cache,
        nodes: (await control.fleet.see(cache)).nodes,
        health: (await healthOnly(control, cache)).score.to,
        arms: armsOf(await control.experiments.running(cache)),
      }))
      const { text, contentType } = prometheusOf(await Promise.all(figures), request.headers.get('accept'))
      return { status: 200, text, headers: { 'Content-Type': contentType, Vary: 'Accept' } }
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'configurations/{id}/stats/',
    summary: 'Show the figures of the cache of a configuration',
    scope: 'metrics:read',
    query: z.strictObject(range),
    answers: {
      200: {
        description: 'The sums over the requested time, and the columns',
        schema: figures.extend({
          cache_name: z.string(),
          is_running: z.boolean(),
          memory_percent: z.number().nullable(),
          miss_causes: counts,
          tiers: z.array(z.unknown()),
          history: columns.nullable(),
        }),
      },
    },
    async handle(call) {
      const { name } = await heldConfiguration(call)
      if (!call.control.fleet.has(name))
        throw new Problem(409, 'not_running', `no process runs the cache ${name}: attach it, then ask again`)
      const { total, memory, miss_causes, tiers } = await summaryOf(call.control, name)
      const history = await columnsOf(call, name, call.query)
      const memory_percent = memory.used_ratio === null ? null : memory.used_ratio * 100
      return json(200, { cache_name: name, is_running: true, ...total, memory_percent, miss_causes, tiers, history })
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'namespaces/',
    summary: 'List every namespace of a cache, most misses first',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: {
      200: { description: 'All of them; beyond 50 the rest are combined as other', schema: all(namespaceRow) },
    },
    async handle({ control, principal, query }) {
      const { nodes } = await control.fleet.see(oneCache(control, principal, query.cache_name))
      return json(200, {
        data: namespacesOf(nodes.flatMap(({ report }) => (report === undefined ? [] : [report]))),
        has_more: false,
      })
    },
  }),
]

interface Range {
  readonly from?: string | number | undefined
  readonly to?: string | number | undefined
  readonly step?: number | undefined
  readonly days?: number | undefined
}

async function columnsOf({ control }: Pick<Call, 'control'>, cache: string, asked: Range) {
  const now = await control.store.now()
  const to = instantOf(asked.to) ?? now
  const from = instantOf(asked.from) ?? to - (asked.days === undefined ? HOUR_MS : asked.days * DAY_MS)
  if (from >= to)
    throw new Problem(422, 'invalid', 'from is not before to', {
      errors: [{ pointer: '?from', code: 'range', detail: 'give one before to' }],
    })
  const { step, points } = await control.history.read(cache, from, to, asked.step, now, control.collector.recent(cache))
  const last = points.at(-1)?.at
  return {
    cache_name: cache,
    step_seconds: step,
    t: points.map(({ at }) => at / 1000),
    series: seriesOf(points),
    partial_last: last !== undefined && last > now,
    sampled: false,
  }
}

const instantOf = (value: string | number | undefined): number | undefined =>
  value === undefined ? undefined : typeof value === 'number' ? value * 1000 : Date.parse(value)
