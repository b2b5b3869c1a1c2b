// The Memcached tier against the published suite, on one real server and on three.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describeTier } from '../../src/testing/tier.ts'
import { type MemcachedTierOptions, memcached } from '../../src/tiers/memcached/index.ts'
import { describeWith, type Service, startMemcached } from '../services/index.ts'

describeWith('memcached', 'the memcached tier', () => {
  let servers: Service[] = []
  let keyPrefix = ''
  beforeAll(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  })
  afterAll(() => Promise.all(servers.map((server) => server.stop())))

  const suite = (name: string, count: number, options: MemcachedTierOptions = {}): void => {
    const again = async () =>
      memcached({
        servers: servers.slice(0, count).map(({ host, port }, at) => ({ host, port, weight: at + 1 })),
        keyPrefix,
        commandTimeout: 5000,
        ...options,
      })
    describeTier(
      { describe, it },
      {
        name,
        open: () => {
          keyPrefix = `test-${randomBytes(4).toString('hex')}:`
          return again()
        },
        again,
        skips: { usage: 'a server cannot tell the entries of one cache from others without a listing' },
      },
    )
  }
  suite('memcached', 1)
  suite('memcached (three servers of different weights)', 3)
  suite('memcached (three servers, four connections to each)', 3, { poolSize: 4 })
})
