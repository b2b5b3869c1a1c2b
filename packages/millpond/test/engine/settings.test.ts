// Settings that change while the cache runs: all or nothing, for calls that begin afterwards, told and described.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { changesFromJson, createCache, memory, type Tier } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, gate, newFolder, onEverySetup, open } from './setups.ts'

closeAfterEach()

describe('defaults', () => {
  it('a new TTL concerns what is stored from now on; what is held keeps its times', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    await cache.set('old', 1)
    const { changes, dropped } = await cache.configure({ defaults: { ttl: '1m' } })
    expect([changes, dropped]).toEqual([[{ setting: 'defaults.ttl_seconds', from: 300, to: 60 }], []])
    await cache.set('new', 1)
    clock.advance(61_000)
    expect([cache.peek('old'), cache.peek('new')]).toEqual([1, undefined])
    await cache.configure({ defaults: { ttl: null } })
    expect(cache.describe().defaults.ttl_seconds).toBe(300)
  })

  it('a load keeps the settings that it began with', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const { promise, open: letGo } = gate<number>()
    const loading = cache.getOrSet('k', () => promise)
    await cache.configure({ defaults: { ttl: '1s', tags: ['late'] } })
    letGo(1)
    await loading
    clock.advance(10_000)
    expect(cache.peek('k')).toBe(1)
    expect((await cache.getEntry('k')).kind).toBe('hit')
    await cache.invalidateTags(['late'])
    expect(cache.peek('k')).toBe(1)
  })

  it('the narrower goes before the wider, what was changed before code', async () => {
    const cache = open({ defaults: { ttl: '10m', staleFor: '1m' } })
    const plain = cache.namespace('plain')
    const reports = cache.namespace('reports', { ttl: '1h', timeout: { soft: 10 } })
    const ttlOf = (name: string): unknown =>
      cache.describe().namespaces.find((one) => one.name === name)?.defaults.ttl_seconds
    expect([ttlOf('default'), ttlOf('plain'), ttlOf('reports')]).toEqual([600, 600, 3600])
    await cache.configure({ defaults: { ttl: '2m', timeout: { hard: '1s' } } })
    expect([ttlOf('default'), ttlOf('plain'), ttlOf('reports')]).toEqual([120, 120, 3600])
    const { changes } = await reports.configure({ defaults: { ttl: '3m' } })
    expect(changes).toEqual([{ setting: 'namespaces.reports.defaults.ttl_seconds', from: 3600, to: 180 }])
    const same = await plain.configure({ defaults: { ttl: '2m' } })
    await cache.configure({ defaults: { ttl: '5m' } })
    expect([same.changes, ttlOf('default'), ttlOf('plain')]).toEqual([[], 300, 120])
    await cache.configure({ defaults: { ttl: '2m' } })
    await plain.configure({ defaults: { ttl: Infinity } })
    expect([ttlOf('default'), ttlOf('plain'), ttlOf('reports')]).toEqual([120, 'unlimited', 180])
    const { defaults } = cache.describe().namespaces.find((one) => one.name === 'reports') ?? { defaults: undefined }
    expect(defaults).toMatchObject({ timeout_soft_seconds: 0.01, timeout_hard_seconds: 1, stale_for_seconds: 60 })
    await reports.configure({ defaults: { ttl: null } })
    expect(ttlOf('reports')).toBe(3600)
    expect((await cache.getEntry('x')).kind).toBe('miss')
    await reports.set('x', 1)
    const entry = await reports.getEntry('x')
    expect(entry.kind === 'hit' && (entry.ttlMs ?? 0) > 3_500_000).toBe(true)
  })

  it('the hit path goes by them too: strong reads, refresh ahead', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: '10s' } })
    let loads = 0
    const load = (): Promise<number> => cache.getOrSet('k', () => ++loads)
    await load()
    clock.advance(9000)
    await load()
    await cache.flush()
    expect(loads).toBe(1)
    await cache.configure({ defaults: { refreshAhead: 0.5 } })
    await load()
    await cache.flush()
    expect(loads).toBe(2)
  })

  it('G21: garbage throws, and nothing of the same change takes effect', async () => {
    const cache = open({ tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    const before = cache.describe()
    const wrong: [object, RegExp][] = [
      [{ defaults: { ttl: '60' } }, /ttl: "60" is not a duration/],
      [{ defaults: { jitter: 2 } }, /jitter/],
      [{ defaults: { dependsOn: ['a'] } }, /unknown option "defaults.dependsOn"/],
      [{ default: {} }, /unknown option "changes.default": did you mean "defaults"\? there are defaults, tiers/],
      [{ tiers: { disk: {} } }, /"disk" is not a tier of this cache: there are memory, sqlite/],
      [{ tiers: { memory: { maxEntries: 0 } } }, /maxEntries/],
      [{ tiers: { memory: { timeout: 1 } } }, /unknown option "tiers.memory.timeout"/],
      [{ tiers: { memory: { policy: 'fifo' } } }, /fifo/],
      [{ tiers: { memory: { enabled: 'no' } } }, /enabled/],
      [{ tiers: { memory: { ttlFactor: 2 } } }, /ttlFactor/],
      [{ tiers: { sqlite: { maxEntries: 5 } } }, /unknown option "tiers.sqlite.maxEntries"/],
      [{ tiers: { sqlite: { timeout: 0 } } }, /timeout: 0 is not allowed/],
      [{ tiers: { sqlite: { promoteAfter: 0.5 } } }, /promoteAfter/],
      [{ tiers: { sqlite: { enabled: 1 } } }, /enabled: 1 is not allowed/],
      [{ tiers: { sqlite: { breaker: { threshold: 0 } } } }, /breaker.threshold/],
      [{ tiers: { sqlite: { breaker: { openMs: -1 } } } }, /breaker.openMs/],
      [{ tiers: { sqlite: { breaker: { trip: 1 } } } }, /unknown option "tiers.sqlite.breaker.trip"/],
    ]
    for (const [change, message] of wrong) {
      const mixed = {
        ...change,
        defaults: { ttl: '7s', ...Reflect.get(change, 'defaults') },
        tiers: { memory: { maxEntries: 7 }, ...Reflect.get(change, 'tiers') },
      }
      await expect(cache.configure(mixed)).rejects.toThrow(message)
    }
    expect(cache.describe()).toEqual(before)
    // @ts-expect-error no such choice
    await expect(cache.configure({}, { apply: 'flush' })).rejects.toThrow(
      /configure.apply: "flush" is not allowed: give 'new' or 'drop'/,
    )
    await expect(cache.namespace('a').configure({ tiers: { memory: { maxEntries: 7 } } })).rejects.toThrow(
      /belong to the whole cache/,
    )
  })

  it('a dry run tells what would change and changes nothing; what does not differ is no change', async () => {
    const cache = open()
    const heard: unknown[] = []
    cache.on('settings', (detail) => void heard.push(detail))
    const before = cache.describe()
    const dry = await cache.configure(
      { defaults: { ttl: '1m' }, tiers: { memory: { maxEntries: 10, policy: 'lru' } } },
      { dryRun: true },
    )
    expect(dry).toEqual({
      isDryRun: true,
      dropped: [],
      changes: [
        { setting: 'defaults.ttl_seconds', from: 300, to: 60 },
        { setting: 'tiers.memory.max_entries', from: 1000, to: 10 },
        { setting: 'tiers.memory.policy', from: 'adaptive', to: 'lru' },
      ],
    })
    await cache.configure({ defaults: { ttl: '5m' } })
    expect([cache.describe(), heard]).toEqual([before, []])
    await cache.configure({ defaults: { ttl: '1m' } })
    expect(heard).toEqual([{ namespace: 'default', changes: [{ setting: 'defaults.ttl_seconds', from: 300, to: 60 }] }])
  })
})

