// The regression gate: our cost relative to lru-cache, now and when the baseline was saved. Machines differ; ratios
// within one round differ little. Runs round after round until every row is decided or the time is up; rows that are
// undecided by then are reported as such.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { AWAITED_ROWS } from './awaited.ts'
import { measureInTurn, measureRound, type Plan } from './children.ts'
import { type Interval, medianInterval, type Spread } from './numbers.ts'
import { Results } from './results.ts'
import { ROWS } from './rows.ts'
import { printTable } from './table.ts'

export interface Baseline {
  readonly node: string
  readonly savedAt: string
  readonly ratios: readonly {
    /** Entries, or `awaited`. */
    readonly size: string
    readonly name: string
    readonly row: string
    readonly ratio: Spread
  }[]
}

const FILE = fileURLToPath(new URL('../baseline.json', import.meta.url))
const OURS = ['millpond', 'millpond store']
const AWAITED = 'awaited'
const OVER = 'lru-cache'
/** Loads and sets are awaited there, too. */
const OVER_AWAITED = 'lru-cache fetch'
const PLAN: Plan = {
  sizes: [1_000, 100_000],
  rounds: 7,
  rows: ROWS,
  names: [...OURS, OVER],
  awaited: ['millpond', OVER_AWAITED],
  isolated: [],
  bytesAt: 0,
}
/** Up to this multiple of the baseline's median a row does not count as a regression. */
const TOLERANCE = 1.15
/** With fewer rounds the least and the greatest sample do not enclose the median in nine of ten cases. */
const LEAST_ROUNDS = 5
const MOST_ROUNDS = 15

/** `MISSING`: the baseline has rows that were not measured, so that a loss in them would not be seen. */
export type Verdict = 'kept' | 'LOSS' | 'MISSING' | 'cannot tell'
export const EXIT_CODES: Readonly<Record<Verdict, number>> = { kept: 0, LOSS: 1, MISSING: 1, 'cannot tell': 3 }

/** Runs for about `minutes` at most, but at least as many rounds as a verdict needs. */
export async function gate(minutes: number, progress: (line: string) => void): Promise<Verdict> {
  const baseline: Baseline = JSON.parse(await readFile(FILE, 'utf8'))
  const until = performance.now() + minutes * 60_000
  const results = new Results()
  let lines: Comparison[] = []
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const begin = performance.now()
    await measureRound(results, PLAN, round, progress)
    lines = compare(baseline.ratios, results)
    const open = lines.filter(({ verdict }) => verdict === 'cannot tell').length
    if (round + 1 < LEAST_ROUNDS) continue
    if (open === 0 || performance.now() + (performance.now() - begin) > until) break
    progress(`${open} of ${lines.length} rows are not decided yet`)
  }
  printTable([
    ['ours over lru-cache', `baseline of ${baseline.savedAt}`, 'now', ''],
    ...lines.map(({ label, before, now, verdict }) => [
      label,
      shown(before),
      shown(now),
      verdict === 'kept' ? '' : verdict,
    ]),
  ])
  const unknown = withoutBaseline(baseline.ratios, results)
  if (unknown.length > 0) console.log(`\nnot judged, since the baseline has none of them: ${unknown.join('; ')}`)
  const missing = notMeasured(baseline.ratios, results)
  if (missing.length > 0) console.log(`\nnot measured, although the baseline has them: ${missing.join('; ')}`)
  const verdict = verdictOf(lines, missing)
  console.log(`\n${said(verdict, lines, missing)}`)
  return verdict
}

export async function saveBaseline(progress: (line: string) => void): Promise<void> {
  const results = await measureInTurn(PLAN, progress)
  const baseline: Baseline = {
    node: process.version,
    savedAt: new Date().toISOString().slice(0, 10),
    ratios: ratiosOf(results),
  }
  await writeFile(FILE, `${JSON.stringify(baseline, null, 2)}\n`)
  progress(`wrote ${FILE}`)
}

