// What a running cache tells: histograms, metrics as Prometheus text, key patterns and hot keys, log lines.
export { createHistogram, type Histogram, LATENCY_BOUNDS_MS } from './histogram.ts'
export { type BreakerState, type CacheStats, hitRate, type LatencyStats, type TierStats } from './stats.ts'
