// The present state of a cache: since its nodes started, in the last minute, by tier, by namespace, by cause.
import { type CacheReport, type Counters, sum } from '../agent/figures.ts'
import type { Control } from '../control.ts'
import { type FleetSnapshot, joined, type Point } from './collector.ts'
import { type Health, healthOf } from './health.ts'
import { mean, quantile, ratio } from './quantiles.ts'

const WINDOW_SECONDS = 60

export interface CacheState {
  readonly window: Point | undefined
  readonly snapshot: FleetSnapshot
  readonly health: Health
}

/** As of the last look, or of now if there was none. */
export async function stateOf(
  { collector, fleet, history, store }: Control,
  cache: string,
  now?: number,
): Promise<CacheState> {
  const snapshot = collector.snapshot(cache) ?? (await fleet.see(cache))
  const window = joined(collector.recent(cache, WINDOW_SECONDS))
  return {
    window,
    snapshot,
    health: healthOf(window, snapshot, await history.usual(cache, now ?? (await store.now()))),
  }
}

/** @param now if known: else the store is asked */
export const healthOnly = async (control: Control, cache: string, now?: number): Promise<Health> =>
  (await stateOf(control, cache, now)).health

/** A cache over all its processes, as of now. */
export type CacheSummary = Awaited<ReturnType<typeof summaryOf>>

export async function summaryOf(control: Control, cache: string) {
  const { window, snapshot, health } = await stateOf(control, cache)
  const reports = snapshot.nodes.flatMap(({ report }) => (report === undefined ? [] : [report]))
  const total = sum(...reports.map(({ counters }) => counters))
  const gauges = sum(...reports.map((one) => one.gauges))
  const tiers = new Map(reports.flatMap((report) => report.tiers.map((tier) => [tier.name, tier] as const)))
  return {
    cache_name: cache,
    health_score: health.score.to,
    health,
    as_of: new Date(window?.at ?? (await control.store.now())).toISOString(),
    nodes: {
      total: snapshot.nodes.length,
      late: snapshot.nodes.filter(({ isLate }) => isLate).map(({ id }) => id),
      unseen: snapshot.unseen ?? null,
    },
    regions: [...new Set(snapshot.nodes.flatMap(({ report }) => report?.region ?? []))].sort(),
    total: figures(total, undefined),
    last_minute:
      window === undefined
        ? null
        : { seconds: Math.round(window.seconds), ...figures(window.counters, window.seconds) },
    memory: {
      entries: gauges.entries ?? 0,
      bytes: gauges.bytes ?? 0,
      max_bytes: gauges.max_bytes ?? null,
      used_ratio: gauges.max_bytes === undefined ? null : ratio(gauges.bytes ?? 0, gauges.max_bytes),
    },
    process: {
      bytes: gauges.process_bytes ?? 0,
      heap_bytes: gauges.process_heap_bytes ?? 0,
      cpu_seconds: total.process_cpu_seconds ?? 0,
    },
    tiers: [...tiers.values()].map((tier) => ({
      ...tier,
      encrypted: sealedEverywhere(reports, tier.name),
      breaker: worstBreaker(
        reports.flatMap((report) =>
          report.tiers.filter(({ name }) => name === tier.name).map(({ breaker }) => breaker),
        ),
      ),
      ...tierFigures(total, tier.name),
      last_minute:
        window === undefined ? null : { ...tierFigures(window.counters, tier.name), ...throughput(window, tier.name) },
    })),
    miss_causes: causesOf(total),
    last_minute_miss_causes: window === undefined ? null : causesOf(window.counters),
    namespaces: namespacesOf(reports),
  }
}

