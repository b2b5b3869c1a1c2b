// The alert rules, with the thresholds of SPEC M5 as defaults: the value that each evaluates, and its severities.
import { judgeFreshness } from 'millpond/insight'
import { z } from 'zod'
import type { CacheReport } from '../agent/figures.ts'
import type { FleetSnapshot, Point } from '../metrics/collector.ts'
import { LEAST_REQUESTS } from '../metrics/health.ts'
import { mean, ratio } from '../metrics/quantiles.ts'
import { SEVERITIES, type Severity } from './alerts.ts'

const levels = z.strictObject({
  critical: z.number().optional(),
  high: z.number().optional(),
  medium: z.number().optional(),
})
const rule = z.strictObject({ enabled: z.boolean().default(true), levels })

/** The settings of the rules; what is left out keeps its default. */
export const rulesDocument = z.strictObject({
  hit_ratio: rule.optional().describe('below; share of the reads in a window of at least 200'),
  memory_ratio: rule
    .optional()
    .describe(
      'above; share of the byte limit, while 1 % of reads ask for entries that were evicted young: memory that is full but works well raises nothing',
    ),
  response_ms: rule.optional().describe('above; average time of a get in a window of at least 200 reads'),
  load_error_ratio: rule.optional().describe('above; share of the loads in a window of at least 20'),
  regression: rule
    .optional()
    .describe(
      'above; average time of a get relative to its average in the last hour, once every process is five minutes old',
    ),
  p95_regression: rule
    .optional()
    .describe(
      'above; p95 of a get in the last ten minutes relative to the same hour on previous days, beyond the usual variation',
    ),
  hit_ratio_regression: rule
    .optional()
    .describe('above; drop of the hit ratio relative to the same hour on previous days, beyond the usual variation'),
  stale_reads: rule
    .optional()
    .describe(
      "above; lower bound of the share of stale reads, as a multiple of the objective, where processes check reads against their source (insight's freshness)",
    ),
  tier_down: rule.optional().describe('1: the breaker of a tier is open in at least one process'),
  ledger_down: rule.optional().describe('1: the ledger does not answer at least one process'),
  consistency: rule
    .optional()
    .describe(
      'at least; invalidations waiting for the ledger, plus times that memory was dropped because invalidations were missed',
    ),
  late_node: rule.optional().describe('1: a process is silent'),
  process_memory_bytes: rule.optional().describe('above; for one process'),
  process_cpu_ratio: rule.optional().describe('above; share of one core, over a minute'),
  refused_credentials: rule.optional().describe('above; in a minute'),
  audit_broken: rule.optional().describe('1: the audit chain is broken'),
  compliance: rule.optional().describe('1: a requirement in compliance/settings/ is violated; checked once a minute'),
})
export type RulesDocument = z.output<typeof rulesDocument>
export type RuleName = keyof RulesDocument
export type Rule = z.output<typeof rule>

export const DEFAULT_RULES: Readonly<Record<RuleName, Rule>> = {
  hit_ratio: { enabled: true, levels: { critical: 0.5, high: 0.7, medium: 0.8 } },
  memory_ratio: { enabled: true, levels: { critical: 0.95, high: 0.85, medium: 0.75 } },
  response_ms: { enabled: true, levels: { critical: 200, high: 100, medium: 50 } },
  load_error_ratio: { enabled: true, levels: { high: 0.2, medium: 0.05 } },
  regression: { enabled: true, levels: { medium: 3 } },
  p95_regression: { enabled: true, levels: { high: 4, medium: 2 } },
  hit_ratio_regression: { enabled: true, levels: { high: 0.15, medium: 0.05 } },
  stale_reads: { enabled: true, levels: { high: 5, medium: 1 } },
  tier_down: { enabled: true, levels: { high: 1 } },
  ledger_down: { enabled: true, levels: { critical: 1 } },
  consistency: { enabled: true, levels: { medium: 1 } },
  late_node: { enabled: true, levels: { high: 1 } },
  process_memory_bytes: { enabled: true, levels: {} },
  process_cpu_ratio: { enabled: true, levels: { medium: 0.95 } },
  refused_credentials: { enabled: true, levels: { critical: 100, high: 20 } },
  audit_broken: { enabled: true, levels: { critical: 1 } },
  compliance: { enabled: true, levels: { high: 1 } },
}

