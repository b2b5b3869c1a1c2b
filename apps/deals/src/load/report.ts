// The table of a run, and what the sources promise beside what was measured.
import { cpus } from 'node:os'
import type { Course } from './drive.ts'
import type { Measured, Outcome } from './run.ts'

export interface Figures {
  readonly requests: number
  readonly writes: number
  /** 0 to 1; null without a cache. */
  readonly hitRate: number | null
  readonly byTier: Readonly<Record<string, number>>
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly queries: number
  readonly cpuMs: number
}

export function figuresOf({ course, queries, cpuMs, byTier }: Measured, isCached: boolean): Figures {
  const times = latencies(course)
  const at = (share: number) => times[Math.min(times.length - 1, Math.ceil(share * times.length) - 1)] ?? 0
  return {
    requests: times.length,
    writes: course.writes.length,
    hitRate: isCached ? 1 - (byTier.computed ?? 0) : null,
    byTier,
    meanMs: times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length),
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    queries,
    cpuMs,
  }
}

function latencies({ answers, writes }: Course): number[] {
  return [...answers, ...writes].map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
}

export function reportText(outcome: Outcome): string {
  const cached = figuresOf(outcome.cached, true)
  const uncached = figuresOf(outcome.uncached, false)
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`,
    `${outcome.sessions} sessions, ${cached.requests} requests, ${cached.writes} of them writes`,
    '',
    ...table(['', 'with the cache', 'without', 'less'], measuredRows(cached, uncached)),
    '',
    ...table(['the sources promise', 'measured here', ''], promiseRows(cached, uncached)),
    '',
    ...verdict(outcome),
  ].join('\n')
}

function measuredRows(cached: Figures, uncached: Figures): string[][] {
  const row = (name: string, of: (figures: Figures) => number, show: (value: number) => string) => [
    name,
    show(of(cached)),
    show(of(uncached)),
    percent(1 - of(cached) / of(uncached)),
  ]
  const perRequest = (total: (figures: Figures) => number) => (figures: Figures) => total(figures) / figures.requests
  return [
    ['hit rate', percent(cached.hitRate ?? 0), '-', ''],
    ...Object.entries(cached.byTier).map(([tier, part]) => [
      tier === 'http' ? '  as an HTTP hit' : `  from ${tier}`,
      percent(part),
      tier === 'computed' ? percent(1) : '-',
      '',
    ]),
    row('p50', (figures) => figures.p50Ms, ms),
    row('p95', (figures) => figures.p95Ms, ms),
    row('p99', (figures) => figures.p99Ms, ms),
    row('mean', (figures) => figures.meanMs, ms),
    row('database queries', (figures) => figures.queries, whole),
    row(
      '  per request',
      perRequest((figures) => figures.queries),
      (value) => value.toFixed(2),
    ),
    row(
      'processor time',
      (figures) => figures.cpuMs,
      (value) => `${(value / 1000).toFixed(2)} s`,
    ),
    row(
      '  per request',
      perRequest((figures) => figures.cpuMs),
      ms,
    ),
  ]
}

function promiseRows(cached: Figures, uncached: Figures): string[][] {
  const kept = (isKept: boolean) => (isKept ? 'kept' : 'not kept')
  const time = 1 - cached.meanMs / uncached.meanMs
  const queries = 1 - cached.queries / uncached.queries
  return [
    ['95 % hit rate', percent(cached.hitRate ?? 0), kept((cached.hitRate ?? 0) >= 0.95)],
    ['p95 under 100 ms', ms(cached.p95Ms), kept(cached.p95Ms < 100)],
    ['40-60 % less response time', `${percent(time)} less in the mean`, kept(time >= 0.4)],
    ['70-80 % fewer queries', `${percent(queries)} fewer`, kept(queries >= 0.7)],
  ]
}

const SHOWN = 20

function verdict({ violations, compared, cached }: Outcome): string[] {
  const answers = cached.course.answers.length
  if (violations.length === 0)
    return [`correct: all ${answers} cached answers are what the database said (${compared} states asked again without a cache)`]
  return [
    `NOT CORRECT: ${violations.length} of ${answers} answers`,
    ...violations.slice(0, SHOWN),
    ...(violations.length > SHOWN ? [`... and ${violations.length - SHOWN} more`] : []),
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('   '), ...rows.map(line)]
}

const percent = (share: number) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '-')
const ms = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
const whole = (value: number) => value.toLocaleString('en')
