// G20: random values through every tier and format: what another process reads is what was stored, nothing of it
// changed in silence.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { type Codec, createCache, memory } from 'millpond'
import { keyring, valueCodec } from 'millpond/codec'
import type { Tier } from 'millpond/tier'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { sized } from '../form.ts'
import fc from '../properties.ts'
import {
  describeWith,
  type MemcachedService,
  PATIENCE,
  type PostgresService,
  type RedisService,
  type Service,
  startMemcached,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { temporaryFolder } from '../tiers/folder.ts'
import { anyValue } from './arbitrary.ts'
import { assertSame } from './same.ts'

/** Of each tier and format, of which there are 26: 10,000 values in all, or a million. */
const VALUES = sized(400, 40_000)
const BATCH = 200
const SEED = Number(process.env.MILLPOND_SEED ?? 1)

const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
const FORMATS: Readonly<Record<string, () => Codec>> = {
  json: () => valueCodec(),
  messagepack: () => valueCodec({ format: 'messagepack' }),
  packed: () => valueCodec({ format: 'packed' }),
  'packed, compressed': () => valueCodec({ format: 'packed', compress: { algorithm: 'lz4', minBytes: 64 } }),
  'json, compressed and sealed': () => valueCodec({ compress: { minBytes: 64 }, mixesSecrets: false, encrypt }),
}

/**
 * @param tier of one process; called once for each. Its deadlines are long: a miss would be no silent change, and a
 * busy machine is no fault.
 */
function roundTrips(tier: () => Tier): void {
  test.each(Object.entries(FORMATS))('%s', { timeout: 600_000 }, async (name, make) => {
    const [here, there] = [tier(), tier()]
    const [writes, reads] = [make(), make()]
    const place = { cache: 'trips', namespace: 'default', asOf: { epoch: 'e', seq: 1 } }
    for (let done = 0; done < VALUES; done += BATCH) {
      const values = fc.sample(anyValue, { numRuns: BATCH, seed: SEED + done + name.length * 1_000_003 })
      const keys = values.map((_, at) => `${name}:${done + at}`)
      const items = await Promise.all(
        values.map(async (value, at) => {
          const parts = { key: keys[at] ?? '', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
          return {
            key: parts.key,
            asOf: place.asOf,
            expiresAt: Number.POSITIVE_INFINITY,
            body: await writes.encode(parts, place),
          }
        }),
      )
      await here.write(items)
      const stored = await there.read(keys)
      for (const [at, value] of values.entries()) {
        const parts = await reads.decode(stored[at]?.body ?? Buffer.alloc(0), place)
        if (parts === undefined) throw new Error(`value ${done + at} is not accepted`)
        assertSame(parts.value, value)
      }
      await here.drop(keys)
    }
    await Promise.all([here.close?.(), there.close?.()])
  })
}

describe('G20: any value through SQLite', () => {
  const path = temporaryFolder()()
  roundTrips(() => sqlite({ path }))
})

describe('G20: any value through files', () => {
  const path = temporaryFolder()()
  beforeAll(() => void mkdirSync(path))
  roundTrips(() => file({ path }))
})

const stop = (services: readonly Service[]) => Promise.all(services.map((service) => service.stop()))

describeWith('redis', 'G20: any value through Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => stop([server]))
  roundTrips(() => redis({ url: server.url, ...PATIENCE }))
})

describeWith('postgres', 'G20: any value through PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => stop([server]))
  roundTrips(() => postgres({ url: server.url, ...PATIENCE }))
})

describeWith('memcached', 'G20: any value through Memcached', () => {
  let server: MemcachedService
  beforeAll(async () => {
    server = await startMemcached()
  })
  afterAll(() => stop([server]))
  roundTrips(() => memcached({ servers: [{ host: server.host, port: server.port }], ...PATIENCE }))
})

describe('G20: any value through memory', () => {
  test('as it is, whatever becomes of what was given', { timeout: 600_000 }, async () => {
    const cache = createCache({ tiers: [memory({ maxEntries: BATCH })] })
    for (let done = 0; done < VALUES; done += BATCH) {
      const values = fc.sample(anyValue, { numRuns: BATCH, seed: SEED + done })
      await cache.setMany(values.map((value, at) => [`k${at}`, value] as const))
      const kept = await cache.getMany(values.map((_, at) => `k${at}`))
      for (const [at, value] of values.entries()) assertSame(kept[at], value)
    }
    await cache.close()
  })
})
