// Observability: histograms, metrics as Prometheus text, key patterns and hot keys, log lines.
export {
  cacheCollector,
  guardCollector,
  jobCollector,
  keyCollector,
  type ProcessStats,
  processCollector,
  processStats,
} from './collectors.ts'
export { METRICS, type MetricDefinition, type MetricKind } from './definitions.ts'
export { createHistogram, type Histogram, LATENCY_BOUNDS_MS } from './histogram.ts'
export { FadingKeys, type HotKey, HotKeys } from './hot-keys.ts'
export { keyPattern } from './key-pattern.ts'
export {
  createKeyStatistics,
  type KeyStatistics,
  type KeyStatisticsOptions,
  memoryByPattern,
  type PatternMemory,
  type PatternStats,
} from './key-statistics.ts'
export {
  createLog,
  LEVELS,
  type Level,
  type Log,
  type LogEntry,
  type LogFields,
  type LogOptions,
  logLine,
} from './log.ts'
export {
  createMonitor,
  type HeldBytes,
  type KeyReport,
  type MemoryUsage,
  type Monitor,
  type MonitoredCache,
  type MonitorOptions,
} from './monitor.ts'
export { hitRatioPlugin, timingPlugin } from './plugins.ts'
export {
  metricsFor,
  OPENMETRICS_CONTENT_TYPE,
  openMetricsText,
  PROMETHEUS_CONTENT_TYPE,
  prometheusText,
} from './prometheus.ts'
export {
  type Collector,
  createRegistry,
  type Emit,
  type Family,
  type Gauge,
  type Labels,
  type Registry,
  type RegistryOptions,
  type Sample,
} from './registry.ts'
export {
  addCompression,
  type BreakerState,
  type CacheStats,
  type Counts,
  hitRate,
  type JobStats,
  type LatencyStats,
  type LedgerStats,
  type QueueStats,
  type TierStats,
} from './stats.ts'
export { showWarming, type WarmBarCache, type WarmBarOptions } from './warm-bar.ts'
