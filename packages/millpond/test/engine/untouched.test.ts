// What nothing names stays for as long as it may, though the ledger has forgotten what was said of everything else
// meanwhile. What is tried elsewhere within seconds is read here after many windows of the ledger have passed, each
// made of a few milliseconds.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cache, type CacheOptions, memory, type Tier } from 'millpond'
import { keyring } from 'millpond/codec'
import { distributed } from 'millpond/tiers/distributed'
import { edge } from 'millpond/tiers/edge'
import { file } from 'millpond/tiers/file'
import { postgres } from 'millpond/tiers/postgres'
import { type RetainOptions, redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  describeWith,
  PATIENCE,
  type PostgresService,
  patient,
  type RedisService,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

/** How long lines and keys are remembered, where those who change something else open the tiers. */
const BRIEF: RetainOptions = { window: '5ms' }

type Tiers = NonNullable<CacheOptions['tiers']>
/** Called once for each process of a test. */
type Place = (retain?: RetainOptions) => Tiers

/** How entries come to be; each is read as the key of its name. */
const entries: Readonly<Record<string, (cache: Cache) => Promise<unknown>>> = {
  set: (cache) => cache.set('set', 'set', { tags: ['kept'] }),
  setMany: (cache) => cache.setMany([['setMany', 'setMany']], { tags: ['kept'] }),
  getOrSet: (cache) => cache.getOrSet('getOrSet', () => 'getOrSet', { tags: ['kept'] }),
  getOrSetMany: (cache) => cache.getOrSetMany(['getOrSetMany'], { load: async () => ['getOrSetMany'], tags: ['kept'] }),
  declared: (cache) => cache.getOrSet('declared', () => 'declared', { dependsOn: ['set'] }),
  tracked: (cache) =>
    cache.getOrSet('tracked', async () => `tracked${(await cache.get('set')) === 'set' ? '' : ', not'}`),
  abroad: (cache) =>
    cache.getOrSet('abroad', async () => `abroad${(await cache.namespace('other').get('there')) === 1 ? '' : ', not'}`),
  'of nothing': (cache) =>
    cache.getOrSet('of nothing', async () => `of ${(await cache.namespace('other').get('none')) ?? 'nothing'}`),
}

/** Steps that name none of them, in all ways but those of which too many are a clear. */
const besides: readonly ((cache: Cache, at: number) => Promise<unknown>)[] = [
  (cache, at) => cache.delete(`deleted ${at}`),
  (cache, at) => cache.set(`written ${at}`, at),
  (cache, at) => cache.invalidateTags([`tag ${at}`]),
  (cache, at) => cache.expire(`expired ${at}`),
  (cache, at) => cache.invalidateTags([`expired tag ${at}`], { mode: 'expire' }),
]

function suite(place: () => Place, more: CacheOptions = {}): void {
  closeAfterEach()
  let count = 0

  it('G1: stays in memory, in its tier, and for a process that comes later', { timeout: 60_000 }, async () => {
    const tiers = place()
    const name = `untouched-${process.pid}-${count++}`
    const create = (retain?: RetainOptions): Cache =>
      open({ name, dependencies: 'tracked', defaults: { ttl: '1h' }, maxStale: '20s', ...more, tiers: tiers(retain) })
    const [cache, peer, busy] = [create(), create(), create(BRIEF)]
    await cache.namespace('other').set('there', 1)
    for (const make of Object.values(entries)) await make(cache)
    await cache.flush()
    await peer.getMany(Object.keys(entries))
    for (let at = 0; at < 20; at++) {
      for (const space of [busy, busy.namespace('other')]) await besides[at % besides.length]?.(space, at)
      await sleep(5)
    }
    const wanted = Object.keys(entries)
    for (const [who, by] of Object.entries({ cache, peer, 'who comes later': create() }))
      expect([who, ...(await by.getMany(wanted, { consistency: 'strong' }))]).toEqual([who, ...wanted])
    await busy.namespace('other').delete('there')
    await busy.invalidateTags(['kept'])
    expect(await peer.getMany(wanted, { consistency: 'strong' })).toEqual(
      wanted.map((key) => (key === 'of nothing' ? key : undefined)),
    )
  })
}

/** Everything but what is kept apart for each process. */
const over =
  (tier: (retain?: RetainOptions) => Tier, apart: () => readonly Tier[] = () => []): Place =>
  (retain) => [memory(), patient(tier(retain)), ...apart().map((one) => patient(one))]

const sealed = { codec: { encrypt: keyring({ current: 'k', keys: { k: randomBytes(32) } }) } }
const hidden = { codec: { ...sealed.codec, keyNames: randomBytes(32) } }

describe('over SQLite', () => {
  const place = (): Place => {
    const path = join(newFolder(), 'cache.db')
    return over((retain) => sqlite({ path, retain }))
  }
  suite(place)
  describe('without memory', () =>
    suite(() => {
      const path = join(newFolder(), 'cache.db')
      return (retain) => [patient(sqlite({ path, retain }))]
    }))
  describe('sealed', () => suite(place, sealed))
  describe('with names that are hidden', () => suite(place, hidden))
  describe('in a ring', () =>
    suite(() => {
      const folder = newFolder()
      return over((retain) =>
        distributed({
          nodes: ['a', 'b', 'c'].map((name) => ({ name, tier: sqlite({ path: join(folder, `${name}.db`) }) })),
          ledger: sqlite({ path: join(folder, 'ledger.db'), retain }),
          replicas: 2,
          timeout: 10_000,
        }),
      )
    }))
  describe('in two regions', () =>
    suite(() => {
      const folder = newFolder()
      const ledger = (region: string, retain?: RetainOptions) => sqlite({ path: join(folder, `${region}.db`), retain })
      return over((retain) =>
        edge({
          regions: { us: { ledger: ledger('us', retain) }, eu: { ledger: ledger('eu', retain) } },
          region: 'us',
          maxRegionLag: '60s',
        }),
      )
    }))
})

describeWith('redis', 'over Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const tier = (retain?: RetainOptions) => redis({ url: server.url, retain, ...PATIENCE })
  suite(() => over(tier))
  describe('sealed', () => suite(() => over(tier), sealed))
  describe('with files of each process beside it', () =>
    suite(() => over(tier, () => [sqlite({ path: join(newFolder(), 'a.db') }), file({ path: newFolder() })])))
})

describeWith('postgres', 'over PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  suite(() => over((retain) => postgres({ url: server.url, retain, ...PATIENCE })))
  describe('sealed', () => suite(() => over((retain) => postgres({ url: server.url, retain, ...PATIENCE })), sealed))
})
