// A cache's problems: where its misses come from, and its health as a score with every deduction.

import { PROBE } from '../core/probe.ts'
import type { Seen } from './evidence.ts'
import type { PredictionSummary } from './predict/figures.ts'

/** A share of all misses, and its cause. */
export interface Bottleneck {
  /**
   * `expiry`: the TTL was over. `capacity`: memory had evicted the entry. `invalidation`: it was invalidated or lost.
   * `first reads`: it was not known.
   */
  readonly kind: 'expiry' | 'capacity' | 'invalidation' | 'first reads'
  /** Of all misses, 0 to 1. */
  readonly share: number
  /** Of all reads, 0 to 1. */
  readonly ofReads: number
  /** What happened, and what would help, in a sentence. */
  readonly text: string
}

/** The part of a cache's `info()` that is judged. */
export interface JudgedCache {
  info(): {
    readonly name: string
    readonly circuitBreaker: Readonly<Record<string, string>>
    readonly namespaces: readonly {
      readonly namespace: string
      readonly hits: number
      readonly misses: number
      readonly loads: number
      readonly loadErrors: number
      readonly youngEvictions: number
      readonly ledger: { readonly isUp: boolean }
    }[]
  }
}

export interface Deduction {
  /** What was judged. */
  readonly name: 'hit rate' | 'source errors' | 'early evictions' | 'tiers' | 'ledger'
  /** The deduction from 100. */
  readonly points: number
  /** What is wrong, in a sentence. */
  readonly text: string
}

/** Since the process started. */
export interface CacheHealth {
  /** The name of the cache. */
  readonly cache: string
  /** 0 to 100; undefined while there were too few reads. */
  readonly score: number | undefined
  /** By the score; `unknown` while there were too few reads. */
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  /** What lowers the score; empty if nothing does. */
  readonly deductions: readonly Deduction[]
  /**
   * If next reads are predicted: whether prefetching is allowed, and how often predictions are right. Not part of the
   * score.
   */
  readonly prediction?: PredictionSummary
}

/** Smaller shares are not reported. */
const LEAST_SHARE = 0.02

export function bottlenecksOf({ counted }: Seen): Bottleneck[] {
  const { hits, misses, expired, evicted, lost } = counted
  if (misses === 0) return []
  const first = misses - expired - evicted - lost
  const all: readonly (readonly [Bottleneck['kind'], number, string])[] = [
    ['expiry', expired, 'their time was over: use a longer ttl, staleFor or refreshAhead'],
    ['capacity', evicted, 'memory had evicted them or did not admit them'],
    [
      'invalidation',
      lost,
      'they were invalidated, a tier failed, or the value could not be read: a larger size does not help',
    ],
    ['first reads', first, 'they were not in memory as far back as it remembers: only warming can help'],
  ]
  return all
    .map(([kind, count, text]) => ({ kind, share: count / misses, ofReads: count / (hits + misses), text }))
    .filter(({ share }) => share >= LEAST_SHARE)
    .sort((a, b) => b.share - a.share)
}

const LEAST_READS = 200
const TARGET = 0.8
const WEIGHTS = { 'hit rate': 40, 'source errors': 20, 'early evictions': 10, tiers: 20, ledger: 30 } as const
const HEALTHY = 80
const DEGRADED = 50

/** From counters that the cache keeps anyway. */
export function healthOf(cache: JudgedCache): CacheHealth {
  const { name, circuitBreaker, namespaces: all } = cache.info()
  const namespaces = all.filter(({ namespace }) => namespace !== PROBE)
  const sum = (of: (space: (typeof namespaces)[number]) => number): number =>
    namespaces.reduce((all, space) => all + of(space), 0)
  const reads = sum(({ hits, misses }) => hits + misses)
  const hitRate = reads === 0 ? 0 : sum(({ hits }) => hits) / reads
  const open = Object.entries(circuitBreaker).filter(([, state]) => state !== 'closed')
  const deductions: Deduction[] = []
  const deduct = (part: keyof typeof WEIGHTS, share: number, text: string): void => {
    const points = Math.round(WEIGHTS[part] * Math.min(1, Math.max(0, share)) * 10) / 10
    if (points > 0) deductions.push({ name: part, points, text })
  }
  if (reads >= LEAST_READS) {
    deduct(
      'hit rate',
      (TARGET - hitRate) / (0.4 * TARGET),
      `${percent(hitRate)} of reads hit; the target is ${percent(TARGET)}`,
    )
    const young = sum(({ youngEvictions }) => youngEvictions) / reads
    deduct(
      'early evictions',
      young / 0.1,
      `${percent(young)} of reads miss entries that were evicted before half their TTL was over`,
    )
  }
  const loads = sum((space) => space.loads + space.loadErrors)
  const failed = loads === 0 ? 0 : sum(({ loadErrors }) => loadErrors) / loads
  if (loads >= LEAST_READS) deduct('source errors', failed / 0.1, `${percent(failed)} of the loads failed`)
  deduct('tiers', open.length, `bypassed, since they failed: ${open.map(([tier]) => tier).join(', ')}`)
  deduct(
    'ledger',
    namespaces.some(({ ledger }) => !ledger.isUp) ? 1 : 0,
    'the ledger is not reachable: values are kept for 400 ms',
  )
  const score = Math.max(0, Math.round(100 - deductions.reduce((all, { points }) => all + points, 0)))
  if (reads < LEAST_READS && deductions.length === 0)
    return { cache: name, score: undefined, status: 'unknown', deductions }
  return {
    cache: name,
    score,
    status: score >= HEALTHY ? 'healthy' : score >= DEGRADED ? 'degraded' : 'unhealthy',
    deductions,
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
