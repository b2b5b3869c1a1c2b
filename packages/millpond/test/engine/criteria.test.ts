// I1-I3: several criteria in one call, relations, dependencies between entries, dry runs; T13: read-your-writes tokens.

import { join } from 'node:path'
import { type Cache, createCache, memory, modelTags } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, newFolder, onEverySetup, open } from './setups.ts'

onEverySetup('criteria', (create) => {
  it('I1: regular expressions run, in text and as RegExp', async () => {
    const cache = create()
    await cache.setMany([
      ['user:1', 1],
      ['user:22', 2],
      ['deal:1', 3],
    ])
    await cache.invalidatePattern('^user:\\d$')
    expect(await cache.getMany(['user:1', 'user:22', 'deal:1'])).toEqual([undefined, 2, 3])
    await cache.invalidatePattern(/user:\d+/)
    expect(await cache.getMany(['user:22', 'deal:1'])).toEqual([undefined, 3])
  })

  it('I2: keys, tags, pattern and model in one call, one receipt; a dry run tells and changes nothing', async () => {
    const cache = create({ models: { User: { related: ['profile'] } } })
    await cache.set('key', 1)
    await cache.set('tagged', 1, { tags: ['t'] })
    await cache.set('report:1', 1)
    await cache.set('user', 1, { tags: [...modelTags('User', 7)] })
    await cache.set('profile', 1, { tags: [...modelTags('profile', 3)] })
    await cache.set('other user', 1, { tags: [...modelTags('User', 8)] })
    const criteria = { key: 'key', tags: ['t'], pattern: 'report:*', model: 'User', id: 7 }
    const dry = await cache.invalidate(criteria, { dryRun: true })
    expect([...dry.keys].sort()).toEqual(['key', 'profile', 'report:1', 'tagged', 'user'])
    expect(dry).toMatchObject({ wouldRemove: 5, isExact: true })
    expect(await cache.get('key')).toBe(1)
    const receipt = await cache.invalidate(criteria)
    expect(receipt).toMatchObject({ isApplied: true, mode: 'delete' })
    expect(await cache.getMany(['key', 'tagged', 'report:1', 'user', 'profile', 'other user'])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      1,
    ])
  })

  it('hostile patterns and tags are refused or well-defined, and do not block the process (G27)', async () => {
    const cache = create()
    await cache.set('a'.repeat(60_000), 1)
    const started = performance.now()
    for (const pattern of ['(a+)+$', '^(a+)+$', '^(a|a)*b', '*'.repeat(500), `${'*a'.repeat(200)}*b`, '{}', '\n']) {
      await cache
        .invalidatePattern(pattern)
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'PATTERN_INVALID' }))
      await cache.get('a'.repeat(60_000))
    }
    expect(performance.now() - started, 'in time').toBeLessThan(2000)
    for (const bad of ['', 'x'.repeat(1_000_000), '\ud800', '^(?=a)', '^['])
      await expect(cache.invalidatePattern(bad)).rejects.toMatchObject({ code: 'PATTERN_INVALID' })
    await expect(cache.invalidate({})).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(cache.invalidate({ tagz: ['t'] } as object)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(cache.invalidate({ id: 7 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('I3: an entry goes with what it was declared to be computed from, and so on down', async () => {
    const cache = create({ dependencies: 'declared' })
    await cache.set('a', 1)
    await cache.set('b', 2, { dependsOn: ['a'] })
    await cache.set('c', 3, { dependsOn: ['b'] })
    await cache.set('d', 4)
    await cache.delete('a')
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual([undefined, undefined, undefined, 4])
    await cache.set('b', 2)
    expect(await cache.get('b')).toBe(2)
  })

  it('I3: tracked: what a loader reads is what its entry depends on', async () => {
    const cache = create({ dependencies: 'tracked' })
    await cache.set('price', 10, { tags: ['prices'] })
    const total = () => cache.getOrSet('total', async () => ((await cache.get<number>('price')) ?? 0) * 2)
    expect(await total()).toBe(20)
    await cache.set('price', 11, { tags: ['prices'] })
    expect(await total()).toBe(22)
    await cache.invalidateTags(['prices'])
    expect(await total()).toBe(0)
  })
})

describe('criteria', () => {
  closeAfterEach()

  it('I1: by time: older than, created before', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock, tiers: [memory(), sqlite({ path: join(newFolder(), 'c.db') })] })
    await cache.set('old', 1, { tags: ['t'] })
    await clock.run(10_000)
    await cache.set('young', 2, { tags: ['t'] })
    await clock.run(1000)
    await cache.invalidate({ tags: ['t'], olderThan: '5s' })
    expect(await cache.getMany(['old', 'young'])).toEqual([undefined, 2])
    await cache.invalidate({ createdBefore: clock.now() })
    expect(await cache.get('young')).toBeUndefined()
  })

  it('I1: by time: a copy in memory that is over, or was replaced elsewhere, does not hide the one below it', async () => {
    const clock = fakeClock({ now: Date.now() })
    const path = join(newFolder(), 'c.db')
    const start = (): Cache =>
      open({ name: 'two', clock, tiers: [memory(), sqlite({ path })], defaults: { staleFor: '1d' } })
    const [a, b] = [start(), start()]
    for (const key of ['expired', 'outdated']) await a.set(key, 'old', { tags: ['old'], ttl: '1m' })
    await a.set('fresh', 'old', { tags: ['old'] })
    await clock.run(120_000)
    // A load takes no step of the ledger, so nothing tells the other process; a write does, when it asks.
    const loader = start()
    await loader.getOrSet('expired', () => 'new', { tags: ['new'], ttl: '1h', staleFor: 0 })
    await loader.close() // by then its value is stored
    await b.set('outdated', 'new', { tags: ['new'], ttl: '1h' })
    await clock.run(120_000)
    expect((await a.explain('expired')).tiers[0]).toMatchObject({ state: 'stale', tags: ['old'] })
    expect(await a.invalidate({ tag: 'new', olderThan: '1m' }, { dryRun: true })).toMatchObject({
      wouldRemove: 2,
      keys: expect.arrayContaining(['expired', 'outdated']),
    })
    await a.invalidate({ tag: 'new', olderThan: '1m' })
    for (const cache of [a, b])
      expect(await cache.getMany(['expired', 'outdated'], { consistency: 'strong' })).toEqual([undefined, undefined])
    // And the copy that is over goes with its own tag, although a read would not have chosen it.
    await a.invalidate({ tag: 'old', olderThan: '1m' })
    expect(await a.getEntry('fresh')).toEqual({ kind: 'miss' })
  })

  it('dependsOn on a cache that keeps none is an error with its remedy', async () => {
    await expect(open().set('k', 1, { dependsOn: ['a'] })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('dependencies'),
    })
    expect(() => createCache({ dependencies: 'yes' as 'off' })).toThrow(/dependencies: "yes"/)
  })
})

