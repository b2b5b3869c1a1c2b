// Performance over the last hours, and compliance.
import type { Command, Context } from '../command.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { joined, type Safe, styled, text } from '../terminal/text.ts'
import { bytes, counted, milliseconds, percent, seconds, times } from '../terminal/units.ts'
import { putInPlace } from './export.ts'
import { tellTrend } from './trends.ts'

const SHOWN = 5

export const report: Command = {
  name: 'report',
  group: 'decide',
  summary:
    'report on each cache: effectiveness, coverage, bottlenecks, times to live, invalidations, growth; a new report or a stored one',
  positionals: ['[REPORT]'],
  options: ['cache-name', 'hours', 'output'],
  fields: ['data'],
  example: 'millpond report --hours 24',
  scope: 'benchmark',
  async run(context) {
    const { given, out } = context
    const [id] = given.positionals
    const hours = given.number('hours')
    if (id !== undefined && (hours !== undefined || given.has('cache-name')))
      throw wrongUse('a stored report is named by its id alone')
    if (hours !== undefined && (hours <= 0 || hours > 720)) throw wrongUse(`--hours ${hours}: use at most 720`)
    const client = await context.client()
    const asked = {
      ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
      ...(hours !== undefined && { hours }),
    }
    const data =
      id === undefined
        ? rowsAt((await client.post('reports/', asked, { timeoutMs: 120_000 })).body, 'data')
        : [(await client.get(`reports/${encodeURIComponent(id)}/`)).body]
    const path = given.text('output')
    if (path !== undefined)
      await putInPlace('output', path, `${JSON.stringify({ schema: 'millpond.report/1', data }, null, 2)}\n`)
    await out.answer('report', { data }, () => {
      if (path !== undefined) out.note(text`written to ${path}`)
      for (const one of data) tellReport(out, one)
    })
    return 'done'
  },
}

function tellReport(out: Context['out'], kept: Row): void {
  const of = at(kept, 'report')
  const did = at(of, 'effectiveness')
  const before = numberAt(did, 'hit_ratio_before')
  out.line(
    text`${styled('bold', textAt(of, 'cache_name'))} ${textAt(kept, 'id')}: ${seconds(numberAt(of, 'seconds_seen'))} of data up to ${textAt(of, 'to')}`,
  )
  out.line(
    text`  hits ${percent(numberAt(did, 'hit_ratio'))}${before === null ? text`` : text` (before: ${percent(before)})`}, ${counted(numberAt(did, 'loads'), 'load')} of ${milliseconds(numberAt(did, 'load_avg_ms'))}, a get ${milliseconds(numberAt(did, 'get_avg_ms'))}, saved ${seconds(numberAt(did, 'saved_seconds'))}`,
  )
  for (const one of rowsAt(of, 'bottlenecks'))
    out.line(text`  ${styled('yellow', textAt(one, 'detail'))}: ${textAt(one, 'remedy')}`)
  for (const one of rowsAt(of, 'coverage', 'organizations').slice(0, SHOWN)) {
    const [held, missing] = [textsAt(one, 'held'), textsAt(one, 'missing')]
    const types = held.length + missing.length
    const share =
      types === 0
        ? text``
        : text`, ${held.length} of ${types} kinds${missing.length === 0 ? text`` : text` (not ${joined(missing.slice(0, SHOWN), ', ')})`}`
    out.line(
      text`  ${textAt(one, 'scope')} ${textAt(one, 'name')}: ${counted(numberAt(one, 'entries'), 'entry', 'entries')}, ${bytes(numberAt(one, 'bytes'))}${share}`,
    )
  }
  for (const one of rowsAt(of, 'ttl', 'namespaces').filter((space) =>
    ['longer', 'shorter'].includes(textAt(space, 'advice')),
  ))
    out.line(
      text`  ${textAt(one, 'name')}: a ${textAt(one, 'advice')} ttl (${percent(numberAt(one, 'expired_ratio'))} of its misses had expired, ${percent(numberAt(one, 'unread_ratio'))} of its entries are never read)`,
    )
  const patterns = rowsAt(of, 'invalidations', 'patterns').slice(0, SHOWN)
  if (patterns.length > 0)
    out.line(
      text`  ${counted(numberAt(of, 'invalidations', 'operations'), 'invalidation')}: ${joined(
        patterns.map((one) => text`${textAt(one, 'by')} ${textAt(one, 'name')} ${times(numberAt(one, 'times'))}`),
        ', ',
      )}`,
    )
  const [perDay, full] = [numberAt(of, 'growth', 'bytes_per_day'), numberAt(of, 'growth', 'full_in_days')]
  if (perDay !== null)
    out.line(
      text`  ${perDay < 0 ? 'shrinks' : 'grows'} by ${bytes(Math.abs(perDay))} a day${full === null ? text`` : text`: full in ${counted(full, 'day')}`}`,
    )
  for (const one of rowsAt(of, 'trends').filter((row) => ['rising', 'falling'].includes(textAt(row, 'direction'))))
    tellTrend(out, one)
}

export const compliance: Command = {
  name: 'compliance',
  group: 'govern',
  summary:
    'list the controls of GDPR, SOC 2, HIPAA and PCI DSS that concern a cache; exit 3 if one of a chosen regime is violated',
  positionals: [],
  options: ['regime', 'output'],
  fields: ['at', 'settings', 'regimes', 'evidence'],
  example: 'millpond compliance --regime gdpr --output gdpr.json',
  scope: 'audit:read',
  async run(context) {
    const { given, out } = context
    const { body } = await (await context.client()).get(
      'compliance/',
      { regime: given.text('regime') },
      { timeoutMs: 120_000 },
    )
    const path = given.text('output')
    if (path !== undefined)
      await putInPlace('output', path, `${JSON.stringify({ schema: 'millpond.compliance/1', ...body }, null, 2)}\n`)
    await out.answer('compliance', body, () => {
      if (path !== undefined) out.note(text`written to ${path}`)
      for (const regime of rowsAt(body, 'regimes')) tellRegime(out, regime)
    })
    const isViolated = rowsAt(body, 'regimes').some(
      (one) => at(one, 'applies') === true && (numberAt(one, 'counts', 'violated') ?? 0) > 0,
    )
    return isViolated ? 'unhealthy' : 'done'
  },
}

function tellRegime(out: Context['out'], regime: Row): void {
  const counts = countsAt(regime, 'counts').flatMap(([name, n]) =>
    n === 0 ? [] : [text`${n} ${name.replaceAll('_', ' ')}`],
  )
  out.line(
    text`${styled('bold', textAt(regime, 'name'))}${at(regime, 'applies') === true ? text`` : text` (not chosen)`}: ${joined(counts, ', ')}`,
  )
  out.table(
    [{ title: 'CONTROL' }, { title: 'STATE' }, { title: 'TITLE' }, { title: 'BECAUSE', gives: true }],
    rowsAt(regime, 'controls').map((one) => [
      textAt(one, 'id'),
      stateWords(textAt(one, 'state')),
      textAt(one, 'title'),
      textAt(one, 'detail'),
    ]),
  )
}

const STYLES = { met: 'green', violated: 'red', unknown: 'yellow' } as const
const stateWords = (state: string): Safe => {
  const words = state.replaceAll('_', ' ')
  return state === 'met' || state === 'violated' || state === 'unknown'
    ? styled(STYLES[state], words)
    : styled('dim', words)
}
