// Cleaning up old records, and checking the cached paths against their objectives.
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { followed, SOON } from '../connection/follow.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { joined, type Safe, styled, text } from '../terminal/text.ts'
import { count, counted, milliseconds, percent } from '../terminal/units.ts'
import { makeSure } from './confirm.ts'
import { coverage, tellCoverage } from './organization.ts'

export const cleanup: Command = {
  name: 'cleanup',
  group: 'govern',
  summary: 'remove figures, operations, reports and resolved alerts older than a number of days; the audit is kept',
  positionals: [],
  options: ['days', 'dry-run', 'metrics-only', 'yes', 'force'],
  fields: ['days', 'dry_run', 'removed'],
  example: 'millpond cleanup --days 30 --dry-run',
  scope: 'users:write',
  async run(context) {
    const { given, out } = context
    const asked = given.number('days')
    if (asked !== undefined && asked < 1) throw wrongUse(`--days ${asked}: use at least 1`)
    const client = await context.client()
    const body = { ...(asked !== undefined && { days: asked }), metrics_only: given.flag('metrics-only') }
    const { body: plan } = await client.post('maintenance/cleanup/', { ...body, dry_run: true })
    const days = numberAt(plan, 'days') ?? 0
    const words = countsAt(plan, 'removed').map(([name, n]) => text`${count(n)} ${name.replaceAll('_', ' ')}`)
    const all = countsAt(plan, 'removed').reduce((sum, [, n]) => sum + n, 0)
    if (given.flag('dry-run') || all === 0) {
      await out.answer('cleanup', plan, () => {
        out.line(text`Older than ${counted(days, 'day')}: ${joined(words, ', ')}`)
        out.line(text`Nothing was changed.`)
      })
      return 'done'
    }
    out.line(text`Older than ${counted(days, 'day')}: ${joined(words, ', ')}`)
    await makeSure(context, text`Remove them?`)
    const { body: done } = await client.post('maintenance/cleanup/', { ...body, dry_run: false })
    await out.answer('cleanup', done, () => out.line(text`removed`))
    return 'done'
  },
}

export const test: Command = {
  name: 'test',
  group: 'decide',
  summary: 'compare the cached paths with their objectives over a number of days; exit 3 if one is missed',
  positionals: [],
  options: ['organization', 'critical', 'cache-name', 'days'],
  fields: ['days', 'caches', 'organization', 'paths'],
  example: 'millpond test --days 30',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const days = given.number('days') ?? 30
    if (days <= 0 || days > 30) throw wrongUse(`--days ${days}: use 1 to 30`)
    const client = await context.client()
    const organization = given.has('organization') ? await coverage(context, client) : null
    const names = rowsAt(
      (await client.get('metrics/summary/', { cache_name: given.text('cache-name') })).body,
      'caches',
    ).map((cache) => textAt(cache, 'cache_name'))
    const caches = await Promise.all(
      names.map(async (cache_name) => judged(cache_name, (await client.get('metrics/', { cache_name, days })).body)),
    )
    const paths = given.flag('critical') ? await measured(context, client) : null
    await out.answer('test', { days, caches, organization, paths }, () => {
      tellCaches(out, caches)
      if (organization !== null) tellCoverage(context, organization)
      for (const path of paths ?? []) out.line(pathWords(path))
    })
    const isSlow = (paths ?? []).some(
      (path) => (numberAt(path, 'failed') ?? 0) > 0 || (numberAt(path, 'ms') ?? 0) > GOAL.path_ms,
    )
    return isSlow || caches.some(({ missed }) => missed.length > 0) ? 'unhealthy' : 'done'
  },
}

/** The critical paths, each requested twice: the second time as a client would after warming. */
async function measured(context: Context, client: Client): Promise<readonly Row[]> {
  const { given } = context
  const body = {
    critical: true,
    reason: 'millpond test',
    ...(given.has('cache-name') && { cache_name: given.text('cache-name') }),
  }
  let operation: Row = {}
  for (let time = 0; time < 2; time++)
    operation = await followed(context, client, await client.post('warming/warm_registered/', body, SOON), 'paths')
  return rowsAt(operation, 'result', 'paths')
}

function pathWords(path: Row): Safe {
  const ms = numberAt(path, 'ms') ?? 0
  const verdict =
    (numberAt(path, 'failed') ?? 0) > 0
      ? styled('red', 'failed')
      : ms > GOAL.path_ms
        ? styled('red', text`slower than ${GOAL.path_ms} ms`)
        : styled('green', 'ok')
  return text`${textAt(path, 'name')} ${milliseconds(ms)} ${verdict}`
}

function tellCaches(out: Context['out'], caches: readonly ReturnType<typeof judged>[]): void {
  out.table(
    [
      { title: 'CACHE' },
      { title: 'HIT %', isNumber: true },
      { title: 'GET', isNumber: true },
      { title: 'WORST P95', isNumber: true },
      { title: 'LOADS/S', isNumber: true },
      { title: 'VERDICT', gives: true },
    ],
    caches.map(({ cache_name, hit_ratio, get_avg_ms, get_p95_ms, loads_per_second, missed }) => [
      cache_name,
      percent(hit_ratio),
      milliseconds(get_avg_ms),
      milliseconds(get_p95_ms),
      count(loads_per_second),
      hit_ratio === null
        ? text`nothing was read`
        : missed.length === 0
          ? styled('green', 'ok')
          : styled('red', missed.join(', ')),
    ]),
  )
}

/**
 * The sources' objectives for cached paths in general use: above 80 % hits, below 10 ms on average, a request below 100
 * ms.
 */
const GOAL = { hit_ratio: 0.8, get_avg_ms: 10, path_ms: 100 }

function judged(cache_name: string, columns: unknown) {
  const series = rowsAt(columns, 'series')
  const of = (name: string, labels: Readonly<Record<string, string>> = {}): readonly unknown[] => {
    const found = series.find(
      (one) =>
        textAt(one, 'name') === name &&
        Object.entries(labels).every(([label, value]) => textAt(one, 'labels', label) === value),
    )
    const values = at(found, 'v')
    return Array.isArray(values) ? values : []
  }
  const reads = of('requests_per_second')
  const hit_ratio = meanOf(of('hit_ratio'), reads)
  const get_avg_ms = meanOf(of('latency_ms', { op: 'get', stat: 'avg' }), reads)
  const loads = of('loads_per_second')
  const p95 = of('latency_ms', { op: 'get', stat: 'p95' }).filter((value) => typeof value === 'number')
  const missed = [
    ...(hit_ratio !== null && hit_ratio < GOAL.hit_ratio ? [`hits below ${GOAL.hit_ratio * 100} %`] : []),
    ...(get_avg_ms !== null && get_avg_ms > GOAL.get_avg_ms ? [`a get takes more than ${GOAL.get_avg_ms} ms`] : []),
  ]
  return {
    cache_name,
    hit_ratio,
    get_avg_ms,
    get_p95_ms: p95.length === 0 ? null : Math.max(...p95),
    loads_per_second: meanOf(
      loads,
      loads.map(() => 1),
    ),
    missed,
  }
}

/** Steps are weighted by their traffic: a quiet night counts less than a busy hour. */
function meanOf(values: readonly unknown[], weights: readonly unknown[]): number | null {
  let [sum, all] = [0, 0]
  for (const [step, value] of values.entries()) {
    const weight = weights[step]
    if (typeof value !== 'number' || typeof weight !== 'number') continue
    sum += value * weight
    all += weight
  }
  return all === 0 ? null : sum / all
}
