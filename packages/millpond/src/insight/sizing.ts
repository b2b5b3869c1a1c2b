// The effects of other sizes, policies and TTLs, each with its 95 % interval.

import type { PolicyName } from '../memory/options.ts'
import type { Seen } from './evidence.ts'
import { ACTUAL, ACTUAL_OF_PATTERN, FACTORS, TTL_SCALES } from './grid.ts'
import { alone, type Estimate, missesPerRead, SURE } from './tally.ts'
import type { Watching } from './watching.ts'

/** A number, with its 95 % interval. */
export interface Range {
  /** The most likely value. */
  readonly value: number
  /** The lower end of the interval. */
  readonly low: number
  /** The upper end of the interval. */
  readonly high: number
}

/** The share of all reads that memory would answer at this size. */
export interface SizePoint {
  /** As a multiple of the actual size. */
  readonly factor: number
  /** In the unit of `capacity`: entries or bytes. */
  readonly size: number
  /** 0 to 1. */
  readonly hitRate: Range
}

/** The additional hits over all reads; negative for fewer. */
export interface PolicyPoint {
  /** The eviction policy. */
  readonly policy: PolicyName
  /** Its size, as a multiple of the actual one. */
  readonly factor: number
  /** Compared with the current policy at the current size, -1 to 1. */
  readonly change: Range
}

export interface TtlPoint {
  /** As a multiple of the actual TTLs; `Infinity`: until eviction or invalidation. */
  readonly factor: number
  /** The additional hits per read, -1 to 1; what they cost in staleness is not in it. */
  readonly change: Range
}

/** A pattern of keys: its reads, and the effect of longer TTLs. */
export interface PatternPoint {
  /** The namespace of the keys. */
  readonly namespace: string
  /** The key with its variable parts replaced: `user:*`. */
  readonly pattern: string
  /** Sampled reads; earlier ones count less. */
  readonly reads: number
  /**
   * The share of all reads since the pattern is tracked, 0 to 1; absent below 500 sampled reads. If there are more
   * patterns than can be tracked, those that are read most are.
   */
  readonly share?: number
  /** Watched keys of the pattern. */
  readonly keys: number
  /** Loads of watched keys. */
  readonly loads: number
  /** Reloads of watched keys whose last value is known. */
  readonly reloads: number
  /** The share of these that found another value, 0 to 1; 0 without any. */
  readonly changed: number
  /** Over this pattern's reads, if it had the whole memory to itself. */
  readonly ttl: readonly TtlPoint[]
}

/** The points of a curve. Levels are adjusted to the measured hit rate: the estimate is of the difference. */
export function sizesOf({ curve, setting }: Watching, seen: Seen): SizePoint[] {
  const now = measuredHitRate(seen)
  return FACTORS.map((factor, at) => {
    const more = at === ACTUAL ? { value: 0, error: 0 } : curve.estimate(ACTUAL, at, seen.curve)
    return {
      factor,
      size: Math.round(factor * setting.capacity),
      hitRate: clamped(rangeOf({ value: now + more.value, error: more.error })),
    }
  })
}

export function policiesOf({ shadows, shadowed, setting }: Watching, seen: Seen): PolicyPoint[] {
  const own = shadowed.findIndex(({ policy, scale }) => scale === 1 && policy === setting.policy)
  if (own < 0 || seen.shadows.reads === 0) return []
  return shadowed.flatMap(({ policy, scale }, at) => {
    if (at === own) return []
    const { value, error } = missesPerRead(seen.shadows, own, at)
    const within = shadows.within(error)
    return [{ policy, factor: scale, change: { value, low: value - within, high: value + within } }]
  })
}

export function ttlsOf({ curve }: Watching, seen: Seen): TtlPoint[] {
  return TTL_SCALES.map((factor, at) => ({
    factor,
    change: rangeOf(curve.estimate(ACTUAL, FACTORS.length + at, seen.curve)),
  }))
}

/** Sampled reads from which a share is told. */
const LEAST_LOOKED = 500

/** Most read first. */
export function patternsOf({ patterns }: Watching): PatternPoint[] {
  return patterns.list().map(({ namespace, pattern, curve, recent, ofRecent, loads, changed, unchanged }) => ({
    namespace,
    pattern,
    reads: Math.round(recent),
    ...(ofRecent >= LEAST_LOOKED && { share: recent / ofRecent }),
    keys: curve.keys,
    loads,
    reloads: changed + unchanged,
    changed: changed === 0 ? 0 : changed / (changed + unchanged),
    ttl: TTL_SCALES.map((factor, at) => ({
      factor,
      change: rangeOf(curve.estimate(ACTUAL_OF_PATTERN, ACTUAL_OF_PATTERN + 1 + at, alone(curve.tally))),
    })),
  }))
}

/** The share of all reads that memory answered. */
export function measuredHitRate({ counted: { hits, misses } }: Seen): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses)
}

export const rangeOf = ({ value, error }: Estimate): Range => ({
  value,
  low: value - SURE * error,
  high: value + SURE * error,
})

const clamp = (share: number): number => Math.min(1, Math.max(0, share))
const clamped = ({ value, low, high }: Range): Range => ({ value: clamp(value), low: clamp(low), high: clamp(high) })
