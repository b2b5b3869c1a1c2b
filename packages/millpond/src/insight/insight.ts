// One object that reports the effects of other settings of caches.
import {
  check,
  checkedElsewhere,
  checkOptions,
  clock as clockCheck,
  flag,
  listOf,
  required,
  type Shape,
  whole,
} from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { WarmKeys } from '../core/warm.ts'
import { type Change, type Recommendation, recommendationsOf } from './advice.ts'
import { type BenchmarkedCache, type BenchmarkOptions, type BenchmarkResult, benchmark } from './benchmark.ts'
import { checkPrices, type Prices } from './cost/prices.ts'
import { type CostReport, costOf, nothingCosted } from './cost/report.ts'
import { type Evidence, evidenceOf, type Seen } from './evidence.ts'
import { type Bottleneck, bottlenecksOf, type CacheHealth, healthOf, type JudgedCache } from './findings.ts'
import {
  type Freshness,
  type FreshnessCache,
  type FreshnessOptions,
  type FreshnessReport,
  type FreshnessSpace,
  freshnessSettings,
  watchFreshness,
} from './freshness.ts'
import { type Prediction, predictionSummary } from './predict/figures.ts'
import { predictionSettings, type UsagePrediction } from './predict/options.ts'
import { type PredictedCache, Predicting } from './predict/prediction.ts'
import { planOf, type WarmPlanCache, type WarmPlanOfOptions, type WarmPlanSpaces } from './predict/warm-plan.ts'
import type { WatchedCache } from './setting.ts'
import {
  measuredHitRate,
  type PatternPoint,
  type PolicyPoint,
  patternsOf,
  policiesOf,
  type SizePoint,
  sizesOf,
  type TtlPoint,
  ttlsOf,
} from './sizing.ts'
import { Study } from './study.ts'
import { type WhatIf, type WhatIfQuestion, whatIfOf } from './what-if.ts'

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

const days = whole(1, 30)
const CACHE = check(
  (value): value is InsightCache =>
    typeof value === 'object' &&
    value !== null &&
    ['record', 'info', 'describe', 'configure'].every((name) => typeof Reflect.get(value, name) === 'function'),
  'a cache from createCache',
)
const OPTIONS: Shape<InsightOptions> = {
  caches: required(listOf(CACHE, 'a list of caches')),
  clock: clockCheck,
  usagePrediction: checkedElsewhere,
  predictiveLoading: flag,
  freshness: checkedElsewhere,
}
/** Patterns with a curve of their own when prediction uses the memory of the others. */
const PATTERNS_BESIDE = 4
const WINDOW: Shape<WindowOptions> = { days }
// Prices are checked where the cache's tiers are known.
const COST: Shape<CostOptions> = { prices: required<Prices>(checkedElsewhere) }
const MOST_DAYS = 30
const impact = check(
  (value): value is number => typeof value === 'number' && value >= 0 && value <= 100,
  'a number from 0 to 100',
)
const OPTIMIZE: Shape<OptimizeOptions> = {
  days,
  minImpact: impact,
  apply: check((value) => typeof value === 'boolean', 'true or false'),
}
const USUAL_DAYS = 7
const HOT_KEYS = 20

/**
 * Watches caches from now on, and reports the effects of other settings. Takes at most some 15 MiB of memory per cache,
 * and some nanoseconds per read on the hit path; observations are processed in separate turns of the event loop.
 * Changes nothing unless `optimize` is called with `apply`.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * const insight = createInsight({ caches: [cache] })
 * const { evidence, recommendations } = insight.analyze('shop')
 * if (!evidence.isEnough) console.log(evidence.why)
 * for (const { impact, text } of recommendations) console.log(impact, text)
 */
