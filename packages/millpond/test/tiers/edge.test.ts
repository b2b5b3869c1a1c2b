// The edge tier against the published suites, its options, and the rules by which an entry of another region is placed.
import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { LedgerStore, Tier } from '../../src/core/contracts.ts'
import { relayedId, unheardId } from '../../src/core/relay.ts'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { distributed } from '../../src/tiers/distributed/index.ts'
import { moveCursor, pairFor, readCursor } from '../../src/tiers/edge/cursor.ts'
import { Follower } from '../../src/tiers/edge/follower.ts'
import { History } from '../../src/tiers/edge/history.ts'
import { type EdgeOptions, edge } from '../../src/tiers/edge/index.ts'

const skips = {
  'every-bit': 'a record has the form that its store gives it, whose own suite flips each bit',
  bounded: 'each store keeps bounds of its own, which its suite judges',
}

for (const others of [0, 1]) {
  let stores: readonly SimulatedServer[] = []
  const again = async (): Promise<Tier & { readonly ledger: NonNullable<Tier['ledger']> }> =>
    edge({
      regions: Object.fromEntries(stores.map((store, at) => [`r${at}`, { ledger: store.connect() }])),
      region: 'r0',
      origin: `r${others}`,
    })
  const open = async ({ targets, windowMs, externalTiers }: LedgerTuning = {}) => {
    stores = [
      simulatedServer({ targets, windowMs, externalTiers }),
      ...Array.from({ length: others }, () => simulatedServer()),
    ]
    return again()
  }
  const name = `edge (${others} other regions)`
  describeTier({ describe, it }, { name, open: () => open(), again, skips })
  if (others === 0)
    describeLedger(
      { describe, it },
      {
        name,
        open,
        again,
        loseRecord: async (namespace) => stores[0]?.loseRecord(namespace),
        skips: {
          'keys-pruned':
            'entries lie apart from the record, so that no step drops them for certain: key targets are kept, and the floor rises instead (case external)',
          'external-later': 'entries always count as copies beside the record',
          'large-snapshot': 'a snapshot is passed on as the ledger of its tier tells it, whose own suite asks for it',
        },
      },
    )
}

test('a region whose entries lie in a ring tells how its nodes are', async () => {
  const ring = distributed({
    nodes: ['a', 'b'].map((name) => ({ name, tier: simulatedServer().connect() })),
    ledger: simulatedServer().connect(),
  })
  const ledger = simulatedServer().connect()
  const tier = edge({
    regions: { us: { ledger, tiers: [ring] }, eu: { ledger: simulatedServer().connect() } },
    region: 'us',
  })
  expect(tier.members?.().map(({ name, state }) => `${name} ${state}`)).toEqual(['a up', 'b up'])
  expect(edge({ regions: { us: { ledger: simulatedServer().connect() } }, region: 'us' }).members).toBeUndefined()
  await tier.close()
})

