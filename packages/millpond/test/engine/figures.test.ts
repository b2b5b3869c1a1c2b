// M1, M2: memory's own figures, as a cache tells them without being asked to keep anything.
import { join } from 'node:path'
import { memory } from 'millpond'
import { createMonitor } from 'millpond/observe'
import { file } from 'millpond/tiers/file'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { freePort } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describe('M1 bytes of memory', () => {
  closeAfterEach()

  it('are told for the cache, each namespace and the tier, and follow what comes and goes', async () => {
    const cache = open({ name: 'shop', tiers: [memory({ maxEntries: 100, policy: 'lru' })] })
    const reports = cache.namespace('reports')
    const check = (): number[] => {
      const bytes = [cache, reports].map((one) => one.stats().bytes)
      expect([cache, reports].map((one) => one.stats().tiers[0]?.bytes)).toEqual(bytes)
      expect((bytes[0] ?? 0) + (bytes[1] ?? 0)).toBe(cache.info().memory?.bytes)
      expect(cache.info().namespaces.map((space) => space.bytes)).toEqual(bytes)
      return bytes
    }
    expect(check()).toEqual([0, 0])
    await cache.set('a', 'x'.repeat(1000))
    await reports.set('a', 'x'.repeat(10_000))
    const [small = 0, large = 0] = check()
    expect(small).toBeGreaterThan(1000)
    expect(large).toBeGreaterThan(10_000)
    await reports.set('a', 'x')
    expect(check()[1]).toBeLessThan(1000)
    for (let i = 0; i < 99; i++) await reports.set(`k${i}`, i)
    expect(check()[0]).toBe(0)
    await reports.clear()
    expect(check()).toEqual([0, 0])
  })

  it('are exported as a gauge', async () => {
    const cache = open({ name: 'shop' })
    await cache.set('a', 'x'.repeat(1000))
    const monitor = createMonitor({ caches: () => cache.info().namespaces })
    const { bytes } = cache.stats()
    expect(monitor.exportMetrics('prometheus')).toContain(
      `millpond_used_bytes{cache="shop",cache_ns="default",tier="memory"} ${bytes}\n`,
    )
  })
})

describe('M1 memory by key pattern', () => {
  closeAfterEach()

  it('is of what is still open: what closes during the scan is left out, and is not opened again', async () => {
    const cache = open({ name: 'shop', tiers: [memory({ maxEntries: 100_000 })] })
    const [first, later] = [cache.namespace('first'), cache.namespace('later')]
    await first.setMany(Array.from({ length: 30_000 }, (_, at) => [`user:${at}:profile`, at]))
    await later.set('report', 1)
    const monitor = createMonitor({ caches: [cache] })
    const scan = monitor.analyzeMemoryUsage()
    await later.close()
    expect((await scan).patterns.map(({ pattern }) => pattern)).toEqual(['user:*:profile'])
    expect(cache.info().namespaces.map(({ namespace }) => namespace)).toEqual(['default', 'first'])
  })

  it('answers when a cache is closed before the scan, or during it', async () => {
    const [cache, other] = [open({ name: 'shop', tiers: [memory({ maxEntries: 100_000 })] }), open({ name: 'other' })]
    await cache.setMany(Array.from({ length: 30_000 }, (_, at) => [`user:${at}`, at]))
    await cache.namespace('reports').set('report', 1)
    await other.set('here', 1)
    const monitor = createMonitor({ caches: [cache, other] })
    const scan = monitor.analyzeMemoryUsage()
    await cache.close()
    expect((await scan).patterns.map(({ pattern }) => pattern)).toContain('here')
    expect(await monitor.analyzeMemoryUsage()).toMatchObject({ entries: 1, patterns: [{ pattern: 'here' }] })
  })

  it('has no entry without a size when another namespace takes the place of one that closes', async () => {
    const cache = open({ name: 'shop', tiers: [memory({ maxEntries: 1000 })] })
    const gone = cache.namespace('gone')
    await gone.setMany(Array.from({ length: 10 }, (_, at) => [`old:${at}`, at]))
    const walk = gone.entries()
    expect(walk.next().value).toMatchObject({ bytes: expect.any(Number) })
    await gone.close()
    await cache.namespace('next').setMany(Array.from({ length: 10 }, (_, at) => [`new:${at}`, at]))
    for (const { bytes } of walk) expect(bytes).toBeGreaterThan(0)
  })
})

