// What a program is told of what is not there: the errors are made by Node's own modules.
import { Redis } from 'ioredis'
import { createCache, memory } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'

const told = (work) =>
  Promise.resolve()
    .then(work)
    .then(
      () => 'nothing',
      (error) => `${error.code}: ${error.message}`,
    )

/** Of a server that is not there, and of a package. */
export async function tell(port) {
  const client = new Redis({ port, lazyConnect: true })
  const cache = createCache({ tiers: [memory(), redis({ client, commandTimeout: '2s', connectTimeout: '2s' })] })
  const lines = [await told(() => cache.set('k', 1)), await told(() => postgres({ url: 'postgres://127.0.0.1/shop' }))]
  await cache.close()
  client.disconnect()
  return lines
}
