// Invalidation: planned by the server, shown, confirmed, run by the plan's id, acknowledged by every process, probed.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { type ExitName, Failure, wrongUse } from '../failure.ts'
import { ask } from '../terminal/ask.ts'
import { joined, type Part, styled, text } from '../terminal/text.ts'
import { bytes, count, counted, times } from '../terminal/units.ts'
import { makeSure } from './confirm.ts'
import { keysFrom } from './key-file.ts'
import { namesIn } from './organization.ts'

const FIELDS = ['plan', 'operation'] as const

export const invalidate: Command = {
  name: 'invalidate',
  group: 'act',
  summary: 'invalidate by key, tag, pattern or model: planned first, acknowledged by every process and probed',
  positionals: [],
  options: [
    'tags',
    'pattern',
    'model',
    'id',
    'key',
    'address',
    'file',
    'organization',
    'cache-type',
    'cache-name',
    'namespace',
    'mode',
    'reason',
    'dry-run',
    'scan',
    'pace',
    'cdn',
    'max-keys',
    'yes',
    'force',
    'confirm',
  ],
  fields: FIELDS,
  example: "millpond invalidate --tags deals --mode soft --reason 'price import' --dry-run",
  scope: 'invalidate',
  async run(context) {
    const { given } = context
    const keys = [...given.texts('key'), ...(await keysFrom(context, 'file'))]
    const tags = given.list('tags')
    const named = {
      ...(keys.length > 0 && { keys }),
      ...(tags.length > 0 && { tags }),
      ...(given.has('address') && { urls: given.texts('address') }),
      ...given1(context, 'pattern'),
      ...given1(context, 'model'),
      ...given1(context, 'id'),
    }
    const names = namesIn(context)
    if (Object.keys(named).length === 0 && Object.keys(names).length === 0)
      throw wrongUse(
        'name what to invalidate: --tags, --pattern, --model, --key, --address, --file, --organization or --cache-type ("millpond clear" invalidates everything)',
      )
    const how = {
      ...(given.has('pace') && { pace_per_s: given.count('pace') }),
      ...(given.flag('cdn') && { propagate_cdn: true }),
    }
    return planned(context, await context.client(), { ...named, ...names, ...how, ...common(context) })
  },
}

export const clear: Command = {
  name: 'clear',
  group: 'act',
  summary: 'invalidate everything in a cache or of one cache type; asks for its name unless --force',
  positionals: [],
  options: ['cache-name', 'namespace', 'cache-type', 'mode', 'reason', 'dry-run', 'force', 'yes', 'confirm'],
  fields: FIELDS,
  example: 'millpond clear --cache-name shop --dry-run',
  scope: 'invalidate',
  async run(context) {
    const type = context.given.text('cache-type')
    const target = type === undefined || type === 'all' ? { all: true } : { cache_type: type }
    return planned(context, await context.client(), { ...target, ...common(context) }, true)
  },
}

const given1 = ({ given }: Context, name: 'pattern' | 'model' | 'id'): Row => {
  const value = given.text(name)
  return value === undefined ? {} : { [name]: value }
}

const common = ({ given }: Context): Row => ({
  ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
  ...(given.has('namespace') && { namespace: given.text('namespace') }),
  ...(given.has('mode') && { mode: given.text('mode') }),
  ...(given.has('scan') && { scan: true }),
})

async function planned(context: Context, client: Client, body: Row, isClear = false): Promise<ExitName> {
  const { given, out } = context
  const isDry = given.flag('dry-run')
  // Counting may walk all of memory in every process.
  const { body: answered } = await client.post('invalidations/plan/', { ...body, ...(isDry && { dry_run: true }) })
  const plan = at(answered, 'plan')
  if (isDry) {
    await out.answer('invalidate', { plan, operation: null }, () => {
      tellPlan(out, plan)
      out.line(text`Nothing was changed.`)
    })
    return 'done'
  }
  tellPlan(out, plan)
  const confirm = await confirmed(context, plan, isClear)
  const run = {
    plan_id: textAt(plan, 'id'),
    ...(confirm !== undefined && { confirm }),
    ...(given.has('reason') && { reason: given.text('reason') }),
    ...(given.has('max-keys') && { max_keys: given.count('max-keys') }),
  }
  const operation = await ran(context, client, run)
  await out.answer('invalidate', { plan, operation }, () => tellRun(context, operation))
  return exitOf(operation)
}

