// Changes of stored configurations: diff, apply, roll back.
import { readFile } from 'node:fs/promises'
import { isError } from 'millpond/options'
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { codeOf, isObject } from '../connection/files.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { type ExitName, Failure, wrongUse } from '../failure.ts'
import { readInput } from '../terminal/ask.ts'
import { type Part, sentence, shownJson, styled, text } from '../terminal/text.ts'
import { bytes, times } from '../terminal/units.ts'
import { configurations, named } from './config.ts'
import { makeSure } from './confirm.ts'

/** Read-only fields of a GET. */
const MADE_THERE = ['id', 'version', 'created_at', 'updated_at']

async function documentsIn({ given, streams }: Context): Promise<readonly Row[]> {
  const [path = ''] = given.positionals
  const words =
    path === '-'
      ? await readInput(streams, 'the configuration')
      : await readFile(path, 'utf8').catch((error: unknown) => {
          throw wrongUse(`${path} cannot be read (${codeOf(error)})`)
        })
  let parsed: unknown
  try {
    parsed = JSON.parse(words)
  } catch (error) {
    throw wrongUse(`${path} is not JSON (${isError(error) ? error.message : error})`)
  }
  const all: readonly unknown[] = Array.isArray(parsed)
    ? parsed
    : isObject(parsed) && Array.isArray(parsed.data)
      ? parsed.data
      : [parsed]
  return all.map((one) => {
    if (!isObject(one) || typeof one.name !== 'string')
      throw wrongUse(`${path} does not contain configurations: each is an object with a name`)
    return Object.fromEntries(Object.entries(one).filter(([field]) => !MADE_THERE.includes(field)))
  })
}

interface Change {
  readonly name: string
  readonly before: Row | undefined
  readonly document: Row
  /** The server's plan. */
  readonly plan: unknown
}

async function planOf(client: Client, documents: readonly Row[]): Promise<readonly Change[]> {
  const stored = await configurations(client)
  const changes: Change[] = []
  for (const document of documents) {
    const name = textAt(document, 'name')
    const before = stored.find((row) => textAt(row, 'name') === name)
    const query = { dry_run: 'true' }
    const { body } =
      before === undefined
        ? await client.call('POST', 'configurations/', { body: document, query })
        : await client.call('PUT', `configurations/${textAt(before, 'id')}/`, { body: document, query })
    changes.push({ name, before, document, plan: at(body, 'plan') })
  }
  return changes
}

const differs = ({ plan }: Change): boolean => Object.keys(at(plan, 'changes') ?? {}).length > 0

function tellChanges(out: Context['out'], changes: readonly Change[]): void {
  for (const { name, before, plan } of changes) {
    const fields = Object.entries(at(plan, 'changes') ?? {})
    out.line(
      text`${styled('bold', name)}${before === undefined ? text` (new)` : fields.length === 0 ? text` is unchanged` : text``}`,
    )
    for (const [field, change] of fields) {
      const words = (side: 'from' | 'to'): Part => sentence(JSON.stringify(at(change, side) ?? null))
      out.line(
        before === undefined
          ? styled('green', text`  + ${field} ${words('to')}`)
          : text`  ${field} ${styled('red', words('from'))} -> ${styled('green', words('to'))}`,
      )
    }
    for (const effect of rowsAt(plan, 'effects')) {
      const loads = numberAt(effect, 'loads_per_second') ?? 0
      if (loads !== 0)
        out.line(
          styled(
            'yellow',
            text`  ${textAt(effect, 'node')} would load ${loads > 0 ? 'at least ' : 'about '}${times(Math.abs(loads))} a second ${loads > 0 ? 'more' : 'less'} than now`,
          ),
        )
      for (const drop of rowsAt(effect, 'drops'))
        out.line(
          styled(
            'yellow',
            text`  ${textAt(effect, 'node')} would drop ${bytes(numberAt(drop, 'bytes'))} of ${textAt(drop, 'tier')}: ${textAt(drop, 'why')}`,
          ),
        )
    }
  }
}

const shownChanges = (changes: readonly Change[]) =>
  changes.map(({ name, before, plan }) => ({
    name,
    version: before === undefined ? null : at(before, 'version'),
    ...(isObject(plan) ? plan : {}),
  }))

export const configDiff: Command = {
  name: 'config diff',
  group: 'govern',
  summary: 'show what a file would change and what running caches would drop; exit 3 if anything would change',
  positionals: ['FILE'],
  options: [],
  fields: ['changes'],
  example: 'millpond config diff caches.json',
  scope: 'config:write',
  async run(context) {
    const documents = await documentsIn(context)
    const changes = await planOf(await context.client(), documents)
    await context.out.answer('config.diff', { changes: shownChanges(changes) }, () => tellChanges(context.out, changes))
    return changes.some(differs) ? 'unhealthy' : 'done'
  },
}

