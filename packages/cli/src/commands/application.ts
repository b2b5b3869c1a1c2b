// Warming of what the application registered: models, views, endpoints, critical paths, organisations, cache types.
import type { Context } from '../command.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { numberAt, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { type ExitName, wrongUse } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { count, milliseconds } from '../terminal/units.ts'
import { namesIn } from './organization.ts'

/** @returns undefined if none of them was given */
export async function ofApplication(context: Context): Promise<ExitName | undefined> {
  const { given, out } = context
  const named = {
    ...namesIn(context),
    ...(given.has('model') && { model: given.text('model') }),
    ...(given.has('view') && { view: given.text('view') }),
    ...(given.has('api') && { api: given.text('api') }),
    ...(given.flag('critical') && { critical: true }),
  }
  if (Object.keys(named).length === 0) return undefined
  if (given.flag('dry-run'))
    throw wrongUse(
      '--dry-run can only count keys: what an application registered reveals what it loads only when it runs',
    )
  const body = {
    ...named,
    ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
    ...(given.has('concurrency') && { concurrency: given.count('concurrency') }),
    ...(given.has('rate') && { rate_per_second: given.number('rate') }),
    ...(given.has('reason') && { reason: given.text('reason') }),
  }
  const client = await context.client()
  const operation = await followed(context, client, await client.post('warming/warm_registered/', body, SOON), 'plans')
  const result = operation.result
  await out.answer('warm', { keys: numberAt(result, 'loaded'), operations: [operation] }, () => {
    tellOperation(context, operation)
    const n = (name: string): number => numberAt(result, name) ?? 0
    if (numberAt(result, 'done') === null) return
    const failed = n('failed') > 0 ? styled('red', text`${count(n('failed'))} failed`) : text`none failed`
    out.line(text`  ${count(n('loaded'))} loaded, ${count(n('fresh'))} were fresh, ${failed}`)
    for (const path of rowsAt(result, 'paths'))
      out.line(text`  ${textAt(path, 'name')} ${milliseconds(numberAt(path, 'ms'))}`)
    for (const error of textsAt(result, 'errors').slice(0, 5)) out.line(text`  ${error}`)
  })
  return exitOf(operation)
}
