// Figures for Prometheus, and for whoever scales by them: what memories of other sizes would answer.
import { withMethods } from '../core/checks.ts'
import type { Collector, MetricDefinition } from '../observe/index.ts'
import type { Insight } from './insight.ts'

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
/** Few, so that they may be kept: an autoscaler compares its own size with the next ones. */
const SCALES = [0.5, 1, 2, 4]
const anInsight = withMethods<Insight>('insight: createInsight({ caches })', 'sizing')

/**
 * Predicted hit ratios at half, the same, twice and four times the size, for a registry. Nothing where there is not enough evidence: scale on what is there.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * monitor.registry.collect(insightCollector(insight))
 */
export function insightCollector(insight: Insight): Collector {
  anInsight(insight, 'insightCollector')
  return (emit) => {
    for (const cache of insight.caches) {
      for (const { factor, hitRate } of insight.sizing(cache).sizes) {
        if (!SCALES.includes(factor)) continue
        const labels = { cache, scale: String(factor) }
        emit(PREDICTED, labels, hitRate.value)
        emit(ERROR, labels, (hitRate.high - hitRate.low) / 2)
      }
    }
  }
}
