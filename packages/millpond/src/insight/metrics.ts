// Metrics for Prometheus and autoscalers: the predicted hit ratios of other memory sizes.
import { withMethods } from '../core/checks.ts'
import type { Collector } from '../observe/index.ts'
import type { Insight } from './contract.ts'
import { INSIGHT_METRICS } from './definitions.ts'
import { emitFreshness } from './freshness.ts'
import type { Prediction } from './predict/figures.ts'

/** Few, to limit the number of series: an autoscaler compares its size with the adjacent ones. */
const SCALES = [0.5, 1, 2, 4]
const anInsight = withMethods<Insight>('insight: createInsight({ caches })', 'sizing', 'prediction', 'freshness')

/**
 * For a registry: predicted hit ratios at half, the same, twice and four times the size, if there is enough evidence;
 * with prediction on, its accuracy and benefit; and with freshness checks on, how many reads are stale.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * monitor.registry.collect(insightCollector(insight))
 */
export function insightCollector(insight: Insight): Collector {
  anInsight(insight, 'insightCollector')
  return (emit) => {
    for (const cache of insight.caches) {
      emitPrediction(emit, insight.prediction(cache))
      const freshness = insight.freshness(cache)
      if (freshness !== undefined) emitFreshness(emit, freshness)
      for (const { factor, hitRate } of insight.sizing(cache).sizes) {
        if (!SCALES.includes(factor)) continue
        const labels = { cache, scale: String(factor) }
        emit(INSIGHT_METRICS.predictedHitRatio, labels, hitRate.value)
        emit(INSIGHT_METRICS.predictedHitRatioError, labels, (hitRate.high - hitRate.low) / 2)
      }
    }
  }
}

function emitPrediction(emit: Parameters<Collector>[0], prediction: Prediction | undefined): void {
  if (prediction === undefined) return
  const { cache, accuracy, used, wasted, state, benefit, kept, isKeeping } = prediction
  const labels = { cache }
  if (accuracy !== undefined) emit(INSIGHT_METRICS.prefetchAccuracy, labels, accuracy)
  emit(INSIGHT_METRICS.prefetchProposals, { cache, result: 'used' }, used)
  emit(INSIGHT_METRICS.prefetchProposals, { cache, result: 'wasted' }, wasted)
  emit(INSIGHT_METRICS.prefetchOpen, labels, state === 'open' ? 1 : 0)
  emit(INSIGHT_METRICS.prefetchKept, labels, kept)
  emit(INSIGHT_METRICS.prefetchKeeping, labels, isKeeping ? 1 : 0)
  if (benefit !== undefined) emit(INSIGHT_METRICS.prefetchBenefit, labels, benefit)
}
