// Memory alone as a Worker has it: made while the program is loaded, used by one request after another.
import { createCache, memory } from 'millpond'

const cache = createCache({ tiers: [memory({ maxEntries: 100 })] })
let loads = 0

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/load')
      return new Response(String(await cache.getOrSet(['k', 1], async () => ++loads, { ttl: '300ms', tags: ['t'] })))
    if (pathname === '/invalidate') return new Response(typeof (await cache.invalidateTags(['t'])).id)
    return new Response(String(cache.peek(['k', 1])))
  },
}