/** Rules for which a smaller value is worse. */
const FALLING: ReadonlySet<RuleName> = new Set(['hit_ratio'])

/** The severity of a value; undefined: none. */
export function severityOf(
  name: RuleName,
  { levels: of }: Rule,
  value: number,
): { readonly severity: Severity; readonly threshold: number } | undefined {
  for (const severity of SEVERITIES) {
    const threshold = of[severity]
    if (threshold === undefined) continue
    if (FALLING.has(name) ? value < threshold : isSwitch(name) ? value >= threshold : value > threshold)
      return { severity, threshold }
  }
  return undefined
}

/**
 * Whether it is clearly better than the mildest threshold; otherwise a value near the threshold would fire and resolve
 * in turn.
 */
export function isClear(name: RuleName, { levels: of }: Rule, value: number): boolean {
  const mildest = of.medium ?? of.high ?? of.critical
  if (mildest === undefined) return true
  if (isSwitch(name)) return value < mildest
  if (FALLING.has(name)) return value >= Math.min(1, mildest + MARGIN)
  return value <= mildest * (1 - MARGIN)
}
const MARGIN = 0.03

const isSwitch = (name: RuleName): boolean => SWITCHES.has(name)
const SWITCHES: ReadonlySet<RuleName> = new Set([
  'tier_down',
  'ledger_down',
  'late_node',
  'audit_broken',
  'consistency',
  'compliance',
])

/** A value that a rule evaluates; null: unknown at present, and a firing alert continues. */
export interface Reading {
  readonly rule: RuleName
  readonly subject: string
  readonly value: number | null
  readonly message: (value: number) => string
}

export interface Observation {
  /** The shortest of the last windows that has enough reads, at least 5 s and at most a minute. */
  readonly window: Point | undefined
  /** The last minute. */
  readonly minute: Point | undefined
  readonly hour: Point | undefined
  readonly snapshot: FleetSnapshot
}

