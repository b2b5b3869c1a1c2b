// One frame of the monitor, as lines that fit the terminal.
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../../connection/read.ts'
import { tableLines } from '../../terminal/table.ts'
import { cut, joined, type Part, padded, type Safe, styled, text } from '../../terminal/text.ts'
import { bytes, clock, count, counted, milliseconds, percent } from '../../terminal/units.ts'
import { healthWords } from '../status.ts'
import { COUNTERS, type Samples, WINDOWS } from './samples.ts'

export interface View {
  readonly url: string
  readonly summary: Row | undefined
  readonly samples: Samples
  readonly alerts: readonly Row[]
  readonly operations: readonly Row[]
  readonly isPaused: boolean
  /** Why the last look failed; the figures are older. */
  readonly failure: string | undefined
  /** The position of this cache among all. */
  readonly place: readonly [number, number]
  readonly filter: string | undefined
}

const NAMES: Readonly<Record<string, string>> = { load_errors: 'load errors', stale: 'stale served' }

/** The frame without the keyboard help. */
export function pictureOf(view: View, columns: number): readonly Safe[] {
  const lines = view.summary === undefined ? [text`no cache is attached yet`] : body(view, view.summary, columns)
  return [head(view), ...lines].map((line) => cut(line, columns))
}

/** As many lines as the terminal has; the last one is the keyboard help. */
export function frameOf(view: View, columns: number, rows: number): readonly Safe[] {
  const kept = pictureOf(view, columns).slice(0, Math.max(1, rows - 1))
  const [place, all] = view.place
  const keys = text`q quit  p ${view.isPaused ? 'resume' : 'pause'}${all > 1 ? text`  n next cache (${place + 1} of ${all})` : text``}`
  const space = Array.from({ length: Math.max(0, rows - 1 - kept.length) }, () => text``)
  return [...kept, ...space, styled('dim', cut(keys, columns))]
}

function head({ url, summary, isPaused, failure }: View): Safe {
  const state =
    failure !== undefined
      ? styled('red', text`not reachable: ${failure}`)
      : isPaused
        ? styled('yellow', 'paused')
        : styled('green', 'live')
  return text`${styled('bold', 'millpond')} ${url}  as of ${clock(textAt(summary, 'as_of'))}  ${state}`
}

function body(view: View, summary: Row, columns: number): readonly Safe[] {
  const late = textsAt(summary, 'nodes', 'late')
  const all = numberAt(summary, 'nodes', 'total') ?? 0
  const [used, most] = [numberAt(summary, 'memory', 'bytes'), numberAt(summary, 'memory', 'max_bytes')]
  return [
    text`${styled('bold', textAt(summary, 'cache_name'))}  health ${healthWords(summary)}  ${late.length > 0 ? styled('red', text`${all - late.length} of ${all} processes, late: ${joined(late, ', ')}`) : counted(all, 'process', 'processes')}  memory ${bytes(used)}${most === null ? text`` : text` of ${bytes(most)}`}, ${counted(numberAt(summary, 'memory', 'entries'), 'entry', 'entries')}`,
    ...view.alerts.map((alert) => styled('red', text`${textAt(alert, 'severity')}: ${textAt(alert, 'message')}`)),
    text``,
    ...rates(view.samples, summary, columns),
    text``,
    ...tiers(summary, columns),
    text``,
    causes(summary),
    text``,
    ...namespaces(summary, view.filter, columns),
    ...(view.operations.length === 0 ? [] : [text``, ...view.operations.map(operationWords)]),
  ]
}

const RATE_COLUMNS = [
  { title: 'A SECOND', gives: true },
  { title: 'NOW', isNumber: true },
  { title: '10 S', isNumber: true },
  { title: '100 S', isNumber: true },
  { title: '1000 S', isNumber: true },
  { title: 'IN ALL', isNumber: true },
]

function rates(samples: Samples, summary: Row, columns: number): readonly Safe[] {
  const ratio = [
    'hit ratio',
    ...WINDOWS.map((window) => percent(samples.hitRatio(window))),
    percent(numberAt(summary, 'total', 'hit_ratio')),
  ]
  const rows = COUNTERS.map((name): readonly Part[] => {
    const total = numberAt(summary, 'total', name)
    const cells = WINDOWS.map((window) => count(samples.rate(name, window)))
    const isBad = name === 'load_errors' && (samples.rate(name, 10) ?? 0) > 0
    return [isBad ? styled('red', NAMES[name] ?? name) : (NAMES[name] ?? name), ...cells, count(total)]
  })
  return tableLines(RATE_COLUMNS, [ratio, ...rows], columns)
}

function tiers(summary: Row, columns: number): readonly Safe[] {
  const rows = rowsAt(summary, 'tiers').map((tier): readonly Part[] => {
    const minute = at(tier, 'last_minute') ?? tier
    const breaker = textAt(tier, 'breaker')
    const errors = numberAt(minute, 'errors') ?? 0
    return [
      textAt(tier, 'name'),
      bar(numberAt(minute, 'share')),
      percent(numberAt(minute, 'share')),
      milliseconds(numberAt(minute, 'p50_ms')),
      milliseconds(numberAt(minute, 'p99_ms')),
      errors > 0 ? styled('red', count(errors)) : '0',
      at(tier, 'enabled') === false ? styled('yellow', 'off') : breaker === 'closed' ? text`` : styled('red', breaker),
    ]
  })
  return tableLines(
    [
      { title: 'TIER', gives: true },
      { title: 'ANSWERS' },
      { title: 'SHARE', isNumber: true },
      { title: 'P50', isNumber: true },
      { title: 'P99', isNumber: true },
      { title: 'ERRORS', isNumber: true },
      { title: 'BREAKER' },
    ],
    rows,
    columns,
  )
}

const BAR = 20
const bar = (share: number | null): Part => padded('█'.repeat(Math.round((share ?? 0) * BAR)) || text``, BAR)

function causes(summary: Row): Safe {
  const counts = countsAt(
    summary,
    at(summary, 'last_minute_miss_causes') === null ? 'miss_causes' : 'last_minute_miss_causes',
  )
  const all = counts.reduce((sum, [, n]) => sum + n, 0)
  if (all === 0) return text`MISSES  none in the last minute`
  return text`MISSES  ${joined(
    counts.slice(0, 5).map(([cause, n]) => text`${cause} ${percent(n / all)}`),
    '  ',
  )}`
}

function namespaces(summary: Row, filter: string | undefined, columns: number): readonly Safe[] {
  const rows = rowsAt(summary, 'namespaces').filter(
    (row) => filter === undefined || textAt(row, 'name').includes(filter),
  )
  return tableLines(
    [
      { title: 'NAMESPACE', gives: true },
      { title: 'HIT %', isNumber: true },
      { title: 'MISSES', isNumber: true },
      { title: 'LOADS', isNumber: true },
      { title: 'ENTRIES', isNumber: true },
      { title: 'SIZE', isNumber: true },
    ],
    rows
      .slice(0, 8)
      .map((row) => [
        textAt(row, 'name'),
        percent(numberAt(row, 'hit_ratio')),
        count(numberAt(row, 'misses')),
        count(numberAt(row, 'loads')),
        count(numberAt(row, 'entries')),
        bytes(numberAt(row, 'bytes')),
      ]),
    columns,
  )
}

const operationWords = (operation: Row): Safe =>
  text`${clock(textAt(operation, 'created_at'))} ${textAt(operation, 'kind')} ${textAt(operation, 'state')} by ${textAt(operation, 'actor')}${textAt(operation, 'reason') === '' ? text`` : text`: ${textAt(operation, 'reason')}`}`