onEverySetup('apply: drop', (openCache) => {
  it('clears the namespaces concerned, and no other', async () => {
    const cache = openCache()
    const other = cache.namespace('other')
    for (const one of [cache, other]) await one.set('k', 1)
    const { dropped } = await other.configure({ defaults: { ttl: '1s' } }, { apply: 'drop' })
    expect([dropped.length, await cache.get('k'), await other.get('k')]).toEqual([1, 1, undefined])
    const all = await cache.configure({ defaults: { ttl: '2s' } }, { apply: 'drop' })
    expect([all.dropped.length, await cache.get('k')]).toEqual([2, undefined])
  })
})

describe('tiers', () => {
  it('memory shrinks, grows and changes its policy', async () => {
    const cache = open()
    for (let i = 0; i < 500; i++) await cache.set(`k${i}`, i)
    await cache.configure({ tiers: { memory: { maxEntries: 100, policy: 'lru' } } })
    expect([cache.stats().entries, cache.info().memory?.policy]).toEqual([100, 'lru'])
    await cache.configure({ tiers: { memory: { maxEntries: 2000, maxBytes: '1mb' } } })
    expect(cache.describe().tiers[0]).toMatchObject({ max_entries: 2000, max_size_mb: 1 })
  })

  it('memory({ enabled: false }) serves nothing until it is switched on, and off again it lets go of what it holds', async () => {
    for (const tiers of [[memory({ enabled: false })], [{ use: memory(), enabled: false }]]) {
      const cache = open({ tiers })
      await cache.set('k', 1)
      expect([cache.peek('k'), await cache.get('k'), cache.stats().entries, cache.info().memory]).toEqual([
        undefined,
        undefined,
        0,
        undefined,
      ])
      let loads = 0
      for (let i = 0; i < 2; i++) await cache.getOrSet('l', () => ++loads)
      expect(loads).toBe(2)
      const left: string[] = []
      cache.on('removal', ({ key, reason }) => void left.push(`${key} ${reason}`))
      await cache.configure({ tiers: { memory: { enabled: true } } })
      await cache.set('k', 2)
      expect(cache.peek('k')).toBe(2)
      await cache.configure({ tiers: { memory: { enabled: false } } })
      await Promise.resolve()
      expect([cache.peek('k'), await cache.get('k'), left]).toEqual([undefined, undefined, ['k switched_off']])
      await cache.delete('k')
      await cache.configure({ tiers: { memory: { enabled: true } } })
      expect(await cache.get('k')).toBeUndefined()
    }
  })

  it('the guard of a tier takes another deadline and another breaker', async () => {
    const path = join(newFolder(), 'cache.db')
    const tier = sqlite({ path })
    let fails = false
    const flaky: Tier = {
      name: 'sqlite',
      scope: 'host',
      durable: true,
      ledger: tier.ledger,
      read: (keys) => (fails ? Promise.reject(new Error('down')) : tier.read(keys)),
      write: (items) => tier.write(items),
      drop: (keys) => tier.drop(keys),
      clear: (prefix) => tier.clear(prefix),
      close: () => tier.close(),
    }
    const cache = open({ tiers: [{ use: flaky }] })
    const { changes } = await cache.configure({
      tiers: { sqlite: { timeout: '1s', breaker: { threshold: 2 }, ttlFactor: 3, promoteAfter: 2 } },
    })
    expect(changes).toEqual([
      { setting: 'tiers.sqlite.ttl_factor', from: 1, to: 3 },
      { setting: 'tiers.sqlite.promote_after', from: 1, to: 2 },
      { setting: 'tiers.sqlite.timeout_seconds', from: 0.25, to: 1 },
      { setting: 'tiers.sqlite.breaker_threshold', from: 5, to: 2 },
    ])
    fails = true
    await cache.get('a')
    expect(cache.info().circuitBreaker).toEqual({ sqlite: 'closed' })
    await cache.get('b')
    expect(cache.info().circuitBreaker).toEqual({ sqlite: 'open' })
  })
})

