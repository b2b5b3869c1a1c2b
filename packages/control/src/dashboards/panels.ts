// The panels of the Grafana dashboard: rows by the questions that they answer. Queries are built from the metric
// definitions, so that none names a metric that is not exported.
import { INSIGHT_METRICS } from 'millpond/insight'
import { METRICS, type MetricDefinition } from 'millpond/observe'
import { EXPERIMENT_REQUESTS, HEALTH, LATE } from '../metrics/definitions.ts'

export interface Query {
  readonly expr: string
  readonly legend: string
}

export interface Panel {
  readonly title: string
  /** Grafana's name of the unit. */
  readonly unit: string
  readonly queries: readonly Query[]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

const SCOPE = 'cache=~"$cache"'
const WINDOW = '$__rate_interval'
const selected = ({ name }: MetricDefinition, more = ''): string => `${name}{${SCOPE}${more}}`
const rate = (metric: MetricDefinition, by: string, more = ''): string =>
  `sum by (${by}) (rate(${selected(metric, more)}[${WINDOW}]))`
const rates = (metric: MetricDefinition, by: string): Query => ({ expr: rate(metric, by), legend: legendOf(by) })
const last = (metric: MetricDefinition, by: string, how = 'sum'): Query => ({
  expr: `${how} by (${by}) (${selected(metric)})`,
  legend: legendOf(by),
})
const legendOf = (by: string): string =>
  by
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(' ')
const named = (legend: string, { expr }: Query): Query => ({ expr, legend })
const slowest = (metric: MetricDefinition, by: string, more = ''): Query => ({
  expr: `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric.name}_bucket{${SCOPE}${more}}[${WINDOW}])))`,
  legend: `p99 ${legendOf(by)}`,
})
const panel = (title: string, unit: string, ...queries: readonly Query[]): Panel => ({ title, unit, queries })

const reads = `(${rate(METRICS.hits, 'cache')} + ${rate(METRICS.missCauses, 'cache')})`

const ROWS: readonly Row[] = [
  {
    title: 'Summary',
    panels: [
      panel(
        'Hit ratio',
        'percentunit',
        { expr: `${rate(METRICS.hits, 'cache')} / ${reads}`, legend: '{{cache}}' },
        named('{{cache}} since the start', last(METRICS.hitRatio, 'cache', 'avg')),
      ),
      panel('Reads a second', 'reqps', { expr: reads, legend: '{{cache}}' }),
      panel('Time of get, set and load', 's', slowest(METRICS.operation, 'op')),
      panel('Health', 'none', last(HEALTH, 'cache', 'min')),
      panel('Reads of the arms of an experiment', 'reqps', rates(EXPERIMENT_REQUESTS, 'cache, arm')),
    ],
  },
  {
    title: 'Flow: which tier answers',
    panels: [
      panel('Answered by tier', 'reqps', rates(METRICS.hits, 'tier')),
      panel('Misses by tier', 'reqps', rates(METRICS.misses, 'tier')),
      panel(
        'Loads, failed loads, and reads that waited for one',
        'reqps',
        named('loads', rates(METRICS.loads, 'cache')),
        named('failed', rates(METRICS.loadErrors, 'cache')),
        named('waited', rates(METRICS.loadJoins, 'cache')),
      ),
      panel(
        'Stale answers and background loads',
        'reqps',
        named('stale', rates(METRICS.stale, 'cache')),
        named('refreshed', rates(METRICS.refreshes, 'cache')),
      ),
    ],
  },
  {
    title: 'Why reads miss',
    panels: [
      panel('Misses by cause', 'reqps', rates(METRICS.missCauses, 'cause')),
      panel('Entries that a tier had but could not serve', 'reqps', rates(METRICS.tierMissCauses, 'tier, cause')),
      panel('Found but rejected', 'reqps', rates(METRICS.tierRefused, 'tier')),
      panel('Rejected bytes', 'reqps', rates(METRICS.tierRejected, 'tier, reason')),
    ],
  },
  {
    title: 'Tiers',
    panels: [
      panel('Time of calls', 's', slowest(METRICS.tierDuration, 'tier')),
      panel('Failed calls', 'reqps', rates(METRICS.tierErrors, 'tier')),
      panel(
        'Throughput: reads and writes per tier',
        'ops',
        {
          expr: `${rate(METRICS.hits, 'tier')} + ${rate(METRICS.misses, 'tier')}`,
          legend: '{{tier}} reads',
        },
        named('{{tier}} writes', rates(METRICS.tierSets, 'tier')),
      ),
      panel(
        'Bytes between processes and the store',
        'Bps',
        named('{{tier}} read', rates(METRICS.tierReadBytes, 'tier')),
        named('{{tier}} written', rates(METRICS.tierWrittenBytes, 'tier')),
      ),
      panel('Encryption coverage: share of written data that is encrypted', 'percentunit', {
        expr: `sum by (cache, tier) (rate(${selected(METRICS.tierSets)}[${WINDOW}]) * on (cache, cache_ns, tier, instance) ${selected(METRICS.encrypted)}) / sum by (cache, tier) (rate(${selected(METRICS.tierSets, ', tier!="memory"')}[${WINDOW}]))`,
        legend: '{{cache}} {{tier}}',
      }),
      panel('Breakers not closed', 'none', {
        expr: `max by (tier, state) (${selected(METRICS.breaker, ', state!="closed"')})`,
        legend: '{{tier}} {{state}}',
      }),
      panel(
        'Used bytes and limit',
        'bytes',
        last(METRICS.usedBytes, 'tier'),
        named('{{tier}} limit', last(METRICS.limitBytes, 'tier')),
      ),
      panel('Entries', 'none', last(METRICS.entries, 'tier')),
      panel(
        'Written, and dropped',
        'wps',
        named('{{tier}} written', rates(METRICS.tierSets, 'tier')),
        named('{{tier}} dropped', rates(METRICS.tierDrops, 'tier')),
      ),
      panel('Encrypted outside the process: 1 is yes', 'none', last(METRICS.encrypted, 'cache, tier', 'min')),
      panel('Age of the current encryption key', 's', {
        expr: `time() - min by (cache, tier) (${selected(METRICS.sealedSince)})`,
        legend: '{{cache}} {{tier}}',
      }),
    ],
  },
  {
    title: 'Namespaces',
    panels: [
      panel('Most misses', 'reqps', {
        expr: `topk(10, ${rate(METRICS.missCauses, 'cache, cache_ns')})`,
        legend: '{{cache}} {{cache_ns}}',
      }),
      panel(
        'Sets and deletes',
        'wps',
        named('sets {{cache_ns}}', { ...rates(METRICS.sets, 'cache_ns') }),
        named('deletes {{cache_ns}}', rates(METRICS.deletes, 'cache_ns')),
      ),
      panel('Entries leaving memory, by cause', 'reqps', rates(METRICS.evictions, 'cause')),
      panel(
        'Evicted entries asked for again before half their TTL was over',
        'reqps',
        rates(METRICS.youngEvictions, 'cache, cache_ns'),
      ),
    ],
  },
  {
    title: 'Freshness',
    panels: [
      panel('Invalidations by reason', 'reqps', rates(METRICS.invalidations, 'reason')),
      panel('The ledger answers: 1 is yes', 'none', last(METRICS.ledgerUp, 'cache', 'min')),
      panel('Invalidations waiting for the ledger', 'none', last(METRICS.ledgerPending, 'cache')),
      panel(
        'Times memory was dropped',
        'reqps',
        named('lines missed', rates(METRICS.busGaps, 'cache')),
        named('history lost', rates(METRICS.epochs, 'cache')),
      ),
      panel('Another region is connected: 1 is yes', 'none', last(METRICS.regionHeard, 'region', 'min')),
      panel('Lag behind another region', 's', last(METRICS.regionLag, 'region', 'max')),
    ],
  },
  {
    title: 'Rings of stores',
    panels: [
      panel('Nodes that are away or suspect', 'none', {
        expr: `sum by (tier, ring_node, state) (${selected(METRICS.ringState, ', state!="up"')})`,
        legend: '{{ring_node}} {{state}}',
      }),
      panel('Keys requested from each node', 'reqps', rates(METRICS.ringReads, 'tier, ring_node')),
      panel('Failed commands', 'reqps', rates(METRICS.ringFailures, 'tier, ring_node')),
      panel(
        'Entries held for nodes that are away',
        'none',
        named('{{ring_node}} waiting', last(METRICS.ringHints, 'tier, ring_node')),
        named('{{ring_node}} dropped per second', rates(METRICS.ringHintsDropped, 'tier, ring_node')),
      ),
      panel(
        'Copies repaired',
        'wps',
        named('{{ring_node}} repaired', rates(METRICS.ringRepaired, 'tier, ring_node')),
        named('{{ring_node}} handed over', rates(METRICS.ringHandedOver, 'tier, ring_node')),
      ),
      panel('Copies moved', 'wps', rates(METRICS.ringMoved, 'ring_node, direction')),
    ],
  },
  {
    title: 'Sources',
    panels: [
      panel('Guards: calls by outcome', 'reqps', rates(METRICS.guardCalls, 'guard, outcome')),
      panel('Guards not closed', 'none', {
        expr: `max by (guard, state) (${selected(METRICS.guardState, ', state!="closed"')})`,
        legend: '{{guard}} {{state}}',
      }),
      panel(
        'Guards: in progress and waiting',
        'none',
        named('{{guard}} in progress', last(METRICS.guardRunning, 'guard')),
        named('{{guard}} waiting', last(METRICS.guardWaiting, 'guard')),
      ),
      panel(
        'Queued writes',
        'none',
        named('{{collection}} waiting', last(METRICS.queueDepth, 'collection')),
        named('{{collection}} dead', last(METRICS.queueDead, 'collection')),
      ),
      panel('Age of the oldest queued write', 's', last(METRICS.queueLag, 'collection', 'max')),
      panel(
        'Queued writes: taken and failed',
        'wps',
        named('{{collection}} taken', rates(METRICS.queueStored, 'collection')),
        named('{{collection}} failed', rates(METRICS.queueFailed, 'collection')),
      ),
      panel('Journal on disk', 'bytes', last(METRICS.queueBytes, 'collection')),
      panel(
        'Jobs by outcome',
        'reqps',
        rates(METRICS.jobRuns, 'job, outcome'),
        named('{{job}} running', last(METRICS.jobsRunning, 'job')),
      ),
    ],
  },
  {
    title: 'Keys and values',
    panels: [
      panel('Hits by key pattern', 'reqps', {
        expr: `topk(10, ${rate(METRICS.patternHits, 'pattern')})`,
        legend: '{{pattern}}',
      }),
      panel('Misses by key pattern', 'reqps', {
        expr: `topk(10, ${rate(METRICS.patternMisses, 'pattern')})`,
        legend: '{{pattern}}',
      }),
      panel(
        'Compressed to',
        'percentunit',
        {
          expr: `${rate(METRICS.compressedOut, 'cache')} / ${rate(METRICS.compressedIn, 'cache')}`,
          legend: '{{cache}}',
        },
        named('values {{outcome}}', rates(METRICS.compressedValues, 'outcome')),
      ),
      panel('Time spent on compression', 's', rates(METRICS.compressSeconds, 'op')),
    ],
  },
  {
    title: 'Insight',
    panels: [
      panel(
        'Stale reads, by checks against the source',
        'percentunit',
        named('{{cache}}', last(INSIGHT_METRICS.staleReadRatio, 'cache', 'max')),
        named('{{cache}} at least', last(INSIGHT_METRICS.staleReadRatioLow, 'cache', 'max')),
        named('{{cache}} at most', last(INSIGHT_METRICS.staleReadRatioHigh, 'cache', 'max')),
        named('{{cache}} objective', last(INSIGHT_METRICS.staleReadObjective, 'cache', 'min')),
      ),
      panel('Checks against the source', 'reqps', rates(INSIGHT_METRICS.freshnessChecks, 'cache, result')),
      panel(
        'Hit ratio at other sizes of memory',
        'percentunit',
        last(INSIGHT_METRICS.predictedHitRatio, 'cache, scale', 'avg'),
        named('{{cache}} {{scale}} ±', last(INSIGHT_METRICS.predictedHitRatioError, 'cache, scale', 'max')),
      ),
      panel(
        'Loading ahead: misses avoided, correct proposals',
        'percentunit',
        named('{{cache}} misses avoided', last(INSIGHT_METRICS.prefetchBenefit, 'cache', 'avg')),
        named('{{cache}} correct', last(INSIGHT_METRICS.prefetchAccuracy, 'cache', 'avg')),
        named('{{cache}} on: 1 is yes', last(INSIGHT_METRICS.prefetchOpen, 'cache', 'max')),
        named('{{cache}} keeping: 1 is yes', last(INSIGHT_METRICS.prefetchKeeping, 'cache', 'max')),
      ),
      panel(
        'Proposals to load ahead, and entries kept in memory',
        'reqps',
        rates(INSIGHT_METRICS.prefetchProposals, 'cache, result'),
        named('{{cache}} kept', rates(INSIGHT_METRICS.prefetchKept, 'cache')),
      ),
    ],
  },
  {
    title: 'Processes',
    panels: [
      panel(
        'CPU',
        'percentunit',
        { expr: `sum by (instance) (rate(${METRICS.cpu.name}[${WINDOW}]))`, legend: '{{instance}}' },
        { expr: `sum by (mode) (rate(${METRICS.cpu.name}[${WINDOW}]))`, legend: '{{mode}}' },
      ),
      panel(
        'Memory',
        'bytes',
        ...[METRICS.resident, METRICS.heapUsed, METRICS.external].map(({ name }) => ({
          expr: name,
          legend: `{{instance}} ${name.replace(/^millpond_process_|_bytes$/g, '')}`,
        })),
      ),
      panel('Silent processes', 'none', last(LATE, 'cache, node', 'max')),
      panel(
        'Labels and series beyond their budget',
        'none',
        { expr: METRICS.labelOverflow.name, legend: '{{label}}' },
        { expr: METRICS.droppedSeries.name, legend: '{{metric}}' },
      ),
    ],
  },
]

/** Metrics that no panel uses get one of their own: everything that is exported is shown. */
export function rows(): readonly Row[] {
  const queries = ROWS.flatMap(({ panels }) => panels.flatMap((one) => one.queries.map(({ expr }) => expr))).join('\n')
  const left = Object.values<MetricDefinition>(METRICS).filter(
    ({ name }) => !new RegExp(`\\b${name}(_bucket)?\\b`).test(queries),
  )
  const more = left.map((metric) => {
    const by = metric.labels.join(', ') || 'instance'
    const query =
      metric.kind === 'histogram'
        ? slowest(metric, by)
        : metric.kind === 'counter'
          ? rates(metric, by)
          : last(metric, by)
    return panel(
      metric.help,
      metric.name.endsWith('_bytes') ? 'bytes' : 'none',
      metric.labels.includes('cache') ? query : { ...query, expr: query.expr.replaceAll(`{${SCOPE}}`, '') },
    )
  })
  return more.length === 0 ? ROWS : [...ROWS, { title: 'More', panels: more }]
}
