// Figures for Prometheus, and for whoever scales by them: what memories of other sizes would answer.
import { withMethods } from '../core/checks.ts'
import { metric } from '../observe/definitions.ts'
import type { Collector } from '../observe/index.ts'
import type { Insight } from './insight.ts'
import type { Prediction } from './predict/figures.ts'

const CACHE = ['cache'] as const
const SCALED = ['cache', 'scale'] as const
const PREDICTED = metric(
  'gauge',
  'millpond_predicted_hit_ratio',
  SCALED,
  'Estimated share of reads that memory would answer if it were scale times as large, over the last 7 days.',
)
const ERROR = metric(
  'gauge',
  'millpond_predicted_hit_ratio_error',
  SCALED,
  'Half of the 95 % interval of millpond_predicted_hit_ratio.',
)
const ACCURACY = metric(
  'gauge',
  'millpond_prefetch_accuracy',
  CACHE,
  'Share of finished proposals to load ahead that were read while in memory.',
)
const PROPOSED = metric(
  'counter',
  'millpond_prefetch_proposals_total',
  ['cache', 'result'],
  'Keys that were proposed to be loaded ahead, by outcome: used or wasted.',
)
const OPEN = metric(
  'gauge',
  'millpond_prefetch_open',
  CACHE,
  '1 while proposals are loaded, 0 while they bring too little.',
)
const BENEFIT = metric(
  'gauge',
  'millpond_prefetch_benefit_ratio',
  CACHE,
  'Share of misses avoided by loading ahead in the last windows; negative if there were more.',
)
/** Few, so that they may be kept: an autoscaler compares its own size with the next ones. */
const SCALES = [0.5, 1, 2, 4]
const anInsight = withMethods<Insight>('insight: createInsight({ caches })', 'sizing', 'prediction')

/**
 * For a registry: predicted hit ratios at half, the same, twice and four times the size, none where there is not enough
 * evidence; and, where next reads are predicted, how often that is right and what it brings.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * monitor.registry.collect(insightCollector(insight))
 */
export function insightCollector(insight: Insight): Collector {
  anInsight(insight, 'insightCollector')
  return (emit) => {
    for (const cache of insight.caches) {
      emitPrediction(emit, insight.prediction(cache))
      for (const { factor, hitRate } of insight.sizing(cache).sizes) {
        if (!SCALES.includes(factor)) continue
        const labels = { cache, scale: String(factor) }
        emit(PREDICTED, labels, hitRate.value)
        emit(ERROR, labels, (hitRate.high - hitRate.low) / 2)
      }
    }
  }
}

function emitPrediction(emit: Parameters<Collector>[0], prediction: Prediction | undefined): void {
  if (prediction === undefined) return
  const { cache, accuracy, used, wasted, state, benefit } = prediction
  const labels = { cache }
  if (accuracy !== undefined) emit(ACCURACY, labels, accuracy)
  emit(PROPOSED, { cache, result: 'used' }, used)
  emit(PROPOSED, { cache, result: 'wasted' }, wasted)
  emit(OPEN, labels, state === 'open' ? 1 : 0)
  if (benefit !== undefined) emit(BENEFIT, labels, benefit)
}
