// Changes of memory that were applied: what each was to bring, beside what it has brought.
import type { Command } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { changeWords } from '../terminal/memory-change.ts'
import { type Safe, text } from '../terminal/text.ts'
import { clock, counted, points } from '../terminal/units.ts'

export const applied: Command = {
  name: 'applied',
  group: 'decide',
  summary:
    'list the changes of memory that were applied, with what each was predicted to bring and what was measured since',
  positionals: [],
  options: ['cache-name'],
  fields: ['cache_name', 'data'],
  example: 'millpond applied --cache-name shop',
  scope: 'metrics:read',
  async run({ given, out, client }) {
    const { body } = await (await client()).get('optimizations/applied/', { cache_name: given.text('cache-name') })
    const data = rowsAt(body, 'data')
    await out.answer('applied', body, () => {
      if (data.length === 0) out.line(text`nothing has been applied to ${textAt(body, 'cache_name')}`)
      for (const row of data) {
        out.line(
          text`${clock(textAt(row, 'at'))} ${textAt(row, 'id')} by ${textAt(row, 'actor')}, ${textAt(row, 'state')}: ${changeWords(at(row, 'change'))}`,
        )
        out.line(text`  predicted: ${effect(row, 'predicted')}`)
        out.line(text`  measured since: ${effect(row, 'realised')}`)
        if (textAt(row, 'stopped') !== '') out.line(text`  no longer measured: ${textAt(row, 'stopped')}`)
      }
    })
    return 'done'
  },
}

function effect(row: Row, name: 'predicted' | 'realised'): Safe {
  const value = numberAt(row, name, 'hit_ratio_change', 'value')
  if (value === null) return text`${textAt(row, name, 'why') || 'not recorded'}`
  const end = (of: string): Safe => text`${points(numberAt(row, name, 'hit_ratio_change', of))}`
  const [nodes, all] = [numberAt(row, name, 'nodes') ?? 0, numberAt(row, name, 'of_nodes') ?? 0]
  const where =
    nodes < all ? `${nodes} of ${counted(all, 'process', 'processes')}` : counted(all, 'process', 'processes')
  return text`${points(value)} hits per 100 reads (95 %: ${end('low')} to ${end('high')}), from ${counted(numberAt(row, name, 'reads'), 'read')} in ${where} since ${clock(textAt(row, name, 'from'))}`
}
