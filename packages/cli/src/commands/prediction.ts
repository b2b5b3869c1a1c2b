// How well the next reads are predicted, the effect of prefetching them, and switching it.
import type { Command, Context } from '../command.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { count, percent, times } from '../terminal/units.ts'
import { exitFor, tellWhyNothing } from './not-running.ts'

export const prediction: Command = {
  name: 'prediction',
  group: 'decide',
  summary: 'show how well the next reads are predicted and what loading ahead brings; --load-ahead turns it on or off',
  positionals: [],
  options: ['cache-name', 'load-ahead', 'reason'],
  fields: ['cache_name', 'why', 'nodes', 'operation'],
  example: 'millpond prediction --cache-name shop --load-ahead off --reason "the source is slow today"',
  scope: 'metrics:read',
  async run(context): Promise<ExitName> {
    const { given, out } = context
    const client = await context.client()
    const cache = given.has('cache-name') ? { cache_name: given.text('cache-name') } : {}
    const wanted = given.text('load-ahead')
    const body = { ...cache, load_ahead: wanted === 'on', ...(given.has('reason') && { reason: given.text('reason') }) }
    const operation =
      wanted === undefined
        ? null
        : await followed(context, client, await client.post('optimizations/prediction/', body, SOON), 'processes')
    const { body: found } = await client.get('optimizations/prediction/', cache)
    const answer = {
      cache_name: textAt(found, 'cache_name'),
      why: at(found, 'why'),
      nodes: rowsAt(found, 'nodes'),
      operation,
    }
    await out.answer('prediction', answer, () => {
      out.line(styled('bold', text`${answer.cache_name}`))
      if (!tellWhyNothing(out, found)) for (const node of answer.nodes) tell(out, node)
      if (operation !== null) tellOperation(context, operation)
    })
    return operation === null ? exitFor(found) : exitOf(operation)
  },
}

const STATES: Readonly<Record<string, string>> = {
  open: 'loads predicted keys ahead',
  closed: 'does not load ahead: it brought too little, or there is not enough data yet',
  watching: 'predicts, but loads nothing',
  off: 'memory has no limit: nothing to load ahead for',
}

function tell(out: Context['out'], node: Row): void {
  const name = textAt(node, 'node')
  const said = at(node, 'said')
  if (said === null) {
    out.line(text`  ${name}: ${textAt(node, 'error')}`)
    return
  }
  const share = (part: string): string => percent(numberAt(said, part))
  const of = (...path: string[]): string => count(numberAt(said, ...path))
  out.line(text`  ${name} ${STATES[textAt(said, 'state')] ?? textAt(said, 'state')}`)
  out.line(
    text`    misses avoided relative to memory without it: ${share('benefit')}; correct predictions: ${share('accuracy')}`,
  )
  out.line(
    text`    ${of('loads', 'loaded')} loads ahead, ${of('used')} of ${of('proposed')} proposals read in time, ${of('wasted')} wasted; switched off ${times(numberAt(said, 'closings'))}`,
  )
  const isKeeping = at(said, 'is_keeping')
  if (typeof isKeeping === 'boolean')
    out.line(
      text`    entries that are expected to be read soon are ${isKeeping ? 'kept' : 'not kept'} in memory now; so far ${of('kept')} were`,
    )
  const fault = textAt(said, 'model_fault')
  if (fault !== '') out.line(text`    a custom model is no longer used: ${fault}`)
}
