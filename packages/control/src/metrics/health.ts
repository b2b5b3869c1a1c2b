// The health of a cache: 100 minus deductions, each with its value, target and weight. Unknown parts are "unknown":
// their weight turns the score into a range.
import { counted } from 'millpond/options'
import type { FleetSnapshot, Point } from './collector.ts'
import { quantile, ratio } from './quantiles.ts'
import { tiersIn } from './series.ts'

export interface HealthPart {
  readonly name: string
  readonly weight: number
  readonly state: 'known' | 'unknown'
  readonly deduction: number
  readonly value: number | null
  readonly target: number | null
  /** Details. */
  readonly detail: string | null
}

export interface Health {
  /** The range of the score; one number if everything is known. */
  readonly score: { readonly from: number; readonly to: number }
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  readonly parts: readonly HealthPart[]
}

export interface Usual {
  /** At this hour of the week. */
  readonly hitRatio: number | undefined
  /** Of the last hour. */
  readonly loadsPerSecond: number | undefined
}

/** Reads that are needed to judge a ratio. */
export const LEAST_REQUESTS = 200
const TARGET_HIT_RATIO = 0.8
/** Milliseconds that 1 % of a tier's calls may exceed. */
const OBJECTIVE_MS = { memory: 1, below: 20 }
const HEALTHY = 80
const DEGRADED = 50

export function healthOf(window: Point | undefined, { nodes, unseen }: FleetSnapshot, usual: Usual): Health {
  const parts = [
    hitRatio(window, usual),
    latency(window),
    errors(window, nodes),
    young(window),
    staleness(nodes, unseen),
    refill(window, usual),
  ]
  const to = Math.max(0, 100 - parts.reduce((all, { deduction }) => all + deduction, 0))
  const from = Math.max(0, to - parts.reduce((all, { state, weight }) => all + (state === 'unknown' ? weight : 0), 0))
  const score = { from: Math.round(from), to: Math.round(to) }
  const status =
    nodes.length === 0 ? 'unknown' : score.to >= HEALTHY ? 'healthy' : score.to >= DEGRADED ? 'degraded' : 'unhealthy'
  return { score, status, parts }
}

function part(
  name: string,
  weight: number,
  value: number | null,
  target: number | null,
  share: number,
  detail: string | null = null,
): HealthPart {
  const deduction = Math.round(weight * Math.min(1, Math.max(0, share)) * 10) / 10
  return { name, weight, state: 'known', deduction, value, target, detail }
}

const unknown = (name: string, weight: number, target: number | null, detail: string): HealthPart => ({
  name,
  weight,
  state: 'unknown',
  deduction: 0,
  value: null,
  target,
  detail,
})

/** The full deduction at three fifths of the target. */
function hitRatio(window: Point | undefined, usual: Usual): HealthPart {
  const { hits = 0, misses = 0 } = window?.counters ?? {}
  const target = usual.hitRatio ?? TARGET_HIT_RATIO
  const value = ratio(hits, hits + misses)
  if (value === null || hits + misses < LEAST_REQUESTS)
    return unknown(
      'hit_ratio',
      30,
      target,
      `${counted(hits + misses, 'read')} in the last minute: ${LEAST_REQUESTS} are needed`,
    )
  return part(
    'hit_ratio',
    30,
    value,
    target,
    (target - value) / (0.4 * target),
    usual.hitRatio === undefined ? null : 'the usual at this hour of the week',
  )
}

/** The full deduction at ten times the objective of the slowest tier. */
function latency(window: Point | undefined): HealthPart {
  const times = (window === undefined ? [] : tiersIn([window])).flatMap((tier) => {
    const ms = quantile(window?.counters ?? {}, `tier.${tier}`, 0.99)
    const objective = tier === 'memory' ? OBJECTIVE_MS.memory : OBJECTIVE_MS.below
    return ms === null ? [] : [{ tier, ms, objective, over: Math.log10(ms / objective) }]
  })
  const worst = times.sort((a, b) => b.over - a.over)[0]
  if (worst === undefined)
    return unknown('tier_latency', 20, OBJECTIVE_MS.below, 'no tier was asked in the last minute')
  return part('tier_latency', 20, worst.ms, worst.objective, worst.over, worst.tier)
}

/** The full deduction with an open breaker or an unreachable ledger, otherwise when one call in twenty fails. */
function errors(window: Point | undefined, nodes: FleetSnapshot['nodes']): HealthPart {
  const reports = nodes.flatMap(({ report }) => (report === undefined ? [] : [report]))
  if (reports.length === 0) return unknown('errors', 20, 0, 'no node is reporting')
  const open = reports.flatMap(({ tiers }) => tiers.filter(({ breaker }) => breaker === 'open')).map(({ name }) => name)
  if (open.length > 0) return part('errors', 20, 1, 0, 1, `the breaker of ${[...new Set(open)].join(', ')} is open`)
  if (reports.some(({ ledger }) => !ledger.is_up)) return part('errors', 20, 1, 0, 1, 'the ledger does not answer')
  const counters = window?.counters ?? {}
  const tiers = window === undefined ? [] : tiersIn([window])
  const failed = tiers.reduce((all, tier) => all + (counters[`tier.${tier}.errors`] ?? 0), counters.load_errors ?? 0)
  const calls = tiers.reduce((all, tier) => all + (counters[`tier.${tier}.n`] ?? 0), counters.loads ?? 0)
  const share = ratio(failed, calls + failed) ?? 0
  return part('errors', 20, share, 0, share / 0.05)
}

function young(window: Point | undefined): HealthPart {
  const { hits = 0, misses = 0, young_evictions = 0 } = window?.counters ?? {}
  const share = ratio(young_evictions, hits + misses)
  if (share === null || hits + misses < LEAST_REQUESTS) return unknown('young_evictions', 10, 0, 'too few reads')
  return part('young_evictions', 10, share, 0, share / 0.05)
}

function staleness(nodes: FleetSnapshot['nodes'], unseen: string | undefined): HealthPart {
  if (nodes.length === 0) return unknown('invalidation_lag', 10, 0, 'no node is reporting')
  if (unseen !== undefined) return unknown('invalidation_lag', 10, 0, `other processes are not seen: ${unseen}`)
  const late = nodes.filter(({ isLate }) => isLate).map(({ id }) => id)
  const pending = nodes.reduce((all, { report }) => all + (report?.ledger.pending ?? 0), 0)
  const detail =
    late.length > 0
      ? `${late.join(', ')} is late`
      : pending > 0
        ? `${counted(pending, 'invalidation waits', 'invalidations wait')} for the ledger`
        : null
  return part('invalidation_lag', 10, late.length + pending, 0, late.length + pending > 0 ? 1 : 0, detail)
}

/** The full deduction at five times the usual. */
function refill(window: Point | undefined, { loadsPerSecond }: Usual): HealthPart {
  if (window === undefined || loadsPerSecond === undefined)
    return unknown('refill', 10, null, 'the usual value is known after ten minutes')
  const now = (window.counters.loads ?? 0) / Math.max(window.seconds, 1)
  const times = now / Math.max(loadsPerSecond, 1)
  return part(
    'refill',
    10,
    now,
    loadsPerSecond,
    times <= 1 ? 0 : Math.log2(times) / Math.log2(5),
    times > 1 ? `${times.toFixed(1)} times the usual` : null,
  )
}
