// What a cache costs and saves, in the user's own prices: by tier, by pattern of keys, and what to do about it.
import type { Evidence, Seen } from '../evidence.ts'
import { policiesOf, type Range } from '../sizing.ts'
import type { Watching } from '../watching.ts'
import { GB, MILLION, MONTH_MS, type Prices, priceOfLoad, type TierPrices } from './prices.ts'

/** The amount for the observed time, and extrapolated to a month of 30 days. */
export interface Money {
  /** While the cache was watched, in the currency of the prices. */
  readonly seen: number
  /** The same for a month of 30 days. */
  readonly month: number
}

export interface TierCost {
  /** The name of the tier. */
  readonly tier: string
  /** Reads that reached the tier, and those that it answered. */
  readonly requests: number
  /** Reads that it answered. */
  readonly hits: number
  /** Absent if unknown. */
  readonly bytes?: number
  /** For what it holds. */
  readonly stored: Money
  /** For requests to it. */
  readonly asked: Money
  /** The loads that its hits saved. */
  readonly avoided: Money
}

/** Estimated from watched keys, for all keys of the pattern. */
export interface PatternCost {
  /** The namespace of the keys. */
  readonly namespace: string
  /** The key with its variable parts replaced. */
  readonly pattern: string
  /** The start of observation: epoch milliseconds. */
  readonly from: number
  /** Reads of such keys. */
  readonly requests: number
  /** Of these, those that memory answered. */
  readonly hits: number
  /** Loads of such keys. */
  readonly loads: number
  /** The mean weight of an entry. */
  readonly bytes: number
  /** Memory for values from one read to the next, where the next was a hit. */
  readonly stored: Money
  /** The loads that hits saved. */
  readonly avoided: Money
  /** `avoided`, less `stored`. */
  readonly net: Money
  /**
   * Holding an entry for longer than this until its next read costs more than loading it. Absent if no entry was read
   * from memory.
   */
  readonly breakEvenMs?: number
  /** The share of `stored` spent on entries held for longer than that. */
  readonly beyond: number
}

export interface CostAction {
  /** `size:0.5`, `policy:lru`, `uncached:user:*`. */
  readonly id: string
  /** What to change and what it saves, in a sentence. */
  readonly text: string
  /** The monthly saving, with its 95 % interval, which comes from the uncertain number of additional or lost hits. */
  readonly month: Range
}

export interface CostReport {
  /** The name of the cache. */
  readonly cache: string
  /** The observations that it rests on. */
  readonly evidence: Evidence
  /** The cost of a load, at the mean load duration; absent if no load was seen. */
  readonly load?: number
  /** For what all tiers hold. */
  readonly stored: Money
  /** For requests to all tiers. */
  readonly asked: Money
  /** The loads that hits in all tiers saved. */
  readonly avoided: Money
  /** The avoided cost, less storage and requests. */
  readonly net: Money
  /** Each tier, fastest first. */
  readonly tiers: readonly TierCost[]
  /** The watched ones, most requests first. */
  readonly patterns: readonly PatternCost[]
  /** At most five that certainly save something, best first. */
  readonly actions: readonly CostAction[]
}

export interface CostOf {
  readonly cache: string
  readonly watching: Watching
  readonly seen: Seen
  readonly evidence: Evidence
  readonly prices: Prices
  /** Fastest first. */
  readonly tiers: readonly string[]
  /** What memory holds now. */
  readonly bytes: number
}

const MOST_ACTIONS = 5
const NOTHING: Money = { seen: 0, month: 0 }

export const nothingCosted = (cache: string, evidence: Evidence): CostReport => ({
  cache,
  evidence,
  stored: NOTHING,
  asked: NOTHING,
  avoided: NOTHING,
  net: NOTHING,
  tiers: [],
  patterns: [],
  actions: [],
})

export function costOf(of: CostOf): CostReport {
  const { seen, evidence, prices } = of
  const { loads, loadMs } = seen.counted
  const ms = evidence.to - evidence.from
  if (!evidence.isEnough || ms <= 0) return nothingCosted(of.cache, evidence)
  if (loads === 0)
    return nothingCosted(of.cache, {
      ...evidence,
      isEnough: false,
      why: 'there were no loads, so the cost of a load is unknown',
    })
  const load = priceOfLoad(prices.source, loadMs / loads)
  const money = moneyIn(ms)
  const tiers = tiersOf(of, load, ms)
  const patterns = of.watching.patterns
    .list()
    .map((study) =>
      patternCost(study, load, byteMs(prices.tiers.memory), { now: seen.to, lead: evidence.to - seen.to }),
    )
  const total = (part: 'stored' | 'asked' | 'avoided'): number => tiers.reduce((sum, tier) => sum + tier[part].seen, 0)
  return {
    cache: of.cache,
    evidence,
    load,
    stored: money(total('stored')),
    asked: money(total('asked')),
    avoided: money(total('avoided')),
    net: money(total('avoided') - total('stored') - total('asked')),
    tiers,
    patterns,
    actions: actionsOf(of, load, ms, patterns),
  }
}

