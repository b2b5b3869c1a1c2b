// Erasure: planned, confirmed by its text, followed to its end; and the receipt for the person who requested it.
import type { Command, Context } from '../command.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { Failure, wrongUse } from '../failure.ts'
import { ask } from '../terminal/ask.ts'
import { joined, type Safe, styled, text } from '../terminal/text.ts'
import { count, counted } from '../terminal/units.ts'
import { putInPlace } from './export.ts'
import { keysFrom } from './key-file.ts'

export const erase: Command = {
  name: 'erase',
  group: 'act',
  summary:
    'erase the data of a tenant, tags or keys in every process and tier, with proof; asks for a confirmation text',
  positionals: [],
  options: ['tenant', 'tags', 'key', 'file', 'cache-name', 'namespace', 'reason', 'dry-run', 'confirm', 'detach'],
  fields: ['plan', 'operation'],
  example: "millpond erase --tenant acme --reason 'request 4711' --dry-run",
  scope: 'erase',
  async run(context) {
    const { given, out } = context
    const keys = [...given.texts('key'), ...(await keysFrom(context, 'file'))]
    const tags = given.list('tags')
    const subject = {
      ...(given.has('tenant') && { tenant: given.text('tenant') }),
      ...(tags.length > 0 && { tags }),
      ...(keys.length > 0 && { keys }),
    }
    if (Object.keys(subject).length !== 1)
      throw wrongUse('name whose data to erase with one of --tenant, --tags, or --key and --file')
    const client = await context.client()
    const named = {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(given.has('namespace') && { namespace: given.text('namespace') }),
      ...(given.has('reason') && { reason: given.text('reason') }),
    }
    const plan = at((await client.post('erasures/', { ...subject, ...named, dry_run: true })).body, 'plan')
    if (given.flag('dry-run')) {
      await out.answer('erase', { plan, operation: null }, () => {
        tellPlan(out, plan)
        out.line(text`Nothing was changed.`)
      })
      return 'done'
    }
    tellPlan(out, plan)
    const confirm = await confirmed(context, plan)
    const body = { plan_id: textAt(plan, 'id'), confirm, ...(given.has('reason') && { reason: given.text('reason') }) }
    const operation = await followed(context, client, await client.post('erasures/', body, SOON), 'parts')
    await out.answer('erase', { plan, operation }, () => tellErased(context, operation))
    return exitOf(operation)
  },
}

async function confirmed({ given, asking }: Context, plan: unknown): Promise<string> {
  const wanted = textAt(plan, 'confirm')
  const typed =
    given.text('confirm') ??
    (await ask(
      asking,
      text`This cannot be undone. To erase it, type ${styled('bold', wanted)}:`,
      `--confirm ${JSON.stringify(wanted)}`,
    ))
  if (typed.trim() === wanted.trim()) return wanted
  throw new Failure('unconfirmed', `${JSON.stringify(typed)} is not ${JSON.stringify(wanted)}: nothing was changed`)
}

function tellPlan(out: Context['out'], plan: unknown): void {
  out.line(text`Plan ${textAt(plan, 'id')}: everything of ${styled('bold', textAt(plan, 'confirm'))}`)
  for (const cache of rowsAt(plan, 'caches')) {
    out.line(
      text`  ${textAt(cache, 'cache_name')}: ${counted(numberAt(cache, 'entries') ?? 0, 'entry', 'entries')} in memory; its tiers are searched, twice`,
    )
    const spaces = countsAt(cache, 'by_namespace').map(([name, n]) => text`${name} ${n}`)
    if (spaces.length > 0) out.line(text`    ${joined(spaces, ', ')}`)
    const silent = textsAt(cache, 'silent')
    if (silent.length > 0)
      out.line(
        styled('yellow', text`    ${joined(silent, ', ')} did not answer: the erasure cannot be proven until they do`),
      )
  }
}

function tellErased(context: Context, operation: Row): void {
  const { out } = context
  tellOperation(context, operation)
  const result = at(operation, 'result')
  const caches = at(result, 'caches')
  for (const name of Object.keys(caches ?? {})) {
    const parts = rowsAt(at(caches, name), 'parts')
    out.line(text`  ${name}: ${provenWords(at(caches, name))}`)
    for (const part of parts)
      for (const tier of rowsAt(part, 'tiers'))
        out.line(text`    ${joined(textsAt(part, 'namespaces'), ' ')} ${tierWords(tier)}`)
    const unheard = [...new Set(parts.flatMap((part) => textsAt(part, 'unheard')))]
    if (unheard.length > 0)
      out.line(styled('yellow', text`    no answer from ${joined(unheard, ', ')}; erase again when they are back`))
    for (const write of parts.flatMap((part) => rowsAt(part, 'writes')))
      out.line(
        text`    a queued write of ${textAt(write, 'collection')} was dropped: ${textAt(write, 'key')}${at(write, 'was_sent') === true ? styled('yellow', ', which may have reached its source') : text``}`,
      )
    const error = textAt(caches, name, 'error')
    if (error !== '') out.line(styled('red', text`    ${error}`))
  }
  const remains = textsAt(result, 'remains')
  if (remains.length > 0) out.note(text`not covered: ${joined(remains, '; ')}`)
  out.note(text`for the person who requested it: "millpond receipt ${textAt(operation, 'id')} --output FILE"`)
}

const provenWords = (result: unknown): Safe =>
  at(result, 'is_proven') === true ? styled('green', 'proven') : styled('yellow', 'not proven')

function tierWords(tier: Row): Safe {
  const state = textAt(tier, 'state')
  const until = state === 'until' ? text` ${textAt(tier, 'until') || 'unknown time'}` : text``
  const error = textAt(tier, 'error')
  const words = text`${textAt(tier, 'name')} ${state}${until}, ${count(numberAt(tier, 'removed'))} removed${error === '' ? text`` : text`: ${error}`}`
  return state === 'failed' ? styled('red', words) : words
}

export const receipt: Command = {
  name: 'receipt',
  group: 'govern',
  summary:
    'show the receipt of an erasure: whose data, what happened to it in each tier, and the audit row that proves it',
  positionals: ['ERASURE'],
  options: ['output'],
  fields: ['operation', 'subject', 'salt', 'audit'],
  example: 'millpond receipt ers_8Kf --output request-4711.json',
  scope: 'erase',
  async run(context) {
    const { given, out } = context
    const [id = ''] = given.positionals
    const { body } = await (await context.client()).get(`erasures/${encodeURIComponent(id)}/receipt/`)
    const path = given.text('output')
    if (path !== undefined)
      await putInPlace('output', path, `${JSON.stringify({ schema: 'millpond.receipt/1', ...body }, null, 2)}\n`)
    await out.answer('receipt', body, () => {
      if (path !== undefined) out.note(text`written to ${path}`)
      out.line(text`of ${JSON.stringify(at(body, 'subject'))}`)
      tellErased(context, rowsAt({ all: [at(body, 'operation')] }, 'all')[0] ?? {})
      const [seq, hash] = [numberAt(body, 'audit', 'seq'), textAt(body, 'audit', 'hash')]
      if (seq !== null) out.line(text`recorded by ${textAt(body, 'audit', 'actor')}: row ${seq}, ${hash}`)
    })
    return 'done'
  },
}
