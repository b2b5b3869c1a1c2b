// @ts-check
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
export default {
  cacheComponents: true,
  cacheHandlers: { default: require.resolve('./use-cache.mjs'), remote: require.resolve('./use-cache.mjs') },
  cacheHandler: require.resolve('./pages.mjs'),
  cacheMaxMemorySize: 0, // no memory of its own beside it
}
