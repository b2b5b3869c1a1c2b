// Loading before the first request: keys by the cache's own loaders, and what an invalidation removed.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { joined, styled, text } from '../terminal/text.ts'
import { count, counted } from '../terminal/units.ts'
import { ofApplication } from './application.ts'
import { keysFrom } from './key-file.ts'

/** The most keys of one call. */
const MOST = 10_000

export const warm: Command = {
  name: 'warm',
  group: 'act',
  summary: 'load keys, models, views, endpoints or organisations before they are requested',
  positionals: [],
  options: [
    'model',
    'view',
    'api',
    'critical',
    'organization',
    'cache-type',
    'key',
    'keys',
    'top',
    'cache-name',
    'namespace',
    'rate',
    'concurrency',
    'reason',
    'dry-run',
    'detach',
  ],
  fields: ['keys', 'operations'],
  example: 'millpond warm --keys hot.txt --rate 200',
  scope: 'warm',
  async run(context) {
    const { given, out } = context
    const byName = await ofApplication(context)
    if (byName !== undefined) return byName
    const named = [...given.texts('key'), ...(await keysFrom(context, 'keys'))]
    const hottest = given.count('top')
    if (named.length === 0 && hottest === undefined)
      throw wrongUse(
        'name what to load: --key, --keys FILE, --top N, or what the application registered: --model, --view, --api, --organization, --cache-type',
      )
    const client = await context.client()
    const keys = [...new Set([...named, ...(hottest === undefined ? [] : await hottestKeys(context, client, hottest))])]
    if (given.flag('dry-run')) {
      await out.answer('warm', { keys, operations: [] }, () => {
        out.line(
          text`${counted(keys.length, 'key')} would be loaded, except those that are fresh: ${joined(keys.slice(0, 10), ', ')}${keys.length > 10 ? text`, ...` : text``}`,
        )
        out.line(text`Nothing was changed.`)
      })
      return 'done'
    }
    const operations: Row[] = []
    for (let from = 0; from < keys.length; from += MOST)
      operations.push(await warmSome(context, client, keys.slice(from, from + MOST)))
    await out.answer('warm', { keys: keys.length, operations }, () => {
      for (const operation of operations) tellWarming(context, operation)
    })
    return operations.map(exitOf).find((exit) => exit !== 'done') ?? 'done'
  },
}

export const undo: Command = {
  name: 'undo',
  group: 'act',
  summary: 'reload the hottest keys that an invalidation removed',
  positionals: ['OPERATION'],
  options: ['top', 'detach'],
  fields: ['operation'],
  example: 'millpond undo inv_8Kf --top 100',
  scope: 'warm',
  async run(context) {
    const { given, out } = context
    const [id = ''] = given.positionals
    const client = await context.client()
    const top = given.count('top')
    const begun = await client.post(
      `invalidations/${encodeURIComponent(id)}/undo/`,
      top === undefined ? {} : { top },
      SOON,
    )
    const operation = await followed(context, client, begun, 'loaded')
    await out.answer('undo', { operation }, () => tellWarming(context, operation))
    return exitOf(operation)
  },
}

async function hottestKeys({ given }: Context, client: Client, limit: number): Promise<readonly string[]> {
  if (limit > 200) throw wrongUse(`--top ${limit}: the control plane lists the hottest 200; use --keys FILE for more`)
  const { body } = await client.get('top/', {
    cache_name: given.text('cache-name'),
    namespace: given.text('namespace'),
    by: 'hits',
    limit,
  })
  return rowsAt(body, 'data').map((row) => textAt(row, 'name'))
}

async function warmSome(context: Context, client: Client, keys: readonly string[]): Promise<Row> {
  const { given } = context
  const body = {
    keys,
    ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
    ...(given.has('namespace') && { namespace: given.text('namespace') }),
    ...(given.has('concurrency') && { concurrency: given.count('concurrency') }),
    ...(given.has('rate') && { rate_per_second: given.number('rate') }),
    ...(given.has('reason') && { reason: given.text('reason') }),
  }
  return followed(context, client, await client.post('warming/warm_keys/', body, SOON), 'loaded')
}

export function tellWarming(context: Context, operation: Row): void {
  const { out } = context
  tellOperation(context, operation)
  const result = operation.result
  const n = (name: string): number => numberAt(result, name) ?? 0
  if (numberAt(result, 'done') === null) return
  out.line(
    text`  ${count(n('loaded'))} loaded, ${count(n('fresh'))} were fresh, ${n('failed') > 0 ? styled('red', text`${count(n('failed'))} failed`) : text`none failed`}`,
  )
  if (n('without_source') > 0)
    out.line(
      styled(
        'yellow',
        text`  ${count(n('without_source'))} have no registered loader: use cache.source(prefix, load), a collection or a wrapped function`,
      ),
    )
  for (const error of textsAt(result, 'errors').slice(0, 5)) out.line(text`  ${error}`)
}
