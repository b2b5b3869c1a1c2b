// Alerts: listing, resolving and silencing them.
import type { Command } from '../command.ts'
import { list } from '../connection/pages.ts'
import { at, numberAt, rowsAt, textAt } from '../connection/read.ts'
import { styled, text } from '../terminal/text.ts'
import { clock, seconds } from '../terminal/units.ts'

const HOUR_MS = 3_600_000

export const alertsList: Command = {
  name: 'alerts list',
  group: 'look',
  summary: 'list alerts, newest first',
  positionals: [],
  options: ['state', 'cache-name', 'limit', 'all'],
  fields: ['data', 'has_more'],
  example: 'millpond alerts list --state firing',
  scope: 'alerts:read',
  async run(context) {
    await list(context, await context.client(), {
      schema: 'alerts',
      path: 'alerts/',
      query: { state: context.given.text('state'), cache_name: context.given.text('cache-name') },
      none: 'no alert',
      columns: [
        { title: 'ALERT' },
        { title: 'STATE' },
        { title: 'SEVERITY' },
        { title: 'CACHE' },
        { title: 'SINCE' },
        { title: 'MESSAGE', gives: true },
      ],
      row: (row) => {
        const state = textAt(row, 'state')
        return [
          textAt(row, 'id'),
          state === 'firing' ? styled('red', state) : state,
          textAt(row, 'severity'),
          textAt(row, 'cache_name'),
          clock(textAt(row, 'since')),
          textAt(row, 'message'),
        ]
      },
    })
    return 'done'
  },
}

export const alertsResolve: Command = {
  name: 'alerts resolve',
  group: 'act',
  summary: 'resolve an alert by hand: it is raised again only after its cause has gone and come back',
  positionals: ['ALERT'],
  options: ['note'],
  fields: ['alert'],
  example: "millpond alerts resolve alr_8Kf --note 'known, being fixed'",
  scope: 'alerts:resolve',
  async run({ given, out, client }) {
    const [id = ''] = given.positionals
    const note = given.text('note')
    const { body: alert } = await (await client()).post(
      `alerts/${encodeURIComponent(id)}/resolve/`,
      note === undefined ? {} : { note },
    )
    await out.answer('alerts.resolve', { alert }, () =>
      out.line(text`${textAt(alert, 'id')} ${textAt(alert, 'state')} by ${textAt(alert, 'resolved_by')}`),
    )
    return 'done'
  },
}

export const alertsSilence: Command = {
  name: 'alerts silence',
  group: 'act',
  summary: 'stop notifying webhooks about a rule or a cache for a while; alerts are still listed',
  positionals: [],
  options: ['rule', 'cache-name', 'for', 'note'],
  fields: ['silence'],
  example: 'millpond alerts silence --rule hit_ratio --for 2h',
  scope: 'alerts:resolve',
  async run({ given, out, client }) {
    const body = {
      ...(given.has('rule') && { rule: given.text('rule') }),
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(given.has('note') && { reason: given.text('note') }),
      duration_seconds: (given.duration('for') ?? HOUR_MS) / 1000,
    }
    const { body: silence } = await (await client()).post('silences/', body)
    await out.answer('alerts.silence', { silence }, () =>
      out.line(text`${textAt(silence, 'id')} until ${clock(textAt(silence, 'until'))}`),
    )
    return 'done'
  },
}

export const mark: Command = {
  name: 'mark',
  group: 'act',
  summary: 'mark a deploy or anything else that may explain a change on every chart',
  positionals: ['MESSAGE'],
  options: [],
  fields: ['marker'],
  example: "millpond mark 'deploy v812'",
  scope: 'invalidate',
  async run({ given, out, client }) {
    const [message = ''] = given.positionals
    const { body: marker } = await (await client()).post('events/markers/', { message })
    await out.answer('mark', { marker }, () =>
      out.line(text`${textAt(marker, 'id')} at ${clock(textAt(marker, 'at'))}`),
    )
    return 'done'
  },
}

export const nodes: Command = {
  name: 'nodes',
  group: 'look',
  summary: 'list every process of every cache, including late ones; exit 3 if one is late',
  positionals: [],
  options: ['cache-name'],
  fields: ['data', 'unseen'],
  example: 'millpond nodes',
  scope: 'metrics:read',
  async run({ given, out, client }) {
    const { body } = await (await client()).get('nodes/', { cache_name: given.text('cache-name') })
    const data = rowsAt(body, 'data')
    const isLate = (row: object): boolean => at(row, 'is_late') === true
    const inRegions = data.some((row) => textAt(row, 'region') !== '')
    await out.answer('nodes', { data, unseen: at(body, 'unseen') ?? {} }, () => {
      out.table(
        [
          { title: 'CACHE' },
          { title: 'PROCESS' },
          ...(inRegions ? [{ title: 'REGION' }] : []),
          { title: 'STATE' },
          { title: 'UP', isNumber: true },
          { title: 'HEALTH' },
          { title: 'LEDGER' },
          { title: 'TIERS', gives: true },
        ],
        data.map((row) => [
          textAt(row, 'cache_name'),
          textAt(row, 'id'),
          ...(inRegions ? [textAt(row, 'region') || '-'] : []),
          isLate(row) ? styled('red', text`late, ${seconds(numberAt(row, 'age_seconds'))}`) : 'here',
          seconds(numberAt(row, 'uptime_seconds')),
          textAt(row, 'health') || '-',
          at(row, 'ledger_is_up') === false ? styled('red', 'down') : 'up',
          rowsAt(row, 'tiers')
            .map((tier) => textAt(tier, 'name'))
            .join(', '),
        ]),
      )
      for (const [cache, why] of Object.entries(at(body, 'unseen') ?? {}))
        out.warn(text`other processes of ${cache} are not visible: ${String(why)}`)
    })
    return data.some(isLate) ? 'unhealthy' : 'done'
  },
}
