// One store that is given as two tiers is one node and one region, whatever leads to it; two stores of one server are
// two. No connection is made for it: no server runs here.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import type { Tier } from '../../src/index.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { distributed } from '../../src/tiers/distributed/index.ts'
import { edge } from '../../src/tiers/edge/index.ts'
import { file } from '../../src/tiers/file/index.ts'
import { memcached } from '../../src/tiers/memcached/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-places-'))
const client = new Redis({ lazyConnect: true })
const pool = new pg.Pool()
pool.on('error', () => {})
mkdirSync(join(folder, 'real'))
symlinkSync(join(folder, 'real'), join(folder, 'link'))
afterAll(async () => {
  client.disconnect()
  await pool.end()
  rmSync(folder, { recursive: true })
})

const at = (name: string) => join(folder, name)
const host = 'postgres://anna:secret@db.internal'

type Pair = readonly [what: string, one: () => Tier, other: () => Tier]

const SAME: readonly Pair[] = [
  [
    'redis, of other names for it',
    () => redis({ url: 'redis://LOCALHOST' }),
    () => redis({ host: '127.0.0.1', port: 6379, password: 'secret' }),
  ],
  [
    'redis, as another user',
    () => redis({ url: 'redis://anna:secret@a.internal/2' }),
    () => redis({ host: 'A.internal', db: 2 }),
  ],
  ['redis, by one client', () => redis({ client }), () => redis({ client })],
  [
    'redis, by its socket',
    () => redis({ path: at('redis.sock') }),
    () => redis({ path: join(folder, '.', 'redis.sock') }),
  ],
  [
    'a group of sentinels that is asked elsewhere too',
    () => redis({ sentinels: [{ host: 's1' }, { host: 's2' }], name: 'main' }),
    () => redis({ sentinels: [{ host: 's2' }, { host: 's3' }], name: 'main' }),
  ],
  ['a cluster', () => redis({ cluster: [{ host: 'c1' }, { host: 'c2' }] }), () => redis({ cluster: [{ host: 'c2' }] })],
  [
    'memcached, one of several servers',
    () => memcached({ servers: 'm1,m2:11212' }),
    () => memcached({ servers: [{ host: 'm2', port: 11_212 }] }),
  ],
  [
    'postgres',
    () => postgres({ url: `${host}/cache` }),
    () => postgres({ url: 'postgresql://ben@DB.internal:5432/cache?sslmode=disable' }),
  ],
  ['postgres, by one pool', () => postgres({ pool }), () => postgres({ pool })],
  ['sqlite', () => sqlite({ path: at('a.db') }), () => sqlite({ path: at('link/../a.db') })],
  ['a folder, by a link', () => file({ path: at('real') }), () => file({ path: at('link') })],
]

const APART: readonly Pair[] = [
  ['databases of redis', () => redis({ url: 'redis://a.internal/1' }), () => redis({ url: 'redis://a.internal/2' })],
  [
    'prefixes of redis',
    () => redis({ url: 'redis://a.internal', keyPrefix: 'a:' }),
    () => redis({ url: 'redis://a.internal', keyPrefix: 'b:' }),
  ],
  ['ports of redis', () => redis({ port: 6379 }), () => redis({ port: 6380 })],
  ['clients of redis', () => redis({ client }), () => redis({ client: client.duplicate() })],
  [
    'groups of the same sentinels',
    () => redis({ sentinels: [{ host: 's1' }], name: 'one' }),
    () => redis({ sentinels: [{ host: 's1' }], name: 'two' }),
  ],
  [
    'prefixes of memcached',
    () => memcached({ servers: 'm1', keyPrefix: 'a:' }),
    () => memcached({ servers: 'm1', keyPrefix: 'b:' }),
  ],
  ['databases of postgres', () => postgres({ url: `${host}/a` }), () => postgres({ url: `${host}/b` })],
  [
    'schemas of postgres',
    () => postgres({ url: `${host}/a`, schema: 'a' }),
    () => postgres({ url: `${host}/a`, schema: 'b' }),
  ],
  [
    'databases of postgres that a parameter says',
    () => postgres({ url: `${host}/a?host=b` }),
    () => postgres({ url: `${host}/a?host=c` }),
  ],
  ['files in memory', () => sqlite({ path: ':memory:' }), () => sqlite({ path: ':memory:' })],
  ['files', () => sqlite({ path: at('a.db') }), () => sqlite({ path: at('b.db') })],
  ['folders', () => file({ path: at('real') }), () => file({ path: at('other') })],
  ['a file and a folder', () => file({ path: at('real') }), () => sqlite({ path: at('c.db') })],
]

const ringOf = (...tiers: readonly Tier[]) =>
  distributed({ nodes: tiers.map((tier, n) => ({ name: `n${n}`, tier })), ledger: simulatedServer().connect() })

test.each(SAME)('one store twice is refused: %s', async (_, one, other) => {
  const tiers = [one(), other()]
  expect(() => ringOf(...tiers)).toThrow(
    expect.objectContaining({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(
        /^\[millpond\] distributed\.nodes\[1\]\.tier: ".* is already the store of the node "n0", so it cannot hold a second copy: give each node its own store, or that one a higher weight$/,
      ),
    }),
  )
  expect(JSON.stringify(tiers.map(({ places }) => places))).not.toMatch(/secret|anna/)
  await Promise.all(tiers.map((tier) => tier.close()))
})

test.each(APART)('two stores are taken: %s', async (_, one, other) => {
  const tiers = [one(), other()]
  // A folder and a file reach one host both; all others are of one kind.
  await ringOf(...tiers).close()
})

describe('where else', () => {
  test('a node that is added, and a ring whose node is another one', async () => {
    const [a, b, again, once, more] = ['a', 'b', 'a', 'a', 'c'].map((name) =>
      redis({ url: `redis://${name}.internal` }),
    ) as [Tier, Tier, Tier, Tier, Tier]
    const ring = ringOf(a, b)
    await expect(ring.add({ name: 'c', tier: again })).rejects.toThrow(
      /distributed\.add\.tier: "redis a\.internal:6379 .*" is already the store of the node "n0"/,
    )
    expect(() => ringOf(ring, once)).toThrow(/is already the store of the node "n0"/)
    expect(() => ringOf(ring, more)).not.toThrow()
    await Promise.all([ring, again, once, more].map((tier) => tier.close()))
  })

  test('two regions with one ledger, or one store', async () => {
    const ledger = (path: string) => sqlite({ path: at(path) })
    const us = { ledger: ledger('us.db'), tiers: [file({ path: at('real') })] }
    const open = [ledger('us.db'), ledger('eu.db'), file({ path: at('link') })] as const
    const both = (eu: { ledger: Tier; tiers?: Tier[] }) => () => edge({ regions: { us, eu }, region: 'eu' })
    expect(both({ ledger: open[0] })).toThrow(
      /edge\.regions\.eu\.ledger: "sqlite .* is also that of "us": each region needs its own stores/,
    )
    expect(both({ ledger: open[1], tiers: [open[2]] })).toThrow(
      /edge\.regions\.eu\.tiers: "file .* is also that of "us"/,
    )
    expect(both({ ledger: open[1] })).not.toThrow()
    await Promise.all([us.ledger, ...us.tiers, ...open].map((tier) => tier.close()))
  })
})
