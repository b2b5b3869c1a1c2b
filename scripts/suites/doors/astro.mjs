// Astro's provider over memory: `max` is the limit of its memory here, and its policy that of the class that the tests
// are about.
import { createCache, memory } from 'millpond'
import { astroCache } from 'millpond/astro'

export default ({ max, ...options } = {}) =>
  astroCache(createCache({ tiers: [memory({ maxEntries: max, policy: 'lru' })] }), options)()