describe('M1 caches of the same name', () => {
  closeAfterEach()

  it('are one series of each metric, with the sum of their figures, also of whole tiers', async () => {
    const caches = [1, 2].map(() => open({ name: 'shop', tiers: [memory({ maxBytes: '1mb' })] }))
    for (const [at, cache] of caches.entries()) await cache.set(`k${at}`, 'x'.repeat(1000))
    const text = createMonitor({ caches }).exportMetrics('prometheus')
    const bytes = caches.reduce((sum, cache) => sum + cache.stats().bytes, 0)
    expect(text).toContain(`millpond_used_bytes{cache="shop",cache_ns="default",tier="memory"} ${bytes}\n`)
    const most = caches.reduce((sum, cache) => sum + (cache.stats().tiers[0]?.maxBytes ?? 0), 0)
    expect(most).toBeGreaterThan(1_900_000)
    expect(text).toContain(`millpond_limit_bytes{cache="shop",tier="memory"} ${most}\n`)
    expect(text.match(/^millpond_sets_total/gm)).toHaveLength(1)
  })
})

describe('M1 bytes between a cache and the stores of its tiers', () => {
  closeAfterEach()

  it('are not counted where they did not arrive', async () => {
    const away = () => Promise.reject(new Error('away'))
    const far: Tier = {
      ...{ name: 'far', scope: 'process', durable: false },
      ...{ read: away, write: away, drop: away, clear: away, close: () => Promise.resolve() },
    }
    const cache = open({ tiers: [memory(), { use: far, breaker: false }] })
    await cache.set('set', 'x')
    await cache.getOrSet('loaded', () => 'x')
    await cache.flush()
    const port = await freePort()
    const shared = open({ name: 'away', tiers: [memory(), redis({ port, commandTimeout: 100 })] })
    await expect(shared.set('set', 'x')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await shared.getOrSet('loaded', () => 'x')
    await shared.flush()
    for (const { tiers } of [cache.stats(), shared.stats()])
      expect(tiers[1]).toMatchObject({ readBytes: 0, writtenBytes: 0 })
  })

  it('are counted as they go there and come back: writes, loads, reads; memory has none', async () => {
    const folder = newFolder()
    const tiers = () => [memory(), sqlite({ path: join(folder, 'ledger.db') }), file({ path: join(folder, 'entries') })]
    const cache = open({ name: 'shop', tiers: tiers() })
    const trafficOf = (of: typeof cache) =>
      Object.fromEntries(of.stats().tiers.map(({ name, readBytes, writtenBytes }) => [name, [readBytes, writtenBytes]]))
    expect(trafficOf(cache)).toEqual({ memory: [undefined, undefined], sqlite: [0, 0], file: [0, 0] })
    // The first step of a process that has heard nothing yet may be taken twice.
    await cache.get('none')
    await cache.set('set', 'x'.repeat(10_000))
    await cache.getOrSet('loaded', () => 'x'.repeat(20_000))
    await cache.flush()
    const written = trafficOf(cache)
    for (const tier of ['sqlite', 'file']) {
      expect(written[tier]?.[0]).toBe(0)
      expect(written[tier]?.[1]).toBeGreaterThan(30_000)
      expect(written[tier]?.[1]).toBeLessThan(31_000)
    }
    const again = open({ name: 'shop', tiers: tiers() })
    await again.get('set')
    await again.namespace('apart').get('set')
    expect(trafficOf(again).sqlite?.[0]).toBeGreaterThan(10_000)
    expect(trafficOf(again).sqlite?.[0]).toBeLessThan(10_500)
    expect(trafficOf(again).file).toEqual([0, 0])
    // Of the whole tier: the same in every namespace.
    expect(trafficOf(again.namespace('apart'))).toEqual(trafficOf(again))
  })
})

describe('M1 how much a namespace has been asked', () => {
  closeAfterEach()

  it('grows with whatever its figures count, stands still where they do, and is of one namespace', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({
      clock,
      tiers: [memory({ maxEntries: 2, policy: 'lru' }), sqlite({ path: join(newFolder(), 'a.db') })],
    })
    const other = cache.namespace('other')
    const of = (namespace: string) => cache.activity().find((one) => one.namespace === namespace)?.activity ?? -1
    const grows = async (what: string, act: () => unknown): Promise<void> => {
      const [before, beside] = [of('default'), of('other')]
      await act()
      await cache.flush()
      expect(of('default'), what).toBeGreaterThan(before)
      expect(of('other'), what).toBe(beside)
    }
    await grows('a miss', () => cache.get('a'))
    await grows('a set', () => cache.set('a', 1, { ttl: '1m', tags: ['t'] }))
    await grows('a hit', () => cache.get('a'))
    await grows('a load', () => cache.getOrSet('b', () => 2))
    await grows('a load that fails', () =>
      cache.getOrSet('c', () => Promise.reject(new Error('none'))).catch(() => undefined),
    )
    await grows('an invalidation', () => cache.invalidateTags(['t']))
    await grows('a delete', () => cache.delete('b'))
    await cache.set('d', 1, { ttl: '1m' })
    await cache.set('e', 1, { ttl: '1h' })
    await cache.set('f', 1, { ttl: '1h' })
    await grows('a hit below memory', () => cache.get('d'))
    await grows('what leaves memory by itself', () => clock.advance(61_000))
    const still = of('default')
    cache.stats()
    cache.info()
    cache.holds('e')
    await cache.explain('e')
    expect(of('default')).toBe(still)
    const { hits, misses } = cache.stats()
    expect(cache.activity()[0]?.reads).toBe(hits + misses)
    expect(other.stats().hits + other.stats().misses).toBe(0)
  })
})

