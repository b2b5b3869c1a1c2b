// Operations, running and past; following and cancelling them.
import type { Command } from '../command.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { list } from '../connection/pages.ts'
import { at, textAt, textsAt } from '../connection/read.ts'
import { joined, sentence, shownJson, text } from '../terminal/text.ts'
import { clock } from '../terminal/units.ts'

const columns = [
  { title: 'OPERATION' },
  { title: 'KIND' },
  { title: 'STATE' },
  { title: 'CACHES' },
  { title: 'BY' },
  { title: 'BEGAN' },
  { title: 'REASON', gives: true },
]

export const operationsList: Command = {
  name: 'operations list',
  group: 'look',
  summary: 'list invalidations, warmings and benchmarks, newest first',
  positionals: [],
  options: ['cache-name', 'limit', 'all'],
  fields: ['data', 'has_more'],
  example: 'millpond operations list --limit 5',
  scope: 'metrics:read',
  async run(context) {
    await list(context, await context.client(), {
      schema: 'operations',
      path: 'operations/',
      query: { cache_name: context.given.text('cache-name') },
      columns,
      none: 'there are no operations yet',
      row: (row) => [
        textAt(row, 'id'),
        textAt(row, 'kind'),
        textAt(row, 'state'),
        joined(textsAt(row, 'caches'), ' '),
        textAt(row, 'actor'),
        clock(textAt(row, 'created_at')),
        textAt(row, 'reason') || '-',
      ],
    })
    return 'done'
  },
}

const one = (name: string, summary: string, scope: string, verb: 'GET' | 'DELETE', waits: boolean): Command => ({
  name: `operations ${name}`,
  group: 'look',
  summary,
  positionals: ['OPERATION'],
  options: [],
  fields: ['operation'],
  example: `millpond operations ${name} inv_8Kf`,
  scope,
  async run(context) {
    const [id = ''] = context.given.positionals
    const client = await context.client()
    const answered = await client.call(verb, `operations/${encodeURIComponent(id)}/`)
    const operation = waits ? await followed(context, client, answered, 'done') : answered.body
    await context.out.answer('operation', { operation }, () => {
      tellOperation(context, operation)
      if (name !== 'cancel')
        for (const line of shownJson(at(operation, 'result'), 2).split('\n'))
          context.out.line(text`  ${sentence(line)}`)
    })
    return waits ? exitOf(operation) : 'done'
  },
})

export const operationsShow = one('show', 'show one operation and its result', 'metrics:read', 'GET', false)
export const operationsWait = one(
  'wait',
  'follow an operation to its end; the exit code tells its state',
  'metrics:read',
  'GET',
  true,
)
export const operationsCancel = one('cancel', 'cancel an operation at its next step', 'invalidate', 'DELETE', false)

export const operationsRollback: Command = {
  name: 'operations rollback',
  group: 'decide',
  summary: 'set memory back to what it was before a change that optimize applied, unless it was changed again since',
  positionals: ['OPERATION'],
  options: ['reason', 'detach'],
  fields: ['operation'],
  example: 'millpond operations rollback op_8Kf',
  scope: 'config:write',
  async run(context) {
    const { given } = context
    const [id = ''] = given.positionals
    const client = await context.client()
    const asked = given.has('reason') ? { reason: given.text('reason') } : {}
    const operation = await followed(
      context,
      client,
      await client.post(`optimizations/${encodeURIComponent(id)}/roll_back/`, asked, SOON),
      'processes',
    )
    await context.out.answer('operations.rollback', { operation }, () => tellOperation(context, operation))
    return exitOf(operation)
  },
}
