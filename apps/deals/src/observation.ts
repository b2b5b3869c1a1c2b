// Figures of the service since its start: requests, answers by kind and tier, latencies, hot keys, database queries.
import type { Cache } from 'millpond'
import type { Prediction } from 'millpond/insight'
import { createHistogram, type Histogram } from 'millpond/observe'
import { KIND_NAMES, type KindName } from './cache/kinds.ts'
import type { Observe, Outcome } from './cache/layer.ts'
import type { Progress } from './cache/warming.ts'
import type { Counts, RouteTally, Sources, Tally } from './counts.ts'
import { createHotKeys } from './hot-keys.ts'
import { memoryEfficiency } from './memory-held.ts'
import { createExporter } from './prometheus.ts'

export interface Observation {
  readonly observe: Observe
  readonly onAnswer: (route: string, status: number, ms: number) => void
  /** The figures of the front page and of the load driver: numbers, without names from the data. */
  live(): ReturnType<typeof describeLive>
  /** The same, with figures that need a scan of the entries. */
  liveWhole(): ReturnType<typeof describeLive> & {
    readonly memory_efficiency: number | null
    readonly memory_hits: ReturnType<typeof latencyOf>
  }
  status(): object
  /** Hot keys are shown of one organisation, or of all (null). */
  analytics(organizationId: number | null): object
  prometheus(): string
  hotOrganizations(limit: number): number[]
}

export interface ObservationOptions {
  readonly sources: () => Sources
  /** False: keys are not tracked. */
  readonly isMonitoring: boolean
}

export function createObservation({ sources, isMonitoring }: ObservationOptions): Observation {
  const hot = createHotKeys()
  const routes = new Map<string, RouteTally>()
  const seen: Counts = {
    layers: new Map([
      ['strategic', tallies()],
      ['response', tallies()],
    ]),
    routes,
    requests: newRoute(),
  }
  const exporter = createExporter(seen, sources)
  const fromMemory = createHistogram()
  return {
    observe: (layer, asked, outcome, ms) => {
      const tally = seen.layers.get(layer)?.get(asked.kind)
      if (tally) count(tally, outcome, ms)
      if (layer === 'response' && outcome.result === 'hit' && (outcome.tier ?? 'memory') === 'memory')
        fromMemory.record(ms)
      if (isMonitoring && layer === 'response') hot.count(asked.key, asked.organizationId)
    },
    onAnswer: (route, status, ms) => {
      const tally = routes.get(route) ?? newRoute()
      routes.set(route, tally)
      for (const each of [tally, seen.requests]) {
        each.byStatus.set(status, (each.byStatus.get(status) ?? 0) + 1)
        each.latency.record(ms)
      }
    },
    live: () => describeLive(seen, sources()),
    liveWhole: () => ({
      ...describeLive(seen, sources()),
      memory_efficiency: memoryEfficiency(sources()),
      memory_hits: latencyOf(fromMemory),
    }),
    status: () => describeStatus(sources()),
    analytics: (organizationId) => describeAnalytics(seen, sources(), isMonitoring ? hot.top(organizationId, 20) : []),
    prometheus: () => exporter.text(),
    hotOrganizations: (limit) => hot.organizations(limit),
  }
}

function tallies(): Map<KindName, Tally> {
  return new Map(
    KIND_NAMES.map((kind) => [
      kind,
      { hits: 0, misses: 0, collapsed: 0, bypassed: 0, byTier: new Map(), latency: createHistogram() },
    ]),
  )
}

function newRoute(): RouteTally {
  return { byStatus: new Map(), latency: createHistogram() }
}

function count(tally: Tally, { result, tier = 'memory' }: Outcome, ms: number): void {
  tally.latency.record(ms)
  if (result === 'hit') {
    tally.hits++
    tally.byTier.set(tier, (tally.byTier.get(tier) ?? 0) + 1)
  } else if (result === 'miss') tally.misses++
  else if (result === 'collapsed') tally.collapsed++
  else tally.bypassed++
}