describe('M1 figures of some namespaces', () => {
  closeAfterEach()

  it('are read of those that are named and open, each once; the health is that of all', async () => {
    const cache = open({ tiers: [memory()] })
    for (const name of ['a', 'b', 'c']) await cache.namespace(name).get('none')
    const of = (namespaces: readonly string[]) =>
      cache.info({ namespaces }).namespaces.map(({ namespace }) => namespace)
    expect(of(['b', 'a', 'b', 'closed'])).toEqual(['b', 'a'])
    expect(of([])).toEqual([])
    expect(cache.info().namespaces).toHaveLength(4)
    expect(cache.info({ namespaces: ['a', 'b'] }).metrics.totalOperations).toBe(2)
    const away = open({ name: 'away', tiers: [memory(), redis({ port: await freePort(), commandTimeout: 100 })] })
    await expect(away.namespace('n').set('k', 1)).rejects.toThrow()
    const { health, ledger } = away.info({ namespaces: [] })
    expect([health, ledger.isUp, ledger.pending]).toEqual(['degraded', false, 1])
  })
})

describe('M1 figures as JSON', () => {
  closeAfterEach()

  it('say the same when they come back', async () => {
    const cache = open({ tiers: [memory({ maxBytes: '1mb' })], defaults: { ttl: Number.POSITIVE_INFINITY } })
    await cache.set('k', 1)
    for (const told of [cache.info(), cache.stats()]) expect(JSON.parse(JSON.stringify(told))).toEqual(told)
    expect(cache.info().memory).toMatchObject({ maxBytes: 1_048_576 })
    expect(cache.info().memory).not.toHaveProperty('maxEntries')
    expect(cache.info().config).not.toHaveProperty('ttlMs')
  })
})

