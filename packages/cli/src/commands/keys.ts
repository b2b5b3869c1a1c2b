// Keys: listing them, the hottest ones, their contents, and why one misses.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { list } from '../connection/pages.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { Failure } from '../failure.ts'
import { joined, type Part, type Safe, sentence, shownJson, styled, text } from '../terminal/text.ts'
import { bytes, clock, count, counted, percent, seconds } from '../terminal/units.ts'
import { differenceLines, differences } from './compared.ts'

const where = ({ given }: Context) => ({ cache_name: given.text('cache-name'), namespace: given.text('namespace') })

export const keys: Command = {
  name: 'keys',
  group: 'look',
  summary: 'list keys in the memory of a process; no tier is listed',
  positionals: [],
  options: ['cache-name', 'namespace', 'contains', 'tag', 'limit', 'all'],
  fields: ['data', 'has_more'],
  example: 'millpond keys --contains user: --limit 20',
  scope: 'keys:read',
  async run(context) {
    await list(context, await context.client(), {
      schema: 'keys',
      path: 'keys/',
      query: { ...where(context), contains: context.given.text('contains'), tag: context.given.text('tag') },
      none: 'no such key is in memory',
      columns: [
        { title: 'KEY', gives: true },
        { title: 'NAMESPACE' },
        { title: 'SIZE', isNumber: true },
        { title: 'HITS', isNumber: true },
        { title: 'AGE', isNumber: true },
        { title: 'LEFT', isNumber: true },
        { title: 'TAGS', gives: true },
      ],
      row: (row) => [
        textAt(row, 'key'),
        textAt(row, 'namespace'),
        bytes(numberAt(row, 'bytes')),
        count(numberAt(row, 'hits')),
        seconds(numberAt(row, 'age_seconds')),
        at(row, 'ttl_seconds') === null ? 'for ever' : seconds(numberAt(row, 'ttl_seconds')),
        joined(textsAt(row, 'tags'), ' '),
      ],
    })
    return 'done'
  },
}

export const top: Command = {
  name: 'top',
  group: 'look',
  summary: 'show the hottest or largest keys, their patterns, or the namespaces that miss or load most',
  positionals: [],
  options: ['by', 'cache-name', 'namespace', 'limit'],
  fields: ['by', 'data', 'is_complete'],
  example: 'millpond top --by misses',
  scope: 'keys:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const by = given.text('by') ?? 'hits'
    const limit = given.count('limit') ?? 20
    if (by === 'misses' || by === 'loads') {
      const { body } = await client.get('namespaces/', { cache_name: given.text('cache-name') })
      const data = [...rowsAt(body, 'data')]
        .sort((a, b) => (numberAt(b, by) ?? 0) - (numberAt(a, by) ?? 0))
        .slice(0, limit)
      await out.answer('top', { by, data, is_complete: true }, () => tellNamespaces(out, data))
      return 'done'
    }
    const { body } = await client.get('top/', { ...where(context), by, limit })
    const data = rowsAt(body, 'data')
    await out.answer('top', { by, data, is_complete: at(body, 'is_complete') === true }, () => {
      out.table(
        [
          { title: by === 'pattern' ? 'PATTERN' : 'KEY', gives: true },
          { title: 'NAMESPACE' },
          { title: 'HITS', isNumber: true },
          { title: 'SIZE', isNumber: true },
          { title: 'ENTRIES', isNumber: true },
        ],
        data.map((row) => [
          textAt(row, 'name'),
          textAt(row, 'namespace') || '-',
          count(numberAt(row, 'hits')),
          bytes(numberAt(row, 'bytes')),
          count(numberAt(row, 'entries')),
        ]),
      )
      if (at(body, 'is_complete') !== true)
        out.note(
          text`memory was not fully scanned (${counted(numberAt(body, 'scanned'), 'entry', 'entries')}): some may be missing`,
        )
    })
    return 'done'
  },
}

