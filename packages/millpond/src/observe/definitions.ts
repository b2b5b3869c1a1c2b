// Every metric there is, in one place: exporters, dashboards and alert rules are made from this list.

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface MetricDefinition<Label extends string = string> {
  /** Prometheus naming: `millpond_` first, base units, counters end in `_total`. */
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  readonly labels: readonly Label[]
}

function metric<const Label extends string>(
  kind: MetricKind,
  name: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition<Label> {
  return Object.freeze({ name, kind, help, labels })
}

export const METRICS = Object.freeze({
  hits: metric('counter', 'millpond_hits_total', ['cache', 'tier'], 'Reads answered by a tier.'),
  misses: metric('counter', 'millpond_misses_total', ['cache', 'tier'], 'Reads that a tier could not answer.'),
  missCauses: metric('counter', 'millpond_miss_causes_total', ['cache', 'cause'], 'Reads that no tier could answer, by cause.'),
  stale: metric('counter', 'millpond_stale_served_total', ['cache'], 'Reads answered with a value past its freshness.'),
  hitRatio: metric('gauge', 'millpond_hit_ratio', ['cache'], 'Share of reads answered by any tier since the start, 0 to 1.'),
  loads: metric('counter', 'millpond_loads_total', ['cache'], 'Calls of a loader.'),
  loadErrors: metric('counter', 'millpond_load_errors_total', ['cache'], 'Calls of a loader that failed.'),
  loadJoins: metric('counter', 'millpond_load_joins_total', ['cache'], 'Reads that waited for a load under way instead of starting one.'),
  refreshes: metric('counter', 'millpond_refreshes_total', ['cache'], 'Loads in the background of a value still served.'),
  sets: metric('counter', 'millpond_sets_total', ['cache'], 'Values set by callers.'),
  deletes: metric('counter', 'millpond_deletes_total', ['cache'], 'Keys deleted by callers.'),
  invalidations: metric('counter', 'millpond_invalidations_total', ['cache', 'reason'], 'Invalidations, by reason.'),
  evictions: metric('counter', 'millpond_evictions_total', ['cache', 'reason'], 'Entries that left memory, by reason.'),
  tierSets: metric('counter', 'millpond_tier_sets_total', ['cache', 'tier'], 'Entries written to a tier.'),
  tierDrops: metric('counter', 'millpond_tier_drops_total', ['cache', 'tier'], 'Entries dropped from a tier by deletes and invalidations.'),
  tierErrors: metric('counter', 'millpond_tier_errors_total', ['cache', 'tier'], 'Calls of a tier that failed or came too late.'),
  tierRefused: metric(
    'counter',
    'millpond_tier_refused_total',
    ['cache', 'tier'],
    'Entries found but not believed: invalidated, corrupt, of another key or epoch.',
  ),
  tierEntries: metric('gauge', 'millpond_tier_entries', ['cache', 'tier'], 'Entries in a tier.'),
  tierBytes: metric('gauge', 'millpond_tier_bytes', ['cache', 'tier'], 'Estimated bytes in a tier.'),
  breaker: metric(
    'gauge',
    'millpond_breaker_state',
    ['cache', 'tier', 'state'],
    'State of the circuit breaker of a tier: 1 for the state it is in.',
  ),
  operation: metric('histogram', 'millpond_operation_duration_seconds', ['cache', 'operation'], 'Time of get, set and load.'),
  tierDuration: metric('histogram', 'millpond_tier_duration_seconds', ['cache', 'tier'], 'Time of calls of a tier.'),
  patternHits: metric('counter', 'millpond_key_pattern_hits_total', ['cache', 'pattern'], 'Hits by key pattern, estimated from a sample.'),
  patternMisses: metric(
    'counter',
    'millpond_key_pattern_misses_total',
    ['cache', 'pattern'],
    'Misses by key pattern, estimated from a sample.',
  ),
  droppedSeries: metric('gauge', 'millpond_dropped_series', ['metric'], 'Series left out of a metric because it has too many.'),
  cpu: metric('counter', 'millpond_process_cpu_seconds_total', ['mode'], 'CPU time of the process.'),
  resident: metric('gauge', 'millpond_process_resident_memory_bytes', [], 'Resident memory of the process.'),
  heapUsed: metric('gauge', 'millpond_process_heap_used_bytes', [], 'Heap in use by the process.'),
  external: metric('gauge', 'millpond_process_external_memory_bytes', [], 'Memory outside the heap that JavaScript objects hold.'),
})
