// For 'use cache'.
// @ts-check
import { nextUseCache } from 'millpond/next'
import { cache } from './cache.mjs'

export default nextUseCache(cache)
