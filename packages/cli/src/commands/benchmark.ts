// How fast a cache is where it runs: gets and sets in a separate namespace, erased afterwards.
import { readFile } from 'node:fs/promises'
import type { Command, Context } from '../command.ts'
import { codeOf, isObject } from '../connection/files.ts'
import { exitOf, followed, isRunning, SOON, tellOperation } from '../connection/follow.ts'
import { at, numberAt, type Row, rowsAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { count, counted, milliseconds } from '../terminal/units.ts'

const USUAL_MS = 60_000
const KEYS = 1000

interface Figures {
  readonly ops_per_second: number
  readonly operations: number
  readonly seconds: number
  readonly get: Times
  readonly set: Times
}
interface Times {
  readonly count: number
  readonly avg_ms: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
}

export const benchmark: Command = {
  name: 'benchmark',
  group: 'decide',
  summary: 'measure how fast a cache is where it runs, in a separate namespace that is erased afterwards',
  positionals: [],
  options: ['cache-name', 'duration', 'ops', 'traffic', 'value-size', 'budget', 'compare', 'detach'],
  fields: ['operation', 'figures', 'missed', 'compared'],
  example: 'millpond benchmark --duration 10 --budget p99=2ms',
  scope: 'benchmark',
  async run(context) {
    const { given, out } = context
    const budget = given.list('budget').map(budgetOf)
    const duration = given.duration('duration') ?? USUAL_MS
    if (duration > 300_000) throw wrongUse('--duration: at most 5 minutes')
    const body = {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(given.has('value-size') && { value_bytes: given.count('value-size') }),
      ...(given.has('ops') && { operations: given.count('ops') }),
      ...(given.has('traffic') && { skew: skewOf(given.text('traffic') ?? '') }),
      duration_seconds: duration / 1000,
      keys: KEYS,
    }
    const before = given.text('compare')
    const earlier = before === undefined ? undefined : await earlierIn(before)
    const client = await context.client()
    out.note(
      text`at most ${duration / 1000} s of gets and sets of at most ${KEYS} keys, one in ten a set; half of the time it rests`,
    )
    const operation = await followed(context, client, await client.post('optimizations/benchmark/', body, SOON), 'keys')
    const figures = isRunning(operation) ? null : figuresOf(operation)
    const missed =
      figures === null
        ? []
        : budget.filter(({ name, most }) => figures.get[name] > most).map(({ text: words }) => words)
    const compared = figures === null || earlier === undefined ? null : comparedWith(earlier, figures)
    await out.answer('benchmark', { operation, figures, missed, compared }, () => {
      tell(context, operation, figures, missed)
      for (const { name, before: was, now, is_worse } of compared ?? []) {
        const words = text`${name} ${rounded(was)} -> ${rounded(now)}`
        out.line(is_worse ? styled('red', words) : words)
      }
    })
    return missed.length > 0 || compared?.some(({ is_worse }) => is_worse) === true ? 'unhealthy' : exitOf(operation)
  },
}

function skewOf(shape: string): number {
  if (shape === 'uniform') return 0
  const skew = /^zipf:(\d+(?:\.\d+)?)$/.exec(shape)?.[1]
  if (skew === undefined || Number(skew) > 5) throw wrongUse(`--traffic ${shape}: use zipf:1.0 (up to 5) or uniform`)
  return Number(skew)
}

/** The figures of an earlier `--json` answer. */
async function earlierIn(path: string): Promise<Row> {
  try {
    const figures = at(JSON.parse(await readFile(path, 'utf8')), 'figures')
    if (isObject(figures) && numberAt(figures, 'ops_per_second') !== null) return figures
  } catch (error) {
    throw wrongUse(`--compare ${path} cannot be read (${codeOf(error)})`)
  }
  throw wrongUse(`--compare ${path} does not contain figures: create it with "millpond benchmark --json > ${path}"`)
}

/** Two runs on the same machine differ by a few percent: a fifth is more than that. */
const CLEARLY = 1.2

function comparedWith(earlier: Row, now: Figures) {
  const was = numberAt(earlier, 'ops_per_second') ?? 0
  const rate = {
    name: 'ops_per_second',
    before: was,
    now: now.ops_per_second,
    is_worse: now.ops_per_second * CLEARLY < was,
  }
  const times = (['get', 'set'] as const).flatMap((op) =>
    (['p50_ms', 'p99_ms'] as const).flatMap((name) => {
      const before = numberAt(earlier, op, name)
      return before === null
        ? []
        : [{ name: `${op} ${name}`, before, now: now[op][name], is_worse: now[op][name] > before * CLEARLY }]
    }),
  )
  return [rate, ...times]
}

function tell(context: Context, operation: Row, figures: Figures | null, missed: readonly string[]): void {
  const { out } = context
  tellOperation(context, operation)
  if (figures === null) return
  out.line(
    text`${counted(figures.operations, 'operation')} in ${figures.seconds.toFixed(1)} s of work: ${styled('bold', count(Math.round(figures.ops_per_second)))} a second`,
  )
  out.table(
    [
      { title: '' },
      { title: 'CALLS', isNumber: true },
      { title: 'MEAN', isNumber: true },
      { title: 'P50', isNumber: true },
      { title: 'P95', isNumber: true },
      { title: 'P99', isNumber: true },
    ],
    (['get', 'set'] as const).map((op) => {
      const times = figures[op]
      return [
        op,
        count(times.count),
        milliseconds(times.avg_ms),
        milliseconds(times.p50_ms),
        milliseconds(times.p95_ms),
        milliseconds(times.p99_ms),
      ]
    }),
  )
  if (missed.length > 0) out.error(styled('red', text`missed: ${missed.join(', ')}`))
}

/** Slices are weighted by their calls; for quantiles the worst slice is reported, since quantiles cannot be added. */
function figuresOf(operation: Row): Figures {
  const parts = rowsAt(operation, 'result', 'parts')
  const sum = (name: string): number => parts.reduce((all, part) => all + (numberAt(part, name) ?? 0), 0)
  const times = (op: string): Times => {
    const of = (name: string) => parts.map((part) => numberAt(part, 'ops', op, name) ?? 0)
    const calls = of('count')
    const all = calls.reduce((a, b) => a + b, 0)
    const worst = (name: string): number => Math.max(0, ...of(name))
    return {
      count: all,
      avg_ms: all === 0 ? 0 : of('avg_ms').reduce((total, ms, index) => total + ms * (calls[index] ?? 0), 0) / all,
      p50_ms: worst('p50_ms'),
      p95_ms: worst('p95_ms'),
      p99_ms: worst('p99_ms'),
    }
  }
  const seconds = sum('seconds')
  return {
    operations: sum('operations'),
    seconds,
    ops_per_second: seconds === 0 ? 0 : sum('operations') / seconds,
    get: times('get'),
    set: times('set'),
  }
}

function budgetOf(words: string): {
  readonly name: 'p50_ms' | 'p95_ms' | 'p99_ms' | 'avg_ms'
  readonly most: number
  readonly text: string
} {
  const [, name, digits, unit = 'ms'] = /^(p50|p95|p99|avg)=(\d+(?:\.\d+)?)(ms|us|s)?$/.exec(words) ?? []
  if (name === undefined || digits === undefined)
    throw wrongUse(`--budget ${words}: use one such as p99=2ms, with p50, p95, p99 or avg of a get`)
  const names = { p50: 'p50_ms', p95: 'p95_ms', p99: 'p99_ms', avg: 'avg_ms' } as const
  return {
    name: names[name as keyof typeof names],
    most: Number(digits) * (unit === 's' ? 1000 : unit === 'us' ? 0.001 : 1),
    text: words,
  }
}

/** Three digits; large numbers whole, not with an exponent. */
const rounded = (value: number): string =>
  value >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(3)))