describeWith('redis', 'read-your-writes tokens', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()

  it('T13: a read that carries a token sees nothing older, on any node, at once', async () => {
    const [a, b] = [
      open({ name: 'ryw', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] }),
      open({ name: 'ryw', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] }),
    ]
    for (let i = 0; i < 200; i++) {
      await b.get('k')
      await a.set('k', i)
      expect(await b.get('k', { after: a.token() })).toBe(i)
    }
    expect(await b.get('k', { after: 'garbage' })).toBe(199)
    expect(await b.get('k', { consistency: 'strong' })).toBe(199)
  })

  it('T13: a strong read sees every acked write at once', async () => {
    const [a, b] = [
      open({ name: 'strong', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] }),
      open({
        name: 'strong',
        tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))],
        defaults: { consistency: 'strong' },
      }),
    ]
    for (let i = 0; i < 200; i++) {
      await a.set('k', i)
      expect(await b.getOrSet('k', () => -1)).toBe(i)
    }
  })
})

describe('invalidation put off', () => {
  closeAfterEach()

  it('delay: resolves when it has happened; closing does not lose it', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    await cache.set('k', 1, { tags: ['t'], ttl: '1h' })
    const later = cache.invalidateTags(['t'], { delay: '5s' })
    await clock.run(4000)
    expect(cache.peek('k')).toBe(1)
    await clock.run(2000)
    expect((await later).isApplied).toBe(true)
    expect(cache.peek('k')).toBeUndefined()
    const pending = cache.invalidateTags(['t'], { delay: '5m' })
    await cache.close()
    expect((await pending).isApplied).toBe(true)
  })

  it('atMostEvery: the first at once, the rest of the window as one', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const calls = Array.from({ length: 10 }, () => cache.invalidateTags(['t'], { atMostEvery: '1s' }))
    await calls[0]
    await clock.run(1100)
    await Promise.all(calls)
    expect(cache.stats().invalidations).toBe(2)
    await expect(cache.invalidateTags(['t'], { atMostEvery: 'soon' as never })).rejects.toMatchObject({
      code: 'DURATION_INVALID',
    })
  })
})