export const configValidate: Command = {
  name: 'config validate',
  group: 'govern',
  summary: 'check whether the server would accept a file; changes nothing',
  positionals: ['FILE'],
  options: [],
  fields: ['valid'],
  example: 'millpond config validate caches.json',
  scope: 'config:write',
  async run(context) {
    const documents = await documentsIn(context)
    await planOf(await context.client(), documents)
    await context.out.answer('config.validate', { valid: true }, () =>
      context.out.line(
        documents.length === 1 ? text`1 configuration, valid` : text`${documents.length} configurations, all valid`,
      ),
    )
    return 'done'
  },
}

export const configApply: Command = {
  name: 'config apply',
  group: 'govern',
  summary: 'put the configurations of a file in force; those not in the file stay as they are',
  positionals: ['FILE'],
  options: ['dry-run', 'yes', 'force', 'if-version'],
  fields: ['changes', 'applied'],
  example: 'millpond config apply caches.json --dry-run',
  scope: 'config:write',
  async run(context) {
    const { given, out } = context
    const documents = await documentsIn(context)
    const client = await context.client()
    const changes = await planOf(client, documents)
    const wanted = changes.filter(differs)
    tellChanges(out, changes)
    const answer = (applied: readonly Row[], people: () => void) =>
      out.answer('config.apply', { changes: shownChanges(changes), applied }, people)
    if (given.flag('dry-run') || wanted.length === 0) {
      await answer([], () => out.line(text`Nothing was changed.`))
      return 'done'
    }
    await makeSure(context, text`Put them in force?`)
    const applied: Row[] = []
    for (const change of wanted) applied.push(await apply(client, change, given.count('if-version')))
    await answer(applied, () => {
      for (const row of applied) out.line(text`${textAt(row, 'name')} is at version ${numberAt(row, 'version') ?? '-'}`)
    })
    return 'done'
  },
}

async function apply(client: Client, { before, document }: Change, version: number | undefined): Promise<Row> {
  if (before === undefined) return (await client.post('configurations/', document)).body
  // Only the planned version may be replaced.
  const headers = { 'If-Match': `"v${version ?? numberAt(before, 'version') ?? 0}"` }
  return (await client.call('PUT', `configurations/${textAt(before, 'id')}/`, { body: document, headers })).body
}

export const configRollback: Command = {
  name: 'config rollback',
  group: 'govern',
  summary: 'restore an earlier version; without a number, the previous one',
  positionals: ['NAME', '[VERSION]'],
  options: ['yes', 'force', 'dry-run'],
  fields: ['configuration', 'from', 'to'],
  example: 'millpond config rollback product_cache 3 --yes',
  scope: 'config:write',
  async run(context) {
    const { given, out } = context
    const [name = '', wanted] = given.positionals
    const client = await context.client()
    const before = await named(client, name)
    const from = numberAt(before, 'version') ?? 0
    const to = wanted === undefined ? from - 1 : Number(wanted.replace(/^v/, ''))
    if (!Number.isSafeInteger(to) || to < 1)
      throw wrongUse(
        wanted === undefined
          ? `${name} has no version before ${from}`
          : `${wanted} is not a version: use one listed by "millpond config get ${name} --history"`,
      )
    if (given.flag('dry-run')) return tellVersion(context, client, before, to)
    await makeSure(context, text`Restore version ${to} of ${name} in place of ${from}?`)
    const { body } = await client.post(`configurations/${textAt(before, 'id')}/rollback/`, { version: to })
    await out.answer('config.rollback', { configuration: body, from, to }, () =>
      out.line(text`${name} is restored to version ${to}, as version ${numberAt(body, 'version') ?? '-'}`),
    )
    return 'done'
  },
}

async function tellVersion({ out }: Context, client: Client, before: Row, to: number): Promise<ExitName> {
  const versions = rowsAt((await client.get(`configurations/${textAt(before, 'id')}/versions/`)).body, 'data')
  const version = versions.find((row) => numberAt(row, 'version') === to)
  if (version === undefined) throw new Failure('notFound', `${textAt(before, 'name')} has no version ${to}`)
  const configuration = at(version, 'document')
  await out.answer('config.rollback', { configuration, from: at(before, 'version'), to }, () => {
    for (const line of shownJson(configuration, 2).split('\n')) out.line(sentence(line))
    out.line(text`Nothing was changed.`)
  })
  return 'done'
}
