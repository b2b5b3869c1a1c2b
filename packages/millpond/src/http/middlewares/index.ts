// `millpond/http/middlewares`: metrics, and companions of the cache. In a chain: metrics, the cache, compression,
// headers; each usable alone.
export { type EdgeTagFields, edgeTag, edgeTagFields } from '../edge-tags.ts'
export { cacheHeaders, type HeaderRule } from './cache-headers.ts'
export { type Coding, type CompressionOptions, compression } from './compression.ts'
export { type MetricsOptions, type RouteFigures, requestMetrics } from './metrics.ts'
export { type RecordedPlan, type RecordedUrl, type Recorder, type RecorderOptions, recordTraffic } from './recorder.ts'
