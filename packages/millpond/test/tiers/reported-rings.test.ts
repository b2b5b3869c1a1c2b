// Faults that were reported of other rings, routers and stores with copies, tried on ours. Each names its report.
import { createCache } from 'millpond'
import { beforeEach, describe, expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'
import { item } from '../../src/testing/tier.ts'
import { type DistributedOptions, type DistributedTier, distributed } from '../../src/tiers/distributed/index.ts'
import { type RingStore, ringStores } from './ring-stores.ts'
import { settledBy } from './settled.ts'

let clock: FakeClock
let stores: RingStore[]
let ledger: SimulatedServer
beforeEach(() => {
  clock = fakeClock({ now: Date.now() })
  stores = ringStores(3, () => clock.now())
  ledger = simulatedServer({ now: () => clock.now() })
})

const ringOf = (options: Partial<DistributedOptions> = {}): DistributedTier =>
  distributed({ nodes: stores.map((store) => store.node()), ledger: ledger.connect(), clock, ...options })
/** Nothing is asked of it but where keys lie. */
const placed = (weights: Readonly<Record<string, number>>, replicas = 1): DistributedTier => {
  const nodes = Object.entries(weights).map(([name, weight]) => ({ name, weight, tier: simulatedServer().connect() }))
  return distributed({ nodes, ledger: simulatedServer().connect(), replicas })
}
const sharesOf = (ring: DistributedTier, keys: readonly string[]): Map<string, number> => {
  const shares = new Map(ring.members().map(({ name }) => [name, 0]))
  for (const key of keys)
    for (const name of ring.ownersOf(key)) shares.set(name, (shares.get(name) ?? 0) + 1 / keys.length)
  return shares
}
const evenly = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]))
const keysOf = (count: number, prefix = 'shop:default:') => Array.from({ length: count }, (_, at) => `${prefix}${at}`)

const settled = <T>(work: Promise<T>): Promise<T> => settledBy(clock, work)
const named = (name = ''): RingStore => stores.find((store) => store.name === name) ?? expect.fail(name)
const stateOf = (ring: DistributedTier, name: string) => ring.members().find((member) => member.name === name)?.state
async function away(ring: DistributedTier, name: string): Promise<void> {
  named(name).link = 'down'
  const own = keysOf(300, 'away:').filter((key) => ring.ownersOf(key)[0] === name)
  for (const key of own.slice(0, 5)) await settled(ring.read([key])).catch(() => {})
  expect(stateOf(ring, name)).toBe('away')
}
async function back(ring: DistributedTier, name: string): Promise<void> {
  named(name).link = 'up'
  await clock.run(1100)
  expect(stateOf(ring, name)).toBe('doubted')
}

describe('where keys lie', () => {
  test('of a thousand nodes of all weights each is among the owners, once (serialx/hashring#22)', () => {
    const weights = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`node${at}`, at + 1]))
    const owners = placed(weights, 1000).ownersOf('1')
    expect(new Set(owners).size).toBe(1000)
    expect(owners.length).toBe(1000)
  })

  test('a node of a tiny weight has its share all the same, and copies find enough nodes (coreos/torus#246)', () => {
    const weights = { large: 1024, other: 1024, small: 5 }
    const keys = keysOf(40_000)
    expect(sharesOf(placed(weights), keys).get('small')).toBeCloseTo(5 / 2053, 3)
    const all = placed(weights, 3)
    expect(keys.slice(0, 1000).filter((key) => new Set(all.ownersOf(key)).size !== 3)).toEqual([])
  })

  test('names that run into each other do not share places (uber-node/ringpop-node#241), nor do those of one host (3rd-Eden/node-hashring#3)', () => {
    const shares = sharesOf(placed(evenly(['s1:1', 's1:11', 's2:2', 's2:5'])), keysOf(40_000, ''))
    for (const share of shares.values()) expect(share).toBeCloseTo(0.25, 1.5)
    const hosts = ['10.0.0.1', '10.0.0.2'].flatMap((host) =>
      Array.from({ length: 64 }, (_, at) => `${host}:${6379 + at}`),
    )
    const half = [...sharesOf(placed(evenly(hosts)), keysOf(40_000))].filter(([name]) => name.startsWith('10.0.0.1:'))
    expect(half.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(0.5, 1.5)
  })

  test('from six to seven to eight nodes keys move to the new one only (3rd-Eden/node-hashring#43), whatever the order of the list', () => {
    const keys = keysOf(5000)
    const names = Array.from({ length: 8 }, (_, at) => `n${at}`)
    const places = [6, 7, 8].map((count) => {
      const ring = placed(evenly(names.slice(0, count).reverse()))
      return keys.map((key) => ring.ownersOf(key)[0])
    })
    const movedElsewhere = (step: number, newest: string) =>
      keys.filter((_, at) => places[step]?.[at] !== places[step + 1]?.[at] && places[step + 1]?.[at] !== newest)
    expect(movedElsewhere(0, 'n6')).toEqual([])
    expect(movedElsewhere(1, 'n7')).toEqual([])
    const inOrder = placed(evenly(names))
    expect(keys.map((key) => inOrder.ownersOf(key)[0])).toEqual(places[2])
  })

  test('some thousand short keys in a row are spread as well as many (Netflix/dynomite#697)', () => {
    for (const share of sharesOf(placed(evenly(['a', 'b', 'c', 'd', 'e', 'f'])), keysOf(1000, '')).values()) {
      expect(share).toBeGreaterThan(0.11)
      expect(share).toBeLessThan(0.23)
    }
  })

  test('what a node leaves to others while it is away is spread over all of them (envoyproxy/envoy#38525)', () => {
    const ring = placed(evenly(['a', 'b', 'c', 'd', 'e']), 2)
    const left = keysOf(40_000).flatMap((key) => (ring.ownersOf(key)[0] === 'a' ? ring.ownersOf(key).slice(1) : []))
    for (const heir of ['b', 'c', 'd', 'e'])
      expect(left.filter((name) => name === heir).length / left.length).toBeCloseTo(0.25, 1.5)
  })
})

