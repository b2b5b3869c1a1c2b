// A process that runs a cache and is seen and steered from elsewhere: told by lines what to do, answers by lines.
// On the built packages: the tests of the whole project build first.
import { createInterface } from 'node:readline'
import { attach } from '@millpond/control/agent'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'

const [place = '', id = ''] = process.argv.slice(2)
const far = place.startsWith('redis') ? redis({ url: place }) : sqlite({ path: place })
const cache = createCache({ name: 'fleet', tiers: [memory(), { use: far, timeout: '20s' }], defaults: { ttl: '10m' } })
const attached = attach(cache, { id })
await attached.join()
console.log('ready')

const acts = {
  set: async (key) => cache.set(key, `of ${id}`, { tags: ['all'] }),
  get: (key) => cache.get(key),
  ttl: async () => cache.describe().defaults.ttl_seconds,
  end: async () => {
    await attached.close()
    await cache.close()
    process.exit(0)
  },
}
for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', rest = ''] = line.split(' ')
  console.log(JSON.stringify((await acts[verb](rest)) ?? null))
}