/** Share of answers from the cache; null before the first. A collapsed wait is not a hit. */
export function hitRateOf(tallies: Iterable<Tally>): number | null {
  let hits = 0
  let all = 0
  for (const tally of tallies) {
    hits += tally.hits
    all += tally.hits + tally.misses + tally.collapsed
  }
  return all === 0 ? null : round(hits / all)
}

export function tierShares(tallies: Iterable<Tally>): Record<string, number> {
  const byTier = new Map<string, number>()
  let all = 0
  for (const tally of tallies) {
    all += tally.hits + tally.misses + tally.collapsed
    for (const [tier, hits] of tally.byTier) byTier.set(tier, (byTier.get(tier) ?? 0) + hits)
  }
  return Object.fromEntries([...byTier].map(([tier, hits]) => [tier, round(hits / Math.max(1, all))]))
}

const round = (value: number) => Math.round(value * 10_000) / 10_000
const ms = (value: number) => Math.round(value * 1000) / 1000

function latencyOf(histogram: Histogram) {
  const { count: requests, avgMs, p50Ms, p95Ms, p99Ms } = histogram.view()
  return { count: requests, avg_ms: ms(avgMs), p50_ms: ms(p50Ms), p95_ms: ms(p95Ms), p99_ms: ms(p99Ms) }
}

function describeLive(counts: Counts, sources: Sources) {
  const { db, cache, insight, startedAt, isRedisMissing, httpStats, warming } = sources
  const info = cache?.info()
  const sum = (of: (stats: ReturnType<Cache['stats']>) => number) =>
    (info?.namespaces ?? []).reduce((all, space) => all + of(space), 0)
  const layers = [...counts.layers].map(([name, kinds]) => ({
    name,
    hit_rate: hitRateOf(kinds.values()),
    by_tier: tierShares(kinds.values()),
  }))
  const cpu = process.cpuUsage()
  return {
    uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
    database: db.engine,
    cache: info
      ? {
          tiers: info.config.tiers,
          health: info.health,
          ledger: info.config.ledger,
          get_p95_ms: ms(info.metrics.p95GetTimeMs),
          breakers: info.circuitBreaker,
          is_redis_missing: isRedisMissing(),
          loads: sum(({ loads }) => loads),
          prefetches: sum(({ prefetches }) => prefetches),
        }
      : null,
    insight:
      cache === undefined || insight === undefined ? null : predictionShown(insight.prediction(cache.info().name)),
    layers,
    regions: describeRegions(sources),
    values: describeValues(sources),
    http: httpStats() ?? null,
    requests: latencyOf(counts.requests.latency),
    database_queries: db.queries(),
    warming: warmingShown(warming),
    memory: {
      entries: info?.memory?.entries ?? 0,
      bytes: info?.memory?.bytes ?? 0,
      process_bytes: process.memoryUsage.rss(),
    },
    cpu_ms: Math.round((cpu.user + cpu.system) / 1000),
  }
}

function predictionShown(prediction: Prediction | undefined) {
  if (prediction === undefined) return { prediction: null }
  const { state, accuracy, benefit, loads, used, wasted, lost } = prediction
  return { prediction: { state, accuracy: accuracy ?? null, benefit: benefit ?? null, loads, used, wasted, lost } }
}

/** How far this region may lag behind the others. */
function describeRegions({ regions }: Sources) {
  if (regions === undefined) return null
  const others = regions.heard().map(({ region, lagMs, isHeard }) => ({
    region,
    is_heard: isHeard,
    lag_ms: lagMs === undefined ? null : Math.round(lagMs),
  }))
  return { own: regions.own, others }
}

