// Insight's answers for a cache of this process, in the API's terms; and carrying out the changes that it advises.
import type { Cache } from 'millpond'
import type {
  Evidence,
  Insight,
  PolicyPoint,
  Range,
  Recommendation,
  SizePoint,
  Sizing,
  TtlPoint,
} from 'millpond/insight'
import type { Answered } from './answers.ts'
import type { Shown } from './insight-answers.ts'
import type { Asked } from './requests.ts'

export function sized(insight: Insight | undefined, cache: string, { days }: Asked<'sizing'>): Answered['sizing'] {
  return insight === undefined || !insight.caches.includes(cache) ? null : sizingOf(insight.sizing(cache, { days }))
}

export function analyzed(insight: Insight | undefined, cache: string, { days }: Asked<'analyze'>): Answered['analyze'] {
  if (insight === undefined || !insight.caches.includes(cache)) return null
  const found = insight.analyze(cache, { days })
  return {
    ...sizingOf(found),
    bottlenecks: found.bottlenecks.map(({ kind, share, ofReads, text }) => ({ kind, share, of_reads: ofReads, text })),
    recommendations: found.recommendations.map(recommendationOf),
    patterns: found.patterns.map(({ namespace, pattern, reads, share, keys, loads, reloads, changed, ttl }) => ({
      namespace,
      pattern,
      reads,
      share: share ?? null,
      keys,
      loads,
      reloads,
      changed,
      ttl: ttl.map(ttlOf),
    })),
    hot_keys: found.hotKeys.map(({ tier, keys }) => ({
      tier,
      keys: keys.map(({ key, count, error }) => ({ key, count, error })),
    })),
  }
}

export function costed(insight: Insight | undefined, cache: string, asked: Asked<'cost'>): Answered['cost'] {
  if (insight === undefined || !insight.caches.includes(cache)) return null
  const {
    memory_gb_month: gbMonth,
    memory_million_requests: millionRequests,
    million_loads: millionLoads,
    source_second: second,
  } = asked
  const below = Object.entries(asked.tiers ?? {}).map(([tier, price]) => [
    tier,
    { gbMonth: price.gb_month, millionRequests: price.million_requests, bytes: price.bytes },
  ])
  const {
    evidence,
    load,
    stored,
    asked: requested,
    avoided,
    net,
    tiers,
    patterns,
    actions,
  } = insight.cost(cache, {
    prices: {
      tiers: { ...Object.fromEntries(below), memory: { gbMonth, millionRequests } },
      source: { millionLoads, second },
    },
  })
  return {
    evidence: evidenceOf(evidence),
    load: load ?? null,
    stored,
    asked: requested,
    avoided,
    net,
    tiers: tiers.map((tier) => ({ ...tier, bytes: tier.bytes ?? null })),
    patterns: patterns.map(({ from, breakEvenMs, ...pattern }) => ({
      ...pattern,
      from: new Date(from).toISOString(),
      break_even_seconds: breakEvenMs === undefined ? null : breakEvenMs / 1000,
    })),
    actions: actions.map(({ id, text, month }) => ({ id, text, month: rangeOf(month) })),
  }
}

/**
 * Memory settings only, and only until the process ends: to keep them, write them into code or a stored configuration.
 */
export async function tuned(
  cache: Cache,
  { max_entries, max_bytes, policy }: Asked<'tune'>,
): Promise<Answered['tune']> {
  const memory = {
    ...(max_entries !== undefined && { maxEntries: max_entries }),
    ...(max_bytes !== undefined && { maxBytes: max_bytes }),
    ...(policy !== undefined && { policy }),
  }
  const { changes } = await cache.configure({ tiers: { memory } })
  return { changes }
}

function sizingOf({
  evidence,
  capacity,
  policy,
  used,
  isFull,
  hitRate,
  sizes,
  policies,
  ttls,
}: Sizing): Shown['sizing'] {
  return {
    evidence: evidenceOf(evidence),
    capacity: capacity ?? null,
    policy: policy ?? null,
    used: used ?? null,
    is_full: isFull ?? null,
    hit_ratio: hitRate,
    sizes: sizes.map(({ factor, size, hitRate: told }: SizePoint) => ({ factor, size, hit_ratio: rangeOf(told) })),
    policies: policies.map(({ policy: name, factor, change }: PolicyPoint) => ({
      policy: name,
      factor,
      change: rangeOf(change),
    })),
    ttls: ttls.map(ttlOf),
  }
}

function recommendationOf({
  id,
  kind,
  text,
  change,
  undo,
  hitRate,
  cost,
  risk,
  impact,
}: Recommendation): Shown['recommendation'] {
  return {
    id,
    kind,
    text,
    change: change === undefined ? null : changeOf(change),
    undo: undo === undefined ? null : changeOf(undo),
    hit_ratio_change: rangeOf(hitRate),
    cost: cost ?? null,
    risk,
    impact,
  }
}

const changeOf = ({ tiers: { memory } }: NonNullable<Recommendation['change']>): Shown['change'] => ({
  ...(memory.maxEntries !== undefined && { max_entries: memory.maxEntries }),
  ...(memory.maxBytes !== undefined && { max_bytes: memory.maxBytes }),
  ...(memory.policy !== undefined && { policy: memory.policy }),
})

const evidenceOf = ({ from, to, reads, looked, keys, keyShare, lost, isEnough, why }: Evidence): Shown['evidence'] => ({
  from: new Date(from).toISOString(),
  to: new Date(to).toISOString(),
  reads,
  looked,
  keys,
  key_share: keyShare,
  lost,
  is_enough: isEnough,
  why: why ?? null,
})

const rangeOf = ({ value, low, high }: Range): Shown['range'] => ({ value, low, high })

/** JSON has no infinite number: `null` means without limit. */
const ttlOf = ({ factor, change }: TtlPoint): Shown['ttl'] => ({
  factor: Number.isFinite(factor) ? factor : null,
  change: rangeOf(change),
})
