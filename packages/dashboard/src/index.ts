// The dashboard of Millpond as a React component, its parts, and the client of the admin API.
export { ApiError, type CacheClient, type CacheClientOptions, createCacheClient } from './api/client.ts'
export { CachingDashboard, CachingDashboard as default } from './caching-dashboard.tsx'
export { type Addresses, hashAddresses, pathAddresses } from './place/addresses.ts'
export type { CachingDashboardProps } from './props.ts'
