// The Redis tier against the published suites, on a real Redis, and on a real Valkey where there is one.
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'
import { describeWith, PATIENCE, type RedisService, SHIPPED_SAVES, startRedis } from '../services/index.ts'
import { DRIVER } from './redis-driver.ts'

for (const kind of ['redis', 'valkey'] as const) describeWith(kind, `the redis tier on ${kind}`, () => onServer(kind))

function onServer(kind: 'redis' | 'valkey'): void {
  let server: RedisService
  let keyPrefix = ''
  let raw: Redis
  beforeAll(async () => {
    server = await startRedis({ args: SHIPPED_SAVES, server: kind })
    raw = new Redis(server.url)
  })
  afterAll(async () => {
    raw.disconnect()
    await server.stop()
  })

  const again = async (tuning?: LedgerTuning) =>
    redis({ ...DRIVER, url: server.url, keyPrefix, ...PATIENCE, ...tuned(tuning) })
  const open = async (tuning?: LedgerTuning) => {
    keyPrefix = `test-${randomBytes(4).toString('hex')}:`
    return again(tuning)
  }

  describeTier(
    { describe, it },
    {
      name: 'redis',
      open: () => open(),
      again: () => again(),
      record: {
        load: async (key) => [(await raw.getBuffer(`${keyPrefix}e:${key}`)) ?? Buffer.alloc(0)],
        store: async (key, [bytes = new Uint8Array()]) =>
          (await raw.set(`${keyPrefix}e:${key}`, Buffer.from(bytes))) === 'OK',
      },
      skips: {
        usage: 'a server cannot tell the entries of one cache from others without a scan',
        bounded: 'how much it holds is a setting of the server: maxmemory',
      },
    },
  )
  describeLedger(
    { describe, it },
    {
      name: 'redis',
      open,
      again,
      loseRecord: async (namespace) => void (await server.command('DEL', `${keyPrefix}l:{${namespace}}`)),
    },
  )
}

function tuned({ targets, windowMs, externalTiers }: LedgerTuning = {}): Partial<RedisTierOptions> {
  return {
    retain: {
      ...(targets && { targets }),
      ...(windowMs && { window: windowMs }),
      ...(externalTiers && { externalTiers }),
    },
  }
}
