// The table of a run, and what the sources promise beside what was measured.
import { cpus } from 'node:os'
import type { Answer, Course } from './drive.ts'
import { type KindMisses, type Misses, missesByKind, missesOf } from './misses.ts'
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
  readonly steadyMisses: Misses
  readonly steadyKinds: Readonly<Record<string, KindMisses>>
  /** Null: nothing was warmed before the first request. */
  readonly warmUp: WarmUp | null
  /** Of answers that were computed. */
  readonly computedMs: number
  /** p95 of the first minute (or third) and of what came after it. */
  readonly firstP95Ms: number
  readonly laterP95Ms: number
  readonly getP95Ms: number
  /** 0 to 1; null where nothing was warmed. */
  readonly warmingSuccess: number | null
  /** 0 to 1: bytes of live values over bytes held; null without a cache. */
  readonly memoryEfficiency: number | null
  /** p95 of the first minute after a restart under load, and of the last minute before; null where it was not restarted. */
  readonly restart: { readonly p95Ms: number; readonly warmP95Ms: number } | null
}

const MINUTE = 60_000

export function figuresOf(measured: Measured, isCached: boolean): Figures {
  const { course, queries, cpuMs, byTier, warming, warmUp, getP95Ms, memoryEfficiency, restarted } = measured
  const times = latencies(course)
  const isComputed = (answer: Answer) => sourceOf(answer) === 'computed'
  const computed = course.answers.filter(isComputed)
  const starts = course.answers.map(({ startedAt }) => startedAt)
  const [from, to] = [starts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), starts.reduce((a, b) => Math.max(a, b), 0)]
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
    steadyMisses: missesOf(asked, isLast),
    steadyKinds: Object.fromEntries(missesByKind(asked, isLast)),
    warmUp: warmUp ?? null,
    computedMs: computed.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0) / Math.max(1, computed.length),
    firstP95Ms: p95Of(course.answers.filter(({ startedAt }) => startedAt < from + part)),
    laterP95Ms: p95Of(course.answers.filter(({ startedAt }) => startedAt >= from + part)),
    getP95Ms,
    warmingSuccess: warming.warmed + warming.failed === 0 ? null : warming.warmed / (warming.warmed + warming.failed),
    memoryEfficiency,
    restart: restarted === undefined ? null : { p95Ms: p95Of(restarted), warmP95Ms: p95Of(last) },
  }
}

function latencies({ answers, writes }: Course): number[] {
  return [...answers, ...writes].map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
}

export function reportText(outcome: Outcome): string {
  const cached = figuresOf(outcome.cached, true)
  const uncached = figuresOf(outcome.uncached, false)
  return [
    machine(),
    `${outcome.sessions} sessions, ${cached.requests} requests, ${cached.writes} of them writes`,
    stateText(cached.warmUp),
    '',
    ...table(['', 'with the cache', 'without', 'less'], measuredRows(cached, uncached)),
    '',
    ...table(
      ['computed in the last minute', 'asked', 'computed', 'for the first time', 'changed by a write', 'over, gone or not stored'],
      kindRows(cached.steadyKinds),
    ),
    '',
    ...table(['the sources promise', 'measured here', ''], promiseRows(cached, uncached, outcome.violations.length)),
    '',
    ...verdict(outcome),
  ].join('\n')
}

export const machine = (): string =>
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`

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
  if (warmUp === null) return 'begun cold: nothing was warmed before the first request'
  const { ms: took, answers, isWhole } = warmUp
  const made = `${whole(answers)} answers in ${(took / 1000).toFixed(1)} s`
  return isWhole
    ? `steady state: warmed before the first request (${made}); its figures are those of the last minute, or of the last third of a shorter run`
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

/** What is missing to all hits, by its causes. */
function missRows(name: string, { first, written, gone }: Misses, hitRate: number | null): string[][] {
  const each = (1 - (hitRate ?? 1)) / Math.max(1, first + written + gone)
  return [
    [`${name}: asked for the first time`, percent(first * each), '-', ''],
    [`${name}: changed by a write`, percent(written * each), '-', ''],
    [`${name}: over, gone or not stored`, percent(gone * each), '-', ''],
  ]
}

function promiseRows(cached: Figures, uncached: Figures, violations: number): string[][] {
  const kept = (isKept: boolean) => (isKept ? 'kept' : 'not kept')
  const time = 1 - cached.meanMs / uncached.meanMs
  const queries = 1 - cached.queries / uncached.queries
  const hits = cached.hitRate ?? 0
  const steady = cached.steadyHitRate ?? 0
  const warmed = cached.warmingSuccess
  const efficiency = cached.memoryEfficiency ?? 0
  return [
    ['95 % hit rate', `${percent(hits)}, ${percent(steady)} in the last minute`, kept(steady >= 0.95)],
    ['80 % hits and 10 ms in the mean', `${percent(hits)}, ${ms(cached.meanMs)}`, kept(hits >= 0.8 && cached.meanMs < 10)],
    ['p95 under 100 ms', ms(cached.p95Ms), kept(cached.p95Ms < 100)],
    ['memory hits below a millisecond', `${ms(cached.getP95Ms)} (p95 of all reads of the cache)`, kept(cached.getP95Ms < 1)],
    ['40-60 % less response time', `${percent(time)} less in the mean`, kept(time >= 0.4)],
    ['70-80 % fewer queries', `${percent(queries)} fewer`, kept(queries >= 0.7)],
    ['80 % less load on the database', `${percent(queries)} fewer queries`, kept(queries >= 0.8)],
    ...(warmed === null
      ? [['95 % of warming succeeds', 'nothing was warmed', 'not measured']]
      : [['95 % of warming succeeds', percent(warmed), kept(warmed >= 0.95)]]),
    [
      'no cold penalty after warm-up',
      `p95 ${ms(cached.firstP95Ms)} in the first minute, ${ms(cached.laterP95Ms)} later`,
      kept(cached.firstP95Ms <= 1.5 * cached.laterP95Ms),
    ],
    ...(cached.restart === null
      ? [['none after a restart under load (1.5 times)', 'nothing was warmed', 'not measured']]
      : [
          [
            'none after a restart under load (1.5 times)',
            `p95 ${ms(cached.restart.p95Ms)} in the first minute, ${ms(cached.restart.warmP95Ms)} before`,
            kept(cached.restart.p95Ms <= 1.5 * cached.restart.warmP95Ms),
          ],
        ]),
    ['70 % memory efficiency', `${percent(efficiency)} of the bytes held are live values`, kept(efficiency > 0.7)],
    ['no consistency fault', violations === 0 ? 'none' : whole(violations), kept(violations === 0)],
    ['30-50 % less memory', 'npm run bench:memory', 'not measured here'],
    ['25-35 % fewer misses by prediction', 'npm run bench:insight', 'not measured here'],
    ['20-30 % better by adaptive TTL', 'npm run bench:insight', 'not measured here'],
    ['near-linear over cluster nodes', 'npm run bench -- --rows cluster', 'not measured here'],
    ['all that leaves is encrypted where asked', 'npm test (the canary of sealed values)', 'not measured here'],
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
