// Regions: their state; draining, filling and restoring one.
import type { Command } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { joined, type Part, styled, text } from '../terminal/text.ts'
import { bytes, count, counted, milliseconds } from '../terminal/units.ts'
import { makeSure } from './confirm.ts'

export const regionsList: Command = {
  name: 'regions list',
  group: 'look',
  summary:
    'list the regions of caches: which serve, which are connected, and their lag; exit 3 if one is not connected',
  positionals: [],
  options: ['cache-name'],
  fields: ['data'],
  example: 'millpond regions list',
  scope: 'metrics:read',
  async run({ given, out, client }) {
    const { body } = await (await client()).get('regions/', { cache_name: given.text('cache-name') })
    const data = rowsAt(body, 'data')
    const isUnheard = data.some((row) => rowsAt(row, 'seen_from').some((seen) => at(seen, 'is_heard') === false))
    await out.answer('regions', { data }, () => {
      if (data.length === 0) return out.line(text`no cache has regions: give it an edge() tier`)
      out.table(
        [
          { title: 'CACHE' },
          { title: 'REGION' },
          { title: 'STANDS' },
          { title: 'PROCESSES' },
          { title: 'BEHIND' },
          { title: 'FILLED', gives: true },
        ],
        data.map((row) => [
          textAt(row, 'cache_name'),
          at(row, 'is_origin') === true ? text`${textAt(row, 'region')} (origin)` : textAt(row, 'region'),
          standingWords(row),
          joined(textsAt(row, 'nodes'), ', '),
          behindWords(row),
          fillWords(at(row, 'filling')),
        ]),
      )
    })
    return isUnheard ? 'unhealthy' : 'done'
  },
}

export const regionsDrain: Command = {
  name: 'regions drain',
  group: 'act',
  summary:
    'drain a region: its stores are neither read nor written; exit 7 if it is not yet safe to stop; the last serving region needs --force',
  positionals: ['REGION'],
  options: ['cache-name', 'wait', 'yes', 'force'],
  fields: ['cache_name', 'region', 'is_safe', 'behind'],
  example: 'millpond regions drain eu-west-1 --wait 30',
  scope: 'config:write',
  async run(context) {
    const { given, out, client } = context
    const [region = ''] = given.positionals
    const wait = given.duration('wait')
    await makeSure(context, text`Drain ${region}? Its processes will use the origin or their loaders.`)
    const asked = {
      ...named(given.text('cache-name')),
      ...(wait !== undefined && { wait_seconds: wait / 1000 }),
      ...(given.flag('force') && { force: true }),
    }
    const timeoutMs = (wait ?? 0) + 30_000
    const { body } = await (await client()).post(`regions/${encodeURIComponent(region)}/drain/`, asked, { timeoutMs })
    const behind = textsAt(body, 'behind')
    await out.answer('regions.drain', body, () => {
      if (behind.length === 0)
        out.line(text`${region} is drained and safe to stop: the others have received everything from it`)
      else
        out.line(
          styled(
            'yellow',
            text`${region} is drained but not yet safe to stop: ${joined(behind, ', ')} behind; run this again to check`,
          ),
        )
    })
    return behind.length === 0 ? 'done' : 'partial'
  },
}

export const regionsFill: Command = {
  name: 'regions fill',
  group: 'act',
  summary: 'fill a region from another one at a limited rate, and let it serve when that is done',
  positionals: ['REGION'],
  options: ['cache-name', 'from', 'rate', 'force'],
  fields: ['cache_name', 'region', 'filling'],
  example: 'millpond regions fill eu-west-1 --from us-east-1 --rate 5000',
  scope: 'config:write',
  async run({ given, out, client }) {
    const [region = ''] = given.positionals
    const [from, rate] = [given.text('from'), given.number('rate')]
    const { body } = await (await client()).post(`regions/${encodeURIComponent(region)}/fill/`, {
      ...named(given.text('cache-name')),
      ...(from !== undefined && { from }),
      ...(rate !== undefined && { keys_per_second: rate }),
      ...(given.flag('force') && { force: true }),
    })
    await out.answer('regions.fill', body, () =>
      out.line(text`${region}: ${fillWords(at(body, 'filling'))}; "millpond regions list" shows the progress`),
    )
    return 'done'
  },
}

export const regionsServe: Command = {
  name: 'regions serve',
  group: 'act',
  summary: 'let a region serve at once with what it has',
  positionals: ['REGION'],
  options: ['cache-name'],
  fields: ['cache_name', 'region'],
  example: 'millpond regions serve eu-west-1',
  scope: 'config:write',
  async run({ given, out, client }) {
    const [region = ''] = given.positionals
    const { body } = await (await client()).post(
      `regions/${encodeURIComponent(region)}/serve/`,
      named(given.text('cache-name')),
    )
    await out.answer('regions.serve', body, () => out.line(text`${region} serves`))
    return 'done'
  },
}

const named = (cache: string | undefined): { readonly cache_name?: string } =>
  cache === undefined ? {} : { cache_name: cache }

function standingWords(row: Row): Part {
  const state = textAt(row, 'state')
  return state === 'serving' ? 'serving' : styled(state === '' ? 'red' : 'yellow', state === '' ? 'silent' : state)
}

/** By observing region. */
function behindWords(row: Row): Part {
  const words = rowsAt(row, 'seen_from').map((seen) => {
    const lag = numberAt(seen, 'lag_seconds')
    const waiting = numberAt(seen, 'waiting')
    const told = text`${textAt(seen, 'region')}: ${lag === null ? 'not connected yet' : milliseconds(lag * 1000)}${waiting === null || waiting === 0 ? '' : text`, ${count(waiting)} wait`}`
    return at(seen, 'is_heard') === false ? styled('red', text`${told}${whyOf(textAt(seen, 'error'))}`) : told
  })
  return words.length === 0 ? '-' : joined(words, ', ')
}

const whyOf = (error: string): Part => (error === '' ? '' : text` (${error})`)

function fillWords(filling: unknown): Part {
  if (typeof filling !== 'object' || filling === null) return '-'
  const words = text`${count(numberAt(filling, 'copied'))} of ${counted(numberAt(filling, 'keys'), 'key')} of ${textAt(filling, 'from')}, ${bytes(numberAt(filling, 'bytes'))}`
  const error = textAt(filling, 'error')
  return error !== ''
    ? styled('red', text`${words}: ${error}`)
    : at(filling, 'is_done') === true
      ? words
      : text`${words} so far`
}
