// A TypeScript program of CommonJS modules, under the strictest rules.
import { createCache, type LoadOptions, memory } from 'millpond'

const cache = createCache({ tiers: [memory({ maxEntries: 10 })], defaults: { ttl: '5m' } })
const options: LoadOptions = { tags: ['users'] }
void cache.getOrSet(['user', 7], async () => ({ name: 'Ada' }), options).then(({ name }) => console.log(name))
