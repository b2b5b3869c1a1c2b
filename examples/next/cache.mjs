// One cache for all replicas: what one has rendered the others find, and a revalidation in one applies in all.
// @ts-check
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'

const url = process.env.REDIS_URL
export const cache = createCache({
  name: 'site',
  tiers: [memory({ maxBytes: '64mb' }), ...(url === undefined ? [] : [redis({ url })])],
})
