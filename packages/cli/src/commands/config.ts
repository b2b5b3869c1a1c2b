// Reading stored configurations. A name may be used in place of an id.
import type { Command } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { Failure } from '../failure.ts'
import { sentence, shown, shownJson, styled, text } from '../terminal/text.ts'
import { bytes, clock, seconds } from '../terminal/units.ts'

export async function configurations(client: Client): Promise<readonly Row[]> {
  const all: Row[] = []
  let cursor: string | undefined
  do {
    const { body } = await client.get('configurations/', { limit: 200, cursor })
    all.push(...rowsAt(body, 'data'))
    cursor = textAt(body, 'next_cursor') || undefined
  } while (cursor !== undefined)
  return all
}

/** @throws Failure if there is none of that name or id */
export async function named(client: Client, name: string): Promise<Row> {
  const all = await configurations(client)
  const found = all.find((row) => textAt(row, 'name') === name || textAt(row, 'id') === name)
  if (found !== undefined) return found
  throw new Failure(
    'notFound',
    `there is no configuration ${shown(name)}: ${all.length === 0 ? 'there is none at all' : `there are ${all.map((row) => textAt(row, 'name')).join(', ')}`}`,
  )
}

export const configList: Command = {
  name: 'config list',
  group: 'govern',
  summary: 'list stored configurations of caches',
  positionals: [],
  options: [],
  fields: ['data'],
  example: 'millpond config list',
  scope: 'config:read',
  async run({ client, out }) {
    const data = await configurations(await client())
    await out.answer('config.list', { data }, () => {
      if (data.length === 0)
        return out.line(
          text`no configuration is stored: caches use the settings in code ("millpond config apply FILE" stores one)`,
        )
      out.table(
        [
          { title: 'NAME' },
          { title: 'TYPE' },
          { title: 'STRATEGY' },
          { title: 'TTL', isNumber: true },
          { title: 'SIZE', isNumber: true },
          { title: 'ACTIVE' },
          { title: 'VERSION', isNumber: true },
          { title: 'CHANGED' },
        ],
        data.map((row) => [
          textAt(row, 'name'),
          textAt(row, 'cache_type'),
          textAt(row, 'strategy'),
          seconds(numberAt(row, 'ttl_seconds')),
          bytes((numberAt(row, 'max_size_mb') ?? 0) * 1024 * 1024),
          at(row, 'is_active') === true ? 'yes' : styled('yellow', 'no'),
          numberAt(row, 'version') ?? '-',
          clock(textAt(row, 'updated_at')),
        ]),
      )
    })
    return 'done'
  },
}

export const configGet: Command = {
  name: 'config get',
  group: 'govern',
  summary: 'show one configuration, or with --history its versions',
  positionals: ['NAME'],
  options: ['history'],
  fields: ['configuration', 'versions'],
  example: 'millpond config get product_cache --history',
  scope: 'config:read',
  async run({ client: open, out, given }) {
    const client = await open()
    const [name = ''] = given.positionals
    const configuration = await named(client, name)
    const versions = given.flag('history')
      ? rowsAt((await client.get(`configurations/${textAt(configuration, 'id')}/versions/`)).body, 'data')
      : null
    await out.answer('config.get', { configuration, versions }, () => {
      for (const line of shownJson(configuration, 2).split('\n')) out.line(sentence(line))
      if (versions === null) return
      out.table(
        [{ title: 'VERSION', isNumber: true }, { title: 'AT' }, { title: 'BY' }, { title: 'REASON', gives: true }],
        versions.map((row) => [
          numberAt(row, 'version') ?? '-',
          clock(textAt(row, 'created_at')),
          textAt(row, 'actor'),
          textAt(row, 'reason') || '-',
        ]),
      )
    })
    return 'done'
  },
}
