// What a cache costs and saves, at given prices.
import type { Command, Context } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { bytes, count, percent, seconds } from '../terminal/units.ts'
import { exitFor, tellWhyNothing } from './not-running.ts'

export const cost: Command = {
  name: 'cost',
  group: 'decide',
  summary: 'show what a cache costs and saves in a month, by tier and by key pattern, and what would save more',
  positionals: [],
  options: [
    'cache-name',
    'memory-gb-month',
    'million-loads',
    'source-second',
    'memory-million-requests',
    'tier-prices',
  ],
  fields: ['cache_name', 'why', 'nodes'],
  example: 'millpond cost --cache-name shop --memory-gb-month 4 --million-loads 0.4',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    if (!given.has('memory-gb-month'))
      throw wrongUse('--memory-gb-month is missing: give the price of a gigabyte of memory')
    if (!given.has('million-loads') && !given.has('source-second'))
      throw wrongUse('--million-loads or --source-second is missing: give the price of a load')
    const client = await context.client()
    const { body } = await client.get('optimizations/cost/', {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      memory_gb_month: given.number('memory-gb-month'),
      ...(given.has('million-loads') && { million_loads: given.number('million-loads') }),
      ...(given.has('source-second') && { source_second: given.number('source-second') }),
      ...(given.has('tier-prices') && { tiers: given.text('tier-prices') }),
      ...(given.has('memory-million-requests') && { memory_million_requests: given.number('memory-million-requests') }),
    })
    const cache_name = textAt(body, 'cache_name')
    const nodes = rowsAt(body, 'nodes')
    await out.answer('cost', { cache_name, why: at(body, 'why'), nodes }, () => {
      out.line(styled('bold', text`${cache_name}`))
      if (tellWhyNothing(out, body)) return
      for (const row of nodes) tell(out, row)
    })
    return exitFor(body)
  },
}

function tell(out: Context['out'], row: Row): void {
  const node = textAt(row, 'node')
  const error = textAt(row, 'error')
  const said = at(row, 'said')
  const why = textAt(said, 'evidence', 'why')
  if (error !== '' || why !== '') {
    out.line(text`  ${node}: ${error === '' ? `not enough data: ${why}` : error}`)
    return
  }
  const month = (part: string): string => money(numberAt(said, part, 'month'))
  out.line(
    text`  ${node}, by data since ${textAt(said, 'evidence', 'from')}: in a month it saves ${month('avoided')}, costs ${month('stored')} for storage and ${month('asked')} for requests: ${styled('bold', month('net'))}`,
  )
  out.table(
    [
      { title: 'KEYS', gives: true },
      { title: 'READS', isNumber: true },
      { title: 'HITS', isNumber: true },
      { title: 'SIZE', isNumber: true },
      { title: 'A MONTH', isNumber: true },
      { title: 'BREAK-EVEN', isNumber: true },
      { title: 'BEYOND', isNumber: true },
    ],
    rowsAt(said, 'patterns').map((one) => [
      textAt(one, 'namespace') === 'default'
        ? textAt(one, 'pattern')
        : `${textAt(one, 'namespace')} ${textAt(one, 'pattern')}`,
      count(numberAt(one, 'requests')),
      count(numberAt(one, 'hits')),
      bytes(numberAt(one, 'bytes')),
      money(numberAt(one, 'net', 'month')),
      seconds(numberAt(one, 'break_even_seconds')),
      percent(numberAt(one, 'beyond')),
    ]),
  )
  for (const action of rowsAt(said, 'actions')) {
    const of = (part: string): string => money(numberAt(action, 'month', part))
    out.line(
      text`  ${textAt(action, 'id')}: ${of('value')} a month (${of('low')} to ${of('high')}), ${textAt(action, 'text')}`,
    )
  }
}

/** In the currency of the prices. */
const money = (amount: number | null): string => (amount === null ? '-' : String(Number(amount.toPrecision(3))))
