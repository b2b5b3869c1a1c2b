// Figures for Prometheus, and for whoever scales by them: what memories of other sizes would answer.
import { withMethods } from '../core/checks.ts'
import type { Collector, MetricDefinition } from '../observe/index.ts'
import type { Insight } from './insight.ts'
import type { Prediction } from './predict/figures.ts'

const PREDICTED: MetricDefinition<'cache' | 'scale'> = Object.freeze({
  name: 'millpond_predicted_hit_ratio',
  kind: 'gauge',
  help: 'Reads that memory would answer, of all, if it were scale times as large: estimated, over the last 7 days.',
  labels: ['cache', 'scale'] as const,
})
const ERROR: MetricDefinition<'cache' | 'scale'> = Object.freeze({
  name: 'millpond_predicted_hit_ratio_error',
  kind: 'gauge',
  help: 'Half of the 95 % interval of millpond_predicted_hit_ratio.',
  labels: ['cache', 'scale'] as const,
})
const ACCURACY: MetricDefinition<'cache'> = Object.freeze({
  name: 'millpond_prefetch_accuracy',
  kind: 'gauge',
  help: 'Of what was proposed to be loaded ahead and has ended, what was read while memory had it.',
  labels: ['cache'] as const,
})
const PROPOSED: MetricDefinition<'cache' | 'result'> = Object.freeze({
  name: 'millpond_prefetch_proposals_total',
  kind: 'counter',
  help: 'Keys that were proposed to be loaded ahead, by what became of them: used, or wasted.',
  labels: ['cache', 'result'] as const,
})
const OPEN: MetricDefinition<'cache'> = Object.freeze({
  name: 'millpond_prefetch_open',
  kind: 'gauge',
  help: '1 while what is proposed is loaded, 0 while it brings too little.',
  labels: ['cache'] as const,
})
const BENEFIT: MetricDefinition<'cache'> = Object.freeze({
  name: 'millpond_prefetch_benefit_ratio',
  kind: 'gauge',
  help: 'Fewer misses than without loading ahead, as a part of them, in the last windows; negative for more.',
  labels: ['cache'] as const,
})
/** Few, so that they may be kept: an autoscaler compares its own size with the next ones. */
const SCALES = [0.5, 1, 2, 4]
const anInsight = withMethods<Insight>('insight: createInsight({ caches })', 'sizing', 'prediction')

/**
 * Where next reads are guessed, how often that is right and what it brings; and predicted hit ratios at half, the same, twice and four times the size, for a registry. Nothing where there is not enough evidence: scale on what is there.
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
