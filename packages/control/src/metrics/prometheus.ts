// The figures of every process of every cache for Prometheus: the library's own metrics, labelled by process. Counters
// reset when a process restarts, which `rate()` can only detect per process.
import { MISS_CAUSES } from 'millpond'
import { createRegistry, type Emit, METRICS, type MetricDefinition, metricsFor } from 'millpond/observe'
import type { Counters } from '../agent/figures.ts'
import type { FleetNode } from '../fleet/fleet.ts'
import { EXPERIMENT_REQUESTS, HEALTH, LATE } from './definitions.ts'

export interface CacheFigures {
  readonly cache: string
  readonly nodes: readonly FleetNode[]
  /** 0 to 100. */
  readonly health: number
  /** Of the running experiment, by arm. */
  readonly arms: readonly { readonly name: string; readonly reads: number }[]
}

const byNode = ({ labels, ...definition }: MetricDefinition): MetricDefinition => ({
  ...definition,
  labels: [...labels, 'node'],
})
const SERIES_OF_A_PROCESS = 2000
/** Of a namespace. */
const COUNTED: readonly (readonly [string, MetricDefinition])[] = [
  ['loads', byNode(METRICS.loads)],
  ['load_errors', byNode(METRICS.loadErrors)],
  ['load_joins', byNode(METRICS.loadJoins)],
  ['sets', byNode(METRICS.sets)],
  ['deletes', byNode(METRICS.deletes)],
  ['stale', byNode(METRICS.stale)],
  ['young_evictions', byNode(METRICS.youngEvictions)],
]
/** Of a tier: a report adds up what its namespaces share. */
const BY_TIER: readonly (readonly [string, MetricDefinition])[] = [
  ['hits', withoutSpace(METRICS.hits)],
  ['misses', withoutSpace(METRICS.misses)],
  ['errors', byNode(METRICS.tierErrors)],
]
/** Those that do not apply to memory. */
const BELOW_MEMORY: readonly (readonly [string, MetricDefinition])[] = [
  ['read_bytes', byNode(METRICS.tierReadBytes)],
  ['written_bytes', byNode(METRICS.tierWrittenBytes)],
]
const ENCRYPTED = withoutSpace(METRICS.encrypted)
const CAUSES = byNode(METRICS.missCauses)
const ENTRIES = byNode(METRICS.entries)
const BYTES = byNode(METRICS.usedBytes)
const LEDGER = withoutSpace(METRICS.ledgerUp)

function withoutSpace(definition: MetricDefinition): MetricDefinition {
  return byNode({ ...definition, labels: definition.labels.filter((label) => label !== 'cache_ns') })
}

/** @param accept the scraper's Accept header: OpenMetrics if it prefers that */
export function prometheusOf(
  caches: readonly CacheFigures[],
  accept: string | null,
): { readonly text: string; readonly contentType: string } {
  // The limit of one process for each process.
  const processes = caches.reduce((all, { nodes }) => all + nodes.length, 0)
  const registry = createRegistry({ maxSeries: SERIES_OF_A_PROCESS * Math.max(1, processes) })
  registry.collect((emit) => {
    for (const { cache, nodes, health, arms } of caches) {
      emit(HEALTH, { cache }, health)
      for (const { name: arm, reads } of arms) emit(EXPERIMENT_REQUESTS, { cache, arm }, reads)
      for (const { id: node, isLate, report } of nodes) {
        emit(LATE, { cache, node }, isLate ? 1 : 0)
        if (report === undefined || isLate) continue
        emit(LEDGER, { cache, node }, report.ledger.is_up ? 1 : 0)
        for (const { name: tier, encrypted } of report.tiers)
          if (encrypted !== null) emit(ENCRYPTED, { cache, node, tier }, encrypted ? 1 : 0)
        for (const { name: tier } of report.tiers)
          for (const [what, definition] of tier === 'memory' ? BY_TIER : [...BY_TIER, ...BELOW_MEMORY])
            emit(definition, { cache, node, tier }, report.counters[`tier.${tier}.${what}`] ?? 0)
        for (const [cache_ns, { counters, gauges }] of Object.entries(report.namespaces))
          emitSpace(emit, { cache, cache_ns, node }, counters, gauges)
      }
    }
  })
  return metricsFor(accept, registry)
}

function emitSpace(emit: Emit, labels: Readonly<Record<string, string>>, counters: Counters, gauges: Counters): void {
  for (const [what, definition] of COUNTED) emit(definition, labels, counters[what] ?? 0)
  for (const cause of MISS_CAUSES) emit(CAUSES, { ...labels, cause }, counters[`cause.${cause}`] ?? 0)
  emit(ENTRIES, { ...labels, tier: 'memory' }, gauges.entries ?? 0)
  emit(BYTES, { ...labels, tier: 'memory' }, gauges.bytes ?? 0)
}
