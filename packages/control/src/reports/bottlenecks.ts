// What holds a cache up, each with its figure, what it should be, and what to do about it.
import { z } from 'zod'
import type { CacheReport } from '../agent/figures.ts'
import type { Point } from '../metrics/collector.ts'
import { mean, quantile, ratio } from '../metrics/quantiles.ts'
import { tiersIn } from '../metrics/series.ts'
import type { namespacesOf } from '../metrics/summary.ts'
import { number } from '../routes/words.ts'

export const bottleneck = z.object({
  name: z.string(),
  subject: z.string().describe('a tier, a namespace, a cause; empty: the whole cache'),
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

/** By cause of a miss: what it asks for. */
const REMEDIES: Readonly<Record<string, string>> = {
  cold: 'warm what matters before it is asked for: a plan of warming',
  expired_ttl: 'a longer ttl, staleFor or refreshAhead',
  expired_idle: 'a longer time without reads',
  evicted_capacity: 'more memory, or another eviction policy',
  not_admitted: 'more memory: what is asked once is not let in',
  too_large: 'smaller values, or a larger budget',
  invalidated_key: 'fewer writes, or writes that put the new value into the cache',
  invalidated_tag: 'narrower tags: an invalidation by tag took what was still right',
  invalidated_pattern: 'tags in place of patterns: a pattern takes whatever is named alike',
  invalidated_all: 'no clear where tags would do',
  memory_pressure: 'a larger heap, or a smaller budget for memory',
  tier_error: 'look at the tier: it failed when it was asked',
  breaker_open: 'look at the tier: it keeps failing, and is left out',
  ledger_unreachable: 'look at the server that keeps the ledger',
  epoch_changed: 'the history of the ledger was lost: does its server keep what it is given?',
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
        detail: `a hundredth of the calls of ${tier} takes ${ms.toFixed(1)} ms or more`,
        remedy:
          tier === 'memory'
            ? 'the process is busy: look at its CPU'
            : 'look at the server and the way to it; promote sooner, so that memory answers',
      })
    const calls = counters[`tier.${tier}.n`] ?? 0
    const failing = ratio(counters[`tier.${tier}.errors`] ?? 0, calls)
    if (failing !== null && failing > 0.01)
      found.push({
        name: 'failing_tier',
        subject: tier,
        value: failing,
        target: 0,
        detail: `${percent(failing)} of the calls of ${tier} fail or come too late`,
        remedy: 'is the server up, and its timeout long enough?',
      })
  }
  for (const name of new Set(reports.flatMap(({ tiers }) => tiers.filter(({ breaker }) => breaker === 'open').map((tier) => tier.name))))
    found.push({ name: 'open_breaker', subject: name, value: 1, target: 0, detail: `${name} is left out now`, remedy: 'is the server up?' })
  const failed = ratio(load_errors, loads)
  if (loads >= LEAST_LOADS && failed !== null && failed > 0.05)
    found.push({
      name: 'failing_loads',
      subject: '',
      value: failed,
      target: 0.05,
      detail: `${percent(failed)} of the loads fail`,
      remedy: 'look at the source; staleIfError serves what was there before',
    })
  const young = ratio(young_evictions, reads)
  if (reads >= LEAST_READS && young !== null && young > 0.01)
    found.push({
      name: 'too_little_memory',
      subject: '',
      value: young,
      target: 0.01,
      detail: `${percent(young)} of the reads ask for what memory had pushed out before half its time was over`,
      remedy: 'more memory',
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
      detail: `${percent(share)} of the reads miss because of ${cause}`,
      remedy: REMEDIES[cause] ?? 'see what the cause means in the guide',
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
      detail: `${percent(ofAll)} of the misses are of ${worst.name}${loadMs === null ? '' : `, and a load takes ${loadMs.toFixed(1)} ms`}`,
      remedy: 'begin there: millpond top --by misses',
    })
  return found
}
