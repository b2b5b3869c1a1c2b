// T6: what a ring does when its nodes fail, come back, come and go. Stores in memory, a clock of the test's own.
import { beforeEach, describe, expect, test } from 'vitest'
import type { TierItem } from '../../src/core/contracts.ts'
import { createCache } from '../../src/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import {
  type DistributedOptions,
  type DistributedTier,
  type DistributedWarning,
  distributed,
} from '../../src/tiers/distributed/index.ts'
import { type RingStore, ringStore, ringStores } from './ring-stores.ts'
import { settledBy } from './settled.ts'

let clock: FakeClock
let stores: RingStore[]
let warnings: DistributedWarning[]
let ledger: ReturnType<typeof simulatedServer>
beforeEach(() => {
  clock = fakeClock({ now: Date.now() })
  stores = ringStores(3, () => clock.now())
  ledger = simulatedServer({ now: () => clock.now() })
  warnings = []
})

const ringOf = (options: Partial<DistributedOptions> = {}, of = stores): DistributedTier =>
  distributed({
    nodes: of.map((store) => store.node()),
    ledger: ledger.connect(),
    clock,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  })
const named = (name: string): RingStore => stores.find((store) => store.name === name) ?? expect.fail(name)
const item = (key: string, body = `body of ${key}`, seq = 0): TierItem => ({
  key,
  body: new TextEncoder().encode(body),
  expiresAt: Number.POSITIVE_INFINITY,
  asOf: { epoch: 'e', seq },
})
const settled = <T>(work: Promise<T>): Promise<T> => settledBy(clock, work)
/** Until three commands have failed: it counts as away. */
async function fail(ring: DistributedTier, name: string, link: 'down' | 'frozen' = 'down'): Promise<void> {
  named(name).link = link
  for (let tries = 0; tries < 20 && stateOf(ring, name) !== 'away'; tries++)
    for (let at = 0; at < 8; at++) await settled(ring.read([`away/${at}`])).catch(() => {})
  expect(stateOf(ring, name)).toBe('away')
}
async function heal(ring: DistributedTier, name: string): Promise<void> {
  named(name).link = 'up'
  for (let tries = 0; tries < 100 && stateOf(ring, name) === 'away'; tries++) await clock.run(50)
  await clock.run(50)
}
const memberOf = (ring: DistributedTier, name: string) =>
  ring.members().find((member) => member.name === name) ?? expect.fail(`there is no ${name}`)
const stateOf = (ring: DistributedTier, name: string) => memberOf(ring, name).state
const keys = Array.from({ length: 400 }, (_, at) => `app:default:key/${at}`)
const holders = (key: string, of = stores): string[] =>
  of.filter(({ server }) => server.entries.has(key)).map(({ name }) => name)

