// The table of a run, with promises beside measurements.
import { cpus } from 'node:os'
import type { Answer, Course } from './drive.ts'
import { attainable, type KindMisses, type Misses, missesByKind, missesOf } from './misses.ts'
import type { Measured, Outcome, WarmUp } from './run.ts'
import { sourceOf } from './source-of.ts'

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
  readonly misses: Misses
  /** Of the last minute, or the last third of a shorter run; and why the rest was computed. */
  readonly steadyHitRate: number | null
  /** The hit ratio there of an ideal cache that serves nothing old and computes nothing in advance. */
  readonly steadyAttainable: number | null
  readonly steadyMisses: Misses
  readonly steadyKinds: Readonly<Record<string, KindMisses>>
  /** Null: nothing was warmed before the first request. */
  readonly warmUp: WarmUp | null
  /** Of answers that were computed. */
  readonly computedMs: number
  /** Of all others; null: there were none. */
  readonly atHandMs: number | null
  /** p95 of the first minute (or third) and of what came after it. */
  readonly firstP95Ms: number
  readonly laterP95Ms: number
  /** Of answers from memory, within the service; null: there were none. */
  readonly memoryP95Ms: number | null
  /** 0 to 1; null where nothing was warmed. */
  readonly warmingSuccess: number | null
  /** 0 to 1: bytes of live values over bytes held; null without a cache. */
  readonly memoryEfficiency: number | null
  /**
   * p95 of the first minute after a restart under load, and of the last minute before; null where nothing was asked
   * after one.
   */
  readonly restart: { readonly p95Ms: number; readonly warmP95Ms: number } | null
}

const MINUTE = 60_000

export function figuresOf(measured: Measured, isCached: boolean): Figures {
  const { course, queries, cpuMs, byTier, warming, warmUp, memoryP95Ms, memoryEfficiency, restarted } = measured
  const times = latencies(course)
  const isComputed = (answer: Answer) => sourceOf(answer) === 'computed'
  const computed = course.answers.filter(isComputed)
  const starts = course.answers.map(({ startedAt }) => startedAt)
  const [from, to] = [
    starts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    starts.reduce((a, b) => Math.max(a, b), 0),
  ]
  const part = Math.min(MINUTE, (to - from) / 3)
  const isLast = ({ startedAt }: Answer) => startedAt >= to - part
  const last = course.answers.filter(isLast)
  const asked = { answers: course.answers, isComputed, isWarmed: warmUp?.isWhole ?? false }
  const p95Of = (answers: readonly Answer[]) => {
    const sorted = latencies({ answers, writes: [], failures: [] })
    return sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0
  }
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
    misses: missesOf(asked),
    steadyHitRate: isCached && last.length > 0 ? 1 - last.filter(isComputed).length / last.length : null,
    steadyAttainable: attainable(asked, isLast),
    steadyMisses: missesOf(asked, isLast),
    steadyKinds: Object.fromEntries(missesByKind(asked, isLast)),
    warmUp: warmUp ?? null,
    computedMs: meanOf(computed) ?? 0,
    atHandMs: meanOf(course.answers.filter((answer) => !isComputed(answer))),
    firstP95Ms: p95Of(course.answers.filter(({ startedAt }) => startedAt < from + part)),
    laterP95Ms: p95Of(course.answers.filter(({ startedAt }) => startedAt >= from + part)),
    memoryP95Ms: memoryP95Ms ?? null,
    warmingSuccess: warming.warmed + warming.failed === 0 ? null : warming.warmed / (warming.warmed + warming.failed),
    memoryEfficiency,
    restart:
      restarted === undefined || restarted.length === 0 ? null : { p95Ms: p95Of(restarted), warmP95Ms: p95Of(last) },
  }
}

function meanOf(answers: readonly Answer[]): number | null {
  return answers.length === 0
    ? null
    : answers.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0) / answers.length
}

function latencies({ answers, writes }: Course): number[] {
  return [...answers, ...writes].map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
}

