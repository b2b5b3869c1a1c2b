// For pages, routes and fetches.
// @ts-check
import { nextIncrementalCache } from 'millpond/next'
import { cache } from './cache.mjs'

export default nextIncrementalCache(cache, { buildId: process.env.BUILD_ID })