describe('nodes that come and go by themselves', () => {
  test('what a flapping node had from before is never read again, even by processes that did not notice (twitter/twemproxy#604, #472, facebook/mcrouter#190, #202)', async () => {
    const noticing = ringOf({ hints: false })
    const [cache, other] = [noticing, ringOf()].map((ring) => createCache({ tiers: [ring], clock })) as [
      ReturnType<typeof createCache>,
      ReturnType<typeof createCache>,
    ]
    const [owner = ''] = noticing.ownersOf('cache:default:k')
    await settled(cache.set('k', 'hello1'))
    expect(await settled(other.get('k'))).toBe('hello1')
    for (let flap = 0; flap < 3; flap++) {
      named(owner).server.save()
      await away(noticing, owner)
      await settled(cache.delete('k'))
      await settled(cache.set('k', `hello${flap + 2}`))
      named(owner).server.restart('saved')
      named(owner).link = 'up'
      await clock.run(1000)
      for (const one of [other, cache]) expect([undefined, `hello${flap + 2}`]).toContain(await settled(one.get('k')))
      expect(await settled(cache.get('k'))).toBe(`hello${flap + 2}`)
    }
    await settled(cache.close())
    await settled(other.close())
  })

  test('a process that has never met the dead node reads the other copy at its first try (php-memcached-dev/php-memcached#154)', async () => {
    const before = ringOf()
    await settled(before.write([item('k')]))
    const [owner = ''] = before.ownersOf('k')
    named(owner).link = 'down'
    const [stored] = await settled(ringOf().read(['k']))
    expect(stored).toBeDefined()
  })

  test('a node that is away is tried from beside: no read fails or waits each time (twitter/twemproxy#42, #14, #192)', async () => {
    const ring = ringOf()
    const keys = keysOf(200)
    await settled(ring.write(keys.map((key) => item(key))))
    await away(ring, 'a')
    named('a').link = 'frozen'
    for (let second = 0; second < 10; second++) {
      const began = clock.monotonic()
      const read = await ring.read(keys)
      expect(read.every((stored) => stored !== undefined)).toBe(true)
      expect(clock.monotonic()).toBe(began)
      await clock.run(1000)
    }
    await ring.close()
  })

  test('one node down and up, then the other, again and again: each is noticed, and keys lie where they lay (enyim/EnyimMemcached#113)', async () => {
    stores = ringStores(2, () => clock.now())
    const ring = ringOf({ replicas: 1 })
    const keys = keysOf(50)
    const owners = keys.map((key) => ring.ownersOf(key))
    for (const name of ['a', 'b', 'a', 'b']) {
      await away(ring, name)
      await back(ring, name)
      expect(keys.map((key) => ring.ownersOf(key))).toEqual(owners)
      await settled(ring.write(keys.map((key) => item(key))))
      expect((await settled(ring.read(keys))).every((stored) => stored !== undefined)).toBe(true)
    }
    await ring.close()
  })

  test('two of three die at once: with three copies the last one has everything (hazelcast/hazelcast#4481, #7523)', async () => {
    const ring = ringOf({ replicas: 3 })
    const keys = keysOf(200)
    await settled(ring.write(keys.map((key) => item(key))))
    named('a').link = 'down'
    named('b').link = 'frozen'
    expect((await settled(ring.read(keys))).every((stored) => stored !== undefined)).toBe(true)
    await ring.close()
  })

  test('a delete whose nodes are away is applied, and says so (facebook/mcrouter#105, #117)', async () => {
    const ring = ringOf()
    const cache = createCache({ tiers: [ring], clock })
    await settled(cache.set('k', 1))
    for (const name of ring.ownersOf('cache:default:k')) named(name).link = 'down'
    expect(await settled(cache.delete('k'))).toMatchObject({ isApplied: true })
    for (const store of stores) store.link = 'up'
    await clock.run(1100)
    expect(await settled(cache.get('k'))).toBeUndefined()
    await settled(cache.close())
  })

  test('what was kept for a node that is taken out is let go (scylladb/scylladb#4712)', async () => {
    stores = ringStores(4, () => clock.now())
    const warned: string[] = []
    const ring = ringOf({ hints: { maxEntries: 100 }, onWarning: ({ kind }) => warned.push(kind) })
    const hintsFor = (node: string) => ring.members().find(({ name }) => name === node)?.hints
    await away(ring, 'a')
    await settled(ring.write(keysOf(100).map((key) => item(key))))
    expect(hintsFor('a')).toBeGreaterThan(40)
    await settled(ring.remove('a'))
    // Both together would be too many.
    await away(ring, 'b')
    await settled(ring.write(keysOf(100).map((key) => item(key))))
    expect(hintsFor('b')).toBeGreaterThan(60)
    expect(warned).toEqual(['down', 'down'])
    await ring.close()
  })
})