export function reportText(outcome: Outcome): string {
  const cached = figuresOf(outcome.cached, true)
  const uncached = outcome.uncached === undefined ? undefined : figuresOf(outcome.uncached, false)
  return [
    ...(outcome.isStopped ? ['STOPPED early: these are the figures so far'] : []),
    machine(),
    `${outcome.sessions} sessions, ${cached.requests} requests, ${cached.writes} of them writes`,
    stateText(cached.warmUp),
    '',
    ...table(['', 'with the cache', 'without', 'less'], measuredRows(cached, uncached)),
    '',
    ...table(
      [
        'computed in the last minute',
        'asked',
        'computed',
        'for the first time',
        'changed by a write',
        'expired, evicted or not stored',
      ],
      kindRows(cached.steadyKinds),
    ),
    ...missingText(cached),
    ...timeText(cached, uncached),
    '',
    ...table(['promised', 'measured here', ''], promiseRows(cached, uncached, outcome)),
    '',
    ...verdict(outcome),
  ].join('\n')
}

export const machine = (): string =>
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`

function measuredRows(cached: Figures, uncached: Figures | undefined): string[][] {
  const row = (name: string, of: (figures: Figures) => number, show: (value: number) => string) => [
    name,
    show(of(cached)),
    uncached === undefined ? '-' : show(of(uncached)),
    uncached === undefined ? '-' : percent(1 - of(cached) / of(uncached)),
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
    ...missRows('  computed', cached.misses, cached.hitRate),
    ['  hit rate of the last minute', percent(cached.steadyHitRate ?? 0), '-', ''],
    ...missRows('  its computed', cached.steadyMisses, cached.steadyHitRate),
    row('p50', (figures) => figures.p50Ms, ms),
    row('p95', (figures) => figures.p95Ms, ms),
    row('p99', (figures) => figures.p99Ms, ms),
    row('mean', (figures) => figures.meanMs, ms),
    row('  of an answer that was computed', (figures) => figures.computedMs, ms),
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

function stateText(warmUp: WarmUp | null): string {
  if (warmUp === null) return 'cold start: nothing was warmed before the first request'
  const { ms: took, answers, isWhole } = warmUp
  const made = `${whole(answers)} answers in ${(took / 1000).toFixed(1)} s`
  return isWhole
    ? `steady state: warmed before the first request (${made}); its figures are from the last minute, or the last third of a shorter run`
    : `NO steady state: warming had not ended when the first request came (${made})`
}

function kindRows(kinds: Figures['steadyKinds']): string[][] {
  const rows = Object.entries(kinds)
  const sum = (of: (kind: KindMisses) => number) => rows.reduce((all, [, kind]) => all + of(kind), 0)
  const cells = (name: string, of: (pick: (kind: KindMisses) => number) => number) => [
    name,
    whole(of(({ asked }) => asked)),
    whole(of(({ first, written, gone }) => first + written + gone)),
    ...[of(({ first }) => first), of(({ written }) => written), of(({ gone }) => gone)].map(whole),
  ]
  return [...rows.map(([name, kind]) => cells(name, (pick) => pick(kind))), cells('all', sum)]
}

/** What the last minute lacks to the promised 95 %, in percentage points, and whether any cache could have had it. */
function missingText({ steadyHitRate, steadyAttainable, steadyMisses: { first, written, gone } }: Figures): string[] {
  if (steadyHitRate === null || steadyAttainable === null) return []
  const each = (100 * (1 - steadyHitRate)) / Math.max(1, first + written + gone)
  const [ofWrites, ofFirst, ofGone] = [written, first, gone].map((count) => (count * each).toFixed(1))
  return [
    `of the ${(100 * (1 - steadyHitRate)).toFixed(1)} points missing to 100 % hits, ${ofWrites} are answers changed by a write, ${ofFirst} first-time requests, ${ofGone} due to the cache itself;`,
    `a cache that serves nothing stale and computes nothing ahead could have had ${percent(steadyAttainable)} of these sessions`,
  ]
}

/** The part of the response time that no cache removes: the way to the client and back. */
function timeText({ atHandMs, memoryP95Ms }: Figures, uncached: Figures | undefined): string[] {
  if (atHandMs === null || memoryP95Ms === null || uncached === undefined || uncached.requests === 0) return []
  return [
    `a cached answer reaches its client after ${ms(atHandMs)} on average, of which ${ms(memoryP95Ms)} (p95) are spent in the cache: if all were cached, the average would be ${percent(1 - atHandMs / uncached.meanMs)} less`,
  ]
}

/** What is missing to a hit ratio of 1, by its causes. */
function missRows(name: string, { first, written, gone }: Misses, hitRate: number | null): string[][] {
  const each = (1 - (hitRate ?? 1)) / Math.max(1, first + written + gone)
  return [
    [`${name}: asked for the first time`, percent(first * each), '-', ''],
    [`${name}: changed by a write`, percent(written * each), '-', ''],
    [`${name}: expired, evicted or not stored`, percent(gone * each), '-', ''],
  ]
}

function promiseRows(
  cached: Figures,
  uncached: Figures | undefined,
  { violations, beside, isChecked }: Outcome,
): string[][] {
  const kept = (isKept: boolean | null) => (isKept === null ? 'not measured' : isKept ? 'kept' : 'not kept')
  const row = (name: string, measured: string, isKept: boolean | null): string[] => [name, measured, kept(isKept)]
  const missing = (name: string, why: string): string[] => row(name, why, null)
  const hits = cached.hitRate ?? 0
  const steady = cached.steadyHitRate
  const { warmingSuccess, memoryEfficiency, memoryP95Ms, restart } = cached
  return [
    steady === null
      ? missing('95 % hit rate', 'there were no requests')
      : row('95 % hit rate', `${percent(hits)}, ${percent(steady)} in the last minute`, steady >= 0.95),
    row('80 % hits and 10 ms on average', `${percent(hits)}, ${ms(cached.meanMs)}`, hits >= 0.8 && cached.meanMs < 10),
    row('p95 under 100 ms', ms(cached.p95Ms), cached.p95Ms < 100),
    memoryP95Ms === null
      ? missing('memory hits below a millisecond', 'there were none')
      : row('memory hits below a millisecond', `p95 ${ms(memoryP95Ms)}, within the service`, memoryP95Ms < 1),
    ...(uncached === undefined ? LESS.map((name) => missing(name, 'stopped before')) : lessRows(cached, uncached, row)),
    warmingSuccess === null
      ? missing('95 % of warming succeeds', 'nothing was warmed')
      : row('95 % of warming succeeds', percent(warmingSuccess), warmingSuccess >= 0.95),
    row(
      'no cold penalty after warm-up',
      `p95 ${ms(cached.firstP95Ms)} in the first minute, ${ms(cached.laterP95Ms)} later`,
      cached.firstP95Ms <= 1.5 * cached.laterP95Ms,
    ),
    restart === null
      ? missing('none after a restart under load (1.5 times)', 'it was not restarted')
      : row(
          'none after a restart under load (1.5 times)',
          `p95 ${ms(restart.p95Ms)} in the first minute, ${ms(restart.warmP95Ms)} before`,
          restart.p95Ms <= 1.5 * restart.warmP95Ms,
        ),
    memoryEfficiency === null
      ? missing('70 % memory efficiency', 'nothing was stored')
      : row(
          '70 % memory efficiency',
          `${percent(memoryEfficiency)} of the stored bytes are live values`,
          memoryEfficiency > 0.7,
        ),
    isChecked
      ? row(
          'no consistency fault',
          violations.length === 0 ? 'none' : whole(violations.length),
          violations.length === 0,
        )
      : missing('no consistency fault', 'stopped before all was compared'),
    ...beside.map(({ name, measured, isKept }) => row(name, measured, isKept)),
  ]
}

const LESS = ['40-60 % less response time', '70-80 % fewer queries', '80 % less load on the database'] as const

function lessRows(
  cached: Figures,
  uncached: Figures,
  row: (name: string, measured: string, isKept: boolean) => string[],
): string[][] {
  const time = 1 - cached.meanMs / uncached.meanMs
  const queries = 1 - cached.queries / uncached.queries
  return [
    row(LESS[0], `${percent(time)} less on average`, time >= 0.4),
    row(LESS[1], `${percent(queries)} fewer`, queries >= 0.7),
    row(LESS[2], `${percent(queries)} fewer queries`, queries >= 0.8),
  ]
}

const SHOWN = 20

function verdict({ violations, compared, cached, isChecked }: Outcome): string[] {
  const answers = cached.course.answers.length
  if (!isChecked && violations.length === 0)
    return [`only partly compared: ${compared} states were requested again without a cache before it was stopped`]
  if (violations.length === 0)
    return [
      `correct: all ${answers} cached answers match the database (${compared} states requested again without a cache)`,
    ]
  return [
    `NOT CORRECT: ${violations.length} of ${answers} answers`,
    ...violations.slice(0, SHOWN),
    ...(violations.length > SHOWN ? [`... and ${violations.length - SHOWN} more`] : []),
  ]
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('   '), ...rows.map(line)]
}

export const percent = (share: number) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '-')
export const ms = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
export const whole = (value: number) => value.toLocaleString('en')
