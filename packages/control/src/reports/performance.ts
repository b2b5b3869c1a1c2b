// The performance report of a cache (M7): how well it did over a period, its bottlenecks, whether its TTLs fit, what is
// invalidated, how it grows, and its contents by owner.
import { z } from 'zod'
import type { Coverage } from '../agent/answers.ts'
import type { Control } from '../control.ts'
import { joined, type Point } from '../metrics/collector.ts'
import { mean, quantile, ratio } from '../metrics/quantiles.ts'
import { namespacesOf } from '../metrics/summary.ts'
import { counts, instant, number } from '../routes/schemas.ts'
import { type Bottleneck, bottleneck, bottlenecksOf } from './bottlenecks.ts'
import { invalidationsIn, patterns } from './invalidations.ts'
import { trend, trendsOf } from './trends.ts'

const HOUR_MS = 3_600_000
const DAY_HOURS = 24
/** All days that are kept, and the current one. */
const TRENDS = { days: 30, hours: DAY_HOURS }
/** Of a namespace, before a share of its entries or misses is meaningful. */
const LEAST = 100

const held = z.object({ name: z.string(), entries: z.number(), bytes: z.number(), hits: z.number() })
export const performanceReport = z.object({
  cache_name: z.string(),
  from: instant,
  to: instant,
  seconds_seen: z.number().describe('the watched part of the requested time'),
  effectiveness: z.object({
    hits: z.number(),
    misses: z.number(),
    hit_ratio: number,
    hit_ratio_before: number.describe('of the previous period of the same length'),
    loads: z.number(),
    load_errors: z.number(),
    load_joins: z.number().describe('reads that waited for a load started by another caller'),
    stale: z.number(),
    get_avg_ms: number,
    get_p95_ms: number,
    load_avg_ms: number,
    saved_seconds: number.describe('the time that the hits would have taken as loads'),
  }),
  coverage: z.object({
    organizations: z
      .array(held.extend({ scope: z.string(), held: z.array(z.string()), missing: z.array(z.string()) }))
      .describe('as listed by the application; held: cache types that have an entry'),
    tenants: z.array(held),
    is_complete: z.boolean().describe('false: memory was not fully scanned, or no process could be asked'),
  }),
  bottlenecks: z.array(bottleneck),
  ttl: z.object({
    expired_ratio: number.describe('share of misses whose entry had expired'),
    evicted_ratio: number.describe('share of misses whose entry was evicted before it expired'),
    namespaces: z.array(
      z.object({
        name: z.string(),
        expired_ratio: number.describe('share of misses since its processes started'),
        unread_ratio: number.describe(
          'share of entries with a time to live that are past half of it and were never read',
        ),
        advice: z.enum(['longer', 'shorter', 'fits', 'unknown']),
      }),
    ),
  }),
  invalidations: z.object({
    operations: z.number(),
    patterns,
    miss_causes: counts.describe('misses caused by invalidations'),
    share_of_misses: number,
  }),
  growth: z.object({
    entries_from: number,
    entries_to: number,
    bytes_from: number,
    bytes_to: number,
    bytes_per_day: number,
    max_bytes: number,
    full_in_days: number.describe('if it keeps growing like this; null: it does not grow, or has no limit'),
  }),
  trends: z.array(trend).optional().describe('from day to day, and for the next day; older reports have none'),
})
export type PerformanceReport = z.output<typeof performanceReport>