describe('T6: a ring of three nodes, two copies', () => {
  test('each entry lies on its two owners, and a batch is one round trip to a node', async () => {
    const ring = ringOf()
    await settled(ring.write(keys.map((key) => item(key))))
    for (const key of keys) expect(holders(key).sort()).toEqual([...ring.ownersOf(key)].sort())
    for (const store of stores) expect(store.calls).toEqual({ write: 1 })
    await settled(ring.read(keys))
    for (const store of stores) expect(store.calls).toEqual({ write: 1, read: 1 })
    await ring.close()
  })

  test('a node that fails, and one that freezes: every entry is read from its other copy, and then no call waits for it', async () => {
    for (const link of ['down', 'frozen'] as const) {
      const ring = ringOf()
      await settled(ring.write(keys.map((key) => item(key))))
      named('a').link = link
      const read = await settled(ring.read(keys))
      expect(read.every((stored) => stored !== undefined)).toBe(true)
      expect(ring.counts.failedOver).toBeGreaterThan(0)
      await fail(ring, 'a', link)
      const before = named('a').calls.read
      const now = clock.monotonic()
      expect((await ring.read(keys)).every((stored) => stored !== undefined)).toBe(true)
      expect(clock.monotonic()).toBe(now)
      expect(named('a').calls.read).toBe(before)
      expect(warnings.map(({ kind, node }) => [kind, node])).toContainEqual(['down', 'a'])
      const { failures, reads } = memberOf(ring, 'a')
      expect(failures).toBeGreaterThanOrEqual(3)
      // It is tried, which counts as neither.
      await clock.run(3000)
      expect(memberOf(ring, 'a')).toMatchObject({ state: 'away', failures, reads })
      await ring.close()
      named('a').link = 'up'
    }
  })

  test('commands that fail after a node was given up put the next try off, and it is made all the same', async () => {
    const ring = ringOf()
    const [own = ''] = keys.filter((key) => ring.ownersOf(key)[0] === 'a')
    named('a').link = 'frozen'
    // Of three failures the drop's is the last, and then the second read's comes.
    const early = [ring.read([own]), ring.write([item(own)])]
    await clock.run(60)
    const drop = ring.drop([own]).catch(() => 0)
    await clock.run(60)
    const late = ring.read([own])
    await settled(Promise.all([...early, drop]))
    expect(stateOf(ring, 'a')).toBe('away')
    await settled(late)
    named('a').link = 'up'
    await clock.run(2000)
    expect(stateOf(ring, 'a')).toBe('doubted')
    await ring.close()
  })

  test('what was written while a node was away is handed over when it is back, where it has nothing newer', async () => {
    const ring = ringOf()
    await settled(ring.write(keys.map((key) => item(key, 'old', 1))))
    await fail(ring, 'a')
    await settled(ring.write(keys.map((key) => item(key, 'new', 2))))
    const [first = '', second = ''] = keys.filter((key) => ring.ownersOf(key).includes('a'))
    expect(ring.members().find(({ name }) => name === 'a')?.hints).toBeGreaterThan(100)
    // Another process has written to the node already.
    await named('a')
      .server.connect()
      .write([item(first, 'newest', 3)])
    await heal(ring, 'a')
    const text = (key: string) => new TextDecoder().decode(named('a').server.entries.get(key)?.body)
    expect([text(first), text(second)]).toEqual(['newest', 'new'])
    expect(stateOf(ring, 'a')).toBe('doubted')
    expect(ring.members().map(({ hints }) => hints)).toEqual([0, 0, 0])
    expect(ring.counts.handedOver).toBeGreaterThan(100)
    expect(ring.members().map(({ handedOver }) => handedOver)).toEqual([ring.counts.handedOver, 0, 0])
    expect(warnings.map(({ kind }) => kind)).toEqual(['down', 'up'])
    // All that it should hold has been compared then.
    expect(await settled(ring.repair())).toMatchObject({ outcome: 'done' })
    expect(stateOf(ring, 'a')).toBe('up')
    await ring.close()
  })

  test('hints are bounded: beyond it the oldest go, which is told once, and reads bring what is missing', async () => {
    const ring = ringOf({ hints: { maxEntries: 10 } })
    await fail(ring, 'a')
    await settled(ring.write(keys.map((key) => item(key))))
    const its = keys.filter((key) => ring.ownersOf(key).includes('a')).length
    expect(memberOf(ring, 'a')).toMatchObject({ hints: 10, hintsDropped: its - 10 })
    await heal(ring, 'a')
    expect(warnings.map(({ kind }) => kind)).toEqual(['down', 'hints', 'up'])
    const own = keys.filter((key) => ring.ownersOf(key)[0] === 'a')
    expect((await settled(ring.read(own))).every((stored) => stored !== undefined)).toBe(true)
    await clock.run(10)
    expect(own.every((key) => named('a').server.entries.has(key))).toBe(true)
    await ring.close()
  })

  test('a node that comes back empty, or with what it had before, loses and ages nothing', async () => {
    for (const how of ['empty', 'saved'] as const) {
      const ring = ringOf({ hints: false })
      await settled(ring.write(keys.map((key) => item(key, 'old', 1))))
      named('a').server.save()
      await fail(ring, 'a')
      await settled(ring.write(keys.map((key) => item(key, 'new', 2))))
      named('a').server.restart(how)
      await heal(ring, 'a')
      const read = await settled(ring.read(keys))
      expect(read.map((stored) => new TextDecoder().decode(stored?.body))).toEqual(keys.map(() => 'new'))
      await clock.run(10)
      for (const key of keys) expect(named('a').server.entries.get(key)?.asOf.seq ?? 2).toBe(2)
      await ring.close()
    }
  })

  test('a node that was emptied without anybody noticing: what it lacks is read from the other copy, and put back', async () => {
    const ring = ringOf()
    await settled(ring.write(keys.map((key) => item(key))))
    named('a').server.restart('empty')
    const own = keys.filter((key) => ring.ownersOf(key)[0] === 'a')
    expect((await settled(ring.read(own))).every((stored) => stored !== undefined)).toBe(true)
    await clock.run(10)
    expect(own.every((key) => named('a').server.entries.has(key))).toBe(true)
    expect(ring.counts.repaired).toBe(own.length)
    await ring.close()
  })

  test('more copies are missing than are put back at a time: the next reads go on with them', async () => {
    const ring = ringOf()
    const many = Array.from({ length: 3000 }, (_, at) => `app:default:many/${at}`)
    await settled(ring.write(many.map((key) => item(key))))
    named('a').server.restart('empty')
    for (let round = 0; round < 3; round++) {
      await settled(ring.read(many))
      await clock.run(10)
    }
    const own = many.filter((key) => ring.ownersOf(key)[0] === 'a')
    expect(own.filter((key) => !named('a').server.entries.has(key))).toEqual([])
    await ring.close()
  })

  test('a single write that fails is kept and handed over with the next command that the node answers, and nothing newer is overlaid', async () => {
    const ring = ringOf()
    const [first = '', second = '', third = ''] = keys.filter((key) => ring.ownersOf(key).includes('a'))
    named('a').link = 'down'
    await settled(ring.write([item(first, 'old', 1), item(second, 'kept', 1)]))
    named('a').link = 'up'
    expect(stateOf(ring, 'a')).toBe('up')
    await settled(ring.write([item(first, 'new', 2), item(third, 'third', 3)]))
    await clock.run(20)
    const text = (key: string) => new TextDecoder().decode(named('a').server.entries.get(key)?.body)
    expect([first, second, third].map(text)).toEqual(['new', 'kept', 'third'])
    expect(ring.members().map(({ hints }) => hints)).toEqual([0, 0, 0])
    await ring.close()
  })

  test('all nodes down: reads and writes reject with a typed error that names them, and the cache goes on without', async () => {
    const ring = ringOf()
    for (const store of stores) store.link = 'down'
    await expect(settled(ring.read(['k']))).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringMatching(
        /none of the nodes that hold it answered: start one of them; until then it is loaded from the source \(.+; .+\)$/,
      ),
    })
    await expect(settled(ring.write([item('k')]))).rejects.toMatchObject({ code: 'TIER_FAILED' })
    await expect(settled(ring.drop(['k']))).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringMatching(
        /not all nodes have confirmed it: try again when they answer, or remove them \(.+\)$/,
      ),
    })
    const cache = createCache({ tiers: [ring], clock })
    expect(await settled(cache.getOrSet('k', async () => 'loaded'))).toBe('loaded')
    await settled(cache.set('k', 'set'))
    expect((await settled(cache.delete('k'))).isApplied).toBe(true)
    await settled(cache.close())
  })

  test('what a cache stores while all that keep it are away is counted, is kept for them, and comes with them', async () => {
    const ring = ringOf()
    const cache = createCache({ tiers: [ring], clock })
    await settled(cache.set('other', 1))
    const owners = ring.ownersOf('cache:default:k')
    for (const name of owners) named(name).link = 'down'
    await settled(cache.set('k', 'set'))
    expect(ring.counts.unstored).toBe(1)
    expect(await settled(cache.getOrSet('k', async () => 'loaded'))).toBe('loaded')
    for (const name of owners) named(name).link = 'up'
    await clock.run(2000)
    expect(['set', 'loaded']).toContain(await settled(cache.get('k')))
    await settled(cache.close())
  })

  test('a write that fails on a node which was taken out meanwhile is not kept for it', async () => {
    stores = ringStores(4, () => clock.now())
    const ring = ringOf({ hints: { maxEntries: 3 } })
    const own = keys.filter((key) => ring.ownersOf(key).includes('a')).slice(0, 3)
    named('a').link = 'down'
    const writing = ring.write(own.map((key) => item(key)))
    const leaving = ring.remove('a')
    await settled(Promise.all([writing, leaving]))
    await fail(ring, 'b')
    const theirs = keys.filter((key) => ring.ownersOf(key).includes('b')).slice(0, 3)
    await settled(ring.write(theirs.map((key) => item(key))))
    expect(ring.members().find(({ name }) => name === 'b')?.hints).toBe(3)
    expect(warnings.filter(({ kind }) => kind === 'hints')).toEqual([])
    await ring.close()
  })

  test('the ledger away: nothing of the ring is accepted', async () => {
    let isUp = true
    const journey = {
      send: async () => (isUp ? undefined : Promise.reject(new Error('cut'))),
      back: async () => {},
      push: async () => {},
    }
    const cache = createCache({ tiers: [ringOf({ ledger: ledger.connect(journey) })], clock })
    await settled(cache.set('k', 'set'))
    expect(await settled(cache.get('k'))).toBe('set')
    isUp = false
    await clock.run(1000)
    expect(await settled(cache.get('k'))).toBeUndefined()
    isUp = true
    await clock.run(1000)
    expect(await settled(cache.get('k'))).toBe('set')
    await settled(cache.close())
  })

  test('G25: what is dropped is not in the hints either', async () => {
    const ring = ringOf()
    await fail(ring, 'a')
    await settled(ring.write(keys.map((key) => item(key))))
    await expect(settled(ring.drop(keys.slice(0, 200)))).rejects.toMatchObject({ code: 'TIER_FAILED' })
    await expect(settled(ring.clear('app:'))).rejects.toMatchObject({ code: 'TIER_FAILED' })
    expect(ring.members().map(({ hints }) => hints)).toEqual([0, 0, 0])
    await heal(ring, 'a')
    for (const key of keys) expect(holders(key)).toEqual([])
    await ring.close()
  })
})