const moneyIn =
  (ms: number) =>
  (amount: number): Money => ({ seen: amount, month: (amount * MONTH_MS) / ms })

/** Each tier is asked for what the previous ones did not answer. */
function tiersOf({ seen, prices, tiers, bytes }: CostOf, load: number, ms: number): TierCost[] {
  const money = moneyIn(ms)
  const { hits, misses, below } = seen.counted
  let requests = hits + misses
  return tiers.map((tier) => {
    const given: TierPrices = prices.tiers[tier] ?? {}
    const answered = tier === 'memory' ? hits : (below.get(tier) ?? 0)
    const held = given.bytes ?? (tier === 'memory' ? bytes : undefined)
    const cost: TierCost = {
      tier,
      requests,
      hits: answered,
      ...(held === undefined ? {} : { bytes: held }),
      stored: money((held ?? 0) * ms * byteMs(given)),
      asked: money((requests * (given.millionRequests ?? 0)) / MILLION),
      avoided: money(answered * load),
    }
    requests = Math.max(0, requests - answered)
    return cost
  })
}

/** For a byte during a millisecond. */
const byteMs = (prices: TierPrices | undefined): number => (prices?.gbMonth ?? 0) / GB / MONTH_MS

type Study = ReturnType<Watching['patterns']['list']>[number]

function patternCost(
  { namespace, pattern, ledger }: Study,
  load: number,
  price: number,
  { now, lead }: { readonly now: number; readonly lead: number },
): PatternCost {
  const money = moneyIn(Math.max(1, now - ledger.from))
  const { requests, hits, loads, meanBytes } = ledger
  const breakEvenMs = meanBytes === 0 ? undefined : load / (meanBytes * price)
  const held = ledger.heldBeyond(0)
  return {
    namespace,
    pattern,
    from: ledger.from + lead,
    requests: Math.round(requests),
    hits: Math.round(hits),
    loads: Math.round(loads),
    bytes: Math.round(meanBytes),
    stored: money(held * price),
    avoided: money(hits * load),
    net: money(hits * load - held * price),
    ...(breakEvenMs === undefined ? {} : { breakEvenMs }),
    beyond: breakEvenMs === undefined || held === 0 ? 0 : ledger.heldBeyond(breakEvenMs) / held,
  }
}

function actionsOf(
  { watching, seen, prices, bytes }: CostOf,
  load: number,
  ms: number,
  patterns: readonly PatternCost[],
): CostAction[] {
  const reads = ((seen.counted.hits + seen.counted.misses) * MONTH_MS) / ms
  const memory = ((prices.tiers.memory?.bytes ?? bytes) * (prices.tiers.memory?.gbMonth ?? 0)) / GB
  const { setting, shadows } = watching
  const points = shadows.isFull ? policiesOf(watching, seen) : []
  const sizes = points
    .filter(({ policy, factor }) => policy === setting.policy && factor !== 1)
    .map(({ factor, change }) => ({
      id: `size:${factor}`,
      text: factor > 1 ? 'twice the memory: fewer loads' : 'half of the memory: more loads',
      month: worth(change, reads * load, (factor - 1) * memory),
    }))
  const policies = points
    .filter(({ policy, factor }) => policy !== setting.policy && factor === 1)
    .map(({ policy, change }) => ({
      id: `policy:${policy}`,
      text: `the policy ${policy}: fewer loads`,
      month: worth(change, reads * load, 0),
    }))
  const uncached = patterns
    .filter(({ net }) => net.seen < 0)
    .map(({ namespace, pattern, net }) => {
      const name = namespace === 'default' ? pattern : `${namespace} ${pattern}`
      const month = { value: -net.month, low: -net.month, high: -net.month }
      return {
        id: `uncached:${name}`,
        text: `${name}: not kept in memory, since keeping it costs more than loading it`,
        month,
      }
    })
  // Sizes exclude each other, and so do policies: only the best of each is kept.
  return [bestOf(sizes), bestOf(policies), ...uncached]
    .filter((one): one is CostAction => one !== undefined && one.month.low > 0)
    .sort((a, b) => b.month.value - a.month.value)
    .slice(0, MOST_ACTIONS)
}

const bestOf = (actions: readonly CostAction[]): CostAction | undefined =>
  actions.filter(({ month }) => month.low > 0).sort((a, b) => b.month.value - a.month.value)[0]

const worth = ({ value, low, high }: Range, perHit: number, costs: number): Range => ({
  value: value * perHit - costs,
  low: low * perHit - costs,
  high: high * perHit - costs,
})
