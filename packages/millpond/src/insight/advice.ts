// Recommendations for a cache: few, each with its benefit, confidence, cost, and how to undo it.
import type { PolicyName } from '../memory/options.ts'
import type { Evidence, Seen } from './evidence.ts'
import type { Setting } from './setting.ts'
import { shareOf } from './share.ts'
import { type PatternPoint, type PolicyPoint, patternsOf, policiesOf, type Range } from './sizing.ts'
import { SURE } from './tally.ts'
import type { Watching } from './watching.ts'

/** The part of `configure`'s options that recommendations use. */
export interface Change {
  /** New settings of the memory tier; what is absent stays as it is. */
  readonly tiers: {
    readonly memory: { readonly maxEntries?: number; readonly maxBytes?: number; readonly policy?: PolicyName }
  }
}

/** One recommendation. */
export interface Recommendation {
  /** Stable for the same recommendation: `size:2`, `policy:lru`, `ttl:user:*`. */
  readonly id: string
  /** What it changes. */
  readonly kind: 'size' | 'policy' | 'ttl'
  /** What to change and what it gains, in a sentence. */
  readonly text: string
  /** For `cache.configure`; absent if only code can do it. */
  readonly change?: Change
  /** Reverts it. */
  readonly undo?: Change
  /** The additional hits per read over all reads (over the pattern's reads for `ttl`), 0 to 1. */
  readonly hitRate: Range
  /** Additional bytes or entries, negative for fewer; absent if it costs nothing. */
  readonly cost?: { readonly unit: 'entries' | 'bytes'; readonly amount: number }
  /** What may go wrong with it, in a sentence. */
  readonly risk: string
  /** The observations that it rests on. */
  readonly evidence: Evidence
  /** 0 to 100: 100 (1 - exp(-U / Uref)) P(U > 0). */
  readonly impact: number
}

/** This many more hits per read are an impact of 63. */
const REFERENCE_GAIN = 0.05
/** Saving half of the memory without loss is an impact of 39. */
const REFERENCE_SAVING = 1
const LEAST_GAIN = 0.005
/** The most hits per read that may be lost when memory is released. */
const MOST_LOSS = 0.01
/** The least reloads for a recommendation about TTLs, and the share that may find a changed value. */
const LEAST_RELOADS = 30
const MOST_CHANGED = 0.05
const LEAST_LOOKED = 500
const LEAST_KEYS = 30

/** Highest impact first; none without sufficient evidence. */
export function recommendationsOf(
  watching: Watching | undefined,
  seen: Seen | undefined,
  evidence: Evidence,
): Recommendation[] {
  if (watching === undefined || seen === undefined || !evidence.isEnough) return []
  const { setting, shadows } = watching
  const points = policiesOf(watching, seen)
  const found = [
    ...(shadows.isFull ? sizeAdvice(setting, points) : []),
    ...(shadows.isFull ? policyAdvice(setting, points) : []),
    ...patternsOf(watching).flatMap(ttlAdvice),
  ]
  return found.map((one) => ({ ...one, evidence })).sort((a, b) => b.impact - a.impact)
}

type Draft = Omit<Recommendation, 'evidence'>

function sizeAdvice(setting: Setting, points: readonly PolicyPoint[]): Draft[] {
  const of = (factor: number): PolicyPoint | undefined =>
    points.find((point) => point.policy === setting.policy && point.factor === factor)
  const [larger, smaller] = [of(2), of(0.5)]
  if (larger !== undefined && larger.change.low > 0 && larger.change.value >= LEAST_GAIN)
    return [
      {
        ...resized(setting, 2),
        text: `twice the memory would answer ${inHundred(larger.change)} more of 100 reads`,
        hitRate: larger.change,
        risk: 'the heap must have room for it: weights of entries are estimates',
        impact: impactOf(larger.change.value / REFERENCE_GAIN, surety(larger.change, 0)),
      },
    ]
  if (smaller !== undefined && smaller.change.low >= -MOST_LOSS)
    return [
      {
        ...resized(setting, 0.5),
        text: `half of the memory would be enough: of 100 reads ${inHundred(lost(smaller.change))} fewer would hit`,
        hitRate: smaller.change,
        risk: 'a burst of other keys has less room',
        impact: impactOf(0.5 / REFERENCE_SAVING, surety(smaller.change, -MOST_LOSS)),
      },
    ]
  return []
}

