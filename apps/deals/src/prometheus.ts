// The service's own metrics in addition to the library's, as Prometheus text.
import { insightCollector } from 'millpond/insight'
import { createMonitor, createRegistry, guardCollector, jobCollector, type MetricDefinition } from 'millpond/observe'
import type { Counts, Sources } from './counts.ts'

function metric<const Label extends string>(
  kind: MetricDefinition['kind'],
  name: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition<Label> {
  return { name, kind, help, labels }
}

const METRICS = {
  hits: metric(
    'counter',
    'deals_cache_hits_total',
    ['layer', 'kind', 'tier'],
    'Answers from the cache, by kind of answer and tier.',
  ),
  misses: metric('counter', 'deals_cache_misses_total', ['layer', 'kind'], 'Answers that were computed.'),
  collapsed: metric(
    'counter',
    'deals_cache_collapsed_total',
    ['layer', 'kind'],
    'Answers that waited for a computation in progress.',
  ),
  answers: metric(
    'histogram',
    'deals_cache_answer_duration_seconds',
    ['layer', 'kind'],
    'Time until a layer had its answer.',
  ),
  requests: metric('counter', 'deals_http_requests_total', ['route', 'status'], 'Requests by route and status.'),
  durations: metric(
    'histogram',
    'deals_http_request_duration_seconds',
    ['route'],
    'Time from a request to its answer.',
  ),
  queries: metric(
    'counter',
    'deals_database_queries_total',
    ['engine', 'by'],
    'Statements sent to the database, by warming and by everything else.',
  ),
  memory: metric('gauge', 'deals_cache_memory_bytes', [], 'Estimated bytes in the memory tier, all layers together.'),
}

export interface Exporter {
  text(): string
}

export function createExporter(counts: Counts, sources: () => Sources): Exporter {
  const registry = createRegistry()
  registry.collect((emit) => {
    const { db, cache, warming } = sources()
    for (const [layer, kinds] of counts.layers) {
      for (const [kind, tally] of kinds) {
        for (const [tier, hits] of tally.byTier) emit(METRICS.hits, { layer, kind, tier }, hits)
        emit(METRICS.misses, { layer, kind }, tally.misses)
        emit(METRICS.collapsed, { layer, kind }, tally.collapsed)
        emit(METRICS.answers, { layer, kind }, tally.latency.view({ buckets: true }))
      }
    }
    for (const [route, tally] of counts.routes) {
      for (const [status, count] of tally.byStatus) emit(METRICS.requests, { route, status: String(status) }, count)
      emit(METRICS.durations, { route }, tally.latency.view({ buckets: true }))
    }
    emit(METRICS.queries, { engine: db.engine, by: 'warming' }, warming.queries)
    emit(METRICS.queries, { engine: db.engine, by: 'requests' }, db.queries() - warming.queries)
    emit(METRICS.memory, {}, cache?.info().memory?.bytes ?? 0)
  })
  registry.collect((emit) => {
    const { cache, insight } = sources()
    if (cache === undefined) return
    const { name } = cache.info()
    guardCollector(name, () => cache.info().guards)(emit)
    jobCollector(name, () => cache.info().jobs)(emit)
    if (insight !== undefined) insightCollector(insight)(emit)
  })
  const monitor = createMonitor({ registry, caches: () => sources().cache?.info().namespaces ?? [] })
  return { text: () => monitor.exportMetrics('prometheus') }
}
