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
import { MillpondError, show } from '../core/errors.ts'
import { recommendationsOf } from './advice.ts'
import { type BenchmarkedCache, benchmark } from './benchmark.ts'
import type {
  CostOptions,
  Insight,
  InsightCache,
  InsightOptions,
  OptimizeOptions,
  Sizing,
  WindowOptions,
} from './contract.ts'
import { checkPrices, type Prices } from './cost/prices.ts'
import { costOf, nothingCosted } from './cost/report.ts'
import { type Evidence, evidenceOf, type Seen } from './evidence.ts'
import { bottlenecksOf, healthOf } from './findings.ts'
import { type Freshness, type FreshnessCache, freshnessSettings, watchFreshness } from './freshness.ts'
import { predictionSummary } from './predict/figures.ts'
import { predictionSettings } from './predict/options.ts'
import { type PredictedCache, Predicting } from './predict/prediction.ts'
import { planOf, type WarmPlanSpaces } from './predict/warm-plan.ts'
import { measuredHitRate, patternsOf, policiesOf, sizesOf, ttlsOf } from './sizing.ts'
import { Study } from './study.ts'
import { whatIfOf } from './what-if.ts'

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