/** A young cache is cold: its hit ratio means nothing yet, and its gets wait for loads. */
const WARM_AFTER_SECONDS = 300
const LEAST_LOADS = 20
/** As a share of the reads: any full memory sometimes evicts an entry that is read again. */
export const YOUNG_SHARE = 0.01
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`

export function readingsOf({ window, minute, hour, snapshot }: Observation): Reading[] {
  const { hits = 0, misses = 0, loads = 0, load_errors = 0 } = window?.counters ?? {}
  const isJudged = hits + misses >= LEAST_REQUESTS
  const reports = snapshot.nodes.flatMap((node) =>
    node.report === undefined || node.isLate ? [] : [{ ...node, report: node.report }],
  )
  const isOld = isWarm(snapshot)
  const response = isJudged && window !== undefined ? mean(window.counters, 'get') : null
  const usual =
    hour === undefined || (hour.counters['get.n'] ?? 0) < 10 * LEAST_REQUESTS ? null : mean(hour.counters, 'get')
  const memory = window === undefined ? null : memoryOf(window, snapshot)
  const readings: Reading[] = [
    {
      rule: 'hit_ratio',
      subject: '',
      value: isJudged && isOld ? ratio(hits, hits + misses) : null,
      message: (value) => `only ${percent(value)} of reads are served from the cache`,
    },
    {
      rule: 'memory_ratio',
      subject: '',
      value: memory,
      message: (value) => `memory is ${percent(value)} full and evicts entries that are asked for again`,
    },
    {
      rule: 'response_ms',
      subject: '',
      value: response,
      message: (value) => `a get takes ${value.toFixed(0)} ms on average`,
    },
    {
      rule: 'load_error_ratio',
      subject: '',
      value: loads < LEAST_LOADS ? null : ratio(load_errors, loads),
      message: (value) => `${percent(value)} of loads fail`,
    },
    {
      rule: 'regression',
      subject: '',
      value: response === null || usual === null || !isOld ? null : response / Math.max(usual, 1),
      message: (value) => `a get takes ${value.toFixed(1)} times as long as in the last hour`,
    },
    {
      rule: 'consistency',
      subject: '',
      value:
        reports.length === 0
          ? null
          : reports.reduce((all, { report }) => all + report.ledger.pending, minute?.counters.gaps ?? 0),
      message: () => 'invalidations are waiting for the ledger, or some were missed and memory was dropped',
    },
    {
      rule: 'ledger_down',
      subject: '',
      value: reports.length === 0 ? null : reports.some(({ report }) => !report.ledger.is_up) ? 1 : 0,
      message: () =>
        `the ledger does not answer ${named(reports.filter(({ report }) => !report.ledger.is_up))}: memory is not trusted there`,
    },
  ]
  const stale = staleness(reports)
  if (stale !== undefined)
    readings.push({
      rule: 'stale_reads',
      subject: '',
      value: stale.low / stale.objective,
      message: () =>
        `at least ${percent(stale.low)} of reads are answered with what the source has changed since: the objective is ${percent(stale.objective)}`,
    })
  const tiers = new Set(reports.flatMap(({ report }) => report.tiers.map(({ name }) => name)))
  for (const tier of tiers) {
    const open = reports.filter(({ report }) =>
      report.tiers.some(({ name, breaker }) => name === tier && breaker === 'open'),
    )
    readings.push({
      rule: 'tier_down',
      subject: tier,
      value: open.length > 0 ? 1 : 0,
      message: () => `the tier ${tier} is bypassed by ${named(open)}`,
    })
  }
  for (const { id, isLate, report } of snapshot.nodes) {
    readings.push({
      rule: 'late_node',
      subject: id,
      value: isLate ? 1 : 0,
      message: () => `${id} is silent: frozen, cut off, or crashed`,
    })
    const bytes = report?.gauges.process_bytes
    if (bytes !== undefined && !isLate)
      readings.push({
        rule: 'process_memory_bytes',
        subject: id,
        value: bytes,
        message: (value) => `${id} takes ${(value / 2 ** 20).toFixed(0)} MB`,
      })
  }
  return readings
}

/** Of all processes that check reads together; the objective is the strictest. `undefined`: none has checked one. */
function staleness(
  reports: readonly { readonly report: CacheReport }[],
): { readonly low: number; readonly objective: number } | undefined {
  const tallies = reports.flatMap(({ report }) => report.freshness ?? [])
  const objective = Math.min(...tallies.map((tally) => tally.objective))
  const sumOf = (part: 'checked' | 'stale'): number => tallies.reduce((sum, tally) => sum + tally[part], 0)
  const { share } = judgeFreshness(sumOf('checked'), sumOf('stale'), objective)
  return share && { low: share.low, objective }
}

/** Every process that reports has run for a while. */
export function isWarm({ nodes }: FleetSnapshot): boolean {
  const told = nodes.flatMap(({ isLate, report }) => (isLate || report === undefined ? [] : [report]))
  return told.length > 0 && told.every(({ uptime_seconds }) => uptime_seconds >= WARM_AFTER_SECONDS)
}

function memoryOf({ counters, gauges }: Point, { nodes }: FleetSnapshot): number | null {
  const used = gauges.max_bytes === undefined ? null : ratio(gauges.bytes ?? 0, gauges.max_bytes)
  const { young_evictions = 0, hits = 0, misses = 0 } = counters
  return nodes.length === 0 || used === null ? null : young_evictions > YOUNG_SHARE * (hits + misses) ? used : 0
}

const named = (nodes: readonly { readonly id: string }[]): string => nodes.map(({ id }) => id).join(', ')
