// Memory alone, at the top of a module and in use: what it prints must be the same in every bundle and runtime.
import { createCache, memory } from 'millpond'

const cache = createCache({ tiers: [memory({ maxEntries: 100 })] })

async function use() {
  await cache.set('a', { n: 1, at: new Date(0) }, { tags: ['t'] })
  const loaded = await cache.getOrSet(['user', 7], async () => 'seven', { tags: ['users'] })
  await cache.invalidateTags(['t'])
  const { removed } = await cache.delete(['user', 7])
  return JSON.stringify({ loaded, gone: (await cache.get('a')) === undefined, removed })
}

use().then((line) => console.log(line))
