// Answers one question from observations: the effect that another size, policy or TTL would have had, interpolated
// between the alternatives that were simulated.
import { check, checkOptions, oneOf, refused, type Shape, whole } from '../core/checks.ts'
import type { PolicyName } from '../memory/options.ts'
import type { Evidence } from './evidence.ts'
import type { Range, SizePoint, TtlPoint } from './sizing.ts'

/** Exactly one of: a size, a policy, or a TTL. */
export interface WhatIfQuestion {
  /** The memory's size in entries, if its limit is in entries. */
  readonly maxEntries?: number | undefined
  /** The memory's size in bytes, if its limit is in bytes. */
  readonly maxBytes?: number | undefined
  /** Additional bytes of memory: `2 ** 30` for a gigabyte. */
  readonly moreBytes?: number | undefined
  /** The factor for the memory's size, from a sixteenth to sixteen. */
  readonly size?: number | undefined
  /** Another eviction policy, at the actual size. */
  readonly policy?: PolicyName | undefined
  /** The factor for the actual TTLs, at least a quarter; `Infinity`: until eviction or invalidation. */
  readonly ttl?: number | undefined
}

export interface WhatIf {
  /** The observations that it rests on. */
  readonly evidence: Evidence
  /** The share of reads in the window that memory answered: measured. */
  readonly hitRate: number
  /** The additional hits over all reads; negative for fewer. Absent if unknown: see `why`. */
  readonly change?: Range
  /** The additional misses of memory per second; negative for fewer. */
  readonly missesPerSecond?: Range
  /** The memory's size, if the question was about a size. */
  readonly size?: { readonly unit: 'entries' | 'bytes'; readonly amount: number }
  /** Why there is no answer. */
  readonly why?: string
}

/** The observations behind the answer: `Sizing` has them. */
export interface WhatIfSeen {
  /** Without enough of it, no question is answered. */
  readonly evidence: Evidence
  /** The current limit of memory; absent if it has none. */
  readonly capacity?: { readonly unit: 'entries' | 'bytes'; readonly amount: number }
  /** The current eviction policy. */
  readonly policy?: string
  /** The share of reads that memory answered, 0 to 1. */
  readonly hitRate: number
  /** Hit rates at other sizes. */
  readonly sizes: readonly SizePoint[]
  /** Differences that other policies and sizes would make. */
  readonly policies: readonly { readonly policy: string; readonly factor: number; readonly change: Range }[]
  /** Differences that longer TTLs would make. */
  readonly ttls: readonly TtlPoint[]
}

const QUESTION: Shape<WhatIfQuestion> = {
  maxEntries: whole(1, 134_217_727),
  maxBytes: whole(1),
  moreBytes: whole(1),
  size: check(
    (value): value is number => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
    'a finite number above 0',
  ),
  policy: oneOf('lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'),
  ttl: check((value): value is number => typeof value === 'number' && value > 0, 'a number above 0'),
}

/**
 * The effect of one other setting, from a recorder's observations.
 * @throws MillpondError `OPTION_INVALID`, also unless exactly one setting is given
 */
export function whatIfOf(seen: WhatIfSeen, question: WhatIfQuestion): WhatIf {
  checkOptions<WhatIfQuestion>(question, QUESTION, 'whatIf')
  const asked = Object.values(question).filter((value) => value !== undefined)
  if (asked.length !== 1) throw refused(question, 'whatIf', 'one size, one policy or one ttl')
  const { evidence, hitRate } = seen
  if (!evidence.isEnough) return { evidence, hitRate, why: evidence.why ?? 'not enough data yet' }
  const told = answerTo(seen, question)
  const seconds = (evidence.to - evidence.from) / 1000
  if (told.change === undefined || seconds <= 0) return { evidence, hitRate, ...told }
  const rate = evidence.reads / seconds
  const { value, low, high } = told.change
  return { evidence, hitRate, ...told, missesPerSecond: { value: -value * rate, low: -high * rate, high: -low * rate } }
}

type Answer = Pick<WhatIf, 'change' | 'size' | 'why'>

function answerTo(seen: WhatIfSeen, { policy, ttl, ...size }: WhatIfQuestion): Answer {
  if (policy !== undefined) return ofPolicy(seen, policy)
  return ttl === undefined ? ofSize(seen, size) : ofTtl(seen, ttl)
}

