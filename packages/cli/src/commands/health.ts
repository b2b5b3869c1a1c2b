// Health checks: for people, for CI, and of each stored configuration.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { at, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { type ExitName, Failure } from '../failure.ts'
import { plain, shown, styled, text } from '../terminal/text.ts'
import { count, counted, milliseconds } from '../terminal/units.ts'
import { configurations } from './config.ts'
import { putInPlace } from './export.ts'
import { partWords } from './health-part.ts'
import { healthWords } from './status.ts'

export const healthCheck: Command = {
  name: 'health-check',
  group: 'look',
  summary: 'show the health of each cache with its deductions; exit 3 if one is unhealthy',
  positionals: [],
  options: ['cache-name', 'deep', 'junit', 'create-alerts'],
  fields: ['status', 'caches', 'connections', 'alerts'],
  example: 'millpond health-check --deep --junit health.xml',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const alerts = given.flag('create-alerts') ? rowsAt((await client.post('alerts/evaluate/', {})).body, 'data') : null
    const { body } = await client.get(
      'optimizations/health_check/',
      { cache_name: given.text('cache-name') },
      { takes: [503] },
    )
    const caches = rowsAt(body, 'caches')
    const connections = given.flag('deep')
      ? await tested(client, await everything(client, given.text('cache-name')))
      : null
    const status = textAt(body, 'status')
    const junit = given.text('junit')
    if (junit !== undefined) await putInPlace('junit', junit, junitOf(caches, connections ?? []))
    await out.answer('health', { status, caches, connections, alerts }, () => {
      for (const cache of caches) {
        out.line(
          text`${styled('bold', textAt(cache, 'cache_name'))} ${textAt(cache, 'status')}, ${healthWords({ health: cache })}`,
        )
        for (const part of rowsAt(cache, 'parts')) out.line(judged(part))
      }
      if (caches.length === 0) out.line(text`no cache is attached`)
      for (const one of connections ?? []) tellTest(out, one)
      if (alerts !== null) out.line(text`${counted(alerts.length, 'alert fires', 'alerts fire')}`)
      for (const alert of alerts ?? [])
        out.line(styled('red', text`  ${textAt(alert, 'severity')}: ${textAt(alert, 'message')}`))
    })
    return status === 'unhealthy' || (connections ?? []).some((one) => at(one, 'ok') !== true) ? 'unhealthy' : 'done'
  },
}

function judged(part: Row) {
  if (textAt(part, 'state') !== 'known') return styled('dim', text`  ? ${partWords(part)}`)
  const deduction = numberAt(part, 'deduction') ?? 0
  return deduction === 0
    ? text`  ok ${partWords(part)}`
    : styled('yellow', text`  -${count(deduction)} ${partWords(part)}`)
}

/** What can be tested: running caches, and configurations of others. */
async function everything(client: Client, name: string | undefined): Promise<readonly Testable[]> {
  const { body } = await client.get('nodes/', {})
  const running = [...new Set(rowsAt(body, 'data').map((row) => textAt(row, 'cache_name')))]
  const stored = (await configurations(client)).map((row) => ({ name: textAt(row, 'name'), id: textAt(row, 'id') }))
  const all = [
    ...running.map((one) => ({ name: one, id: one })),
    ...stored.filter((one) => !running.includes(one.name)),
  ]
  if (name === undefined) return all
  const found = all.filter(
    (one) => one.name === name || one.id === name || one.name === stored.find(({ id }) => id === name)?.name,
  )
  if (found.length > 0) return found
  throw new Failure(
    'notFound',
    `there is no cache or configuration ${shown(name)}: there ${all.length === 0 ? 'is none at all' : `are ${all.map((one) => one.name).join(', ')}`}`,
  )
}

interface Testable {
  readonly name: string
  readonly id: string
}

async function tested(client: Client, all: readonly Testable[]): Promise<readonly Row[]> {
  const results: Row[] = []
  for (const { name, id } of all) {
    const { body } = await client.post(
      `configurations/${encodeURIComponent(id)}/test_connection/`,
      {},
      { timeoutMs: 60_000 },
    )
    results.push({ name, ...body })
  }
  return results
}

const VERDICTS: Readonly<Record<string, string>> = { ok: 'ok', warning: 'warn' }

