// Trends of a cache from day to day, and a forecast for the next hours.
import type { Command, Context } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { styled, text } from '../terminal/text.ts'
import { bytes, milliseconds, percent } from '../terminal/units.ts'

export const trends: Command = {
  name: 'trends',
  group: 'decide',
  summary:
    'show how hit ratio, traffic, loads, p95, memory and cost change from day to day, with a forecast for the next hours',
  positionals: [],
  options: ['cache-name', 'days', 'hours', 'memory-gb-month', 'million-loads'],
  fields: ['cache_name', 'from', 'to', 'hours_seen', 'trends'],
  example: 'millpond trends --cache-name shop --hours 24',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const { body } = await client.get('metrics/trends/', {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(given.has('days') && { days: given.count('days') }),
      ...(given.has('hours') && { hours: given.number('hours') }),
      ...(given.has('memory-gb-month') && { memory_gb_month: given.number('memory-gb-month') }),
      ...(given.has('million-loads') && { million_loads: given.number('million-loads') }),
    })
    const rows = rowsAt(body, 'trends')
    const answer = {
      cache_name: textAt(body, 'cache_name'),
      from: textAt(body, 'from'),
      to: textAt(body, 'to'),
      hours_seen: numberAt(body, 'hours_seen'),
      trends: rows,
    }
    await out.answer('trends', answer, () => {
      out.line(styled('bold', text`${answer.cache_name}`))
      for (const row of rows) tellTrend(out, row)
      for (const reason of reasonsIn(rows)) out.line(text`  ${reason}`)
    })
    return 'done'
  },
}

export function tellTrend(out: Context['out'], row: Row): void {
  const name = textAt(row, 'name')
  const show = (value: number | null): string => shown(name, value)
  const range = (of: unknown): string =>
    `${show(numberAt(of, 'value'))} (95 %: ${show(numberAt(of, 'low'))} to ${show(numberAt(of, 'high'))})`
  const [perDay, foreseen] = [at(row, 'per_day'), at(row, 'forecast')]
  const moves = perDay === null ? '' : `; ${textAt(row, 'direction')}, by ${range(perDay)} a day`
  out.line(text`  ${name.replaceAll('_', ' ')}: ${show(numberAt(row, 'now'))} now${moves}`)
  const steps = rowsAt(foreseen, 'steps')
  const last = steps.at(-1)
  if (last !== undefined) {
    const hours = Number(((steps.length * (numberAt(foreseen, 'step_seconds') ?? 0)) / 3600).toFixed(1))
    const naive = at(foreseen, 'is_naive') === true ? '; no method forecast the past better' : ''
    out.line(text`    in ${hours} h ${range(last)}, ${textAt(foreseen, 'by')}${naive}`)
  }
}

/** Each reason once, with the figures that it is the reason of, unless that is all of them. */
function reasonsIn(rows: readonly Row[]): readonly string[] {
  const figures = new Map<string, string[]>()
  for (const row of rows)
    for (const why of textsAt(row, 'why'))
      figures.set(why, [...(figures.get(why) ?? []), textAt(row, 'name').replaceAll('_', ' ')])
  return [...figures].map(([why, names]) => (names.length === rows.length ? why : `${names.join(', ')}: ${why}`))
}

function shown(name: string, value: number | null): string {
  if (value === null) return '-'
  // A loss has a sign, which the units do not support.
  const sign = value < 0 ? '-' : ''
  const size = Math.abs(value)
  if (name === 'hit_ratio') return `${sign}${percent(size)}`
  if (name === 'bytes') return `${sign}${bytes(size)}`
  if (name === 'get_p95_ms') return `${sign}${milliseconds(size)}`
  return String(Number(value.toPrecision(3)))
}
