// `millpond/insight`: the effects of other sizes, policies and TTLs, with their confidence.

export { PROBE } from '../core/probe.ts'
export type { Change, Recommendation } from './advice.ts'
export {
  type BenchmarkedCache,
  type BenchmarkedSpace,
  type BenchmarkOptions,
  type BenchmarkResult,
  type BenchmarkTimes,
  benchmark,
} from './benchmark.ts'
export type {
  Analysis,
  CostOptions,
  HotTier,
  Insight,
  InsightCache,
  InsightOptions,
  Optimized,
  OptimizeOptions,
  Sizing,
  WindowOptions,
} from './contract.ts'
export type { Prices, SourcePrices, TierPrices } from './cost/prices.ts'
export type { CostAction, CostReport, Money, PatternCost, TierCost } from './cost/report.ts'
export { Curve, type Outcome, type Scenario } from './curve.ts'
export { INSIGHT_METRICS } from './definitions.ts'
export type { Evidence } from './evidence.ts'
export { type AfterChange, judgeChange } from './experiments/before-after.ts'
export { addCounts, type Column, type Counts, noCounts, type Sums } from './experiments/counts.ts'
export {
  type Experiment,
  type ExperimentCache,
  type ExperimentEnd,
  type ExperimentOptions,
  type ExperimentResult,
  startExperiment,
} from './experiments/experiment.ts'
export { judgeKeys } from './experiments/judge.ts'
export { judgeShadow, type ShadowCounts } from './experiments/judge-shadow.ts'
export {
  type ArmMemory,
  type ArmOptions,
  type Guards,
  type Metric,
  type Plan,
  type PlannedArm,
  type PlanOptions,
  planOf,
} from './experiments/plan.ts'
export { type ExperimentSelect, isPartial } from './experiments/select.ts'
export { halfWidth } from './experiments/sequence.ts'
export { ShadowTrial } from './experiments/shadow-trial.ts'
export { type DividedCache, KeyTrial, type Phase } from './experiments/trial.ts'
export type { ArmResult, ArmVerdict, Difference, Judgement, Verdict } from './experiments/verdict.ts'
export type { Bottleneck, CacheHealth, Deduction } from './findings.ts'
export {
  type Freshness,
  type FreshnessCache,
  type FreshnessCounts,
  type FreshnessOptions,
  type FreshnessReport,
  type FreshnessSpace,
  judgeFreshness,
  watchFreshness,
} from './freshness.ts'
export { createInsight, insightOf } from './insight.ts'
export { insightCollector } from './metrics.ts'
export type { WasteBounds } from './predict/budget.ts'
export type { KeyPlace, KeyPlaceOf } from './predict/candidates.ts'
export type { PatternPrediction, Prediction, PredictionSummary } from './predict/figures.ts'
export type { ModelFault, ObservedRead, PredictedKey, PredictorModel } from './predict/model-guard.ts'
export type { UsagePrediction } from './predict/options.ts'
export type { PredictedCache } from './predict/prediction.ts'
export { type KeyRead, Predictor } from './predict/predictor.ts'
export type { PredictorOptions } from './predict/predictor-options.ts'
export type { WarmPlanCache, WarmPlanOfOptions, WarmPlanSpaces } from './predict/warm-plan.ts'
export { inProbe, type ProbedCache, type ProbedSpace } from './probe.ts'
export { type ShadowOf, Shadows, type ShadowsOptions } from './shadows.ts'
export type { PatternPoint, PolicyPoint, Range, SizePoint, TtlPoint } from './sizing.ts'
export { type Estimate, missesPerRead, type Tally } from './tally.ts'
export { type AdaptiveTtlOptions, adaptiveTtl } from './ttl/adaptive-ttl.ts'
export { type WhatIf, type WhatIfQuestion, type WhatIfSeen, whatIfOf } from './what-if.ts'