function holderSuite(tierOf: () => () => Tier): void {
  it('switched off it is neither read nor written, keeps the ledger all the same, and shows nothing old when it is on again', async () => {
    const newTier = tierOf()
    const name = `switched${Math.random().toString(36).slice(2)}`
    const make = () => open({ name, tiers: [memory(), patient(newTier())] })
    const cache = make()
    const peer = make()
    const tier = cache.describe().tiers[1]?.name ?? ''
    for (const key of ['kept', 'deleted', 'written', 'loaded', 'tagged']) await cache.set(key, 'old', { tags: [key] })
    await cache.configure({ tiers: { [tier]: { enabled: false } } })
    await cache.delete('deleted')
    await cache.set('written', 'new')
    await cache.invalidateTags(['tagged'])
    expect(await cache.get('written')).toBe('new')
    expect(await peer.get('kept')).toBe('old')
    expect([await peer.get('deleted'), await peer.get('written'), await peer.get('tagged')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(await cache.explain('kept')).toMatchObject({ tiers: [{}, { cause: 'switched_off' }] })
    let loads = 0
    await Promise.all([cache.getOrSet('stampede', () => ++loads), cache.getOrSet('stampede', () => ++loads)])
    expect(loads).toBe(1)
    await cache.flush()
    expect(await peer.get('stampede')).toBeUndefined()
    await cache.configure({ tiers: { [tier]: { enabled: true }, memory: { enabled: false } } })
    expect([
      await cache.get('kept'),
      await cache.get('deleted'),
      await cache.get('written'),
      await cache.get('tagged'),
    ]).toEqual(['old', undefined, undefined, undefined])
    await cache.set('written', 'newer')
    expect(await peer.get('written')).toBe('newer')
  })
}

describe('the tier that keeps the ledger: SQLite', () => {
  holderSuite(() => {
    const path = join(newFolder(), 'cache.db')
    return () => sqlite({ path })
  })
})

describeWith('redis', 'the tier that keeps the ledger: Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  holderSuite(() => () => redis({ url: server.url, ...PATIENCE }))
})

describe('namespaces', () => {
  it('there is one cache of a name while it is open, also with plug-ins', () => {
    for (const plugins of [[], [{ name: 'p', around: (_: unknown, next: () => Promise<unknown>) => next() }]]) {
      const cache = open({ plugins })
      expect(cache.namespace('a')).toBe(cache.namespace('a'))
      expect(cache.namespace('default')).toBe(cache)
      expect(cache.namespace('a').namespace('b')).toBe(cache.namespace('b'))
    }
  })

  it('two places that say different things of one namespace are told so', () => {
    const cache = open()
    cache.namespace('a', { ttl: '1m' })
    expect(cache.namespace('a')).toBe(cache.namespace('a', { ttl: 60_000, tags: [] }))
    expect(() => cache.namespace('a', { ttl: '2m' })).toThrow(/"a" is already open with other settings, {"ttl":"1m"}/)
    expect(() => cache.namespace('b', { ttl: 'x' as never })).toThrow(/ttl/)
    expect(() => createCache({ defaults: { ttl: 'x' as never } })).toThrow(/ttl/)
  })

  it('one closes alone: its calls reject, the others go on, its name may be opened anew', async () => {
    const path = join(newFolder(), 'cache.db')
    const cache = open({ tiers: [memory(), sqlite({ path })] })
    const a = cache.namespace('a', { ttl: '1m' })
    await a.set('k', 1)
    await cache.set('k', 2)
    await a.close()
    await a.close()
    await expect(a.get('k')).rejects.toMatchObject({ code: 'CLOSED' })
    expect(() => a.namespace('b')).toThrow(/closed/)
    expect([await cache.get('k'), existsSync(path), cache.describe().namespaces.map(({ name }) => name)]).toEqual([
      2,
      true,
      ['default'],
    ])
    const again = cache.namespace('a', { ttl: '2m' })
    expect(again).not.toBe(a)
    expect(await again.get('k')).toBe(1)
    await cache.close()
    await expect(again.get('k')).rejects.toMatchObject({ code: 'CLOSED' })
    await again.close()
  })

  it('in memory alone a namespace that opens anew is empty, and its former life can store nothing there', async () => {
    const cache = open()
    const a = cache.namespace('a')
    await a.set('k', 1)
    const { promise, open: letGo } = gate<number>()
    const late = a.getOrSet('late', () => promise)
    const closing = a.close()
    const again = cache.namespace('a')
    expect(again.peek('k')).toBeUndefined()
    await again.set('k', 2)
    letGo(7)
    expect(await late).toBe(7)
    await Promise.all([closing, a.close()])
    expect([again.peek('k'), again.peek('late')]).toEqual([2, undefined])
    await a.close()
    expect(cache.namespace('a')).toBe(again)
  })

  it('the cache closes after a namespace that is closing already', async () => {
    const tier = sqlite({ path: join(newFolder(), 'cache.db') })
    const warnings: unknown[] = []
    const cache = open({ tiers: [memory(), tier] })
    cache.on('warning', (warning) => void warnings.push(warning))
    const a = cache.namespace('a')
    await a.getOrSet('k', () => 1)
    await Promise.all([a.close(), cache.close(), a.close()])
    expect(warnings).toEqual([])
  })

  it('what was put off is due when its namespace closes', async () => {
    const cache = open({ tiers: [sqlite({ path: join(newFolder(), 'cache.db') })] })
    const a = cache.namespace('a')
    await a.set('k', 1, { tags: ['t'] })
    const putOff = a.invalidateTags(['t'], { delay: '1h' })
    await a.close()
    await putOff
    expect(await cache.namespace('a').get('k')).toBeUndefined()
  })
})

it('a description is JSON without a loss, a secret or an infinite number', async () => {
  const cache = open({
    name: 'shop',
    defaults: { ttl: Infinity },
    tiers: [memory(), { use: redis({ url: 'redis://user:secret@127.0.0.1:1/0' }), name: 'second' }],
  })
  const description = cache.describe()
  expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  expect(JSON.stringify(description)).not.toMatch(/secret|null,null|127\.0\.0\.1/)
  expect(description).toMatchObject({
    name: 'shop',
    ledger: 'second',
    defaults: { ttl_seconds: 'unlimited', timeout_hard_seconds: 10, negative_ttl_seconds: null },
    tiers: [
      {
        name: 'memory',
        enabled: true,
        max_entries: 1000,
        max_size_mb: 'unlimited',
        policy: 'adaptive',
        pressure: 0.85,
      },
      {
        name: 'second',
        scope: 'shared',
        durable: true,
        holds_ledger: true,
        enabled: true,
        timeout_seconds: 0.25,
        breaker_threshold: 5,
      },
    ],
  })
})

describe('changes as JSON', () => {
  it('what was described changes nothing when it is sent back, and what differs changes that', async () => {
    const cache = open({
      defaults: { ttl: Infinity, negativeTtl: '1s' },
      tiers: [memory({ maxBytes: '2mb' }), { use: sqlite({ path: join(newFolder(), 'cache.db') }), ttl: '1h' }],
    })
    const description = JSON.parse(JSON.stringify(cache.describe()))
    expect((await cache.configure(changesFromJson(description))).changes).toEqual([])
    description.defaults.ttl_seconds = 60
    description.tiers[0].max_size_mb = 0.5
    description.tiers[1].breaker_open_seconds = 2
    expect((await cache.configure(changesFromJson(description))).changes).toEqual([
      { setting: 'defaults.ttl_seconds', from: 'unlimited', to: 60 },
      { setting: 'tiers.memory.max_size_mb', from: 2, to: 0.5 },
      { setting: 'tiers.sqlite.breaker_open_seconds', from: 0.5, to: 2 },
    ])
    await cache.configure(
      changesFromJson({
        defaults: { timeout_soft_seconds: 1, timeout_hard_seconds: 2 },
        tiers: { sqlite: { enabled: true } },
      }),
    )
    await cache.configure(changesFromJson({ defaults: { ttl_seconds: null, timeout_soft_seconds: null } }))
    expect(cache.describe().defaults).toMatchObject({
      ttl_seconds: 'unlimited',
      timeout_soft_seconds: 'unlimited',
      timeout_hard_seconds: 2,
    })
  })

  it('what is no setting, and what is no number, is refused', () => {
    const wrong: [unknown, RegExp][] = [
      [null, /the document: null is not an object/],
      [[], /is not an object/],
      [{ ttl_seconds: 60 }, /ttl_seconds is not a setting that can be changed: use one of defaults, tiers/],
      [{ defaults: { ttl: 60 } }, /defaults.ttl is not a setting that can be changed: use one of ttl_seconds/],
      [{ defaults: { ttl_seconds: '60' } }, /defaults.ttl_seconds: "60" is not allowed: give a number, or "unlimited"/],
      [{ defaults: { __proto__: null, constructor: 1 } }, /defaults.constructor/],
      [{ defaults: [] }, /defaults: \[\] is not an object/],
      [{ tiers: [{ enabled: true }] }, /tiers\[0\].name: undefined/],
      [{ tiers: { memory: { max_entires: 5 } } }, /tiers.memory.max_entires/],
    ]
    for (const [document, message] of wrong) expect(() => changesFromJson(document)).toThrow(message)
  })
})