describe('nodes that come, go and are emptied', () => {
  const hasAll = async (ring: DistributedTier, keys: readonly string[]) =>
    (await settled(ring.read(keys))).every((stored) => stored !== undefined)

  test('all are restarted one after the other, unseen and empty: nothing is lost where repair() follows each (olric-data/olric#225, #55)', async () => {
    const ring = ringOf()
    const keys = keysOf(200)
    await settled(ring.write(keys.map((key) => item(key))))
    for (const { server } of stores) {
      server.restart('empty')
      expect(await settled(ring.repair())).toMatchObject({ outcome: 'done', failed: [] })
    }
    expect(await hasAll(ring, keys)).toBe(true)
    for (const { server } of stores) server.restart('empty')
    expect(await hasAll(ring, keys)).toBe(false)
    await ring.close()
  })

  test('to one node two more come, the second before the first has been given its share (elixir-nebulex/nebulex#235)', async () => {
    const [first = expect.fail(), second = expect.fail(), third = expect.fail()] = stores
    stores = [first]
    const ring = ringOf()
    const keys = keysOf(200)
    await settled(ring.write(keys.map((key) => item(key))))
    const moves = [ring.add(second.node()), ring.add(third.node())]
    expect(await hasAll(ring, keys)).toBe(true)
    expect((await settled(Promise.all(moves))).map(({ outcome }) => outcome)).toEqual(['ended', 'done'])
    expect(await hasAll(ring, keys)).toBe(true)
    for (const { name, server } of [first, second, third]) {
      const own = keys.filter((key) => ring.ownersOf(key).includes(name))
      expect([...server.entries.keys()].sort()).toEqual(own.sort())
      expect(own.length).toBeGreaterThan(40)
    }
    await ring.close()
  })

  test('a node goes before anybody has asked where a key lies (andrasq/consistent-hash-js#3)', async () => {
    const ring = ringOf()
    expect(await settled(ring.remove('a'))).toMatchObject({ outcome: 'done', keys: 0, failed: [] })
    expect(ring.members().map(({ name }) => name)).toEqual(['b', 'c'])
    await ring.close()
  })

  test('while a node is away no key of the others lies elsewhere (twitter/twemproxy#80)', async () => {
    const ring = ringOf()
    const keys = keysOf(300)
    const owners = keys.map((key) => ring.ownersOf(key))
    await away(ring, 'a')
    expect(keys.map((key) => ring.ownersOf(key))).toEqual(owners)
    await settled(ring.write(keys.map((key) => item(key))))
    for (const [at, key] of keys.entries())
      for (const { name, server } of stores)
        expect(server.entries.has(key)).toBe(name !== 'a' && owners[at]?.includes(name) === true)
    await ring.close()
  })

  test('what has expired meanwhile is not given to a node that is back, and holds nothing else up (scylladb/scylladb#6422)', async () => {
    const ring = ringOf()
    const its = keysOf(400).filter((key) => ring.ownersOf(key).includes('a'))
    await away(ring, 'a')
    await settled(
      ring.write(its.map((key, at) => ({ ...item(key), ...(at % 2 === 0 && { expiresAt: clock.now() + 5000 }) }))),
    )
    await clock.run(6000)
    await back(ring, 'a')
    const lasting = its.filter((_, at) => at % 2 === 1)
    expect([...named('a').server.entries.keys()].sort()).toEqual(lasting.sort())
    expect(ring.members()[0]).toMatchObject({ hints: 0, hintsDropped: 0, handedOver: lasting.length })
    await ring.close()
  })

  test('copies that differ are brought together once, whichever of them is the older (weaviate/weaviate#12361)', async () => {
    for (const older of [0, 1]) {
      const ring = ringOf()
      for (const { name } of stores) {
        await away(ring, name)
        await back(ring, name)
      }
      const key = `k${older}`
      const two = ring.ownersOf(key).map((name) => named(name).server)
      await Promise.all(
        two.map((server, at) =>
          server.connect().write([item(key, at === older ? 'old' : 'new', undefined, at === older ? 1 : 2)]),
        ),
      )
      const text = (body: Uint8Array | undefined) => new TextDecoder().decode(body)
      for (let round = 0; round < 3; round++) expect(text((await settled(ring.read([key])))[0]?.body)).toBe('new')
      expect(two.map((server) => text(server.entries.get(key)?.body))).toEqual(['new', 'new'])
      expect(ring.counts.repaired).toBe(1)
      await ring.close()
    }
  })
})

