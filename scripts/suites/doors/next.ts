// Next's handler of 'use cache', of so many bytes.
import { createCache, memory } from 'millpond'
import { nextUseCache } from 'millpond/next'

export const createDefaultCacheHandler = (maxBytes: number) =>
  nextUseCache(createCache({ tiers: [memory({ maxBytes })] }))
