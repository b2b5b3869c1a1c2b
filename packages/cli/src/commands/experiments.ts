// Experiments between settings of a cache: results, starting, stopping, and applying the result.
import { readFile } from 'node:fs/promises'
import { isError } from 'millpond/options'
import type { Command, Context } from '../command.ts'
import { codeOf } from '../connection/files.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { readInput } from '../terminal/ask.ts'
import { styled, text } from '../terminal/text.ts'
import { clock, count } from '../terminal/units.ts'
import { makeSure } from './confirm.ts'

const FIELDS = [
  'id',
  'cache_name',
  'state',
  'kind',
  'phase',
  'plan',
  'judgement',
  'decided',
  'ended',
  'applied',
  'nodes',
  'course',
] as const
const MORE = ['measured_since', 'ended_at', 'actor', 'reason', 'created_at', 'updated_at'] as const

export const experimentsList: Command = {
  name: 'experiments list',
  group: 'look',
  summary: 'list experiments with cache settings, newest first',
  positionals: [],
  options: ['cache-name', 'limit'],
  fields: ['data'],
  example: 'millpond experiments list --cache-name shop',
  scope: 'metrics:read',
  async run({ given, out, client }) {
    const { body } = await (await client()).get('experiments/', {
      cache_name: given.text('cache-name'),
      limit: given.count('limit') ?? 20,
    })
    const data = rowsAt(body, 'data')
    await out.answer('experiments', { data }, () => {
      if (data.length === 0) return out.line(text`there are no experiments yet`)
      out.table(
        [
          { title: 'ID' },
          { title: 'CACHE' },
          { title: 'NAME' },
          { title: 'STATE' },
          { title: 'BEGAN' },
          { title: 'VERDICT', gives: true },
        ],
        data.map((row) => [
          textAt(row, 'id'),
          textAt(row, 'cache_name'),
          textAt(row, 'plan', 'name'),
          textAt(row, 'ended') || textAt(row, 'phase'),
          clock(textAt(row, 'created_at')),
          textAt(row, 'judgement', 'text'),
        ]),
      )
    })
    return 'done'
  },
}

export const experimentsShow: Command = {
  name: 'experiments show',
  group: 'look',
  summary: 'show one experiment: each arm against the first, and the verdict in words',
  positionals: ['ID'],
  options: [],
  fields: [...FIELDS, ...MORE],
  example: 'millpond experiments show exp_7Qm',
  scope: 'metrics:read',
  async run(context) {
    const { body } = await (await context.client()).get(`experiments/${idOf(context)}/`)
    await context.out.answer('experiments.show', body, () => tell(context, body))
    return 'done'
  },
}

export const experimentsStart: Command = {
  name: 'experiments start',
  group: 'decide',
  summary: 'start the experiment described by a JSON file, - for standard input; --dry-run shows it with every default',
  positionals: ['FILE'],
  options: ['cache-name', 'reason', 'dry-run'],
  fields: [
    ...FIELDS,
    ...MORE,
    ...[
      'arms',
      'metric',
      'effect',
      'alpha',
      'before_seconds',
      'settle_seconds',
      'min_run_seconds',
      'max_run_seconds',
      'namespace',
      'select',
    ],
  ],
  example: 'millpond experiments start longer.json --cache-name shop',
  scope: 'experiments:write',
  async run(context) {
    const { given, out } = context
    const plan = await planIn(context)
    const body = {
      ...plan,
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(given.has('reason') && { reason: given.text('reason') }),
      dry_run: given.flag('dry-run'),
    }
    const { body: begun } = await (await context.client()).post('experiments/', body)
    await out.answer('experiments.start', begun, () => {
      if (!given.flag('dry-run')) return tell(context, begun)
      for (const arm of rowsAt(begun, 'arms'))
        out.line(text`${textAt(arm, 'name')}: ${((numberAt(arm, 'share') ?? 0) * 100).toFixed(1)} % of the keys`)
      const covers = coversOf(begun)
      if (covers !== '') out.line(text`covers ${covers}`)
      out.line(
        text`counted alike for ${count(numberAt(begun, 'before_seconds'))} s, settling for ${count(numberAt(begun, 'settle_seconds'))} s, no verdict before ${count(numberAt(begun, 'min_run_seconds'))} s`,
      )
    })
    return 'done'
  },
}

export const experimentsStop: Command = {
  name: 'experiments stop',
  group: 'decide',
  summary: 'stop an experiment: all keys are treated alike again, and its results remain available',
  positionals: ['ID'],
  options: [],
  fields: [...FIELDS, ...MORE],
  example: 'millpond experiments stop exp_7Qm',
  scope: 'experiments:write',
  async run(context) {
    const { body } = await (await context.client()).post(`experiments/${idOf(context)}/stop/`, {})
    await context.out.answer('experiments.stop', body, () => tell(context, body))
    return 'done'
  },
}