/** @param hours up to now */
export async function reportOn(control: Control, cache: string, hours: number): Promise<PerformanceReport> {
  const now = await control.store.now()
  const from = now - hours * HOUR_MS
  const recent = control.collector.recent(cache)
  const { points } = await control.history.read(cache, from, now, undefined, now, recent)
  const before = joined((await control.history.read(cache, from - hours * HOUR_MS, from, undefined, now, [])).points)
  const whole = joined(points)
  const counters = whole?.counters ?? {}
  const { hits = 0, misses = 0, loads = 0, load_errors = 0, load_joins = 0, stale = 0 } = counters
  const reports = (await control.fleet.see(cache)).nodes.flatMap(({ report }) => (report === undefined ? [] : [report]))
  const spaces = namespacesOf(reports)
  const covered = await coverageOf(control, cache)
  const [getMs, loadMs] = [mean(counters, 'get'), mean(counters, 'load')]
  return {
    cache_name: cache,
    from: new Date(from).toISOString(),
    to: new Date(now).toISOString(),
    seconds_seen: Math.round(whole?.seconds ?? 0),
    effectiveness: {
      hits,
      misses,
      hit_ratio: ratio(hits, hits + misses),
      hit_ratio_before: ratio(
        before?.counters.hits ?? 0,
        (before?.counters.hits ?? 0) + (before?.counters.misses ?? 0),
      ),
      loads,
      load_errors,
      load_joins,
      stale,
      get_avg_ms: getMs,
      get_p95_ms: quantile(counters, 'get', 0.95),
      load_avg_ms: loadMs,
      saved_seconds: loadMs === null ? null : Math.round(Math.max(0, loadMs - (getMs ?? 0)) * hits) / 1000,
    },
    coverage: {
      organizations: (covered?.scopes ?? []).map((one) => ({ ...one, held: [...one.held], missing: [...one.missing] })),
      tenants: [...(covered?.tenants ?? [])],
      is_complete: covered?.is_complete ?? false,
    },
    bottlenecks: bottlenecksOf(whole, reports, spaces) satisfies Bottleneck[],
    ttl: {
      expired_ratio: causeShare(counters, misses, ['expired_ttl', 'expired_idle']),
      evicted_ratio: causeShare(counters, misses, ['evicted_capacity', 'not_admitted', 'memory_pressure']),
      namespaces: ttlByNamespace(spaces, covered),
    },
    invalidations: {
      ...(await invalidationsIn(control.store, cache, from, now)),
      miss_causes: Object.fromEntries(
        Object.entries(counters).flatMap(([name, count]) =>
          /^cause\.invalidated_/.test(name) && count > 0 ? [[name.slice(6), count]] : [],
        ),
      ),
      share_of_misses: causeShare(counters, misses, [
        'invalidated_key',
        'invalidated_tag',
        'invalidated_pattern',
        'invalidated_all',
      ]),
    },
    growth: growthOf(points),
    trends: (await trendsOf(control, cache, TRENDS)).trends,
  }
}

/** From the memory of the first process that answers. */
async function coverageOf(control: Control, cache: string): Promise<Coverage | undefined> {
  const replies = await control.fleet.ask(cache, 'coverage', null, { deadlineMs: 5000 })
  const bodies = replies.flatMap(({ body }) => (body === undefined ? [] : [body]))
  // An application may be registered in one process only.
  return bodies.find(({ scopes }) => scopes.length > 0) ?? bodies[0]
}

const causeShare = (counters: Point['counters'], misses: number, causes: readonly string[]): number | null =>
  ratio(
    causes.reduce((all, cause) => all + (counters[`cause.${cause}`] ?? 0), 0),
    misses,
  )

type Advice = 'longer' | 'shorter' | 'fits' | 'unknown'

function ttlByNamespace(
  spaces: ReturnType<typeof namespacesOf>,
  covered: Coverage | undefined,
): PerformanceReport['ttl']['namespaces'] {
  return spaces.map(({ name, misses, miss_causes }) => {
    const memory = covered?.namespaces.find((one) => one.name === name)
    const expired = ratio(miss_causes.expired_ttl ?? 0, misses)
    const unread = memory === undefined ? null : ratio(memory.unread, memory.timed)
    const isExpiring = misses >= LEAST && expired !== null && expired > 0.5
    const isUnread = (memory?.timed ?? 0) >= LEAST && unread !== null && unread > 0.5
    const advice: Advice =
      misses < LEAST && (memory?.timed ?? 0) < LEAST
        ? 'unknown'
        : isExpiring && !isUnread
          ? 'longer'
          : isUnread && !isExpiring
            ? 'shorter'
            : 'fits'
    return { name, expired_ratio: expired, unread_ratio: unread, advice }
  })
}

function growthOf(points: readonly Point[]): PerformanceReport['growth'] {
  const [first, last] = [points[0], points.at(-1)]
  const [from, to] = [first?.gauges.bytes ?? null, last?.gauges.bytes ?? null]
  const hours = first === undefined || last === undefined ? 0 : (last.at - first.at) / HOUR_MS
  const perDay = from === null || to === null || hours < 0.5 ? null : Math.round(((to - from) / hours) * DAY_HOURS)
  const max = last?.gauges.max_bytes ?? null
  return {
    entries_from: first?.gauges.entries ?? null,
    entries_to: last?.gauges.entries ?? null,
    bytes_from: from,
    bytes_to: to,
    bytes_per_day: perDay,
    max_bytes: max,
    full_in_days:
      perDay === null || perDay <= 0 || max === null || to === null
        ? null
        : Math.max(0, Math.round(((max - to) / perDay) * 10) / 10),
  }
}