describe('M1 time of a get', () => {
  closeAfterEach()

  it('counts hits in memory for what they are, from a sample of them', async () => {
    const cache = open()
    await cache.set('h', { n: 1 })
    for (let i = 0; i < 999; i++) await cache.get('h')
    cache.peek('h')
    for (const key of ['m1', 'm2']) await cache.get(key)
    const { latency, tiers } = cache.stats()
    expect(latency.get.count).toBe(1002)
    expect(tiers[0]?.latency).toMatchObject({ count: 1000 })
    expect(cache.info().metrics.avgGetTimeMs, 'in time').toBeLessThan(0.1)
    expect(cache.info().metrics.avgGetTimeMs).toBeGreaterThan(0)
    expect(cache.info().metrics.p95GetTimeMs, 'in time').toBeLessThan(0.1)
    await cache.getMany(['h', 'none'])
    expect(cache.stats().latency.get.count).toBe(1003)
    for (let i = 0; i < 5000; i++) cache.peek('h')
    expect(cache.stats().latency.get.count).toBe(6003)
    expect(cache.info().metrics.totalOperations).toBe(6005)
  })

  it('never falls, whatever the samples say', async () => {
    const cache = open()
    await cache.set('h', 1)
    let last: readonly number[] = []
    for (let i = 0; i < 20; i++) {
      for (let reads = 0; reads < 700; reads++) cache.peek('h')
      const buckets = cache.stats().latency.get.buckets ?? []
      expect(buckets.every((below, at) => below >= (last[at] ?? 0))).toBe(true)
      last = buckets
    }
  })

  it('leaves out quiet reads', async () => {
    const cache = open()
    await cache.set('h', 1)
    await cache.get('h', { quiet: true })
    await cache.get('none', { quiet: true })
    await cache.getOrSet('load', () => 1, { quiet: true })
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, latency: { get: { count: 0 } } })
  })
})

describe('D5 what is known of an entry', () => {
  closeAfterEach()

  it('in memory: all of it', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: [memory({ lastAccess: true })] })
    await cache.set('k', { n: 1 }, { ttl: 10_000, tags: ['t'] })
    expect(await cache.getEntry('k', { quiet: true })).not.toHaveProperty('lastReadAt')
    await clock.run(1000)
    const readAt = clock.now()
    await cache.get('k')
    await clock.run(1000)
    const facts = {
      tier: 'memory',
      createdAt: readAt - 1000,
      ageMs: 2000,
      expiresAt: readAt + 9000,
      ttlMs: 8000,
      lastReadAt: readAt,
      hits: 1,
      bytes: expect.any(Number),
      tags: ['t'],
      version: { epoch: expect.any(String), seq: 0 },
      isCompressed: false,
      isEncrypted: false,
    }
    expect([...cache.entries()]).toEqual([{ key: 'k', ...facts }])
    expect(await cache.getEntry('k')).toEqual({ kind: 'hit', value: { n: 1 }, ...facts })
    expect(await cache.getEntry('k', { quiet: true })).toMatchObject({ hits: 2, lastReadAt: clock.now() })
  })

  it('in a tier below: the facts of its record, and no guesses', async () => {
    const cache = open({ tiers: [sqlite({ path: join(newFolder(), 'cache.db') })] })
    await cache.set('k', { n: 1 }, { ttl: Number.POSITIVE_INFINITY })
    expect(await cache.getEntry('k')).toEqual({
      kind: 'hit',
      value: { n: 1 },
      tier: 'sqlite',
      createdAt: expect.any(Number),
      ageMs: expect.any(Number),
      bytes: expect.any(Number),
      tags: [],
      version: { epoch: expect.any(String), seq: expect.any(Number) },
      isCompressed: false,
      isEncrypted: false,
    })
  })
})

describe('M1 causes of misses', () => {
  closeAfterEach()

  it('an entry that is over but still held is no cold miss, however it is read', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const over = async (): Promise<void> => {
      await cache.set('k', 1, { ttl: 10 })
      await clock.run(20)
    }
    const misses: string[] = []
    cache.on('miss', ({ cause }) => misses.push(cause))
    await over()
    await cache.get('k')
    await over()
    await cache.getMany(['k', 'none'])
    await over()
    await cache.getEntry('k')
    await over()
    await cache.getOrSet('k', () => 2)
    expect(misses).toEqual(['expired_ttl', 'expired_ttl', 'cold', 'expired_ttl', 'expired_ttl'])
    expect(cache.stats().missesByCause).toEqual({ expired_ttl: 4, cold: 1 })
  })
})

describe('M1 young evictions', () => {
  closeAfterEach()

  it('are those of entries that had most of their time before them, once they are asked for again', async () => {
    const clock = fakeClock()
    const cache = open({
      clock,
      tiers: [memory({ maxEntries: 2, policy: 'lru', pressure: false })],
      defaults: { ttl: 1000 },
    })
    for (const key of ['young', 'a']) await cache.set(key, 1)
    await clock.run(100)
    await cache.set('old', 1)
    await clock.run(600)
    for (const key of ['b', 'c']) await cache.set(key, 1)
    expect(cache.stats().youngEvictions).toBe(0)
    for (const key of ['young', 'old']) await cache.get(key)
    expect(cache.stats()).toMatchObject({ youngEvictions: 1, missesByCause: { evicted_capacity: 2 } })
  })
})