export function namespacesOf(
  reports: readonly { readonly namespaces: Readonly<Record<string, { counters: Counters; gauges: Counters }>> }[],
) {
  const byName = new Map<string, { counters: Counters; gauges: Counters }[]>()
  for (const { namespaces } of reports)
    for (const [name, one] of Object.entries(namespaces)) byName.set(name, [...(byName.get(name) ?? []), one])
  return [...byName]
    .map(([name, of]) => {
      const counters = sum(...of.map((one) => one.counters))
      const gauges = sum(...of.map((one) => one.gauges))
      return {
        name,
        entries: gauges.entries ?? 0,
        bytes: gauges.bytes ?? 0,
        ...figures(counters, undefined),
        miss_causes: causesOf(counters),
      }
    })
    .sort((a, b) => b.misses - a.misses)
}

export function figures(counters: Counters, seconds: number | undefined) {
  const {
    hits = 0,
    misses = 0,
    stale = 0,
    loads = 0,
    load_errors = 0,
    load_joins = 0,
    sets = 0,
    deletes = 0,
    invalidations = 0,
    evictions = 0,
  } = counters
  const rate = (count: number): number | null =>
    seconds === undefined || seconds <= 0 ? null : Math.round((count / seconds) * 100) / 100
  return {
    hits,
    misses,
    hit_ratio: ratio(hits, hits + misses),
    stale,
    loads,
    load_errors,
    load_joins,
    sets,
    deletes,
    invalidations,
    evictions,
    ops_per_second: rate(hits + misses + sets + deletes),
    loads_per_second: rate(loads),
    error_rate: ratio(load_errors, loads),
    avg_ms: mean(counters, 'get'),
    p50_ms: quantile(counters, 'get', 0.5),
    p95_ms: quantile(counters, 'get', 0.95),
    p99_ms: quantile(counters, 'get', 0.99),
    load_avg_ms: mean(counters, 'load'),
  }
}

function tierFigures(counters: Counters, tier: string) {
  const name = `tier.${tier}`
  const hits = counters[`${name}.hits`] ?? 0
  const misses = counters[`${name}.misses`] ?? 0
  const reads = (counters.hits ?? 0) + (counters.misses ?? 0)
  const sets = counters[`${name}.sets`] ?? 0
  return {
    hits,
    misses,
    hit_ratio: ratio(hits, hits + misses),
    share: ratio(hits, reads),
    sets,
    errors: counters[`${name}.errors`] ?? 0,
    read_bytes: counters[`${name}.read_bytes`] ?? null,
    written_bytes: counters[`${name}.written_bytes`] ?? null,
    encrypted_ratio: ratio(counters[`${name}.sealed`] ?? 0, counters[`${name}.sealed`] === undefined ? 0 : sets),
    calls: counters[`${name}.n`] ?? 0,
    avg_ms: mean(counters, name),
    p50_ms: quantile(counters, name, 0.5),
    p95_ms: quantile(counters, name, 0.95),
    p99_ms: quantile(counters, name, 0.99),
  }
}

/**
 * What a tier does per second: reads and writes that reached it, and bytes of entries between this process and its
 * store.
 */
function throughput({ counters, seconds }: Point, tier: string) {
  const each = (...names: readonly string[]): number | null => {
    const counts = names.flatMap((name) => counters[`tier.${tier}.${name}`] ?? [])
    return counts.length === 0 || seconds <= 0
      ? null
      : Math.round((counts.reduce((all, count) => all + count, 0) / seconds) * 100) / 100
  }
  return {
    ops_per_second: each('hits', 'misses', 'sets', 'drops'),
    read_bytes_per_second: each('read_bytes'),
    written_bytes_per_second: each('written_bytes'),
  }
}

const causesOf = (counters: Counters): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counters).flatMap(([name, count]) =>
      name.startsWith('cause.') && count > 0 ? [[name.slice(6), count]] : [],
    ),
  )

/** One process that writes unencrypted is enough. */
function sealedEverywhere(reports: readonly CacheReport[], tier: string): boolean | null {
  const told = reports.flatMap(({ tiers }) =>
    tiers.filter(({ name }) => name === tier).map(({ encrypted }) => encrypted),
  )
  return told.includes(false) ? false : (told.find((one) => one !== null) ?? null)
}

const worstBreaker = (states: readonly string[]): string =>
  ['open', 'half-open'].find((state) => states.includes(state)) ?? 'closed'