const overOf = (size: string): string => (size === AWAITED ? OVER_AWAITED : OVER)

function ratiosOf(results: Pick<Results, 'ratio'>): Baseline['ratios'] {
  const measured = [
    ...PLAN.sizes.flatMap((size) => OURS.flatMap((name) => ROWS.map((row) => ({ size: `${size}`, name, row })))),
    ...AWAITED_ROWS.map((row) => ({ size: AWAITED, name: 'millpond', row })),
  ]
  return measured.flatMap(({ size, name, row }) => {
    const ratio = results.ratio(size, name, row, overOf(size))
    return ratio === undefined ? [] : [{ size, name, row, ratio }]
  })
}

const labelOf = ({ size, name, row }: Omit<Baseline['ratios'][number], 'ratio'>): string => `${name}, ${size}: ${row}`

/** What was measured, but not when the baseline was saved. */
export function withoutBaseline(baseline: Baseline['ratios'], results: Pick<Results, 'ratio'>): string[] {
  const known = new Set(baseline.map(labelOf))
  return ratiosOf(results)
    .map(labelOf)
    .filter((label) => !known.has(label))
}

/** What the baseline has, but was not measured. */
export function notMeasured(baseline: Baseline['ratios'], results: Pick<Results, 'ratios'>): string[] {
  return baseline.filter((one) => ratiosNow(one, results).length === 0).map(labelOf)
}

const ratiosNow = ({ size, name, row }: Baseline['ratios'][number], results: Pick<Results, 'ratios'>): number[] =>
  results.ratios(size, name, row, overOf(size))

export interface Comparison {
  readonly label: string
  readonly before: Spread
  readonly now: Interval
  readonly verdict: Verdict
}

export function compare(baseline: Baseline['ratios'], results: Pick<Results, 'ratios'>): Comparison[] {
  return baseline.flatMap((one) => {
    const ratios = ratiosNow(one, results)
    if (ratios.length === 0) return []
    const now = medianInterval(ratios)
    return [{ label: labelOf(one), before: one.ratio, now, verdict: judge(one.ratio, now) }]
  })
}

/**
 * Lost if even the lower end of the median's interval exceeds the tolerance and the spread of the baseline; kept if
 * even the upper end does not; otherwise undecided.
 */
export function judge(before: Spread, now: Interval): Verdict {
  const limit = Math.max(before.median * TOLERANCE, before.high)
  if (now.least > limit) return 'LOSS'
  return now.most <= limit ? 'kept' : 'cannot tell'
}

/** One lost row decides, whatever is undecided; then one of the baseline that was not measured. */
export function verdictOf(lines: readonly Pick<Comparison, 'verdict'>[], missing: readonly string[]): Verdict {
  if (lines.some(({ verdict }) => verdict === 'LOSS')) return 'LOSS'
  if (missing.length > 0) return 'MISSING'
  return lines.length > 0 && lines.every(({ verdict }) => verdict === 'kept') ? 'kept' : 'cannot tell'
}

function said(verdict: Verdict, lines: readonly Comparison[], missing: readonly string[]): string {
  const of = (wanted: Verdict) => `${lines.filter((line) => line.verdict === wanted).length} of ${lines.length} rows`
  if (verdict === 'kept')
    return `kept: in ${of('kept')} not above the baseline by more than ${Math.round((TOLERANCE - 1) * 100)} %`
  if (verdict === 'LOSS') return `LOSS: in ${of('LOSS')} above it by more, and by more than the rounds differ`
  if (verdict === 'MISSING')
    return `MISSING: ${missing.length} rows of the baseline were not measured. If they were removed or renamed on purpose, save a new baseline with --save`
  return `cannot tell: in ${of('cannot tell')} the rounds differ by too much. That is neither kept nor lost: run it where less else runs, or with more --minutes`
}

function shown(value: Spread | Interval): string {
  const [low, high] = 'least' in value ? [value.least, value.most] : [value.low, value.high]
  return `${value.median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
}