function tellNamespaces(out: Context['out'], data: readonly Row[]): void {
  out.table(
    [
      { title: 'NAMESPACE', gives: true },
      { title: 'HIT %', isNumber: true },
      { title: 'MISSES', isNumber: true },
      { title: 'LOADS', isNumber: true },
      { title: 'ENTRIES', isNumber: true },
      { title: 'SIZE', isNumber: true },
      { title: 'MISSES BECAUSE OF', gives: true },
    ],
    data.map((row) => {
      const causes = countsAt(row, 'miss_causes').slice(0, 3)
      return [
        textAt(row, 'name'),
        percent(numberAt(row, 'hit_ratio')),
        count(numberAt(row, 'misses')),
        count(numberAt(row, 'loads')),
        count(numberAt(row, 'entries')),
        bytes(numberAt(row, 'bytes')),
        joined(
          causes.map(([cause, n]) => text`${cause} ${count(n)}`),
          ', ',
        ),
      ]
    }),
  )
}

export const explain: Command = {
  name: 'explain',
  group: 'look',
  summary:
    'explain why a key or the answer to a URL hits or misses, in every process and tier, and whose invalidation removed it',
  positionals: ['KEY|URL'],
  options: ['cache-name', 'namespace'],
  fields: ['cache_name', 'namespace', 'key', 'verdict', 'cause', 'detail', 'receipt', 'note', 'by', 'nodes'],
  example: 'millpond explain user:7 --cache-name shop',
  scope: 'keys:read',
  async run(context) {
    const [key = ''] = context.given.positionals
    const client = await context.client()
    const named = /^https?:\/\//i.test(key) ? await ofUrl(client, context, key) : { key }
    const { body } = await client.get('explain/', { ...where(context), ...named })
    await context.out.answer('explain', body, () => tellExplanation(context, body))
    return 'done'
  },
}

/** A key may look like a URL, as those of the HTTP cache do: an answer to it as a URL is tried first. */
async function ofUrl(
  client: Client,
  context: Context,
  url: string,
): Promise<{ readonly url: string } | { readonly key: string }> {
  try {
    await client.get('explain/', { ...where(context), url })
    return { url }
  } catch (error) {
    if (error instanceof Failure && error.exit === 'notFound') return { key: url }
    throw error
  }
}

export const inspect: Command = {
  name: 'inspect',
  group: 'look',
  summary:
    'show the copies of a key in every process and tier, the operations that named it, and with --value its value',
  positionals: ['KEY'],
  options: ['cache-name', 'namespace', 'value', 'history', 'diff'],
  fields: [
    'cache_name',
    'namespace',
    'key',
    'verdict',
    'cause',
    'detail',
    'receipt',
    'note',
    'by',
    'nodes',
    'history',
    'value',
    'copies',
  ],
  example: 'millpond inspect user:7 --history',
  scope: 'keys:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const [key = ''] = given.positionals
    const { body } = await client.get('explain/', { ...where(context), key })
    // Not every key fits into a path.
    const path = 'keys/-'
    const held = { ...where(context), namespace: textAt(body, 'namespace'), key }
    const history = given.flag('history') ? rowsAt((await client.get(`${path}/history/`, held)).body, 'data') : null
    const value = given.flag('value') ? (await client.get(`${path}/value/`, held)).body : null
    const copies = given.flag('diff') ? (await client.get(`${path}/copies/`, held)).body : null
    await out.answer('inspect', { ...body, history, value, copies }, () => {
      tellExplanation(context, body)
      if (history !== null) tellHistory(out, history)
      if (value !== null)
        out.line(at(value, 'found') === true ? jsonLines(at(value, 'value')) : text`there is no value here`)
      if (copies !== null) tellCopies(out, copies)
    })
    return copies !== null && at(copies, 'is_same') === false ? 'unhealthy' : 'done'
  },
}

/** Each process is compared with the first that has it. */
function tellCopies(out: Context['out'], copies: Row): void {
  const held = rowsAt(copies, 'copies')
  const first = held.find((copy) => at(copy, 'found') === true)
  if (first === undefined) out.line(text`no process has a value`)
  for (const copy of held) {
    const name = textAt(copy, 'node')
    if (at(copy, 'found') !== true)
      out.line(text`${name}: ${at(copy, 'found') === false ? 'nothing' : textAt(copy, 'status')}`)
    else if (copy === first)
      out.line(text`${styled('bold', name)}: ${textAt(copy, 'sha256').slice(0, 12)}, of ${textAt(copy, 'tier')}`)
    else if (textAt(copy, 'sha256') === textAt(first, 'sha256')) out.line(text`${name}: ${styled('green', 'the same')}`)
    else {
      out.line(text`${name}: ${styled('red', 'another value')} (- ${textAt(first, 'node')}, + ${name})`)
      for (const one of differences(at(first, 'value'), at(copy, 'value')))
        for (const line of differenceLines(one)) out.line(line)
    }
  }
}

