// Every metric in one place: exporters, dashboards and alert rules are generated from this list.

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface MetricDefinition<Label extends string = string> {
  /** Prometheus naming: `millpond_` first, base units, counters end in `_total`. */
  readonly name: string
  /** `counter`: only grows. `gauge`: a current value. `histogram`: a distribution of durations. */
  readonly kind: MetricKind
  /** One sentence for operators: the `# HELP` line of a scrape. */
  readonly help: string
  /** The names of its labels. Each sample gives a value for exactly these. */
  readonly labels: readonly Label[]
}

/** Types its labels. */
export function metric<const Label extends string>(
  kind: MetricKind,
  name: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition<Label> {
  return Object.freeze({ name, kind, help, labels })
}

/** The namespace's label is not `namespace`, which Kubernetes adds to every target. */
const SPACE = ['cache', 'cache_ns'] as const
const SHARE = ['cache', 'cache_ns', 'tier'] as const
const TIER = ['cache', 'tier'] as const
const REGION = ['cache', 'region'] as const
/** Kubernetes adds `node` to targets, too. */
const RING = [...TIER, 'ring_node'] as const
const GUARD = ['cache', 'guard'] as const
const JOB = ['cache', 'job'] as const
const JOB_OUTCOME = [...JOB, 'outcome'] as const
const QUEUE = [...SPACE, 'collection'] as const

/** Every metric that the library exports, with its kind, labels and help. */
export const METRICS = Object.freeze({
  hits: metric('counter', 'millpond_hits_total', SHARE, 'Reads answered by a tier.'),
  misses: metric('counter', 'millpond_misses_total', SHARE, 'Reads that a tier could not answer.'),
  missCauses: metric(
    'counter',
    'millpond_miss_causes_total',
    [...SPACE, 'cause'],
    'Reads that no tier could answer, by cause.',
  ),
  stale: metric('counter', 'millpond_stale_served_total', SPACE, 'Reads answered with a stale value.'),
  hitRatio: metric(
    'gauge',
    'millpond_hit_ratio',
    SPACE,
    'Share of reads answered by any tier since the start, 0 to 1.',
  ),
  loads: metric('counter', 'millpond_loads_total', SPACE, 'Calls of a loader.'),
  loadErrors: metric('counter', 'millpond_load_errors_total', SPACE, 'Calls of a loader that failed.'),
  loadJoins: metric(
    'counter',
    'millpond_load_joins_total',
    SPACE,
    'Reads that waited for a load in progress instead of starting one.',
  ),
  refreshes: metric('counter', 'millpond_refreshes_total', SPACE, 'Background loads of a value that is still served.'),
  sets: metric('counter', 'millpond_sets_total', SPACE, 'Values set by callers.'),
  deletes: metric('counter', 'millpond_deletes_total', SPACE, 'Keys deleted by callers.'),
  invalidations: metric('counter', 'millpond_invalidations_total', [...SPACE, 'reason'], 'Invalidations, by reason.'),
  evictions: metric('counter', 'millpond_evictions_total', [...SPACE, 'cause'], 'Entries that left memory, by cause.'),
  youngEvictions: metric(
    'counter',
    'millpond_young_evictions_total',
    SPACE,
    'Reads of entries that memory had evicted before half their TTL was over.',
  ),
  ledgerUp: metric(
    'gauge',
    'millpond_ledger_up',
    SPACE,
    'Whether the ledger answers: 1, or 0 while memory is not trusted.',
  ),
  ledgerPending: metric(
    'gauge',
    'millpond_ledger_pending',
    SPACE,
    'Invalidations that have not reached the ledger yet.',
  ),
  busGaps: metric(
    'counter',
    'millpond_bus_gaps_total',
    SPACE,
    'Times memory was dropped because invalidations of others were missed.',
  ),
  epochs: metric(
    'counter',
    'millpond_epoch_changes_total',
    SPACE,
    'Times memory was dropped because the history of the ledger was lost.',
  ),
  regionHeard: metric(
    'gauge',
    'millpond_region_heard',
    REGION,
    'Whether this process knows the invalidations of another region within the maximum lag: 1, or 0 while entries are treated as stale because of it.',
  ),
  regionLag: metric(
    'gauge',
    'millpond_region_lag_seconds',
    REGION,
    'Time since all invalidations of another region were last known here; absent until it has been connected.',
  ),
  ringState: metric(
    'gauge',
    'millpond_ring_node_state',
    [...RING, 'state'],
    'State of a node of a ring, as this process sees it: 1 for the state it is in.',
  ),
  ringReads: metric('counter', 'millpond_ring_reads_total', RING, 'Keys requested from a node of a ring.'),
  ringFailures: metric(
    'counter',
    'millpond_ring_failures_total',
    RING,
    'Commands that a node of a ring did not carry out in time.',
  ),
  ringRepaired: metric(
    'counter',
    'millpond_ring_repaired_total',
    RING,
    'Missing or outdated copies on a node of a ring that reads found and repaired.',
  ),
  ringHints: metric('gauge', 'millpond_ring_hints', RING, 'Entries held for a node of a ring that is away.'),
  ringHandedOver: metric(
    'counter',
    'millpond_ring_hints_delivered_total',
    RING,
    'Entries held for a node of a ring and handed over when it came back.',
  ),
  ringHintsDropped: metric(
    'counter',
    'millpond_ring_hints_dropped_total',
    RING,
    'Entries held for a node of a ring and dropped for lack of room.',
  ),
  ringMoved: metric(
    'counter',
    'millpond_ring_moved_total',
    [...RING, 'direction'],
    'Copies that this process moved to a node of a ring or removed from it.',
  ),
  guardState: metric(
    'gauge',
    'millpond_guard_state',
    [...GUARD, 'state'],
    'State of the breaker of a source: 1 for the state it is in.',
  ),
  guardCalls: metric(
    'counter',
    'millpond_guard_calls_total',
    [...GUARD, 'outcome'],
    'Calls of a guarded source: made, failed, slow, retried, sent to its replica, and rejected.',
  ),
  guardRunning: metric('gauge', 'millpond_guard_running', GUARD, 'Calls of a guarded source in progress.'),
  guardWaiting: metric('gauge', 'millpond_guard_waiting', GUARD, 'Calls of a guarded source waiting for their turn.'),
  jobRuns: metric(
    'counter',
    'millpond_job_runs_total',
    JOB_OUTCOME,
    'Runs of jobs in this process by outcome; late runs are also counted as late.',
  ),
  jobsRunning: metric('gauge', 'millpond_jobs_running', JOB, 'Jobs running in this process.'),
  queueDepth: metric('gauge', 'millpond_write_queue_depth', QUEUE, 'Writes waiting for their source.'),
  queueLag: metric(
    'gauge',
    'millpond_write_queue_lag_seconds',
    QUEUE,
    'How long the oldest write has been waiting for its source.',
  ),
  queueDead: metric(
    'gauge',
    'millpond_write_queue_dead_letters',
    QUEUE,
    'Writes rejected by their source and set aside.',
  ),
  queueBytes: metric('gauge', 'millpond_write_queue_journal_bytes', QUEUE, 'Size of the journal on disk in bytes.'),
  queueStored: metric('counter', 'millpond_write_queue_stored_total', QUEUE, 'Queued writes accepted by their source.'),
  queueFailed: metric('counter', 'millpond_write_queue_failures_total', QUEUE, 'Failed attempts to write to a source.'),
  compressedValues: metric(
    'counter',
    'millpond_compression_values_total',
    [...SPACE, 'outcome'],
    'Values that were compressed or left uncompressed.',
  ),
  compressedIn: metric(
    'counter',
    'millpond_compression_in_bytes_total',
    SPACE,
    'Bytes of compressed values before compression.',
  ),
  compressedOut: metric(
    'counter',
    'millpond_compression_out_bytes_total',
    SPACE,
    'Bytes of compressed values after compression.',
  ),
  compressSeconds: metric(
    'counter',
    'millpond_compression_seconds_total',
    [...SPACE, 'op'],
    'Time spent compressing and decompressing values.',
  ),
  tierSets: metric('counter', 'millpond_tier_sets_total', SHARE, 'Entries written to a tier.'),
  tierDrops: metric(
    'counter',
    'millpond_tier_drops_total',
    SHARE,
    'Entries dropped from a tier by deletes and invalidations.',
  ),
  tierErrors: metric('counter', 'millpond_tier_errors_total', TIER, 'Calls of a tier that failed or timed out.'),
  tierReadBytes: metric(
    'counter',
    'millpond_tier_read_bytes_total',
    TIER,
    "Bytes of entries read from a tier's store.",
  ),
  tierWrittenBytes: metric(
    'counter',
    'millpond_tier_written_bytes_total',
    TIER,
    "Bytes of entries written to a tier's store.",
  ),
  tierMissCauses: metric(
    'counter',
    'millpond_tier_miss_causes_total',
    [...SHARE, 'cause'],
    'Entries that a tier had but could not serve, by cause.',
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
    'Entries whose bytes were rejected: damaged, moved, replayed, or not sealed with a key of the ring.',
  ),
  encrypted: metric(
    'gauge',
    'millpond_tier_encrypted',
    SHARE,
    'Whether what is written to a tier outside the process is sealed: 1, or 0.',
  ),
  sealedSince: metric(
    'gauge',
    'millpond_encryption_key_activated_timestamp_seconds',
    SHARE,
    'Time since when the current encryption key is in use, if its key ring reports it.',
  ),
  entries: metric('gauge', 'millpond_entries', SHARE, 'Entries in a tier.'),
  usedBytes: metric('gauge', 'millpond_used_bytes', SHARE, 'Estimated bytes in a tier.'),
  limitBytes: metric('gauge', 'millpond_limit_bytes', TIER, 'Maximum bytes of a tier, if it has a limit.'),
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
  tierDuration: metric(
    'histogram',
    'millpond_tier_duration_seconds',
    TIER,
    'Time of calls of a tier; look-ups in memory from a sample.',
  ),
  patternHits: metric(
    'counter',
    'millpond_key_pattern_hits_total',
    ['cache', 'pattern'],
    'Hits by key pattern, estimated from a sample.',
  ),
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
    'Label values counted as `other` because there are too many.',
  ),
  droppedSeries: metric(
    'gauge',
    'millpond_dropped_series',
    ['metric'],
    'Series left out of a metric because it has too many.',
  ),
  cpu: metric('counter', 'millpond_process_cpu_seconds_total', ['mode'], 'CPU time of the process.'),
  resident: metric('gauge', 'millpond_process_resident_memory_bytes', [], 'Resident memory of the process.'),
  heapUsed: metric('gauge', 'millpond_process_heap_used_bytes', [], 'Heap in use by the process.'),
  external: metric(
    'gauge',
    'millpond_process_external_memory_bytes',
    [],
    'Memory outside the heap that JavaScript objects hold.',
  ),
})
