// The program's own client beside ours: all of it may lie in one file, with no package beside it.
import { Redis } from 'ioredis'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'

const client = new Redis(process.env.REDIS_URL, { lazyConnect: true })
const cache = createCache({ tiers: [memory(), redis({ client, commandTimeout: '10s', connectTimeout: '10s' })] })
cache
  .getOrSet('a', async () => 'loaded')
  .then(async (value) => {
    await cache.flush()
    console.log(JSON.stringify({ value, shared: (await cache.explain('a')).tiers.map((tier) => tier.state) }))
    await cache.close()
    client.disconnect()
  })