/** Keeps line breaks. */
const jsonLines = (value: unknown): Safe => joined(shownJson(value, 2).split('\n').map(sentence), '\n')

function tellExplanation({ given, out }: Context, body: Row): void {
  const verdict = textAt(body, 'verdict')
  const cause = textAt(body, 'cause')
  const because = cause === '' ? text`` : text`, because of ${styled('bold', cause)}${detailOf(textAt(body, 'detail'))}`
  out.line(
    text`${textAt(body, 'key')} in ${textAt(body, 'namespace')} of ${textAt(body, 'cache_name')}: ${styled(verdict === 'hit' ? 'green' : 'yellow', verdict)}${because}`,
  )
  const by = at(body, 'by')
  if (by !== null && by !== undefined)
    out.line(
      text`  by ${styled('bold', textAt(by, 'actor'))} at ${clock(textAt(by, 'at'))}, ${textAt(by, 'operation')}${textAt(by, 'reason') === '' ? text`` : text`: ${textAt(by, 'reason')}`}`,
    )
  const note = textAt(body, 'note')
  if (note !== '') out.line(text`  reason given by the program: ${styled('bold', note)}`)
  const rows = rowsAt(body, 'nodes').flatMap((node) => rowsOfNode(node))
  out.table(
    [
      { title: 'PROCESS' },
      { title: 'TIER' },
      { title: 'STATE' },
      { title: 'AGE', isNumber: true },
      { title: 'LEFT', isNumber: true },
      { title: 'SIZE', isNumber: true },
      { title: 'TAGS, CAUSE', gives: true },
    ],
    rows,
  )
  for (const node of rowsAt(body, 'nodes')) {
    const why = textAt(node, 'chosen_ttl', 'why')
    if (why !== '') out.line(text`${textAt(node, 'node')} chose its time to live, ${why}`)
  }
  if (cause === 'cold' && !given.has('namespace'))
    out.note(
      text`none of the twenty busiest namespaces has or remembers it: "millpond keys --contains PART" searches memory`,
    )
}

const detailOf = (detail: string): Part => (detail === '' ? text`` : text` (${detail})`)

function rowsOfNode(node: Row): readonly (readonly Part[])[] {
  const id = textAt(node, 'node')
  const tiers = rowsAt(node, 'tiers')
  if (tiers.length === 0)
    return [[id, '-', styled('yellow', textAt(node, 'status')), '-', '-', '-', textAt(node, 'error') || '-']]
  return tiers.map((tier) => {
    const state = textAt(tier, 'state')
    const why = [textAt(tier, 'cause'), textAt(tier, 'detail')].filter((part) => part !== '')
    return [
      id,
      textAt(tier, 'tier'),
      styled(state === 'fresh' ? 'green' : state === 'stale' ? 'yellow' : 'dim', state),
      seconds(numberAt(tier, 'age_seconds')),
      seconds(numberAt(tier, 'ttl_seconds')),
      bytes(numberAt(tier, 'bytes')),
      joined([...textsAt(tier, 'tags'), ...why], ' '),
    ]
  })
}

function tellHistory(out: Context['out'], history: readonly Row[]): void {
  if (history.length === 0) out.line(text`none of the last 200 operations named it`)
  else
    out.table(
      [{ title: 'AT' }, { title: 'KIND' }, { title: 'BY' }, { title: 'OPERATION' }, { title: 'REASON', gives: true }],
      history.map((row) => [
        clock(textAt(row, 'at')),
        textAt(row, 'kind'),
        textAt(row, 'actor'),
        textAt(row, 'operation'),
        textAt(row, 'reason') || '-',
      ]),
    )
}
