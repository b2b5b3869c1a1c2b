// What one other size, policy or TTL of memory would have brought.
import type { Command, Context } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { count, percent, points } from '../terminal/units.ts'
import { exitFor, tellWhyNothing } from './not-running.ts'

const ASKED = {
  size: 'size',
  'max-entries': 'max_entries',
  'max-bytes': 'max_bytes',
  'more-bytes': 'more_bytes',
} as const

export const whatIf: Command = {
  name: 'what-if',
  group: 'decide',
  summary: 'simulate one other size, policy or time to live of memory, with its interval',
  positionals: [],
  options: ['cache-name', 'days', 'size', 'max-entries', 'max-bytes', 'more-bytes', 'policy', 'ttl-factor'],
  fields: ['cache_name', 'why', 'together', 'nodes'],
  example: 'millpond what-if --cache-name shop --more-bytes 1073741824',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const asked: Record<string, string | number | undefined> = {}
    for (const [option, field] of Object.entries(ASKED))
      if (given.has(option as keyof typeof ASKED)) asked[field] = given.number(option as keyof typeof ASKED)
    if (given.has('policy')) asked.policy = given.text('policy')
    if (given.has('ttl-factor')) asked.ttl = given.text('ttl-factor')
    if (Object.keys(asked).length !== 1)
      throw wrongUse('give one of: --size 2, --max-entries, --max-bytes, --more-bytes, --policy or --ttl-factor')
    const client = await context.client()
    const { body } = await client.get('sizing/what_if/', {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      days: given.count('days') ?? 7,
      ...asked,
    })
    const answer = {
      cache_name: textAt(body, 'cache_name'),
      why: at(body, 'why'),
      together: at(body, 'together'),
      nodes: rowsAt(body, 'nodes'),
    }
    await out.answer('what-if', answer, () => {
      out.line(styled('bold', text`${answer.cache_name}`))
      if (tellWhyNothing(out, body)) return
      for (const node of answer.nodes) tell(out, node)
      if (answer.nodes.length > 1 && answer.together !== null) out.line(text`  overall: ${brings(answer.together)}`)
    })
    return exitFor(body)
  },
}

function tell(out: Context['out'], node: Row): void {
  const name = textAt(node, 'node')
  const error = textAt(node, 'error')
  const why = textAt(node, 'why')
  if (error !== '') out.line(text`  ${name}: ${error}`)
  else if (why !== '') out.line(text`  ${name}: unknown: ${why}`)
  else {
    const reads = count(numberAt(node, 'evidence', 'reads'))
    out.line(
      text`  ${name}: ${percent(numberAt(node, 'hit_ratio'))} of ${reads} reads hit memory since ${textAt(node, 'evidence', 'from')}; ${brings(node)}`,
    )
  }
}

function brings(told: unknown): string {
  const of = (part: string): string => points(numberAt(told, 'hit_ratio_change', part))
  const misses = numberAt(told, 'misses_per_second', 'value')
  const past = misses === null ? '' : `, ${Number(misses.toPrecision(3))} misses a second`
  return `of 100 reads ${of('value')} more would have hit (95 %: ${of('low')} to ${of('high')})${past}`
}