describe('options of the edge tier', () => {
  const us = simulatedServer().connect()
  const eu = simulatedServer().connect()
  const { ledger: _, ...bare } = simulatedServer().connect()
  const good: EdgeOptions = { regions: { us: { ledger: us }, eu: { ledger: eu } }, region: 'eu' }
  const inner = edge(good)
  test.each<[string, Partial<EdgeOptions> | { origin: unknown; regions?: unknown }, RegExp]>([
    [
      'an unknown region',
      { region: 'ap' },
      /edge\.region: "ap" is not one of the regions: there are "us", "eu"; name one of them/,
    ],
    ['an unknown origin', { origin: 'ap' }, /edge\.origin: "ap" is not one of the regions/],
    ['no regions', { regions: {} }, /edge\.region: "eu" is not one of the regions: there are none/],
    [
      'two regions with one ledger',
      { regions: { us: { ledger: us }, eu: { ledger: us } } },
      /edge\.regions\.eu\.ledger: ".*" is also that of "us"/,
    ],
    [
      'a tier of two regions',
      { regions: { us: { ledger: us }, eu: { ledger: eu, tiers: [us] } } },
      /edge\.regions\.eu\.tiers: .* is also that of "us"/,
    ],
    ['an origin that is an edge', { origin: inner }, /edge\.origin: "edge" is itself an edge: name one of the regions/],
    [
      'a region made of an edge',
      { regions: { us: { ledger: us }, eu: { ledger: eu, tiers: [inner] } } },
      /edge\.regions\.eu: "edge" is itself an edge/,
    ],
    [
      'a ledger that is none',
      { regions: { us: { ledger: us }, eu: { ledger: bare } } },
      /edge\.regions\.eu\.ledger: .* cannot hold a ledger: give redis/,
    ],
    [
      'a name that is none',
      { regions: { 'eu:west': { ledger: eu } } },
      /edge\.regions: "eu:west" is not a valid region name/,
    ],
    [
      'no tiers',
      { regions: { us: { ledger: us }, eu: { ledger: eu, tiers: [] } } },
      /edge\.regions\.eu\.tiers: \[\] is not a list of tiers/,
    ],
    [
      'a lag that cannot be kept',
      { maxRegionLag: '1s' },
      /edge\.maxRegionLag: "1s" is not allowed: give a finite time of at least 2000 ms/,
    ],
    ['an endless lag', { maxRegionLag: Number.POSITIVE_INFINITY }, /edge\.maxRegionLag: Infinity/],
    ['no time for the origin', { originTimeout: 0 }, /edge\.originTimeout: 0 is not allowed/],
  ])('%s', (_, options, message) => {
    expect(() => edge({ ...good, ...options } as EdgeOptions)).toThrow(message)
    expect(() => edge({ ...good, ...options } as EdgeOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  test('a ledger that two regions reach by two ways is found out when both have answered', async () => {
    const server = simulatedServer()
    const tier = edge({ regions: { us: { ledger: server.connect() }, eu: { ledger: server.connect() } }, region: 'eu' })
    try {
      await expect(tier.ledger.pull('shop:default:')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
      await expect(tier.ledger.pull('shop:default:')).rejects.toThrow(
        /"eu" and "us" share one ledger: give each region its own ledger/,
      )
    } finally {
      await tier.close()
    }
  })
})

describe('where an entry of another region lies in this one', () => {
  test('by the last pair that it is not older than', () => {
    let cursor = moveCursor(undefined, { epoch: 'b', seq: 7 }, 10)
    cursor = moveCursor(cursor, { epoch: 'b', seq: 9 }, 10)
    cursor = moveCursor(cursor, { epoch: 'b', seq: 30 }, 57)
    expect(cursor.pairs).toEqual([
      [10, 9],
      [57, 30],
    ])
    expect([9, 10, 56, 57, 1000].map((ours) => pairFor(cursor, ours))).toEqual([undefined, 9, 9, 30, 30])
    expect(moveCursor(cursor, { epoch: 'c', seq: 1 }, 60).pairs).toEqual([[60, 1]])
  })

  test('pairs stay few, and an old entry is then taken for an older one, never for a newer', () => {
    let cursor = moveCursor(undefined, { epoch: 'b', seq: 0 }, 0)
    for (let at = 1; at < 5000; at++) cursor = moveCursor(cursor, { epoch: 'b', seq: at * 2 }, at)
    expect(cursor.pairs.length).toBeLessThanOrEqual(128)
    for (const ours of [100, 2000, 4990, 4999]) expect(pairFor(cursor, ours) ?? 0).toBeLessThanOrEqual(ours * 2)
    expect(pairFor(cursor, 4999)).toBe(9998)
  })

  test('a line that came on another way counts as held where it is held, and not before', async () => {
    const [own, peer] = [simulatedServer().connect(), simulatedServer().connect()]
    const namespace = 'shop:default:'
    const step = (id: string) =>
      ({ targets: [{ kind: 'tag', tag: 't' }], mode: 'delete', reason: 'manual', id, drop: [], write: [] }) as const
    let last = 0
    // What other processes of the region do after each of its answers.
    const ledger: LedgerStore = {
      ...own.ledger,
      pull: async (...asked) => {
        const answer = await own.ledger.pull(...asked)
        last = (await own.ledger.advance(namespace, step('elsewhere'))).position.seq
        return answer
      },
    }
    let heldAt = 0
    const follower = new Follower({
      ...{ namespace, clock: systemClock(), gateMs: 4000, beatMs: 60_000, onWritten: () => {}, warn: () => {} },
      own: { name: 'own', tiers: [own], ledgerTier: own, ledger },
      peer: { name: 'peer', tiers: [peer], ledgerTier: peer, ledger: peer.ledger },
      local: ledger,
      knows: () => {
        heldAt = last
        return true
      },
    })
    try {
      expect(await follower.hear()).toBe(true)
      await peer.ledger.advance(namespace, step(relayedId({ region: 'third', epoch: 'z', seq: 1, id: '' })))
      expect(await follower.hear()).toBe(true)
      expect(heldAt).toBeGreaterThan(0)
      expect(follower.cursor?.pairs.at(-1)?.[0]).toBeGreaterThanOrEqual(heldAt)
    } finally {
      follower.close()
    }
  })

  test('an origin whose ledger does not answer has its time, and no more', { timeout: 2000 }, async () => {
    const [usServer, euServer] = [simulatedServer(), simulatedServer()]
    const stuck: Tier = { ...usServer.connect(), read: () => new Promise(() => {}) }
    const regions = { us: { ledger: stuck, tiers: [usServer.connect()] }, eu: { ledger: euServer.connect() } }
    const tier = edge({ regions, region: 'eu', origin: 'us', originTimeout: 50 })
    try {
      await tier.ledger.pull('shop:default:', undefined)
      expect(await tier.read(['shop:default:k'])).toEqual([undefined])
    } finally {
      await tier.close()
    }
  })

  test('a record that is none tells nothing', () => {
    const stored = (body: string) => ({
      asOf: { epoch: 'a', seq: 1 },
      body: Buffer.from(body),
      expiresAt: Number.POSITIVE_INFINITY,
    })
    const texts = [
      '',
      '{',
      'null',
      '{"at":{"epoch":"b","seq":-1},"pairs":[]}',
      '{"at":{"epoch":"b","seq":1},"pairs":[[1]]}',
      '{"at":{"epoch":1,"seq":1},"pairs":[]}',
    ]
    for (const body of texts) expect(readCursor(stored(body))).toBeUndefined()
    expect(readCursor(undefined)).toBeUndefined()
  })

  test('lines that do not concern it are passed, and no others', () => {
    const key = (name: string) => [{ kind: 'key', key: name }] as const
    const asOf = { epoch: 'a', seq: 10 }
    const from = { epoch: 'b', seq: 0 }
    const relayed = (seq: number, epoch = 'a') => relayedId({ region: 'us', epoch, seq, id: 'x' })
    const carried = (
      ...lines: readonly (readonly [
        id: string,
        targets: ReturnType<typeof key> | readonly [{ kind: 'tag'; tag: string }] | readonly [{ kind: 'all' }],
      ])[]
    ) => {
      const history = new History('c:n:')
      for (const [at, [id, targets]] of lines.entries()) history.note('b', { seq: at + 1, id, targets })
      return history.carry('c:n:k', from, 'us', asOf).seq
    }
    expect(carried(['own', key('other')], ['own', key('another')])).toBe(2)
    expect(carried(['own', key('other')], ['own', key('k')], ['own', key('other')])).toBe(1)
    // It said so itself, before the entry was made: that is in the entry.
    expect(carried([relayed(10), key('k')], [relayed(9), [{ kind: 'tag', tag: 't' }]])).toBe(2)
    expect(carried([relayed(11), key('k')])).toBe(0)
    expect(carried([relayed(10, 'older'), key('k')])).toBe(0)
    expect(carried(['own', [{ kind: 'tag', tag: 't' }]])).toBe(0)
    expect(carried([unheardId('us', '1'), [{ kind: 'all' }]])).toBe(0)
    // A gap in what is known.
    const history = new History('c:n:')
    history.note('b', { seq: 2, id: 'own', targets: key('other') })
    expect(history.carry('c:n:k', from, 'us', asOf)).toEqual(from)
    expect(history.carry('c:n:k', { epoch: 'c', seq: 1 }, 'us', asOf)).toEqual({ epoch: 'c', seq: 1 })
  })
})
