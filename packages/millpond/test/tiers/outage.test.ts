// Every tier on a server through the published outage suite, with real servers behind a proxy that fails.
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { describeOutage } from '../../src/testing/outage.ts'
import { memcached } from '../../src/tiers/memcached/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { describeWith, type Service, startMemcached, startPostgres, startRedis } from '../services/index.ts'

function suite(
  name: 'redis' | 'postgres' | 'memcached',
  start: () => Promise<Service>,
  openAt: (port: number, server: Service) => Tier,
  skips: Readonly<Record<string, string>> = {},
): void {
  describeWith(name, `the ${name} tier`, () => {
    let server: Service
    let link: FaultProxy
    beforeAll(async () => {
      server = await start()
      link = await startFaultProxy({ to: { port: server.port } })
    })
    afterAll(async () => {
      await link.close()
      await server.stop()
    })
    describeOutage(
      { describe, it },
      { name, open: async () => openAt(link.port, server), server: () => server, link: () => link, skips },
    )
  })
}

suite('redis', startRedis, (port) => redis({ url: `redis://127.0.0.1:${port}` }), {
  burst: 'its deadline is for one command: the queue around a tier bounds how many are under way (wrap/queue.test.ts)',
})
suite('redis', startRedis, (port) => redis({ url: `redis://127.0.0.1:${port}`, driver: 'redis' }), {
  burst: 'as with the other driver',
})
suite(
  'postgres',
  startPostgres,
  (port, server) => postgres({ url: server.url.replace(String(server.port), String(port)) }),
  {
    burst:
      'its deadline is for one command: the queue around a tier bounds how many are under way (wrap/queue.test.ts)',
  },
)
suite('memcached', startMemcached, (port) => memcached({ servers: `127.0.0.1:${port}` }))