function tellTest(out: Context['out'], result: Row): void {
  const isOk = at(result, 'ok') === true
  out.line(
    text`${styled('bold', textAt(result, 'name'))} ${isOk ? styled('green', 'ok') : styled('red', 'failed')} (${textAt(result, 'tested')})`,
  )
  for (const step of rowsAt(result, 'steps')) {
    const detail = textAt(step, 'detail')
    const words = text`  ${VERDICTS[textAt(step, 'verdict')] ?? 'FAILED'} ${textAt(step, 'tier')} ${textAt(step, 'step')} ${milliseconds(numberAt(step, 'ms'))}${detail === '' ? text`` : text`: ${detail}`}`
    const isWarning = textAt(step, 'verdict') === 'warning'
    out.line(at(step, 'ok') !== true ? styled('red', words) : isWarning ? styled('yellow', words) : words)
    const remedy = textAt(step, 'remedy')
    if (remedy !== '') out.line(text`     -> ${remedy}`)
  }
  // Warnings of steps are listed there already.
  const told = rowsAt(result, 'steps').map((step) => `${textAt(step, 'tier')}: ${textAt(step, 'remedy')}`)
  for (const warning of textsAt(result, 'warnings'))
    if (!told.includes(warning)) out.line(styled('yellow', text`  ${warning}`))
}

export const testConnection: Command = {
  name: 'test-connection',
  group: 'look',
  summary: 'test every tier of a cache or configuration step by step, then write, read and delete a test entry',
  positionals: ['[NAME]'],
  options: ['cache-name'],
  fields: ['results'],
  example: 'millpond test-connection product_cache',
  scope: 'config:read',
  async run({ given, out, client: open }): Promise<ExitName> {
    const client = await open()
    const name = given.positionals[0] ?? given.text('cache-name')
    const results = await tested(client, await everything(client, name))
    await out.answer('test-connection', { results }, () => {
      if (results.length === 0)
        out.line(text`no cache is running and no configuration is stored: there is nothing to test`)
      for (const result of results) tellTest(out, result)
    })
    return results.some((result) => at(result, 'ok') !== true) ? 'unhealthy' : 'done'
  },
}

/** In JUnit's format: a suite for each cache, a case for each part. */
function junitOf(caches: readonly Row[], connections: readonly Row[]): string {
  const suites = [
    ...caches.map((cache) => ({
      name: textAt(cache, 'cache_name'),
      cases: rowsAt(cache, 'parts').map((part) => ({
        name: textAt(part, 'name'),
        skipped: textAt(part, 'state') === 'known' ? undefined : textAt(part, 'detail') || 'not known',
        fault: (numberAt(part, 'deduction') ?? 0) > 0 ? plain(partWords(part)) : undefined,
      })),
    })),
    ...connections.map((one) => ({
      name: `connection ${textAt(one, 'name')}`,
      cases: rowsAt(one, 'steps').map((step) => ({
        name: `${textAt(step, 'tier')} ${textAt(step, 'step')}`,
        skipped: undefined,
        fault:
          at(step, 'ok') === true ? undefined : `${textAt(step, 'detail') || 'failed'} -> ${textAt(step, 'remedy')}`,
      })),
    })),
  ]
  const lines = suites.flatMap(({ name, cases }) => [
    `  <testsuite name="${xml(name)}" tests="${cases.length}" failures="${casesWith(cases, 'fault')}" skipped="${casesWith(cases, 'skipped')}">`,
    ...cases.map((one) => `    <testcase classname="${xml(name)}" name="${xml(one.name)}"${outcome(one)}`),
    '  </testsuite>',
  ])
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="millpond health-check">',
    ...lines,
    '</testsuites>',
    '',
  ].join('\n')
}

interface Case {
  readonly name: string
  readonly fault: string | undefined
  /** An unknown result is not a pass. */
  readonly skipped: string | undefined
}

const casesWith = (cases: readonly Case[], how: 'fault' | 'skipped'): number =>
  cases.filter((one) => one[how] !== undefined).length

function outcome({ fault, skipped }: Case): string {
  if (fault !== undefined) return `><failure message="${xml(fault)}"/></testcase>`
  return skipped === undefined ? '/>' : `><skipped message="${xml(skipped)}"/></testcase>`
}

/** Characters that XML 1.0 cannot represent are replaced. */
const xml = (words: string): string =>
  words
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