export function createInsight(options: InsightOptions): Insight {
  checkOptions<InsightOptions>(options, OPTIONS, 'createInsight')
  const { caches, clock = systemClock(), predictiveLoading = false, freshness = false } = options
  const prediction = predictionSettings(options.usagePrediction ?? false, predictiveLoading)
  if (typeof freshness !== 'boolean') freshnessSettings(freshness, 'createInsight.freshness')
  const studies = new Map<string, Watched>()
  for (const cache of caches) {
    const { name } = cache.info()
    if (studies.has(name))
      throw new MillpondError(
        'OPTION_INVALID',
        `createInsight: two caches are named ${show(name)}: give each its own name`,
      )
    studies.set(name, {
      cache,
      study: new Study(cache, clock, prediction === undefined ? undefined : PATTERNS_BESIDE),
      predicting: prediction === undefined ? undefined : new Predicting(predictable(cache, name), clock, prediction),
      freshness:
        freshness === false
          ? undefined
          : watchFreshness(checkable(cache, name), { ...(freshness === true ? {} : freshness), clock }),
    })
  }
  const of = (name: string): Watched => {
    const found = studies.get(name)
    if (found !== undefined) return found
    throw new MillpondError(
      'OPTION_INVALID',
      `the cache ${show(name)} is not watched: those watched are ${[...studies.keys()].join(', ')}`,
    )
  }
  const predictedOf = (name: string, verb: string): Predicting => {
    const { predicting } = of(name)
    if (predicting !== undefined) return predicting
    throw new MillpondError(
      'OPTION_INVALID',
      `${verb}: there is no prediction for ${show(name)}: use createInsight({ caches, usagePrediction: true })`,
    )
  }
  const look = (name: string, window: number | undefined): Looked => {
    const { study } = of(name)
    study.catchUp()
    const seen = study.seen(window ?? USUAL_DAYS)
    return { study, seen, evidence: evidenceOf(study, seen) }
  }
  const insight: Insight = {
    caches: [...studies.keys()],
    sizing(name, options = {}) {
      checkOptions<WindowOptions>(options, WINDOW, 'sizing')
      return sizingOf(name, look(name, options.days))
    },
    whatIf: (name, question, options = {}) => whatIfOf(insight.sizing(name, options), question),
    analyze(name, options = {}) {
      checkOptions<WindowOptions>(options, WINDOW, 'analyze')
      const looked = look(name, options.days)
      return {
        ...sizingOf(name, looked),
        bottlenecks: looked.seen === undefined ? [] : bottlenecksOf(looked.seen),
        recommendations: recommendationsOf(looked.study.watching, looked.seen, looked.evidence),
        patterns: looked.study.watching === undefined ? [] : patternsOf(looked.study.watching),
        hotKeys: looked.study.hot.top(HOT_KEYS),
      }
    },
    async optimize(name, options = {}) {
      checkOptions<OptimizeOptions>(options, OPTIMIZE, 'optimize')
      const { study, seen, evidence } = look(name, options.days)
      const recommendations = recommendationsOf(study.watching, seen, evidence).filter(
        (one) => one.impact >= (options.minImpact ?? 0),
      )
      const first =
        options.apply === true
          ? recommendations.find(({ change, undo }) => change !== undefined && undo !== undefined)
          : undefined
      if (first?.change === undefined || first.undo === undefined) return { cache: name, evidence, recommendations }
      const { id, change, undo } = first
      await of(name).cache.configure(change)
      return { cache: name, evidence, recommendations, applied: { id, change, undo } }
    },
    health(name) {
      const { cache, predicting } = of(name)
      const health = healthOf(cache)
      return predicting === undefined ? health : { ...health, prediction: predictionSummary(predicting.figures) }
    },
    benchmark: async (name, options = {}) => benchmark(benchmarked(of(name).cache, name), options),
    cost(name, options) {
      checkOptions<CostOptions>(options, COST, 'cost')
      const { memory, cacheLevels } = of(name).cache.info()
      const tiers = cacheLevels.map((level) => level.name)
      checkPrices(options.prices, tiers)
      const { study, seen, evidence } = look(name, MOST_DAYS)
      const { watching } = study
      if (watching === undefined || seen === undefined) return nothingCosted(name, evidence)
      return costOf({ cache: name, watching, seen, evidence, prices: options.prices, tiers, bytes: memory?.bytes ?? 0 })
    },
    prediction: (name) => of(name).predicting?.figures,
    freshness: (name) => of(name).freshness?.report(),
    loadAhead(name, isOn) {
      flag(isOn, 'loadAhead')
      predictedOf(name, 'loadAhead').loadAhead(isOn)
    },
    warmPlan: (name, options = {}) => planOf(predictedOf(name, 'warmPlan'), predictable(of(name).cache, name), options),
    close() {
      for (const { study, predicting, freshness: checks } of studies.values()) {
        study.close()
        predicting?.close()
        checks?.close()
      }
    },
  }
  for (const cache of caches) KNOWN.set(cache, insight)
  return insight
}

const KNOWN = new WeakMap<object, Insight>()

/** The last insight created for the cache, if its options or the environment have started it. */
export function insightOf(cache: object): Insight | undefined {
  return KNOWN.get(cache)
}

interface Watched {
  readonly cache: InsightCache
  readonly study: Study
  readonly predicting: Predicting | undefined
  readonly freshness: Freshness | undefined
}

/** @throws MillpondError `OPTION_INVALID` */
function predictable(cache: InsightCache, name: string): PredictedCache & WarmPlanSpaces {
  const { sources, namespace } = cache
  if (sources !== undefined && namespace !== undefined) return cache as PredictedCache & WarmPlanSpaces
  throw new MillpondError(
    'OPTION_INVALID',
    `createInsight: nothing can be predicted for ${show(name)}: it lacks the sources and namespaces of a cache from createCache`,
  )
}

/** @throws MillpondError `OPTION_INVALID` */
function checkable(cache: InsightCache, name: string): FreshnessCache {
  const { sources, namespace } = cache
  if (sources !== undefined && namespace !== undefined) return cache as FreshnessCache
  throw new MillpondError(
    'OPTION_INVALID',
    `createInsight.freshness: ${show(name)} cannot be checked: it lacks the sources and namespaces of a cache from createCache`,
  )
}

/** @throws MillpondError `OPTION_INVALID` */
function benchmarked(cache: InsightCache, name: string): BenchmarkedCache {
  if (cache.namespace !== undefined) return cache as BenchmarkedCache
  throw new MillpondError(
    'OPTION_INVALID',
    `benchmark: ${show(name)} has no namespaces to run it in: give a cache from createCache`,
  )
}

interface Looked {
  readonly study: Study
  readonly seen: Seen | undefined
  readonly evidence: Evidence
}

function sizingOf(cache: string, { study, seen, evidence }: Looked): Sizing {
  const { watching } = study
  if (watching === undefined || seen === undefined)
    return { cache, evidence, hitRate: 0, sizes: [], policies: [], ttls: [] }
  const { setting } = watching
  const { memory } = study.cache.info()
  const known = {
    cache,
    evidence,
    capacity: { unit: setting.unit, amount: setting.capacity },
    policy: setting.policy,
    used: (setting.unit === 'bytes' ? memory?.bytes : memory?.entries) ?? 0,
    isFull: watching.shadows.isFull,
    hitRate: measuredHitRate(seen),
  }
  if (!evidence.isEnough) return { ...known, sizes: [], policies: [], ttls: [] }
  return {
    ...known,
    sizes: sizesOf(watching, seen),
    policies: policiesOf(watching, seen),
    ttls: ttlsOf(watching, seen),
  }
}
