// Alert rules for Prometheus, with the thresholds of the control plane's own: for those who are paged by Alertmanager, and whose control plane may be down.
import { METRICS } from 'millpond/observe'
import { SEVERITIES, type Severity } from '../alerts/alerts.ts'
import { DEFAULT_RULES, type Rule, type RuleName, YOUNG_SHARE } from '../alerts/rules.ts'
import { LATE } from '../metrics/definitions.ts'

interface Template {
  /** In Prometheus' way. */
  readonly name: string
  readonly for: string
  /** The query, up to its comparison with the threshold. */
  readonly value: string
  readonly compare: '<' | '>' | '>='
  /** What must hold besides. */
  readonly and?: string
  readonly summary: string
  /** Prometheus has seconds where the control plane has milliseconds. */
  readonly factor?: number
}

const reads = `(sum by (cache) (rate(${METRICS.hits.name}[5m])) + sum by (cache) (rate(${METRICS.missCauses.name}[5m])))`
const meanGet = `sum by (cache) (rate(${METRICS.operation.name}_sum{op="get"}[5m])) / sum by (cache) (rate(${METRICS.operation.name}_count{op="get"}[5m]))`
const p95 = (window: string, offset: string): string =>
  `histogram_quantile(0.95, sum by (cache, le) (rate(${METRICS.operation.name}_bucket{op="get"}[${window}]${offset})))`
const hitRatio = (window: string, offset: string): string => {
  const each = (name: string): string => `sum by (cache) (rate(${name}[${window}]${offset}))`
  return `${each(METRICS.hits.name)} / (${each(METRICS.hits.name)} + ${each(METRICS.missCauses.name)})`
}
/** 200 reads within the five minutes. */
const ENOUGH = `${reads} * 300 >= 200`

/** Those that Prometheus can tell by what is exported. */
const TEMPLATES: Readonly<Partial<Record<RuleName, Template>>> = {
  hit_ratio: {
    name: 'HitRatio',
    for: '2m',
    value: `sum by (cache) (rate(${METRICS.hits.name}[5m])) / ${reads}`,
    compare: '<',
    and: ENOUGH,
    summary: 'only {{ $value | humanizePercentage }} of the reads of {{ $labels.cache }} are answered by the cache',
  },
  memory_ratio: {
    name: 'Memory',
    for: '2m',
    value: `sum by (cache, instance) (${METRICS.usedBytes.name}{tier="memory"}) / sum by (cache, instance) (${METRICS.limitBytes.name}{tier="memory"})`,
    compare: '>',
    and: `sum by (cache, instance) (rate(${METRICS.youngEvictions.name}[5m])) > ${YOUNG_SHARE} * (sum by (cache, instance) (rate(${METRICS.hits.name}[5m])) + sum by (cache, instance) (rate(${METRICS.missCauses.name}[5m])))`,
    summary: 'memory of {{ $labels.cache }} is {{ $value | humanizePercentage }} full, and pushes out what is asked for again',
  },
  response_ms: {
    name: 'SlowGets',
    for: '2m',
    value: meanGet,
    compare: '>',
    and: ENOUGH,
    factor: 0.001,
    summary: 'a get of {{ $labels.cache }} takes {{ $value | humanizeDuration }} in the mean',
  },
  load_error_ratio: {
    name: 'FailingLoads',
    for: '2m',
    value: `sum by (cache) (rate(${METRICS.loadErrors.name}[5m])) / sum by (cache) (rate(${METRICS.loads.name}[5m]))`,
    compare: '>',
    and: `sum by (cache) (rate(${METRICS.loads.name}[5m])) * 300 >= 20`,
    summary: '{{ $value | humanizePercentage }} of the loads of {{ $labels.cache }} fail',
  },
  regression: {
    name: 'SlowerGets',
    for: '5m',
    value: `(${meanGet}) / clamp_min(${meanGet.replaceAll('[5m]', '[1h]')}, 0.001)`,
    compare: '>',
    and: ENOUGH,
    summary: 'a get of {{ $labels.cache }} takes {{ $value | humanize }} times what it took in the last hour',
  },
  p95_regression: {
    name: 'SlowerP95',
    for: '10m',
    value: `${p95('10m', '')} / clamp_min(${p95('1h', ' offset 1d')}, 0.001)`,
    compare: '>',
    and: ENOUGH,
    summary: 'the p95 of a get of {{ $labels.cache }} is {{ $value | humanize }} times what it was at this hour a day ago',
  },
  hit_ratio_regression: {
    name: 'FewerHits',
    for: '10m',
    value: `${hitRatio('1h', ' offset 1d')} - ${hitRatio('10m', '')}`,
    compare: '>',
    and: ENOUGH,
    summary:
      '{{ $value | humanizePercentage }} of the reads of {{ $labels.cache }} are no longer hits, as they were at this hour a day ago',
  },
  tier_down: {
    name: 'TierDown',
    for: '30s',
    value: `max by (cache, tier) (${METRICS.breaker.name}{state="open"})`,
    compare: '>=',
    summary: 'the tier {{ $labels.tier }} of {{ $labels.cache }} is left out',
  },
  ledger_down: {
    name: 'LedgerDown',
    for: '30s',
    value: `1 - min by (cache) (${METRICS.ledgerUp.name})`,
    compare: '>=',
    summary: 'the ledger of {{ $labels.cache }} does not answer: memory is not believed',
  },
  consistency: {
    name: 'Consistency',
    for: '1m',
    value: `sum by (cache) (${METRICS.ledgerPending.name}) + sum by (cache) (increase(${METRICS.busGaps.name}[5m]))`,
    compare: '>=',
    summary: 'invalidations of {{ $labels.cache }} wait for the ledger, or were missed and memory was dropped for it',
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
 * A group of alerting rules as Prometheus reads it (YAML), the same for the same thresholds. Rules that are switched off are left out; so are those that only the control plane can tell (credentials, audit, compliance).
 * @param rules default: the control plane's defaults
 */
export function prometheusRules(rules: Readonly<Partial<Record<RuleName, Rule>>> = {}): string {
  const lines = ['# Made by "millpond prometheus-rules".', 'groups:', '  - name: millpond', '    rules:']
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

/** @param worse the threshold of the next severity: whoever is beyond it is told of that alone */
function ruleLines(template: Template, severity: Severity, threshold: number, worse: number | undefined): string[] {
  const { name, for: lasts, value, compare, and, summary, factor = 1 } = template
  const parts = [
    `(${value}) ${compare} ${threshold * factor}`,
    ...(worse === undefined ? [] : [`(${value}) ${OPPOSITE[compare]} ${worse * factor}`]),
    ...(and === undefined ? [] : [and]),
  ]
  // JSON's texts are YAML's, too.
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