/** What compression and selection have saved, and the encryption key in use. */
function describeValues({ values, strategic, response, front }: Sources) {
  if (values === undefined) return null
  const figures = [strategic, response, front].flatMap((space) => space?.stats().compression ?? [])
  const sum = (of: (one: (typeof figures)[number]) => number) => figures.reduce((total, one) => total + of(one), 0)
  const { values: selected, bytes } = values.selected()
  return {
    compression:
      figures.length === 0
        ? null
        : {
            compressed: sum((one) => one.compressed),
            left: sum((one) => one.left),
            bytes_in: sum((one) => one.bytesIn),
            bytes_out: sum((one) => one.bytesOut),
            compress_ms: Math.round(sum((one) => one.compressMs)),
            inflate_ms: Math.round(sum((one) => one.inflateMs)),
          },
    selection: values.select === undefined ? null : { values: selected, bytes },
    sealed_by: values.keyId() ?? null,
  }
}

function warmingShown({ isRunning, plans, warmed, failed, queries }: Progress) {
  return { is_running: isRunning, answers: warmed, failed, database_queries: queries, plans }
}

function describeStatus({ db, cache, records, isRedisMissing, warming }: Sources): object {
  const info = cache?.info()
  if (!info) return { cache: 'off', database: db.engine }
  const { ttlMs, tiers, ledger } = info.config
  return {
    cache: isRedisMissing() ? 'waiting for redis' : info.health,
    name: info.name,
    database: db.engine,
    config: { ttl_seconds: ttlMs === undefined ? null : ttlMs / 1000, tiers, ledger },
    levels: info.cacheLevels.map(({ level, name, scope, enabled }) => ({
      level,
      name,
      scope,
      is_enabled: enabled,
      breaker: info.circuitBreaker[name] ?? null,
    })),
    hit_rate: round(info.metrics.hitRate),
    memory: info.memory ? { entries: info.memory.entries, bytes: info.memory.bytes, policy: info.memory.policy } : null,
    warming: warmingShown(warming),
    queues: (records?.stats().queues ?? []).map(({ collection, depth, lagMs, dead, journalBytes, stored, failed }) => ({
      collection,
      waiting: depth,
      lag_ms: Math.round(lagMs),
      refused: dead,
      journal_bytes: journalBytes,
      stored,
      failed,
    })),
  }
}

function describeAnalytics(
  counts: Counts,
  { db, strategic, response, cache, warming }: Sources,
  hot: readonly object[],
): object {
  const spaces = [strategic, response].flatMap((space) => (space ? [space.stats()] : []))
  const info = cache?.info()
  return {
    layers: [...counts.layers].map(([name, kinds]) => ({
      layer: name,
      hit_rate: hitRateOf(kinds.values()),
      by_tier: tierShares(kinds.values()),
      caches: [...kinds].map(([kind, tally]) => ({
        cache: kind,
        hits: tally.hits,
        misses: tally.misses,
        collapsed: tally.collapsed,
        bypassed: tally.bypassed,
        hit_rate: hitRateOf([tally]),
        by_tier: tierShares([tally]),
        latency: latencyOf(tally.latency),
      })),
    })),
    tiers: spaces.flatMap((space) =>
      space.tiers.map((tier) => ({
        layer: space.namespace,
        tier: tier.name,
        hits: tier.hits,
        misses: tier.misses,
        refused: tier.refused,
        errors: tier.errors,
        breaker: tier.breaker,
        latency: {
          avg_ms: ms(tier.latency.avgMs),
          p50_ms: ms(tier.latency.p50Ms),
          p95_ms: ms(tier.latency.p95Ms),
          p99_ms: ms(tier.latency.p99Ms),
        },
      })),
    ),
    misses_by_cause: Object.fromEntries(spaces.map((space) => [space.namespace, space.missesByCause])),
    invalidations: Object.fromEntries(spaces.map((space) => [space.namespace, space.invalidations])),
    memory: { cache: info?.memory ?? null, process_bytes: process.memoryUsage.rss() },
    requests: latencyOf(counts.requests.latency),
    routes: [...counts.routes].map(([route, tally]) => ({ route, ...latencyOf(tally.latency) })),
    database: { engine: db.engine, queries: db.queries(), queries_of_warming: warming.queries },
    hot_keys: hot,
  }
}
