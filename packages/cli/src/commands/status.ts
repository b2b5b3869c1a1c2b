// `millpond status`: the state of the caches at a glance.
import { setTimeout as pause } from 'node:timers/promises'
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { joined, type Part, type Safe, styled, text } from '../terminal/text.ts'
import { bytes, clock, count, counted, milliseconds, percent } from '../terminal/units.ts'
import { partWords } from './health-part.ts'
import { ofOrganization } from './organization.ts'

const EVERY_MS = 2000
const COLUMNS = [
  { title: 'TIER' },
  { title: 'HIT %', isNumber: true },
  { title: 'SHARE', isNumber: true },
  { title: 'P50', isNumber: true },
  { title: 'P99', isNumber: true },
  { title: 'USED', isNumber: true },
  { title: 'READ/s', isNumber: true },
  { title: 'WRITTEN/s', isNumber: true },
  { title: 'ERRORS', isNumber: true },
  { title: 'STATE', gives: true },
]

export const status: Command = {
  name: 'status',
  group: 'look',
  summary: 'show the state of the caches: health with its deductions, tiers, causes of misses, alerts',
  positionals: [],
  options: ['cache-name', 'organization', 'watch', 'fail-under'],
  fields: ['health_score', 'caches', 'alerts', 'organization'],
  example: 'millpond status --fail-under 80',
  scope: 'metrics:read',
  async run(context) {
    const client = await context.client()
    if (context.given.has('organization')) return ofOrganization(context, client)
    if (!context.given.flag('watch')) return once(context, client)
    while (!context.signal.aborted && !context.out.isGone) {
      await once(context, client)
      context.out.line()
      await pause(EVERY_MS, undefined, { signal: context.signal }).catch(() => undefined)
    }
    return 'interrupted'
  },
}

async function once({ given, out }: Context, client: Client): Promise<ExitName> {
  const cache_name = given.text('cache-name')
  const { body } = await client.get('metrics/summary/', { cache_name })
  const firing = rowsAt((await client.get('alerts/', { state: 'firing', cache_name })).body, 'data')
  const caches = rowsAt(body, 'caches')
  const health_score = numberAt(body, 'health_score')
  await out.answer('status', { health_score, caches, alerts: firing }, () => {
    if (caches.length === 0) out.line(text`no cache is attached: call attach(cache) in its process`)
    for (const [index, cache] of caches.entries()) {
      if (index > 0) out.line()
      tell(out, cache, firing)
    }
  })
  const least = given.number('fail-under')
  if (least !== undefined && (health_score ?? 0) < least) {
    out.error(text`health ${health_score ?? 'unknown'} is below ${least}`)
    return 'unhealthy'
  }
  return 'done'
}

function tell(out: Context['out'], cache: Row, firing: readonly Row[]): void {
  const name = textAt(cache, 'cache_name')
  const own = firing.filter((alert) => textAt(alert, 'cache_name') === name)
  const late = textsAt(cache, 'nodes', 'late')
  const all = numberAt(cache, 'nodes', 'total') ?? 0
  const alerts = own.length === 0 ? text`no alerts` : styled('red', counted(own.length, 'alert'))
  out.line(
    text`${styled('bold', name)}   health ${healthWords(cache)}   ${alerts}   ${late.length === 0 ? '' : `${all - late.length} of `}${counted(all, 'process', 'processes')}   as of ${clock(textAt(cache, 'as_of'))}`,
  )
  const unseen = textAt(cache, 'nodes', 'unseen')
  if (late.length > 0) out.line(styled('yellow', text`late: ${joined(late, ', ')}`))
  if (unseen !== '') out.line(styled('yellow', text`other processes are not visible: ${unseen}`))
  for (const part of rowsAt(cache, 'health', 'parts'))
    if ((numberAt(part, 'deduction') ?? 0) > 0)
      out.line(text`  -${count(numberAt(part, 'deduction'))} ${partWords(part)}`)
  for (const alert of own) out.line(styled('red', text`  ${textAt(alert, 'severity')}: ${textAt(alert, 'message')}`))
  out.table(
    COLUMNS,
    rowsAt(cache, 'tiers').map((tier) => tierRow(cache, tier)),
  )
  const recent = countsAt(cache, 'last_minute_miss_causes')
  const causes = recent.length > 0 ? recent : countsAt(cache, 'miss_causes')
  const misses = causes.reduce((sum, [, n]) => sum + n, 0)
  if (misses === 0) return
  const shares = causes.slice(0, 4).map(([cause, n]) => text`${cause} ${percent(n / misses)}`)
  out.line(text`${recent.length > 0 ? 'Misses in the last minute' : 'Misses'}: ${joined(shares, ', ')}`)
  out.note(text`-> "millpond top --by misses" says where, "millpond explain KEY" why, "millpond monitor" shows it live`)
}

export function healthWords(cache: Row): Safe {
  const [from, to] = [numberAt(cache, 'health', 'score', 'from'), numberAt(cache, 'health', 'score', 'to')]
  if (from === null || to === null) return text`unknown`
  const words = from === to ? text`${Math.round(to)}/100` : text`${Math.round(from)}-${Math.round(to)}/100`
  const state = textAt(cache, 'health', 'status')
  return state === 'healthy'
    ? styled('green', words)
    : state === 'unhealthy'
      ? styled('red', words)
      : state === 'degraded'
        ? styled('yellow', words)
        : words
}

function tierRow(cache: Row, tier: Row): readonly Part[] {
  const name = textAt(tier, 'name')
  const minute = at(tier, 'last_minute') ?? tier
  const [calls, errors] = [numberAt(minute, 'calls') ?? 0, numberAt(minute, 'errors') ?? 0]
  const [used, limit] = [numberAt(cache, 'memory', 'bytes'), numberAt(cache, 'memory', 'max_bytes')]
  return [
    name,
    percent(numberAt(minute, 'hit_ratio')),
    percent(numberAt(minute, 'share')),
    milliseconds(numberAt(minute, 'p50_ms')),
    milliseconds(numberAt(minute, 'p99_ms')),
    name === 'memory' ? `${bytes(used)}${limit === null ? '' : ` of ${bytes(limit)}`}` : '-',
    bytes(numberAt(minute, 'read_bytes_per_second')),
    bytes(numberAt(minute, 'written_bytes_per_second')),
    errors === 0 ? '0' : styled('red', percent(errors / Math.max(1, calls + errors))),
    stateOf(tier),
  ]
}

function stateOf(tier: Row): Part {
  if (at(tier, 'enabled') === false) return styled('yellow', 'switched off')
  const breaker = textAt(tier, 'breaker')
  return breaker === 'closed' || breaker === '' ? text`` : styled('red', text`breaker ${breaker}`)
}
