// What a process needs to be monitored and controlled from elsewhere: no store, no server.
export type { Acts } from './acts.ts'
export { type Attached, type AttachOptions, attach } from './agent.ts'
export type { Application, CacheType, NamedAt, NamedPlan, Scope as ApplicationScope } from './application.ts'
export { type NamedCaches, type OpenCachesOptions, openCaches } from './caches.ts'
export type { CacheReport, NamespaceReport } from './figures.ts'
export type { UrlEntry } from './urls.ts'
