// What insight needs of a cache, and what it answers.
import type { Clock } from '../core/contracts.ts'
import type { WarmKeys } from '../core/warm.ts'
import type { Change, Recommendation } from './advice.ts'
import type { BenchmarkedCache, BenchmarkOptions, BenchmarkResult } from './benchmark.ts'
import type { Prices } from './cost/prices.ts'
import type { CostReport } from './cost/report.ts'
import type { Evidence } from './evidence.ts'
import type { Bottleneck, CacheHealth, JudgedCache } from './findings.ts'
import type { FreshnessOptions, FreshnessReport, FreshnessSpace } from './freshness.ts'
import type { Prediction } from './predict/figures.ts'
import type { UsagePrediction } from './predict/options.ts'
import type { PredictedCache } from './predict/prediction.ts'
import type { WarmPlanCache, WarmPlanOfOptions } from './predict/warm-plan.ts'
import type { WatchedCache } from './setting.ts'
import type { PatternPoint, PolicyPoint, SizePoint, TtlPoint } from './sizing.ts'
import type { WhatIf, WhatIfQuestion } from './what-if.ts'

/** What insight needs of a cache: `createCache` creates one. */
export interface InsightCache extends WatchedCache {
  /** Its name, its memory and its tiers. */
  info(): ReturnType<WatchedCache['info']> &
    ReturnType<JudgedCache['info']> & { readonly cacheLevels: readonly { readonly name: string }[] }
  /** Called by `optimize` with `apply`. */
  configure(changes: Change): Promise<unknown>
  /** Needed by `usagePrediction`, `predictiveLoading` and `freshness`. */
  readonly sources?: PredictedCache['sources']
  /** Needed by `benchmark`, and by what needs `sources`. */
  namespace?(
    name: string,
  ): ReturnType<PredictedCache['namespace']> &
    WarmPlanCache &
    ReturnType<BenchmarkedCache['namespace']> &
    FreshnessSpace
}

export interface InsightOptions {
  /** Each is watched from now on, all its namespaces together, since they share its memory. */
  readonly caches: readonly InsightCache[]
  /** Default: the system clock. */
  readonly clock?: Clock | undefined
  /** Observes all reads, and predicts the next ones: see `prediction`. Default: as `predictiveLoading`. */
  readonly usagePrediction?: boolean | UsagePrediction | undefined
  /** Prefetches predicted keys that have a registered loader, as long as it pays. Default false. */
  readonly predictiveLoading?: boolean | undefined
  /** Checks reads against their source now and then, as `watchFreshness` does: see `freshness`. Default false. */
  readonly freshness?: boolean | Omit<FreshnessOptions, 'clock'> | undefined
}

export interface WindowOptions {
  /** How far back, from 1 to 30. `evidence` reports what part was observed. Default 7. */
  readonly days?: number | undefined
}

export interface CostOptions {
  /** The prices of memory, loads and tiers. */
  readonly prices: Prices
}

export interface OptimizeOptions extends WindowOptions {
  /** Recommendations below this impact, 0 to 100, are neither reported nor applied. Default 0. */
  readonly minImpact?: number | undefined
  /** Applies only the first recommendation that has a change: after it the evidence starts anew. Default false. */
  readonly apply?: boolean | undefined
}

/** The effects of other sizes, policies and TTLs. */
export interface Sizing {
  /** The name of the cache. */
  readonly cache: string
  /** The observations behind it. While they are not enough, `sizes`, `policies` and `ttls` are empty. */
  readonly evidence: Evidence
  /** The current limit of memory; absent if it has none. */
  readonly capacity?: { readonly unit: 'entries' | 'bytes'; readonly amount: number }
  /** The current eviction policy; absent without a memory tier that has a limit. */
  readonly policy?: string
  /** What memory holds now, in the unit of `capacity`. */
  readonly used?: number
  /**
   * Whether shadows of memory have evicted anything on this traffic. Before they have, no size and no policy can be
   * better than another, and none is recommended.
   */
  readonly isFull?: boolean
  /** The share of reads in the window that memory answered: measured. */
  readonly hitRate: number
  /** Under LRU; the results of the cache's own policy at half and twice the size are in `policies`. */
  readonly sizes: readonly SizePoint[]
  /** Other policies at this size, and the current one at half and twice the size. */
  readonly policies: readonly PolicyPoint[]
  /** Longer TTLs for all values together. */
  readonly ttls: readonly TtlPoint[]
}