describe('T6: nodes come and go', () => {
  const write = async (ring: DistributedTier) => settled(ring.write(keys.map((key) => item(key))))
  const all = async (ring: DistributedTier) => (await settled(ring.read(keys))).every((stored) => stored !== undefined)
  const lieRight = (ring: DistributedTier, of = stores) => {
    for (const key of keys) expect(holders(key, of).sort()).toEqual([...ring.ownersOf(key)].sort())
  }

  test('a node that is added takes its share and no more, and everything can be read meanwhile', async () => {
    const ring = ringOf({ movePerSecond: 1000 })
    await write(ring)
    const before = new Map(keys.map((key) => [key, ring.ownersOf(key)]))
    const fourth = ringStore('d', () => clock.now())
    const moving = ring.add(fourth.node())
    await clock.run(150)
    expect(await all(ring)).toBe(true)
    const report = await settled(moving)
    const moved = keys.filter((key) => ring.ownersOf(key).includes('d'))
    for (const key of keys) if (!moved.includes(key)) expect(ring.ownersOf(key)).toEqual(before.get(key))
    expect(report).toMatchObject({ outcome: 'done', failed: [], keys: 2 * keys.length + moved.length })
    expect(report.copied + ring.counts.repaired).toBeGreaterThanOrEqual(moved.length)
    expect(report.ms).toBeGreaterThanOrEqual(800)
    expect(memberOf(ring, 'd')).toMatchObject({ movedIn: report.copied, movedOut: 0, repaired: ring.counts.repaired })
    expect(ring.members().reduce((sum, { movedOut }) => sum + movedOut, 0)).toBe(report.dropped)
    lieRight(ring, [...stores, fourth])
    expect(await all(ring)).toBe(true)
    await ring.close()
  })

  test('a node that is removed gives what it had to the others, and is closed; so does one that is dead, as far as there are copies', async () => {
    for (const link of ['up', 'down'] as const) {
      const four = ringStores(4, () => clock.now())
      stores = four
      const ring = ringOf({}, four)
      await write(ring)
      if (link === 'down') await fail(ring, 'b', 'down')
      const report = await settled(ring.remove('b'))
      expect(report).toMatchObject(
        link === 'up' ? { outcome: 'done', failed: [] } : { outcome: 'incomplete', failed: [{ node: 'b' }] },
      )
      expect(report.copied).toBeGreaterThan(100)
      expect(ring.members().map(({ name }) => name)).toEqual(['a', 'c', 'd'])
      expect(await all(ring)).toBe(true)
      if (link === 'up') expect(named('b').server.entries.size).toBe(0)
      lieRight(
        ring,
        four.filter(({ name }) => name !== 'b'),
      )
      await ring.close()
    }
  })

  test('another weight moves what it changes; a ring that was started anew with another list is put right by repair()', async () => {
    const ring = ringOf()
    await write(ring)
    expect(await settled(ring.reweigh('a', 3))).toMatchObject({ outcome: 'done' })
    lieRight(ring)
    await ring.close()
    const five = [...stores, ...ringStores(5, () => clock.now()).slice(3)]
    const next = ringOf({ replicas: 3 }, five)
    expect(await settled(next.repair())).toMatchObject({ outcome: 'done' })
    lieRight(next, five)
    await next.close()
  })

  test('one process moves; the others look in the old places until it has', async () => {
    const [one, two] = [ringOf({ movePerSecond: 1000 }), ringOf()]
    await write(one)
    const fourth = ringStore('d', () => clock.now())
    const moving = one.add(fourth.node())
    await clock.run(20)
    expect(await settled(two.add(fourth.node()))).toMatchObject({ outcome: 'elsewhere', copied: 0 })
    expect(await all(two)).toBe(true)
    expect(await settled(moving)).toMatchObject({ outcome: 'done' })
    await Promise.all([one.close(), two.close()])
  })

  test('a node that comes again before all has been moved from it is the same store: nothing of it is dropped', async () => {
    for (const isSame of [true, false]) {
      const four = ringStores(4, () => clock.now())
      stores = four
      const nodes = four.map((store) => store.node())
      const ring = ringOf({ nodes, movePerSecond: 1000 }, four)
      await write(ring)
      const leaving = ring.remove('b')
      await clock.run(120)
      const back = ring.add(isSame ? (nodes[1] ?? expect.fail()) : named('b').node())
      expect(await settled(leaving)).toMatchObject({ outcome: 'ended' })
      expect(await all(ring)).toBe(true)
      expect(await settled(back)).toMatchObject({ outcome: 'done' })
      lieRight(ring, four)
      expect(await all(ring)).toBe(true)
      await ring.close()
    }
  })

  test('a node whose tier cannot be closed fails the move that took it out, and no other', async () => {
    const four = ringStores(4, () => clock.now())
    const nodes = four.map((store) => store.node())
    const tier = nodes[3]?.tier ?? expect.fail()
    const ring = ringOf({
      nodes: [...nodes.slice(0, 3), { name: 'd', tier: { ...tier, close: () => Promise.reject(new Error('stuck')) } }],
    })
    await write(ring)
    await expect(settled(ring.remove('d'))).rejects.toThrow('stuck')
    expect(await settled(ring.repair())).toMatchObject({ outcome: 'done' })
    expect(await all(ring)).toBe(true)
    await ring.close()
  })

  test('a change while another is under way ends its walk, and does what is left of both; so does close, for good', async () => {
    const ring = ringOf({ movePerSecond: 1000 })
    await write(ring)
    const [fourth, fifth] = ringStores(5, () => clock.now()).slice(3)
    const first = ring.add(fourth?.node() ?? expect.fail())
    await clock.run(150)
    const second = ring.add(fifth?.node() ?? expect.fail())
    expect(await settled(first)).toMatchObject({ outcome: 'ended' })
    expect(await all(ring)).toBe(true)
    expect(await settled(second)).toMatchObject({ outcome: 'done' })
    lieRight(ring, [...stores, ...[fourth, fifth].flatMap((store) => store ?? [])])
    const third = ring.repair()
    await clock.run(150)
    await ring.close()
    expect(await third).toMatchObject({ outcome: 'ended' })
  })
})

