// The service's metrics as Prometheus text (exposition format 0.0.4).
import { LATENCY_BOUNDS_MS } from 'millpond/observe'
import type { Counts, Sources } from './observation.ts'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels: Labels
  readonly value: number
  /** `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
}

export function prometheusText(counts: Counts, { db, strategic, response, cache, startedAt }: Sources): string {
  const spaces = [strategic, response].flatMap((space) => (space ? [space.stats()] : []))
  const kinds = [...counts.layers].flatMap(([layer, byKind]) => [...byKind].map(([kind, tally]) => ({ labels: { layer, cache: kind }, tally })))
  const tiers = spaces.flatMap((space) => space.tiers.map((tier) => ({ labels: { layer: space.namespace, tier: tier.name }, tier })))
  const cpu = process.cpuUsage()
  return [
    metric('deals_cache_hits_total', 'counter', 'Answers from the cache, by tier', kinds.flatMap(({ labels, tally }) => [...tally.byTier].map(([tier, value]) => ({ labels: { ...labels, tier }, value })))),
    metric('deals_cache_misses_total', 'counter', 'Answers that were loaded', kinds.map(({ labels, tally }) => ({ labels, value: tally.misses }))),
    metric('deals_cache_collapsed_total', 'counter', 'Answers that waited for a load under way', kinds.map(({ labels, tally }) => ({ labels, value: tally.collapsed }))),
    metric('deals_cache_miss_causes_total', 'counter', 'Why the cache had no answer', spaces.flatMap((space) => Object.entries(space.missesByCause).map(([cause, value]) => ({ labels: { layer: space.namespace, cause }, value: value ?? 0 })))),
    metric('deals_cache_invalidations_total', 'counter', 'Invalidations', spaces.map((space) => ({ labels: { layer: space.namespace }, value: space.invalidations }))),
    metric('deals_cache_tier_errors_total', 'counter', 'Commands of a tier that failed', tiers.map(({ labels, tier }) => ({ labels, value: tier.errors }))),
    metric('deals_cache_tier_up', 'gauge', '1 while the breaker of the tier is closed', tiers.map(({ labels, tier }) => ({ labels, value: tier.breaker === 'closed' ? 1 : 0 }))),
    metric('deals_cache_memory_bytes', 'gauge', 'Estimated bytes in the memory tier', [{ labels: {}, value: cache?.info().memory?.bytes ?? 0 }]),
    metric('deals_cache_memory_entries', 'gauge', 'Entries in the memory tier', [{ labels: {}, value: cache?.info().memory?.entries ?? 0 }]),
    metric('deals_http_requests_total', 'counter', 'Answers by route and status', [...counts.routes].flatMap(([route, tally]) => [...tally.byStatus].map(([status, value]) => ({ labels: { route, status: String(status) }, value })))),
    metric('deals_http_request_duration_seconds', 'histogram', 'Time from request to answer', histogramSamples(counts)),
    metric('deals_database_queries_total', 'counter', 'Statements sent to the database', [{ labels: { engine: db.engine }, value: db.queries() }]),
    metric('process_cpu_seconds_total', 'counter', 'Processor time used', [{ labels: {}, value: (cpu.user + cpu.system) / 1e6 }]),
    metric('process_resident_memory_bytes', 'gauge', 'Memory held by the process', [{ labels: {}, value: process.memoryUsage.rss() }]),
    metric('process_start_time_seconds', 'gauge', 'When the process started, in seconds since 1970', [{ labels: {}, value: Math.round(startedAt / 1000) }]),
  ].join('')
}

function histogramSamples({ requests }: Counts): Sample[] {
  const below = requests.latency.cumulative()
  const buckets = LATENCY_BOUNDS_MS.map((bound, index) => ({ suffix: '_bucket', labels: { le: String(bound / 1000) }, value: below[index] ?? 0 }))
  return [
    ...buckets,
    { suffix: '_bucket', labels: { le: '+Inf' }, value: requests.latency.count },
    { suffix: '_sum', labels: {}, value: requests.latency.sumMs / 1000 },
    { suffix: '_count', labels: {}, value: requests.latency.count },
  ]
}

/** A metric without samples is left out. */
function metric(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return ''
  const lines = samples.map(({ suffix = '', labels, value }) => `${name}${suffix}${labelText(labels)} ${value}`)
  return `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
