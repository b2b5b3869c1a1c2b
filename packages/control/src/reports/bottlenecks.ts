// What slows a cache down, each with its value, its target, and what to do about it.
import { z } from 'zod'
import type { CacheReport } from '../agent/figures.ts'
import type { Point } from '../metrics/collector.ts'
import { mean, quantile, ratio } from '../metrics/quantiles.ts'
import { tiersIn } from '../metrics/series.ts'
import type { namespacesOf } from '../metrics/summary.ts'
import { number } from '../routes/schemas.ts'

export const bottleneck = z.object({
  name: z.string(),
  subject: z.string().describe('a tier, namespace or cause; empty: the whole cache'),
  value: z.number(),
  target: number,
  detail: z.string(),
  remedy: z.string(),
})
export type Bottleneck = z.output<typeof bottleneck>

const LEAST_READS = 200
const LEAST_LOADS = 20
const OBJECTIVE_MS = { memory: 1, below: 20 }
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** The remedy by cause of a miss. */
const REMEDIES: Readonly<Record<string, string>> = {
  cold: 'warm important keys before they are requested: use a warming plan',
  expired_ttl: 'use a longer ttl, staleFor or refreshAhead',
  expired_idle: 'use a longer idle time',
  evicted_capacity: 'use more memory or another eviction policy',
  not_admitted: 'use more memory: keys requested only once are not admitted',
  too_large: 'use smaller values or a larger budget',
  invalidated_key: 'write less often, or put the new value into the cache when you write',
  invalidated_tag: 'use narrower tags: invalidation by tag removed values that were still correct',
  invalidated_pattern: 'use tags instead of patterns: a pattern removes every key with a similar name',
  invalidated_all: 'avoid clear where tags would do',
  memory_pressure: 'use a larger heap or a smaller budget for the memory tier',
  tier_error: 'check the tier: it failed when it was read',
  breaker_open: 'check the tier: it keeps failing and is bypassed',
  ledger_unreachable: 'check the server that stores the ledger',
  epoch_changed: 'the history of the ledger was lost: check that its server is durable',
}

export function bottlenecksOf(
  whole: Point | undefined,
  reports: readonly CacheReport[],
  spaces: ReturnType<typeof namespacesOf>,
): Bottleneck[] {
  const counters = whole?.counters ?? {}
  const { hits = 0, misses = 0, loads = 0, load_errors = 0, young_evictions = 0 } = counters
  const reads = hits + misses
  const found: Bottleneck[] = []
  for (const tier of whole === undefined ? [] : tiersIn([whole])) {
    const ms = quantile(counters, `tier.${tier}`, 0.99)
    const target = tier === 'memory' ? OBJECTIVE_MS.memory : OBJECTIVE_MS.below
    if (ms !== null && ms > target)
      found.push({
        name: 'slow_tier',
        subject: tier,
        value: ms,
        target,
        detail: `the p99 of calls of ${tier} is ${ms.toFixed(1)} ms or more`,
        remedy:
          tier === 'memory'
            ? 'the process is busy: check its CPU'
            : 'check the server and the network; promote sooner, so that memory answers',
      })
    const calls = counters[`tier.${tier}.n`] ?? 0
    const failing = ratio(counters[`tier.${tier}.errors`] ?? 0, calls)
    if (failing !== null && failing > 0.01)
      found.push({
        name: 'failing_tier',
        subject: tier,
        value: failing,
        target: 0,
        detail: `${percent(failing)} of calls of ${tier} fail or time out`,
        remedy: 'check that the server is up and the timeout is long enough',
      })
  }
  for (const name of new Set(
    reports.flatMap(({ tiers }) => tiers.filter(({ breaker }) => breaker === 'open').map((tier) => tier.name)),
  ))
    found.push({
      name: 'open_breaker',
      subject: name,
      value: 1,
      target: 0,
      detail: `${name} is currently bypassed`,
      remedy: 'check that the server is up',
    })
  const failed = ratio(load_errors, loads)
  if (loads >= LEAST_LOADS && failed !== null && failed > 0.05)
    found.push({
      name: 'failing_loads',
      subject: '',
      value: failed,
      target: 0.05,
      detail: `${percent(failed)} of loads fail`,
      remedy: 'check the source; staleIfError serves the previous value',
    })
  const young = ratio(young_evictions, reads)
  if (reads >= LEAST_READS && young !== null && young > 0.01)
    found.push({
      name: 'too_little_memory',
      subject: '',
      value: young,
      target: 0.01,
      detail: `${percent(young)} of reads ask for entries that memory evicted before half their TTL was over`,
      remedy: 'use more memory',
    })
  const [cause, count] = Object.entries(counters)
    .flatMap(([name, n]) => (name.startsWith('cause.') ? [[name.slice(6), n] as const] : []))
    .sort(([, a], [, b]) => b - a)[0] ?? ['', 0]
  const share = ratio(count, reads)
  if (reads >= LEAST_READS && share !== null && share > 0.05)
    found.push({
      name: 'misses',
      subject: cause,
      value: share,
      target: 0.05,
      detail: `${percent(share)} of reads miss because of ${cause}`,
      remedy: REMEDIES[cause] ?? 'the guide explains this cause',
    })
  const worst = spaces[0]
  const all = spaces.reduce((sum, one) => sum + one.misses, 0)
  const ofAll = worst === undefined ? null : ratio(worst.misses, all)
  const loadMs = mean(counters, 'load')
  if (worst !== undefined && spaces.length > 1 && all >= LEAST_READS && ofAll !== null && ofAll > 0.5)
    found.push({
      name: 'namespace',
      subject: worst.name,
      value: ofAll,
      target: null,
      detail: `${percent(ofAll)} of misses are in ${worst.name}${loadMs === null ? '' : `, and a load takes ${loadMs.toFixed(1)} ms`}`,
      remedy: 'start there: millpond top --by misses',
    })
  return found
}
