// The metrics that insight exports to Prometheus.
import { metric } from '../observe/definitions.ts'

const CACHE = ['cache'] as const
const SCALED = ['cache', 'scale'] as const

/** Every metric that `insightCollector` and the collector of `watchFreshness` can emit. */
export const INSIGHT_METRICS = {
  predictedHitRatio: metric(
    'gauge',
    'millpond_predicted_hit_ratio',
    SCALED,
    'Estimated share of reads that memory would answer if it were scale times as large, over the last 7 days.',
  ),
  predictedHitRatioError: metric(
    'gauge',
    'millpond_predicted_hit_ratio_error',
    SCALED,
    'Half of the 95 % interval of millpond_predicted_hit_ratio.',
  ),
  prefetchAccuracy: metric(
    'gauge',
    'millpond_prefetch_accuracy',
    CACHE,
    'Share of finished proposals to load ahead that were read while in memory.',
  ),
  prefetchProposals: metric(
    'counter',
    'millpond_prefetch_proposals_total',
    ['cache', 'result'],
    'Keys that were proposed to be loaded ahead, by outcome: used or wasted.',
  ),
  prefetchOpen: metric(
    'gauge',
    'millpond_prefetch_open',
    CACHE,
    '1 while proposals are loaded, 0 while they bring too little.',
  ),
  prefetchKept: metric(
    'counter',
    'millpond_prefetch_kept_total',
    CACHE,
    'How often memory was told to keep an entry that is expected to be read soon.',
  ),
  prefetchKeeping: metric(
    'gauge',
    'millpond_prefetch_keeping',
    CACHE,
    '1 while such entries are kept, 0 while a shadow of memory gains nothing by it.',
  ),
  prefetchBenefit: metric(
    'gauge',
    'millpond_prefetch_benefit_ratio',
    CACHE,
    'Share of misses avoided by loading ahead in the last windows; negative if there were more.',
  ),
  freshnessChecks: metric(
    'counter',
    'millpond_freshness_checks_total',
    ['cache', 'result'],
    'Reads whose value was loaded anew and compared: fresh, stale, failed, or unsettled.',
  ),
  staleReadRatio: metric(
    'gauge',
    'millpond_stale_read_ratio',
    CACHE,
    'Of the last 1,024 reads that were checked, those whose value the source had changed.',
  ),
  staleReadRatioLow: metric(
    'gauge',
    'millpond_stale_read_ratio_low',
    CACHE,
    'The lower end of the 95 % interval of millpond_stale_read_ratio.',
  ),
  staleReadRatioHigh: metric(
    'gauge',
    'millpond_stale_read_ratio_high',
    CACHE,
    'The upper end of the 95 % interval of millpond_stale_read_ratio.',
  ),
  staleReadObjective: metric('gauge', 'millpond_stale_read_objective', CACHE, 'The share of reads that may be stale.'),
} as const
