// Recommendations with their evidence; and applying them, one change per cache.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { exitOf, followed, SOON, tellOperation } from '../connection/follow.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { type Safe, shownJson, styled, text } from '../terminal/text.ts'
import { count, counted, percent, points } from '../terminal/units.ts'
import { putInPlace } from './export.ts'

interface Applied {
  readonly cache: string
  readonly id: string
  readonly operation: Row
  /** For `change` of `optimizations/apply/`. */
  readonly undo: unknown
}

export const optimize: Command = {
  name: 'optimize',
  group: 'decide',
  summary:
    'show what another size or policy would bring, with the evidence; --apply-optimizations applies one change per cache',
  positionals: [],
  options: ['cache-name', 'days', 'output', 'apply-optimizations', 'min-impact-score'],
  fields: ['caches', 'applied'],
  example: 'millpond optimize --cache-name shop --days 14 --apply-optimizations --min-impact-score 80',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const body = {
      days: given.count('days') ?? 7,
      ...(given.has('min-impact-score') && { min_impact_score: given.number('min-impact-score') }),
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
    }
    const client = await context.client()
    const { body: found } = await client.post('optimizations/analyze/', body)
    const caches = rowsAt(found, 'caches')
    const applied = given.flag('apply-optimizations') ? await applyTo(context, client, caches) : []
    const path = given.text('output')
    if (path !== undefined) {
      await putInPlace('output', path, `${shownJson({ caches, applied }, 2)}\n`)
      out.note(text`written to ${path}`)
    }
    await out.answer('optimize', { caches, applied }, () => {
      for (const cache of caches) tell(context, cache)
      for (const one of applied) tellApplied(context, one)
    })
    if (caches.length > 0 && caches.every((cache) => textAt(cache, 'error') !== '')) return 'unavailable'
    return applied.map(({ operation }) => exitOf(operation)).find((exit): exit is ExitName => exit !== 'done') ?? 'done'
  },
}

async function applyTo(context: Context, client: Client, caches: readonly Row[]): Promise<Applied[]> {
  const applied: Applied[] = []
  for (const cache of caches) {
    const first = rowsAt(cache, 'recommendations').find((one) => at(one, 'change') !== null && at(one, 'undo') !== null)
    if (first === undefined) continue
    const name = textAt(cache, 'cache_name')
    const id = textAt(first, 'id')
    const body = { cache_name: name, change: at(first, 'change'), reason: `recommendation ${id}` }
    const operation = await followed(
      context,
      client,
      await client.post('optimizations/apply/', body, SOON),
      'processes',
    )
    applied.push({ cache: name, id, operation, undo: at(first, 'undo') })
  }
  return applied
}

function tell({ out }: Context, cache: Row): void {
  const error = textAt(cache, 'error')
  out.line(styled('bold', text`${textAt(cache, 'cache_name')}`))
  if (error !== '') {
    out.line(text`  ${error}`)
    return
  }
  for (const row of rowsAt(cache, 'nodes')) tellNode(out, row)
  const recommendations = rowsAt(cache, 'recommendations')
  if (recommendations.length === 0) {
    out.line(text`  nothing is recommended${leftOut(cache)}`)
    return
  }
  out.table(
    [
      { title: 'IMPACT', isNumber: true },
      { title: 'WHAT' },
      { title: 'MORE HITS PER 100', isNumber: true },
      { title: '95 %', isNumber: true },
      { title: 'WHY' },
    ],
    recommendations.map((one) => [
      count(numberAt(one, 'impact')),
      textAt(one, 'id'),
      points(numberAt(one, 'hit_ratio_change', 'value')),
      text`${points(numberAt(one, 'hit_ratio_change', 'low'))} to ${points(numberAt(one, 'hit_ratio_change', 'high'))}`,
      text`${textAt(one, 'text')}; but ${textAt(one, 'risk')}`,
    ]),
  )
}

/** What is recommended, and too little for `--min-impact-score`. */
function leftOut(cache: Row): Safe {
  const many = numberAt(cache, 'left_out') ?? 0
  return many === 0
    ? text``
    : text` with so high an impact: ${counted(many, 'recommendation has', 'recommendations have')} a lower one, which a smaller --min-impact-score shows`
}

function tellNode(out: Context['out'], row: Row): void {
  const said = at(row, 'said')
  const name = textAt(row, 'node')
  const error = textAt(row, 'error')
  const why = textAt(said, 'evidence', 'why')
  if (error !== '') out.line(text`  ${name}: ${error}`)
  else if (why !== '') out.line(text`  ${name}: not enough data: ${why}`)
  else
    out.line(
      text`  ${name}: ${percent(numberAt(said, 'hit_ratio'))} of ${count(numberAt(said, 'evidence', 'reads'))} reads hit memory since ${textAt(said, 'evidence', 'from')}`,
    )
}

function tellApplied(context: Context, { cache, id, operation }: Applied): void {
  tellOperation(context, operation)
  context.out.line(
    text`${id} is in force in ${cache} until its processes end. To undo: millpond operations rollback ${textAt(operation, 'id')}`,
  )
}
