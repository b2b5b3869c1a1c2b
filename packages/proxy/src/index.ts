// `@millpond/proxy`: a caching reverse proxy for any origin.
export { type ProxyOptions, readConfig } from './options.ts'
export { type CachingProxy, startProxy } from './proxy.ts'
