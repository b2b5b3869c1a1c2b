// Recording and alert rules for Prometheus, with the control plane's own thresholds: for those who use Alertmanager,
// and in case the control plane is down.
import { INSIGHT_METRICS } from 'millpond/insight'
import { METRICS } from 'millpond/observe'
import { SEVERITIES, type Severity } from '../alerts/alerts.ts'
import { DEFAULT_RULES, type Rule, type RuleName, YOUNG_SHARE } from '../alerts/rules.ts'
import { LATE } from '../metrics/definitions.ts'

interface Template {
  /** In Prometheus' notation. */
  readonly name: string
  readonly for: string
  /** The query, up to its comparison with the threshold. */
  readonly value: string
  readonly compare: '<' | '>' | '>='
  /** An additional condition. */
  readonly and?: string
  readonly summary: string
  /** Prometheus has seconds where the control plane has milliseconds. */
  readonly factor?: number
}

const rate = (name: string, window = '5m'): string => `sum by (cache) (rate(${name}[${window}]))`
const get = (part: 'sum' | 'count', window: string): string =>
  `sum by (cache) (rate(${METRICS.operation.name}_${part}{op="get"}[${window}]))`
const readsOver = (window: string): string =>
  `${rate(METRICS.hits.name, window)} + ${rate(METRICS.missCauses.name, window)}`
const hitRatioOver = (window: string): string => `${rate(METRICS.hits.name, window)} / (${readsOver(window)})`
const meanOver = (window: string): string => `${get('sum', window)} / ${get('count', window)}`
const p95Over = (window: string): string =>
  `histogram_quantile(0.95, sum by (cache, le) (rate(${METRICS.operation.name}_bucket{op="get"}[${window}])))`

/** Per cache, over all its processes: recorded once, for the alerts below, for long graphs, and for autoscaling. */
const RECORDED = {
  reads: { name: 'cache:millpond_reads:rate5m', expr: readsOver('5m') },
  hitRatio: { name: 'cache:millpond_hit_ratio:rate5m', expr: hitRatioOver('5m') },
  hitRatioLately: { name: 'cache:millpond_hit_ratio:rate10m', expr: hitRatioOver('10m') },
  hitRatioOfAnHour: { name: 'cache:millpond_hit_ratio:rate1h', expr: hitRatioOver('1h') },
  loads: { name: 'cache:millpond_loads:rate5m', expr: rate(METRICS.loads.name) },
  loadErrors: {
    name: 'cache:millpond_load_error_ratio:rate5m',
    expr: `${rate(METRICS.loadErrors.name)} / ${rate(METRICS.loads.name)}`,
  },
  meanGet: { name: 'cache:millpond_get_seconds:mean5m', expr: meanOver('5m') },
  meanGetOfAnHour: { name: 'cache:millpond_get_seconds:mean1h', expr: meanOver('1h') },
  p95Lately: { name: 'cache:millpond_get_seconds:p95_10m', expr: p95Over('10m') },
  p95OfAnHour: { name: 'cache:millpond_get_seconds:p95_1h', expr: p95Over('1h') },
} as const
/** 200 reads within the five minutes. */
const ENOUGH = `${RECORDED.reads.name} * 300 >= 200`