export interface HotTier {
  /** The name of the tier that answered the reads. */
  readonly tier: string
  /**
   * Estimates from one read in 64: `count - error` to `count`. A read counts half after 15 minutes, a quarter after 30,
   * so these are the currently hot keys.
   */
  readonly keys: readonly { readonly key: string; readonly count: number; readonly error: number }[]
}

export interface Analysis extends Sizing {
  /** The causes of misses, the most frequent first. */
  readonly bottlenecks: readonly Bottleneck[]
  /** The most important first; empty without enough evidence. */
  readonly recommendations: readonly Recommendation[]
  /** Most read first: at most 24, or 4 if next reads are predicted. */
  readonly patterns: readonly PatternPoint[]
  /** The 20 hottest keys of each of at most four tiers. */
  readonly hotKeys: readonly HotTier[]
}

export interface Optimized {
  /** The name of the cache. */
  readonly cache: string
  /** The observations before anything was applied. */
  readonly evidence: Evidence
  /** Those of at least `minImpact`, the most important first; empty without enough evidence. */
  readonly recommendations: readonly Recommendation[]
  /** The change that was applied. */
  readonly applied?: { readonly id: string; readonly change: Change; readonly undo: Change }
}

/** Advice on caches of this process, from a sample of their requests. */
export interface Insight {
  /** The names of those watched. */
  readonly caches: readonly string[]
  /**
   * Hit rates at other sizes, and the effect of other policies and TTLs.
   * @throws MillpondError `OPTION_INVALID` for a cache that is not watched, as all methods
   */
  sizing(cache: string, options?: WindowOptions): Sizing
  /**
   * The effect that one other size, policy or TTL would have had, with its interval; `why` if it is unknown.
   * @throws MillpondError `OPTION_INVALID` unless exactly one setting is given
   */
  whatIf(cache: string, question: WhatIfQuestion, options?: WindowOptions): WhatIf
  /** The same with the causes of misses, recommendations, key patterns and hot keys. */
  analyze(cache: string, options?: WindowOptions): Analysis
  /**
   * Recommendations, the most important first; with `apply`, the first applicable one is applied. Without evidence
   * there are none.
   */
  optimize(cache: string, options?: OptimizeOptions): Promise<Optimized>
  /** A score from counters that the cache keeps anyway: it needs 200 reads, and no evidence. */
  health(cache: string): CacheHealth
  /**
   * Measures the cache's speed: gets and sets of its own keys, which are erased afterwards and not counted in any
   * figure here. See `benchmark` for the resources that it uses.
   * @throws MillpondError `OPTION_INVALID`; and the errors of `set`
   */
  benchmark(cache: string, options?: BenchmarkOptions): Promise<BenchmarkResult>
  /**
   * What the cache costs and saves, in the given prices, since it has been watched (at most 30 days). Without the
   * evidence that recommendations need, and before the first load, it reports nothing.
   * @throws MillpondError `OPTION_INVALID`, also for a price of 0 or less
   */
  cost(cache: string, options: CostOptions): CostReport
  /** How accurately next reads are predicted, and the benefit of prefetching; `undefined` if that is off. */
  prediction(cache: string): Prediction | undefined
  /** How many checked reads are stale; `undefined` if that is off. */
  freshness(cache: string): FreshnessReport | undefined
  /**
   * Switches prefetching on or off at runtime; prediction continues.
   * @throws MillpondError `OPTION_INVALID` if prediction is off
   */
  loadAhead(cache: string, isOn: boolean): void
  /**
   * A plan for `cache.warm` and `warming.start`: the recently most read keys, a share of all known ones. The list is
   * stored in the cache itself for 30 days, so that a restarted process finds it if a tier outlives the process.
   * @throws MillpondError `OPTION_INVALID`, also if prediction is off
   */
  warmPlan(cache: string, options?: WarmPlanOfOptions): WarmKeys
  /** Stops recording. */
  close(): void
}
