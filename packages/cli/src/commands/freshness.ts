// How many reads are stale, by reads that processes check against their source.
import type { Command, Context } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { count, percent } from '../terminal/units.ts'
import { exitFor, tellWhyNothing } from './not-running.ts'

export const freshness: Command = {
  name: 'freshness',
  group: 'decide',
  summary:
    'show the share of stale reads, by single reads checked against their source, and whether the objective is met',
  positionals: [],
  options: ['cache-name'],
  fields: ['cache_name', 'why', 'together', 'nodes'],
  example: 'millpond freshness --cache-name shop',
  scope: 'metrics:read',
  async run(context): Promise<ExitName> {
    const { given, out } = context
    const client = await context.client()
    const { body } = await client.get(
      'freshness/',
      given.has('cache-name') ? { cache_name: given.text('cache-name') } : {},
    )
    const together = at(body, 'together')
    const answer = {
      cache_name: textAt(body, 'cache_name'),
      why: at(body, 'why'),
      together,
      nodes: rowsAt(body, 'nodes'),
    }
    await out.answer('freshness', answer, () => {
      out.line(styled('bold', text`${answer.cache_name}`))
      if (tellWhyNothing(out, body)) return
      for (const node of answer.nodes) tell(out, node)
      const state = textAt(together, 'state')
      out.line(styled(COLOURS[state] ?? 'dim', text`  ${verdictOf(together)}`))
    })
    return textAt(together, 'state') === 'missed' ? 'unhealthy' : exitFor(body)
  },
}

const COLOURS: Readonly<Record<string, 'green' | 'red'>> = { met: 'green', missed: 'red' }

function verdictOf(together: unknown): string {
  const objective = `at most ${percent(numberAt(together, 'objective'))} of reads stale`
  const state = textAt(together, 'state')
  if (state === 'unknown') return `not enough checks yet to say whether the objective is met: ${objective}`
  return `the objective is ${state}: ${objective}`
}

function tell(out: Context['out'], node: Row): void {
  const name = textAt(node, 'node')
  const said = at(node, 'said')
  if (said === null) {
    out.line(text`  ${name}: ${textAt(node, 'error')}`)
    return
  }
  const share = (part: string): string => percent(numberAt(said, 'stale_ratio', part))
  const of = (...path: string[]): string => count(numberAt(said, ...path))
  const ratio =
    at(said, 'stale_ratio') === null
      ? 'no read was checked yet'
      : `${share('value')} of reads are stale (95 %: ${share('low')} to ${share('high')})`
  const changing = numberAt(said, 'counts', 'volatile') ?? 0
  const volatile =
    changing === 0
      ? ''
      : `, ${count(changing)} gave a new value each time: compare part of the value (freshness.select)`
  out.line(
    text`  ${name}: ${ratio}: ${of('stale')} of ${of('checked')} checks; ${of('counts', 'failed')} loads failed, ${of('counts', 'unsettled')} were overtaken by a change${volatile}`,
  )
}