/** The rules that Prometheus can evaluate from exported metrics. */
const TEMPLATES: Readonly<Partial<Record<RuleName, Template>>> = {
  hit_ratio: {
    name: 'HitRatio',
    for: '2m',
    value: RECORDED.hitRatio.name,
    compare: '<',
    and: ENOUGH,
    summary: 'only {{ $value | humanizePercentage }} of reads of {{ $labels.cache }} are served from the cache',
  },
  memory_ratio: {
    name: 'Memory',
    for: '2m',
    value: `sum by (cache, instance) (${METRICS.usedBytes.name}{tier="memory"}) / sum by (cache, instance) (${METRICS.limitBytes.name}{tier="memory"})`,
    compare: '>',
    and: `sum by (cache, instance) (rate(${METRICS.youngEvictions.name}[5m])) > ${YOUNG_SHARE} * (sum by (cache, instance) (rate(${METRICS.hits.name}[5m])) + sum by (cache, instance) (rate(${METRICS.missCauses.name}[5m])))`,
    summary:
      'memory of {{ $labels.cache }} is {{ $value | humanizePercentage }} full and evicts entries that are asked for again',
  },
  response_ms: {
    name: 'SlowGets',
    for: '2m',
    value: RECORDED.meanGet.name,
    compare: '>',
    and: ENOUGH,
    factor: 0.001,
    summary: 'a get of {{ $labels.cache }} takes {{ $value | humanizeDuration }} on average',
  },
  load_error_ratio: {
    name: 'FailingLoads',
    for: '2m',
    value: RECORDED.loadErrors.name,
    compare: '>',
    and: `${RECORDED.loads.name} * 300 >= 20`,
    summary: '{{ $value | humanizePercentage }} of loads of {{ $labels.cache }} fail',
  },
  regression: {
    name: 'SlowerGets',
    for: '5m',
    value: `${RECORDED.meanGet.name} / clamp_min(${RECORDED.meanGetOfAnHour.name}, 0.001)`,
    compare: '>',
    and: ENOUGH,
    summary: 'a get of {{ $labels.cache }} takes {{ $value | humanize }} times as long as in the last hour',
  },
  p95_regression: {
    name: 'SlowerP95',
    for: '10m',
    value: `${RECORDED.p95Lately.name} / clamp_min(${RECORDED.p95OfAnHour.name} offset 1d, 0.001)`,
    compare: '>',
    and: ENOUGH,
    summary:
      'the p95 of a get of {{ $labels.cache }} is {{ $value | humanize }} times what it was at this hour a day ago',
  },
  hit_ratio_regression: {
    name: 'FewerHits',
    for: '10m',
    value: `${RECORDED.hitRatioOfAnHour.name} offset 1d - ${RECORDED.hitRatioLately.name}`,
    compare: '>',
    and: ENOUGH,
    summary:
      '{{ $value | humanizePercentage }} of the reads of {{ $labels.cache }} are no longer hits, as they were at this hour a day ago',
  },
  stale_reads: {
    name: 'StaleReads',
    for: '10m',
    value: `max by (cache) (${INSIGHT_METRICS.staleReadRatioLow.name} / ${INSIGHT_METRICS.staleReadObjective.name})`,
    compare: '>',
    summary:
      'reads of {{ $labels.cache }} are stale: at least {{ $value | humanize }} times as many as the objective allows',
  },
  tier_down: {
    name: 'TierDown',
    for: '30s',
    value: `max by (cache, tier) (${METRICS.breaker.name}{state="open"})`,
    compare: '>=',
    summary: 'the tier {{ $labels.tier }} of {{ $labels.cache }} is bypassed',
  },
  ledger_down: {
    name: 'LedgerDown',
    for: '30s',
    value: `1 - min by (cache) (${METRICS.ledgerUp.name})`,
    compare: '>=',
    summary: 'the ledger of {{ $labels.cache }} does not answer: memory is not trusted',
  },
  consistency: {
    name: 'Consistency',
    for: '1m',
    value: `sum by (cache) (${METRICS.ledgerPending.name}) + sum by (cache) (increase(${METRICS.busGaps.name}[5m]))`,
    compare: '>=',
    summary:
      'invalidations of {{ $labels.cache }} are waiting for the ledger, or some were missed and memory was dropped',
  },
  late_node: {
    name: 'SilentProcess',
    for: '30s',
    value: `max by (cache, node) (${LATE.name})`,
    compare: '>=',
    summary: '{{ $labels.node }} of {{ $labels.cache }} is silent',
  },
  process_memory_bytes: {
    name: 'ProcessMemory',
    for: '2m',
    value: METRICS.resident.name,
    compare: '>',
    summary: '{{ $labels.instance }} takes {{ $value | humanize1024 }}B',
  },
  process_cpu_ratio: {
    name: 'ProcessCpu',
    for: '2m',
    value: `sum by (instance) (rate(${METRICS.cpu.name}[1m]))`,
    compare: '>',
    summary: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of a core',
  },
}

/**
 * A group of recording and alerting rules in Prometheus' YAML, the same for the same thresholds. Alerts that are
 * switched off are left out; so are those that only the control plane can evaluate (credentials, audit, compliance).
 * @param rules default: the control plane's defaults
 */
export function prometheusRules(rules: Readonly<Partial<Record<RuleName, Rule>>> = {}): string {
  const lines = ['# Made by "millpond prometheus-rules".', 'groups:', '  - name: millpond', '    rules:']
  // Within a group, each rule sees the results of those above it at the same moment.
  for (const { name, expr } of Object.values(RECORDED))
    lines.push(`      - record: ${name}`, `        expr: ${JSON.stringify(expr)}`)
  for (const [name, template] of Object.entries(TEMPLATES) as [RuleName, Template][]) {
    const { enabled, levels } = rules[name] ?? DEFAULT_RULES[name]
    const wanted = enabled ? SEVERITIES.filter((severity) => levels[severity] !== undefined) : []
    for (const [at, severity] of wanted.entries()) {
      const [threshold, worse] = [levels[severity] ?? 0, at === 0 ? undefined : levels[wanted[at - 1] as Severity]]
      lines.push(...ruleLines(template, severity, threshold, worse))
    }
  }
  return `${lines.join('\n')}\n`
}

const OPPOSITE = { '<': '>=', '>': '<=', '>=': '<' } as const

/** @param worse the threshold of the next severity: beyond it only that one fires */
function ruleLines(template: Template, severity: Severity, threshold: number, worse: number | undefined): string[] {
  const { name, for: lasts, value, compare, and, summary, factor = 1 } = template
  const parts = [
    `(${value}) ${compare} ${threshold * factor}`,
    ...(worse === undefined ? [] : [`(${value}) ${OPPOSITE[compare]} ${worse * factor}`]),
    ...(and === undefined ? [] : [and]),
  ]
  // JSON strings are valid YAML.
  return [
    `      - alert: Millpond${name}${severity.charAt(0).toUpperCase()}${severity.slice(1)}`,
    `        expr: ${JSON.stringify(parts.join(' and '))}`,
    `        for: ${lasts}`,
    '        labels:',
    `          severity: ${severity}`,
    '        annotations:',
    `          summary: ${JSON.stringify(summary)}`,
  ]
}