/** The request to the server, once the user has confirmed. */
async function confirmed(context: Context, plan: unknown, isClear: boolean): Promise<string | undefined> {
  const { given, asking } = context
  const guard = at(plan, 'guard')
  const wanted = textAt(guard, 'confirm')
  const keys = numberAt(plan, 'keys') ?? 0
  if (isClear) {
    if (given.flag('force')) return wanted
    const names = rowsAt(plan, 'caches').map((cache) => textAt(cache, 'cache_name'))
    const name = names.length === 1 ? (names[0] ?? 'all') : 'all'
    const typed =
      given.text('confirm') ??
      (await ask(asking, text`To invalidate ${counted(keys, 'key')}, type ${styled('bold', name)}:`, '--force'))
    if (typed.trim() !== name)
      throw new Failure('unconfirmed', `${JSON.stringify(typed)} is not ${JSON.stringify(name)}: nothing was changed`)
    return wanted
  }
  if (at(guard, 'needs_confirmation') === true) {
    const option = `--confirm ${JSON.stringify(wanted)}`
    const typed =
      given.text('confirm') ??
      (await ask(
        asking,
        text`The plan has ${counted(keys, 'key')}. To run it, type ${styled('bold', wanted)}:`,
        option,
      ))
    if (typed.trim() !== wanted)
      throw new Failure('unconfirmed', `${JSON.stringify(typed)} is not ${JSON.stringify(wanted)}: nothing was changed`)
    return wanted
  }
  await makeSure(context, text`Run it?`)
  return undefined
}

async function ran(context: Context, client: Client, body: Row): Promise<Row> {
  const begun = await client
    .post('invalidations/invalidate_keys/', body, { ...SOON, timeoutMs: 60_000 })
    .catch((error: unknown) => {
      if (!context.signal.aborted || context.isLocal) throw error
      // The server has not sent an id yet.
      throw new Failure(
        'interrupted',
        'it may have started and may still be running there: "millpond operations list" shows it',
      )
    })
  return followed(context, client, begun, 'keys')
}

function tellPlan(out: Context['out'], plan: unknown): void {
  const exact = at(plan, 'is_exact') === true
  const caches = rowsAt(plan, 'caches')
  const sum = (name: string): number => caches.reduce((all, cache) => all + (numberAt(cache, name) ?? 0), 0)
  out.line(
    text`Plan ${textAt(plan, 'id')}, ${textAt(plan, 'mode')}: ${exact ? text`` : text`at least `}${styled('bold', counted(numberAt(plan, 'keys'), 'key'))}, ${bytes(sum('bytes'))}, read ${times(sum('reads_per_second'))} a second`,
  )
  for (const cache of caches) {
    const spaces = countsAt(cache, 'by_namespace')
      .slice(0, 6)
      .map(([name, n]) => text`${name} ${count(n)}`)
    out.line(
      text`  ${textAt(cache, 'cache_name')}: ${spaces.length === 0 ? text`${counted(numberAt(cache, 'keys'), 'key')}` : joined(spaces, ', ')}`,
    )
    const cascade = textsAt(cache, 'cascade').slice(0, 10)
    if (cascade.length > 0) out.line(text`    with the tags ${joined(cascade, ', ')}`)
    for (const one of rowsAt(cache, 'sample').slice(0, 5))
      out.line(styled('dim', text`    ${textAt(one, 'namespace')} ${textAt(one, 'key')}`))
  }
}

function tellCdn(out: Context['out'], cdn: unknown): void {
  const error = at(cdn, 'error', 'message')
  if (at(cdn, 'ok') === true)
    out.line(text`  the CDN has accepted it, which does not yet mean that it is gone ("millpond cdn status")`)
  else if (typeof error === 'string') out.line(styled('red', text`  the CDN was not purged: ${error}`))
  else if (cdn !== undefined && cdn !== null)
    out.line(styled('red', text`  the CDN was only partly purged: "millpond cdn status"`))
}

function tellRun(context: Context, operation: Row): void {
  const { out } = context
  tellOperation(context, operation)
  const caches = at(operation, 'result', 'caches')
  for (const name of Object.keys(caches ?? {})) {
    const result = at(caches, name)
    const nodes = rowsAt(result, 'nodes').map((node) => nodeWords(node))
    out.line(text`  ${name}: ${droppedWords(result)}   ${joined(nodes, ', ')}`)
    const old = textsAt(result, 'probe', 'old')
    const checked = numberAt(result, 'probe', 'checked') ?? 0
    if (old.length > 0) out.line(styled('red', text`  still stale: ${joined(old, ', ')}`))
    else if (checked > 0) out.line(text`  probed: ${checked} looked up, none is stale`)
  }
  tellCdn(out, at(operation, 'result', 'cdn'))
  if (textAt(operation, 'state') === 'partial')
    out.note(text`late processes are retried for ten minutes: "millpond operations show ${textAt(operation, 'id')}"`)
  out.note(text`to reload the hottest of them: "millpond undo ${textAt(operation, 'id')}"`)
}

/** Tags and patterns touch no entry: they are numbers that entries are compared with. */
function droppedWords(result: unknown): Part {
  const removed = numberAt(result, 'removed') ?? 0
  if (at(result, 'is_exact') === true) return text`${counted(removed, 'entry', 'entries')} dropped`
  return removed === 0 ? text`forgotten` : text`invalidated, ${counted(removed, 'entry', 'entries')} dropped at once`
}

function nodeWords(node: Row): Part {
  const state = textAt(node, 'status')
  const words = text`${textAt(node, 'id')} ${state}${numberAt(node, 'ms') === null ? text`` : text` ${Math.round(numberAt(node, 'ms') ?? 0)} ms`}`
  return state === 'acked' || state === 'left' ? words : styled('yellow', words)
}