test('one of three copies lost at random for minutes: nothing is lost that two had, and nothing old is newest', async () => {
  const random = seededRandom(7)
  const four = ringStores(4, () => clock.now())
  stores = four
  const ring = ringOf({ replicas: 3, hints: { maxEntries: 50 } }, four)
  const newest = new Map<string, number>()
  for (let round = 0, seq = 1; round < 40; round++) {
    const victim = random.pick(four)
    victim.server.save()
    victim.link = random.chance(0.5) ? 'down' : 'frozen'
    for (let burst = 0; burst < 6; burst++) {
      const some = Array.from({ length: 40 }, () => random.pick(keys))
      await settled(ring.write(some.map((key) => item(key, `${key} ${seq}`, seq))))
      for (const key of some) newest.set(key, seq)
      seq++
      await clock.run(random.below(2000))
    }
    if (random.chance(0.6)) victim.server.restart(random.chance(0.5) ? 'empty' : 'saved')
    await heal(ring, victim.name)
    const written = [...newest.keys()]
    const read = await settled(ring.read(written))
    expect(read.map((stored) => stored?.asOf.seq)).toEqual(written.map((key) => newest.get(key)))
  }
  await ring.close()
}, 60_000)

describe('bad input is refused at once, with what to give instead', () => {
  const tier = () => simulatedServer().connect()
  const refuse = (options: object, message: RegExp) => {
    expect(() => distributed(options as DistributedOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) }),
    )
  }
  test('nodes, weights, replicas, ledger', () => {
    const [one, host] = [tier(), simulatedServer({ scope: 'host' }).connect()]
    const { ledger: _, ...plain } = tier()
    refuse({ nodes: [], ledger: tier() }, /distributed.nodes: \[\] is not a list of nodes: give one such as/)
    refuse({ ledger: tier() }, /nodes/)
    refuse({ nodes: [{ tier: one }, { tier: one }], ledger: tier() }, /nodes\[1\].tier: "simulated" is already a node/)
    refuse(
      {
        nodes: [
          { tier: one, name: 'a' },
          { tier: tier(), name: 'a' },
        ],
        ledger: tier(),
      },
      /nodes\[1\].name: "a" is the name of another node/,
    )
    refuse(
      { nodes: [{ tier: one, weight: 0 }], ledger: tier() },
      /weight: 0 is not allowed: give a number above 0 .*; to take a node out, remove it/,
    )
    refuse({ nodes: [{ tier: one, weight: -1 }], ledger: tier() }, /weight: -1 is not allowed/)
    refuse({ nodes: [{ tier: one, weight: Number.NaN }], ledger: tier() }, /weight: NaN is not allowed/)
    refuse({ nodes: [{ tier: one, weight: '1' }], ledger: tier() }, /weight: "1" is not allowed: give a number above 0/)
    refuse(
      { nodes: [{ tier: one, weight: Number.POSITIVE_INFINITY }], ledger: tier() },
      /weight: Infinity is not allowed/,
    )
    refuse(
      { nodes: [{ tier: one }, { tier: tier() }], replicas: 3, ledger: tier() },
      /replicas: 3 is more than the number of nodes: give at most 2/,
    )
    refuse({ nodes: [{ tier: one }], replicas: 0, ledger: tier() }, /replicas: 0 is not allowed/)
    refuse({ nodes: [{ tier: one }] }, /ledger/)
    refuse({ nodes: [{ tier: one }], ledger: plain }, /ledger: "simulated" cannot hold a ledger/)
    refuse({ nodes: [{ tier: one }], ledger: host }, /reaches one host, but the nodes are shared/)
    refuse({ nodes: [{ tier: one }, { tier: host }], ledger: tier() }, /"host" is not the scope of the others/)
    refuse({ nodes: [{ tier: one, wieght: 2 }], ledger: tier() }, /did you mean "weight"/)
    refuse({ nodes: [{}], ledger: tier() }, /tier/)
    refuse({ nodes: [{ tier: one }], ledger: tier(), timeout: 0 }, /timeout/)
  })

  test('while it runs', async () => {
    const ring = ringOf()
    const refused = async (work: Promise<unknown>, message: RegExp) =>
      expect(work).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(message) })
    await refused(ring.remove('x'), /"x" is not a node: the nodes are a, b, c/)
    for (const weight of [0, -1, Number.NaN, '1'])
      await refused(
        ring.reweigh('a', weight as number),
        /weight: .* is not allowed: give a number above 0 .*; to take a node out, remove it/,
      )
    await refused(ring.reweigh('x', 2), /"x" is not a node: the nodes are a, b, c/)
    await refused(ring.add(stores[0]?.node() ?? expect.fail()), /"a" is the name of another node/)
    const { scan: _, ...silent } = tier()
    await refused(ring.add({ tier: silent }), /cannot be listed, as the other nodes can/)
    await refused(ring.add({ tier: { ...tier(), limits: { itemBytes: 2000 } } }), /accepts smaller batches/)
    await settled(ring.remove('c'))
    await refused(ring.remove('b'), /1 nodes would be left for 2 copies of each entry: add another node first/)
    await ring.close()
    await expect(ring.repair()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a node that begins to list its keys and says no more', () => {
  /** Its first keys come, and then nothing. */
  const stuck = (): DistributedTier => {
    const [first, ...others] = stores
    const { tier, ...node } = first?.node() ?? expect.fail()
    const scan = async function* (prefix: string): AsyncIterable<readonly string[]> {
      for await (const some of tier.scan?.(prefix) ?? []) yield some
      await new Promise(() => {})
    }
    const nodes = [{ ...node, tier: { ...tier, scan } }, ...others.map((store) => store.node())]
    return distributed({ nodes, ledger: ledger.connect(), clock })
  }

  test('holds up a move for some seconds, which says so', async () => {
    const ring = stuck()
    await settled(ring.write([item('app:default:k')]))
    const report = await settled(ring.repair())
    expect(report).toMatchObject({
      outcome: 'incomplete',
      failed: [{ node: 'a', reason: expect.stringMatching(/its list of keys did not answer/) }],
    })
    await ring.close()
  })

  test('does not hold up close', async () => {
    const ring = stuck()
    await settled(ring.write([item('app:default:k')]))
    const moving = ring.repair()
    for (let turns = 0; turns < 50; turns++) await clock.run(0)
    await ring.close()
    expect(await moving).toMatchObject({ outcome: 'ended' })
  })
})