describe('copies of what is no more', () => {
  /** Two processes over the same stores. */
  const both = (options: Partial<DistributedOptions> = {}) => {
    const rings = [ringOf(options), ringOf(options)] as const
    const [one, other] = rings.map((tier) => createCache({ tiers: [tier], clock }))
    return { rings, one: one ?? expect.fail(), other: other ?? expect.fail() }
  }

  test('what one process kept for a node is invalid when another one has deleted it meanwhile (scylladb/scylladb#23712)', async () => {
    const { rings, one, other } = both()
    const [owner = ''] = rings[0].ownersOf('cache:default:k')
    await away(rings[0], owner)
    await settled(one.set('k', 'old'))
    await settled(other.delete('k'))
    await back(rings[0], owner)
    expect(rings[0].counts.handedOver).toBe(1)
    for (const cache of [one, other]) expect(await settled(cache.get('k'))).toBeUndefined()
    await settled(Promise.all([one.close(), other.close()]))
  })

  test('a copy on a node that missed the delete is not brought back by a repair, however long after (scylladb/scylladb#15243, #8970)', async () => {
    const { rings, one, other } = both()
    const [owner = ''] = rings[0].ownersOf('cache:default:k')
    await settled(one.set('k', 'old'))
    await away(rings[0], owner)
    await settled(one.delete('k'))
    await clock.run(600_000)
    await back(rings[0], owner)
    expect(named(owner).server.entries.has('cache:default:k')).toBe(true)
    expect(await settled(rings[0].repair())).toMatchObject({ outcome: 'done' })
    for (const cache of [one, other]) expect(await settled(cache.get('k'))).toBeUndefined()
    await settled(Promise.all([one.close(), other.close()]))
  })

  test('a process that knows one node less never reads what was there before (RoseWrightdev/oryx#61)', async () => {
    stores = ringStores(4, () => clock.now())
    const more = createCache({ tiers: [ringOf()], clock })
    const less = createCache({ tiers: [ringOf({ nodes: stores.slice(1).map((store) => store.node()) })], clock })
    const keys = Array.from({ length: 60 }, (_, at) => `k${at}`)
    let found = 0
    for (const [value, writer, reader] of [
      [1, less, more],
      [2, more, less],
      [3, less, more],
    ] as const) {
      await settled(writer.setMany(keys.map((key) => [key, value] as const)))
      await clock.run(600)
      for (const key of keys) {
        const read = await settled(reader.get(key))
        expect([undefined, value]).toContain(read)
        if (read !== undefined) found++
      }
    }
    expect(found).toBeGreaterThan(0)
    await settled(Promise.all([more.close(), less.close()]))
  })

  test('a copy that is put back ends when the other one ends (facebook/mcrouter#37)', async () => {
    const ring = ringOf()
    const cache = createCache({ tiers: [ring], clock })
    await settled(cache.set('k', 1, { ttl: '1m' }))
    const [owner = '', other = ''] = ring.ownersOf('cache:default:k')
    named(owner).server.restart('empty')
    await clock.run(30_000)
    expect(await settled(cache.get('k'))).toBe(1)
    await clock.run(100)
    const ends = [owner, other].map((name) => named(name).server.entries.get('cache:default:k')?.expiresAt)
    expect(ends[0]).toBeGreaterThan(clock.now())
    expect(ends[1]).toBe(ends[0])
    await settled(cache.close())
  })
})