describe('M2 what memory holds', () => {
  closeAfterEach()

  it('is walked key by key, of one namespace, without counting as a read', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    await cache.set(['user', 7], { name: 'Ada' }, { ttl: 1000, tags: ['users'] })
    await cache.set('for ever', 1, { ttl: Number.POSITIVE_INFINITY })
    await cache.namespace('other').set('hidden', 1)
    cache.peek(['user', 7])
    await clock.run(400)
    const before = JSON.stringify(cache.stats())
    const entries = [...cache.entries()]
    expect(entries).toEqual([
      {
        key: '["user",7]',
        tier: 'memory',
        bytes: expect.any(Number),
        hits: 1,
        createdAt: clock.now() - 400,
        ageMs: 400,
        expiresAt: clock.now() + 600,
        ttlMs: 600,
        tags: ['users'],
        version: { epoch: expect.any(String), seq: 0 },
        isCompressed: false,
        isEncrypted: false,
      },
      {
        key: 'for ever',
        tier: 'memory',
        bytes: expect.any(Number),
        hits: 0,
        createdAt: clock.now() - 400,
        ageMs: 400,
        tags: [],
        version: { epoch: expect.any(String), seq: 0 },
        isCompressed: false,
        isEncrypted: false,
      },
    ])
    expect(entries.reduce((sum, entry) => sum + entry.bytes, 0)).toBe(cache.stats().bytes)
    expect(JSON.stringify(cache.stats())).toBe(before)
  })

  it('may change while it is walked: what stays is met once', async () => {
    const cache = open()
    for (let i = 0; i < 500; i++) await cache.set(`${i}`, i)
    const met: string[] = []
    for (const { key } of cache.entries()) {
      met.push(key)
      if (key.startsWith('new')) continue
      await cache.delete(`${Number(key) + 1}`)
      await cache.set(`new ${key}`, 1)
    }
    expect(met.filter((key) => !key.startsWith('new'))).toEqual(Array.from({ length: 250 }, (_, i) => `${2 * i}`))
    expect(new Set(met).size).toBe(met.length)
  })

  it('is summed up by the monitor', async () => {
    const cache = open()
    for (let i = 0; i < 10; i++) await cache.set(`user:${i}`, i)
    await cache.set('settings', 'x'.repeat(10_000))
    const monitor = createMonitor({ caches: () => cache.info().namespaces, entries: () => cache.entries() })
    expect(await monitor.analyzeMemoryUsage()).toMatchObject({
      entries: 11,
      bytes: cache.stats().bytes,
      patterns: [
        { pattern: 'settings', entries: 1 },
        { pattern: 'user:*', entries: 10 },
      ],
    })
  })

  it('is summed up over all namespaces of caches that the monitor is given, as insight is', async () => {
    const [shop, books] = [open({ name: 'shop' }), open({ name: 'books' })]
    await shop.set('user:1', 'x'.repeat(1000))
    const reports = shop.namespace('reports')
    await reports.for({ tenant: 'acme' }).set('report:1', 'x'.repeat(5000))
    await reports.set('report:2', 'x')
    await books.set('book:1', 1)
    const monitor = createMonitor({ caches: [shop, books] })
    expect(await monitor.analyzeMemoryUsage()).toMatchObject({
      entries: 4,
      bytes: (shop.info().memory?.bytes ?? 0) + (books.info().memory?.bytes ?? 0),
      patterns: [{ pattern: 'report:*', entries: 2 }, { pattern: 'user:*' }, { pattern: 'book:*' }],
    })
    expect(monitor.exportMetrics('prometheus')).toContain(
      `millpond_used_bytes{cache="books",cache_ns="default",tier="memory"} ${books.stats().bytes}\n`,
    )
  })

  it.each([[[{}]], [{}], ['shop'], [undefined]])('refuses %j in the place of caches', (caches) => {
    expect(() => createMonitor({ caches: caches as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('createMonitor.caches') }),
    )
  })
})
