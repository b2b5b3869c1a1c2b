// `millpond monitor --tail`: print individual reads and writes as they happen, one per line. The server takes a fair
// sample of them, and reports its size.
import type { Context } from '../../command.ts'
import type { Client } from '../../connection/client.ts'
import { numberAt, type Row, rowsAt, textAt, textsAt } from '../../connection/read.ts'
import { type ExitName, Failure } from '../../failure.ts'
import { joined, type Safe, styled, text } from '../../terminal/text.ts'
import { clock, milliseconds } from '../../terminal/units.ts'

export async function tail({ given, out, signal }: Context, client: Client): Promise<ExitName> {
  const [cache, contains] = [given.text('cache-name'), given.text('contains')]
  for await (const { event, data } of client.events('stream/', { topics: 'events', hz: 4 })) {
    if (out.isGone) return 'done'
    if (event === 'bye') throw new Failure('unreachable', `the server closed the stream: ${textAt(data, 'why')}`)
    if (event === 'gap') out.note(styled('dim', text`some events were left out here`))
    if (event !== 'event' || (cache !== undefined && textAt(data, 'cache_name') !== cache)) continue
    const rows = rowsAt(data, 'rows')
    const shown = rows.filter((row) => contains === undefined || textAt(row, 'key').includes(contains))
    for (const row of shown) await tell(out, textAt(data, 'cache_name'), row)
    const [seen, silent] = [numberAt(data, 'seen') ?? 0, textsAt(data, 'silent')]
    if (seen > rows.length) out.note(styled('dim', text`${rows.length} of ${seen} events are shown`))
    if (silent.length > 0) out.note(styled('yellow', text`${joined(silent, ', ')} did not answer`))
    if (given.flag('once') && shown.length > 0) return 'done'
  }
  return signal.aborted || out.isGone ? 'done' : 'unreachable'
}

async function tell(out: Context['out'], cache_name: string, row: Row): Promise<void> {
  if (out.isJson) return out.row({ schema: 'millpond.tail/1', cache_name, ...row })
  const at = numberAt(row, 'at')
  const kind = textAt(row, 'kind')
  const targets = rowsAt(row, 'targets').map((one) => text`${textAt(one, 'kind')} ${textAt(one, 'name')}`)
  const words: readonly Safe[] = [
    ...(targets.length > 0 ? [joined(targets, ', ')] : []),
    ...['key', 'tier', 'cause', 'detail'].flatMap((name) =>
      textAt(row, name) === '' ? [] : [text`${textAt(row, name)}`],
    ),
    ...(numberAt(row, 'ms') === null ? [] : [text`${milliseconds(numberAt(row, 'ms'))}`]),
  ]
  out.line(
    text`${at === null ? '-' : clock(new Date(at).toISOString())} ${styled(STYLES[kind] ?? 'bold', kind)} ${cache_name}/${textAt(row, 'namespace')} ${joined(words, ' ')} ${styled('dim', textAt(row, 'node'))}`,
  )
}

const STYLES: Readonly<Record<string, 'green' | 'yellow' | 'red' | 'dim'>> = {
  hit: 'green',
  stale: 'yellow',
  miss: 'yellow',
  load: 'dim',
  load_error: 'red',
}
