// How many reads of a cache of this process are stale, as far as they are checked against their source.
import type { FreshnessReport, Insight } from 'millpond/insight'
import type { Answered } from './answers.ts'
import type { FreshnessTally } from './figures.ts'

const reported = (insight: Insight | undefined, cache: string): FreshnessReport | undefined =>
  insight?.caches.includes(cache) ? insight.freshness(cache) : undefined

/** For the report of each second. */
export function tallied(insight: Insight | undefined, cache: string): FreshnessTally | undefined {
  const report = reported(insight, cache)
  if (report === undefined) return undefined
  const { objective, checked, stale } = report
  return { objective, checked, stale }
}

export function checkedReads(insight: Insight | undefined, cache: string): Answered['freshness'] {
  const report = reported(insight, cache)
  if (report === undefined) return null
  const { objective, checked, stale, share, state, counts } = report
  return { objective, checked, stale, stale_ratio: share ?? null, state, counts }
}
