// The Redis tier on each client that it accepts beside ioredis 6, on which all its suites run: what differs between
// them must not show.
import { randomBytes } from 'node:crypto'
import { Redis as Redis5 } from 'ioredis5'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { describeTier, item } from '../../src/testing/tier.ts'
import {
  type NodeRedisClient,
  type RedisClient,
  type RedisTier,
  type RetainOptions,
  redis,
} from '../../src/tiers/redis/index.ts'
import { describeWith, PATIENCE, type RedisService, startRedis } from '../services/index.ts'

describeWith('redis', 'the redis tier', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  describe.each([
    ['ioredis 5', (url: string): RedisClient | NodeRedisClient => new Redis5(url, { lazyConnect: true })],
    ['node-redis 6', (url: string): NodeRedisClient => createClient({ url })],
  ])('with %s', (name, clientOf) => {
    let keyPrefix = ''
    const opened: { close(): unknown }[] = []
    afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))
    const again = async (tuning?: LedgerTuning): Promise<RedisTier> =>
      redis({ client: clientOf(server.url), keyPrefix, ...PATIENCE, retain: retain(tuning) })
    const open = (tuning?: LedgerTuning): Promise<RedisTier> => {
      keyPrefix = `test-${randomBytes(4).toString('hex')}:`
      return again(tuning)
    }

    describeTier(
      { describe, it },
      {
        name,
        open: () => open(),
        again: () => again(),
        skips: {
          bounded: 'how much it holds is a setting of the server: maxmemory',
          usage: 'a server cannot tell the entries of one cache from others without a scan',
          'every-bit': 'a record has the same form whatever sends it',
        },
      },
    )
    describeLedger(
      { describe, it },
      {
        name,
        open,
        again,
        loseRecord: async (namespace) => void (await server.command('DEL', `${keyPrefix}l:{${namespace}}`)),
      },
    )

    test('calls fail at once while the server is down, and it comes back by itself', async () => {
      const tier = await open()
      opened.push(tier)
      await tier.write([item('k')])
      await server.kill()
      await expect(tier.read(['k'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
      await server.restart()
      await expect
        .poll(
          () =>
            tier.read(['k']).then(
              () => true,
              () => false,
            ),
          { timeout: 10_000 },
        )
        .toBe(true)
    })
  })
})

function retain({ targets, windowMs, externalTiers }: LedgerTuning = {}): RetainOptions {
  return { ...(targets && { targets }), ...(windowMs && { window: windowMs }), ...(externalTiers && { externalTiers }) }
}
