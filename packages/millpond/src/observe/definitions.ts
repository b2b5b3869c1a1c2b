// Every metric there is, in one place: exporters, dashboards and alert rules are made from this list.

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface MetricDefinition<Label extends string = string> {
  /** Prometheus naming: `millpond_` first, base units, counters end in `_total`. */
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  readonly labels: readonly Label[]
}

/** Lists its labels as they are typed. */
export function metric<const Label extends string>(
  kind: MetricKind,
  name: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition<Label> {
  return Object.freeze({ name, kind, help, labels })
}

/** The namespace's label is not `namespace`: Kubernetes puts that on every target. */
const SPACE = ['cache', 'cache_ns'] as const
const SHARE = ['cache', 'cache_ns', 'tier'] as const
const TIER = ['cache', 'tier'] as const
const REGION = ['cache', 'region'] as const
/** Kubernetes puts `node` on targets, too. */
const RING = [...TIER, 'ring_node'] as const
const GUARD = ['cache', 'guard'] as const
const JOB = ['cache', 'job'] as const
const JOB_OUTCOME = [...JOB, 'outcome'] as const
const QUEUE = [...SPACE, 'collection'] as const

/** Every metric that the library exports, with its kind, labels and help. */
export const METRICS = Object.freeze({
  hits: metric('counter', 'millpond_hits_total', SHARE, 'Reads answered by a tier.'),
  misses: metric('counter', 'millpond_misses_total', SHARE, 'Reads that a tier could not answer.'),
  missCauses: metric('counter', 'millpond_miss_causes_total', [...SPACE, 'cause'], 'Reads that no tier could answer, by cause.'),
  stale: metric('counter', 'millpond_stale_served_total', SPACE, 'Reads answered with a value past its freshness.'),
  hitRatio: metric('gauge', 'millpond_hit_ratio', SPACE, 'Share of reads answered by any tier since the start, 0 to 1.'),
  loads: metric('counter', 'millpond_loads_total', SPACE, 'Calls of a loader.'),
  loadErrors: metric('counter', 'millpond_load_errors_total', SPACE, 'Calls of a loader that failed.'),
  loadJoins: metric('counter', 'millpond_load_joins_total', SPACE, 'Reads that waited for a load under way instead of starting one.'),
  refreshes: metric('counter', 'millpond_refreshes_total', SPACE, 'Loads in the background of a value still served.'),
  sets: metric('counter', 'millpond_sets_total', SPACE, 'Values set by callers.'),
  deletes: metric('counter', 'millpond_deletes_total', SPACE, 'Keys deleted by callers.'),
  invalidations: metric('counter', 'millpond_invalidations_total', [...SPACE, 'reason'], 'Invalidations, by reason.'),
  evictions: metric('counter', 'millpond_evictions_total', [...SPACE, 'cause'], 'Entries that left memory, by cause.'),
  youngEvictions: metric(
    'counter',
    'millpond_young_evictions_total',
    SPACE,
    'Reads of what memory had pushed out before half its time was over.',
  ),
  ledgerUp: metric('gauge', 'millpond_ledger_up', SPACE, 'Whether the ledger answers: 1, or 0 while memory is not trusted.'),
  ledgerPending: metric('gauge', 'millpond_ledger_pending', SPACE, 'Invalidations that have not reached the ledger yet.'),
  busGaps: metric(
    'counter',
    'millpond_bus_gaps_total',
    SPACE,
    'Times that memory was dropped because invalidations of others were missed.',
  ),
  epochs: metric(
    'counter',
    'millpond_epoch_changes_total',
    SPACE,
    'Times that memory was dropped because the history of the ledger was lost.',
  ),
  regionHeard: metric(
    'gauge',
    'millpond_region_heard',
    REGION,
    'Whether this process knows what another region has invalidated, within the longest lag: 1, or 0 while entries are made stale for it.',
  ),
  regionLag: metric(
    'gauge',
    'millpond_region_lag_seconds',
    REGION,
    'How long ago everything that another region had invalidated was known here; absent until it has been heard.',
  ),
  ringState: metric(
    'gauge',
    'millpond_ring_node_state',
    [...RING, 'state'],
    'State of a node of a ring, as this process sees it: 1 for the state it is in.',
  ),
  ringReads: metric('counter', 'millpond_ring_reads_total', RING, 'Keys that a node of a ring was asked for.'),
  ringFailures: metric(
    'counter',
    'millpond_ring_failures_total',
    RING,
    'Commands that a node of a ring did not carry out, or not in time.',
  ),
  ringRepaired: metric(
    'counter',
    'millpond_ring_repaired_total',
    RING,
    'Copies that a node of a ring lacked or had in an older form, as reads have shown, and was given.',
  ),
  ringHints: metric('gauge', 'millpond_ring_hints', RING, 'Entries that are kept for a node of a ring which is away.'),
  ringHandedOver: metric(
    'counter',
    'millpond_ring_hints_delivered_total',
    RING,
    'Entries that were kept for a node of a ring, and given to it when it was back.',
  ),
  ringHintsDropped: metric(
    'counter',
    'millpond_ring_hints_dropped_total',
    RING,
    'Entries that were kept for a node of a ring, and let go for want of room.',
  ),
  ringMoved: metric(
    'counter',
    'millpond_ring_moved_total',
    [...RING, 'direction'],
    'Copies that moves of this process have brought to a node of a ring, or taken from it.',
  ),
  guardState: metric('gauge', 'millpond_guard_state', [...GUARD, 'state'], 'State of the breaker of a source: 1 for the state it is in.'),
  guardCalls: metric(
    'counter',
    'millpond_guard_calls_total',
    [...GUARD, 'outcome'],
    'Calls of a guarded source: made, failed, slow, made again, of its replica, and those that were refused.',
  ),
  guardRunning: metric('gauge', 'millpond_guard_running', GUARD, 'Calls of a guarded source that are under way.'),
  guardWaiting: metric('gauge', 'millpond_guard_waiting', GUARD, 'Calls of a guarded source that wait for their turn.'),
  jobRuns: metric(
    'counter',
    'millpond_job_runs_total',
    JOB_OUTCOME,
    'Runs of jobs in this process, by how they ended; late ones also as such.',
  ),
  jobsRunning: metric('gauge', 'millpond_jobs_running', JOB, 'Jobs that run in this process.'),
  queueDepth: metric('gauge', 'millpond_write_queue_depth', QUEUE, 'Writes that wait for their source.'),
  queueLag: metric('gauge', 'millpond_write_queue_lag_seconds', QUEUE, 'How long the oldest write has waited for its source.'),
  queueDead: metric('gauge', 'millpond_write_queue_dead_letters', QUEUE, 'Writes that their source refused, set aside.'),
  queueBytes: metric('gauge', 'millpond_write_queue_journal_bytes', QUEUE, 'Bytes of the journal on disk.'),
  queueStored: metric('counter', 'millpond_write_queue_stored_total', QUEUE, 'Queued writes that their source has taken.'),
  queueFailed: metric('counter', 'millpond_write_queue_failures_total', QUEUE, 'Attempts to write to a source that failed.'),
  compressedValues: metric(
    'counter',
    'millpond_compression_values_total',
    [...SPACE, 'outcome'],
    'Values that were compressed, or left as they are.',
  ),
  compressedIn: metric('counter', 'millpond_compression_in_bytes_total', SPACE, 'Bytes of the values that were compressed, before.'),
  compressedOut: metric('counter', 'millpond_compression_out_bytes_total', SPACE, 'Bytes of the values that were compressed, after.'),
  compressSeconds: metric(
    'counter',
    'millpond_compression_seconds_total',
    [...SPACE, 'op'],
    'Time spent on compressing values, and on the way back.',
  ),
  tierSets: metric('counter', 'millpond_tier_sets_total', SHARE, 'Entries written to a tier.'),
  tierDrops: metric('counter', 'millpond_tier_drops_total', SHARE, 'Entries dropped from a tier by deletes and invalidations.'),
  tierErrors: metric('counter', 'millpond_tier_errors_total', TIER, 'Calls of a tier that failed or came too late.'),
  tierReadBytes: metric('counter', 'millpond_tier_read_bytes_total', TIER, "Bytes of entries that came from a tier's store."),
  tierWrittenBytes: metric('counter', 'millpond_tier_written_bytes_total', TIER, "Bytes of entries that went to a tier's store."),
  tierMissCauses: metric(
    'counter',
    'millpond_tier_miss_causes_total',
    [...SHARE, 'cause'],
    'Entries that a tier had and could not serve, by cause.',
  ),
  tierRefused: metric(
    'counter',
    'millpond_tier_refused_total',
    SHARE,
    'Entries found but not accepted: invalidated, corrupt, of another key or epoch.',
  ),
  tierRejected: metric(
    'counter',
    'millpond_tier_rejected_total',
    [...SHARE, 'reason'],
    'Entries whose bytes were not accepted: damaged, moved, replayed, or not sealed by a key of the ring.',
  ),
  encrypted: metric('gauge', 'millpond_tier_encrypted', SHARE, 'Whether what is written to a tier outside the process is sealed: 1, or 0.'),
  sealedSince: metric(
    'gauge',
    'millpond_encryption_key_activated_timestamp_seconds',
    SHARE,
    'Since when the key seals that seals now, where its ring tells.',
  ),
  entries: metric('gauge', 'millpond_entries', SHARE, 'Entries in a tier.'),
  usedBytes: metric('gauge', 'millpond_used_bytes', SHARE, 'Estimated bytes in a tier.'),
  limitBytes: metric('gauge', 'millpond_limit_bytes', TIER, 'Bytes that a tier may hold, where there is a limit.'),
  breaker: metric(
    'gauge',
    'millpond_breaker_state',
    [...TIER, 'state'],
    'State of the circuit breaker of a tier: 1 for the state it is in.',
  ),
  operation: metric(
    'histogram',
    'millpond_operation_duration_seconds',
    [...SPACE, 'op'],
    'Time of get, set and load; hits in memory from a sample.',
  ),
  tierDuration: metric('histogram', 'millpond_tier_duration_seconds', TIER, 'Time of calls of a tier; look-ups in memory from a sample.'),
  patternHits: metric('counter', 'millpond_key_pattern_hits_total', ['cache', 'pattern'], 'Hits by key pattern, estimated from a sample.'),
  patternMisses: metric(
    'counter',
    'millpond_key_pattern_misses_total',
    ['cache', 'pattern'],
    'Misses by key pattern, estimated from a sample.',
  ),
  labelOverflow: metric(
    'counter',
    'millpond_label_overflow_total',
    ['label'],
    'Values of a label that are counted as `other`, because there are too many.',
  ),
  droppedSeries: metric('gauge', 'millpond_dropped_series', ['metric'], 'Series left out of a metric because it has too many.'),
  cpu: metric('counter', 'millpond_process_cpu_seconds_total', ['mode'], 'CPU time of the process.'),
  resident: metric('gauge', 'millpond_process_resident_memory_bytes', [], 'Resident memory of the process.'),
  heapUsed: metric('gauge', 'millpond_process_heap_used_bytes', [], 'Heap in use by the process.'),
  external: metric('gauge', 'millpond_process_external_memory_bytes', [], 'Memory outside the heap that JavaScript objects hold.'),
})
