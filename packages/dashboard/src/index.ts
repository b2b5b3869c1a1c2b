// The dashboard of Millpond as a React component, its parts, and the client of the admin API.
export { ApiError, type CacheClient, type CacheClientOptions, createCacheClient } from './api/client.ts'
export { useSummaries as useCacheSummaries } from './api/queries.ts'
export type { Alert, Explanation, Health, Summary } from './api/types.ts'
export { CachingDashboard, CachingDashboard as default } from './caching-dashboard.tsx'
export { CachingProvider, type CachingProviderProps } from './caching-provider.tsx'
export {
  type ChartMark,
  type ChartReference,
  type ChartSeries,
  LiveChart,
  type LiveChartProps,
} from './charts/live-chart.tsx'
export { ConfigOverview } from './pages/configurations/configurations.tsx'
export { KeyInspector, type KeyInspectorProps } from './pages/keys/inspector.tsx'
export { TierFlow } from './pages/now/flow.tsx'
export { AlertList } from './pages/now/parts.tsx'
export { HealthScore, type HealthScoreProps } from './pages/now/score.tsx'
export { type Addresses, hashAddresses, pathAddresses } from './place/addresses.ts'
export type { CachingDashboardProps } from './props.ts'
export { type Live as CacheStream, useLive as useCacheStream } from './shell/live.tsx'
export { THEME_TOKENS, type ThemeToken } from './shell/theme.ts'