function ofPolicy({ policies, policy: own }: WhatIfSeen, policy: PolicyName): Answer {
  if (policy === own) return { change: NONE }
  const shadow = policies.find((point) => point.policy === policy && point.factor === 1)
  return shadow === undefined
    ? { why: `${policy} was not tried next to ${own ?? 'the current policy'}` }
    : { change: shadow.change }
}

function ofTtl({ ttls }: WhatIfSeen, ttl: number): Answer {
  const points = [...ttls, { factor: 1, change: NONE }].map(({ factor, change }) => ({ at: Math.log(factor), change }))
  return at(points, Math.log(ttl)) ?? { why: beyond('times to live', ttl, ttls) }
}

function ofSize(
  { capacity, sizes, hitRate, policies, policy }: WhatIfSeen,
  { maxEntries, maxBytes, moreBytes, size }: WhatIfQuestion,
): Answer {
  if (capacity === undefined) return { why: 'memory has no limit: there is no size to judge' }
  const asked =
    maxEntries === undefined && size === undefined ? 'bytes' : maxEntries === undefined ? capacity.unit : 'entries'
  if (asked !== capacity.unit) return { why: `${capacity.unit} limit this memory: ask in ${capacity.unit}` }
  const amount =
    maxEntries ?? maxBytes ?? (moreBytes === undefined ? (size ?? 1) * capacity.amount : capacity.amount + moreBytes)
  // If a shadow of the current policy had that size, its measurement is more precise than the LRU curve.
  const own = policies.find(
    (point) => point.policy === policy && Math.abs(point.factor * capacity.amount - amount) < 0.5,
  )
  if (own !== undefined) return { change: own.change, size: { unit: capacity.unit, amount: Math.round(amount) } }
  const points = sizes.map(({ factor, hitRate: then }) => ({ at: Math.log(factor), change: less(then, hitRate) }))
  const answer = at(points, Math.log(amount / capacity.amount)) ?? {
    why: beyond('sizes', amount / capacity.amount, sizes),
  }
  return { ...answer, size: { unit: capacity.unit, amount: Math.round(amount) } }
}

const NONE: Range = { value: 0, low: 0, high: 0 }
const less = ({ value, low, high }: Range, by: number): Range => ({ value: value - by, low: low - by, high: high - by })

/**
 * Between two simulated points, the value lies between theirs (more room or time never has fewer hits here), and is as
 * uncertain as both.
 */
function at(points: readonly { readonly at: number; readonly change: Range }[], asked: number): Answer | undefined {
  const sorted = points.toSorted((a, b) => a.at - b.at)
  const exact = sorted.find((point) => point.at === asked || Math.abs(point.at - asked) < 1e-9)
  if (exact !== undefined) return { change: exact.change }
  const above = sorted.findIndex((point) => point.at > asked)
  const [before, after] = [sorted[above - 1], sorted[above]]
  if (before === undefined || after === undefined) return undefined
  // Points before `Infinity` are placed by their ratio to the last simulated one.
  const along =
    after.at === Number.POSITIVE_INFINITY
      ? 1 - Math.exp(before.at - asked)
      : (asked - before.at) / (after.at - before.at)
  const value = before.change.value + along * (after.change.value - before.change.value)
  return {
    change: {
      value,
      low: Math.min(before.change.low, after.change.low),
      high: Math.max(before.change.high, after.change.high),
    },
  }
}

function beyond(what: string, factor: number, tried: readonly { readonly factor: number }[]): string {
  const factors = tried.map((one) => one.factor)
  const most = Math.max(...factors)
  const up = most === Number.POSITIVE_INFINITY ? 'up' : `to ${inWords(most)} it`
  return `${what} from ${inWords(Math.min(...factors))} the current one ${up} were tried: ${inWords(factor)} it is ${factor > most ? 'more' : 'less'}`
}

/** `1/16 of`, `0.3 of`, `17 times`: to be followed by what it is a multiple of. */
function inWords(factor: number): string {
  if (factor >= 1) return `${Number(factor.toPrecision(3))} times`
  const parts = 1 / factor
  return `${Math.abs(parts - Math.round(parts)) < 1e-9 ? `1/${Math.round(parts)}` : Number(factor.toPrecision(3))} of`
}
