// Encryption in the engine.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { memory, type Tier } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describeWith, PATIENCE, type RedisService, startRedis } from '../services/index.ts'
import { codec, sealedSuite, storageKeyOf } from './sealed-suite.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describe('sealed entries over SQLite', () => {
  let path = ''
  beforeEach(() => {
    path = join(newFolder(), 'sealed.db')
  })
  sealedSuite(() => sqlite({ path }))
})

describeWith('redis', 'sealed entries over Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  sealedSuite(() => redis({ url: server.url, ...PATIENCE }))
})

describe('sealed entries', () => {
  closeAfterEach()

  test('memory alone has no use for a codec, and a restart file shows no value', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ codec, restart: { path } })
    await first.set('k', { canary: 'CANARY3' }, { ttl: '1h' })
    await first.close()
    expect(readFileSync(path).includes('CANARY3')).toBe(false)
    const next = open({ codec, restart: { path } })
    await next.ready()
    expect(next.peek('k')).toEqual({ canary: 'CANARY3' })
  })

  test('of two tiers one may be sealed: what is promoted is sealed for each', async () => {
    const [upper, lower] = [sqlite({ path: join(newFolder(), 'a.db') }), sqlite({ path: join(newFolder(), 'b.db') })]
    const cache = open({ tiers: [memory(), upper, { use: lower, codec }] })
    await cache.set('k', 'CANARY4')
    const key = await storageKeyOf(cache, 'k')
    const shows = async (tier: Tier): Promise<boolean> =>
      Buffer.from((await tier.read([key]))[0]?.body ?? []).includes('CANARY4')
    expect([await shows(upper), await shows(lower)]).toEqual([true, false])
    await upper.drop([key])
    const next = open({ tiers: [upper, { use: lower, codec }] })
    expect(await next.get('k')).toBe('CANARY4')
    await next.flush()
    expect([await shows(upper), await shows(lower)]).toEqual([true, false])
  })

  test.each([
    [{ encrypt: { k1: 'secret' } }, /codec: \{ encrypt \} is not a codec/],
    [{ compress: 'auto' }, /valueCodec/],
    ['aes', /codec: "aes"/],
  ])('a codec that is none is refused, and shows no key: %j', (given, message) => {
    expect(() => open({ codec: given as never, tiers: [memory()] })).toThrow(message)
    expect(() => open({ codec: given as never, tiers: [memory()] })).not.toThrow(/secret/)
  })
})
