// Stored warming plans: their schedules, and running one now.
import type { Command } from '../command.ts'
import { exitOf, followed, SOON } from '../connection/follow.ts'
import { list } from '../connection/pages.ts'
import { at, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { joined, type Part, text } from '../terminal/text.ts'
import { clock, count } from '../terminal/units.ts'
import { tellWarming } from './warm.ts'

export const warmPlans: Command = {
  name: 'warm-plans list',
  group: 'look',
  summary: 'list stored warming plans with their schedules and next runs',
  positionals: [],
  options: ['limit', 'all'],
  fields: ['data', 'has_more'],
  example: 'millpond warm-plans list',
  scope: 'config:read',
  async run(context) {
    await list(context, await context.client(), {
      schema: 'warm-plans',
      path: 'warming/',
      none: 'no warming plan is stored: POST warming/ stores one',
      columns: [
        { title: 'PLAN' },
        { title: 'NAME' },
        { title: 'CACHE' },
        { title: 'KEYS', isNumber: true },
        { title: 'RUNS' },
        { title: 'NEXT' },
        { title: 'LAST' },
      ],
      row: (row) => [
        textAt(row, 'id'),
        textAt(row, 'name'),
        joined(
          [textAt(row, 'cache_name'), textAt(row, 'namespace')].filter((name) => name !== ''),
          ' ',
        ),
        count(keysOf(row)),
        timesOf(row),
        instantOf(row, 'next_run_at'),
        instantOf(row, 'last_run_at'),
      ],
    })
    return 'done'
  },
}

export const warmPlanRun: Command = {
  name: 'warm-plans run',
  group: 'act',
  summary: 'run a warming plan now; its schedule is unchanged',
  positionals: ['PLAN'],
  options: ['reason', 'detach'],
  fields: ['operation'],
  example: 'millpond warm-plans run wrm_8Kf',
  scope: 'warm',
  async run(context) {
    const { given, out } = context
    const [id = ''] = given.positionals
    const client = await context.client()
    const body = given.has('reason') ? { reason: given.text('reason') } : {}
    const operation = await followed(
      context,
      client,
      await client.post(`warming/${encodeURIComponent(id)}/execute/`, body, SOON),
      'loaded',
    )
    await out.answer('warm-plans.run', { operation }, () => tellWarming(context, operation))
    return exitOf(operation)
  },
}

const instantOf = (row: Row, name: string): string => (textAt(row, name) === '' ? '-' : clock(textAt(row, name)))

/** `every 4h`, `0 3 * * * Europe/Berlin, 22:00-06:00`. */
function timesOf(row: Row): Part {
  const [every, cron, timezone] = ['every', 'cron', 'timezone'].map((name) => textAt(row, 'schedule', name))
  if (every === '' && cron === '') return 'on request'
  const windows = rowsAt(row, 'schedule', 'windows').map((window) => {
    const days = textsAt(window, 'days')
    return text`${textAt(window, 'from')}-${textAt(window, 'to')}${days.length === 0 ? text`` : text` ${joined(days, ' ')}`}`
  })
  const when = every === '' ? text`${cron ?? ''}` : text`every ${every ?? ''}`
  return joined([text`${when}${timezone === '' ? text`` : text` ${timezone ?? ''}`}`, ...windows], ', ')
}

function keysOf(row: Row): number {
  const keys = at(row, 'keys')
  return Array.isArray(keys) ? keys.length : 0
}