export const experimentsApply: Command = {
  name: 'experiments apply',
  group: 'decide',
  summary: 'apply the settings of the winner, or of a named arm, to all keys in every process until it ends',
  positionals: ['ID', '[ARM]'],
  options: ['whole', 'yes', 'force', 'dry-run', 'reason', 'detach'],
  fields: ['arm', 'change', 'operation'],
  example: 'millpond experiments apply exp_7Qm --yes',
  scope: 'config:write',
  async run(context) {
    const { given, out } = context
    const [id = '', arm] = given.positionals
    const client = await context.client()
    const asked = {
      ...(arm !== undefined && { arm }),
      ...(given.has('reason') && { reason: given.text('reason') }),
      ...(given.flag('whole') && { whole: true }),
    }
    const path = `experiments/${encodeURIComponent(id)}/apply/`
    const { body: planned } = await client.post(path, { ...asked, dry_run: true })
    const what = text`${textAt(planned, 'arm')}: ${JSON.stringify(at(planned, 'change'))}`
    if (given.flag('dry-run')) {
      await out.answer(
        'experiments.apply',
        { arm: textAt(planned, 'arm'), change: at(planned, 'change'), operation: null },
        () => out.line(what),
      )
      return 'done'
    }
    await makeSure(context, text`Apply ${what} to all keys?`)
    const operation = await followed(context, client, await client.post(path, asked, SOON), 'processes')
    await out.answer(
      'experiments.apply',
      { arm: textAt(planned, 'arm'), change: at(planned, 'change'), operation },
      () => {
        tellOperation(context, operation)
        out.line(
          text`${what} until the processes end: put it into code or a configuration to keep it. To undo: millpond experiments rollback ${id}`,
        )
      },
    )
    return exitOf(operation)
  },
}

export const experimentsRollback: Command = {
  name: 'experiments rollback',
  group: 'decide',
  summary: 'roll back what an experiment applied',
  positionals: ['ID'],
  options: ['reason', 'detach'],
  fields: ['operation'],
  example: 'millpond experiments rollback exp_7Qm',
  scope: 'config:write',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const asked = given.has('reason') ? { reason: given.text('reason') } : {}
    const operation = await followed(
      context,
      client,
      await client.post(`experiments/${idOf(context)}/roll_back/`, asked, SOON),
      'processes',
    )
    await out.answer('experiments.rollback', { operation }, () => tellOperation(context, operation))
    return exitOf(operation)
  },
}

const idOf = ({ given }: Context): string => encodeURIComponent(given.positionals[0] ?? '')

async function planIn({ given, streams }: Context): Promise<object> {
  const [path = ''] = given.positionals
  const content =
    path === '-'
      ? await readInput(streams, 'the experiment')
      : await readFile(path, 'utf8').catch((error: unknown) => {
          throw wrongUse(`${path} cannot be read (${codeOf(error)})`)
        })
  try {
    const plan: unknown = JSON.parse(content)
    if (typeof plan === 'object' && plan !== null && !Array.isArray(plan)) return plan
  } catch (error) {
    throw wrongUse(`${path} is not JSON (${isError(error) ? error.message : error})`)
  }
  throw wrongUse(`${path} is not an experiment: give an object with name and arms`)
}

function tell({ out }: Context, row: Row): void {
  out.line(styled('bold', text`${textAt(row, 'plan', 'name')}`))
  out.line(
    text`  ${textAt(row, 'id')} on ${textAt(row, 'cache_name')}, ${textAt(row, 'ended') || textAt(row, 'phase')}: ${textAt(row, 'judgement', 'text')}`,
  )
  const decided = textAt(row, 'decided', 'text')
  const isLost = ['harm', 'uneven'].includes(textAt(row, 'judgement', 'verdict'))
  if (decided !== '')
    out.line(text`  ${isLost ? 'seemed sure' : 'sure'} since ${clock(textAt(row, 'decided', 'at'))}: ${decided}`)
  const covers = coversOf(at(row, 'plan'))
  const covered = numberAt(row, 'judgement', 'covered')
  if (covers !== '')
    out.line(text`  covers ${covers}${covered === null ? '' : `: ${(covered * 100).toFixed(1)} % of the reads`}`)
  for (const node of rowsAt(row, 'nodes')) {
    const error = textAt(node, 'error')
    if (error !== '') out.line(text`  ${textAt(node, 'node')} takes no part: ${error}`)
  }
  out.table(
    [
      { title: 'ARM' },
      { title: 'READS', isNumber: true },
      { title: 'GAIN', isNumber: true },
      { title: 'ALWAYS WITHIN', isNumber: true },
      { title: 'VERDICT' },
    ],
    [
      [
        textAt(row, 'judgement', 'control', 'name'),
        count(numberAt(row, 'judgement', 'control', 'reads')),
        '',
        '',
        'compared with',
      ],
      ...rowsAt(row, 'judgement', 'arms').map((arm) => [
        textAt(arm, 'name'),
        count(numberAt(arm, 'reads')),
        points(numberAt(arm, 'gain', 'value')),
        numberAt(arm, 'gain', 'low') === null
          ? '-'
          : `${points(numberAt(arm, 'gain', 'low'))} to ${points(numberAt(arm, 'gain', 'high'))}`,
        textAt(arm, 'verdict').replaceAll('_', ' '),
      ]),
    ],
  )
}

const SELECTED = {
  keys: 'keys like',
  except: 'except those like',
  tenants: 'tenants',
  tenant_share: 'a share of the tenants of',
  share: 'a share of the keys of',
} as const

/** Which keys a plan covers; empty: all of them. */
function coversOf(plan: unknown): string {
  const [select, namespace] = [at(plan, 'select'), textAt(plan, 'namespace')]
  const parts = Object.entries(SELECTED).flatMap(([name, words]) => {
    const value = at(select, name)
    return value === undefined || value === null ? [] : [`${words} ${[value].flat().join(', ')}`]
  })
  return [...(namespace === '' ? [] : [`the namespace ${namespace}`]), ...parts].join(', ')
}

/** Per hundred reads. */
const points = (value: number | null): string =>
  value === null ? '-' : `${value < 0 ? '-' : '+'}${(Math.abs(value) * 100).toFixed(2)}`