function resized({ unit, capacity }: Setting, factor: number): Pick<Draft, 'id' | 'kind' | 'change' | 'undo' | 'cost'> {
  const size = Math.max(1, Math.round(capacity * factor))
  const limit = (amount: number): Change => ({
    tiers: { memory: unit === 'bytes' ? { maxBytes: amount } : { maxEntries: amount } },
  })
  return {
    id: `size:${factor}`,
    kind: 'size',
    change: limit(size),
    undo: limit(capacity),
    cost: { unit, amount: size - capacity },
  }
}

function policyAdvice({ policy }: Setting, points: readonly PolicyPoint[]): Draft[] {
  const [best] = points
    .filter((point) => point.policy !== policy && point.factor === 1)
    .sort((a, b) => b.change.value - a.change.value)
  const own = points.find((point) => point.policy === policy)?.policy
  if (best === undefined || own === undefined || best.change.low <= 0 || best.change.value < LEAST_GAIN) return []
  return [
    {
      id: `policy:${best.policy}`,
      kind: 'policy',
      text: `the policy ${best.policy} would answer ${inHundred(best.change)} more of 100 reads than ${policy}`,
      change: { tiers: { memory: { policy: best.policy } } },
      undo: { tiers: { memory: { policy: own } } },
      hitRate: best.change,
      risk: 'other traffic may favour another policy: adaptive follows the traffic',
      impact: impactOf(best.change.value / REFERENCE_GAIN, surety(best.change, 0)),
    },
  ]
}

/** A longer TTL: only together with its cost in staleness, and only code can set it. */
function ttlAdvice({ namespace, pattern, reads, keys, reloads, changed, ttl }: PatternPoint): Draft[] {
  if (reads < LEAST_LOOKED || keys < LEAST_KEYS || reloads < LEAST_RELOADS) return []
  const most = shareOf(changed * reloads, reloads).high
  if (most > MOST_CHANGED) return []
  const longer = ttl.find(({ factor }) => factor === 2)
  if (longer === undefined || longer.change.low <= 0 || longer.change.value < LEAST_GAIN) return []
  const name = namespace === 'default' ? pattern : `${namespace} ${pattern}`
  return [
    {
      id: `ttl:${name}`,
      kind: 'ttl',
      text: `${name}: twice the time to live would answer ${inHundred(longer.change)} more of 100 of its reads; of ${reloads} reloads ${Math.round(changed * reloads)} found another value`,
      hitRate: longer.change,
      risk: `up to ${(most * 100).toFixed(1)} % of reloaded values had changed: without invalidation by tag, a change would be seen later by as much as values live longer`,
      impact: impactOf((longer.change.value / REFERENCE_GAIN) * (1 - most), surety(longer.change, 0)),
    },
  ]
}

const impactOf = (use: number, isSo: number): number => Math.round(100 * (1 - Math.exp(-use)) * isSo)

/** The probability that the true value is above `least`, assuming normally distributed errors. */
function surety({ value, high }: Range, least: number): number {
  const error = (high - value) / SURE
  if (error === 0) return value > least ? 1 : 0
  const x = (value - least) / error
  // Tocher's logistic approximation, within .0004 with this cubic term (Bowling et al., 2009).
  return 1 / (1 + Math.exp(-(0.07056 * x ** 3 + 1.5976 * x)))
}

const lost = ({ value, low, high }: Range): Range => ({ value: -value, low: -high, high: -low })

function inHundred({ value, low, high }: Range): string {
  const points = (share: number): string => (share * 100).toFixed(1).replace(/^-0\.0$/, '0.0')
  return `${points(value)} (${points(low)} to ${points(high)})`
}
