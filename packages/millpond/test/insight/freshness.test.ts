// Reads checked against their source: how many were stale, what is not counted, and what it never does.
import { createCache, type Key, memory } from 'millpond'
import { createInsight, insightCollector, watchFreshness } from 'millpond/insight'
import { createRegistry, prometheusText } from 'millpond/observe'
import { fakeClock } from 'millpond/testing'
import { afterEach, expect, it, test } from 'vitest'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function set(load?: (key: Key) => unknown) {
  const clock = fakeClock()
  const cache = createCache({ name: 'shop', tiers: [memory({ pressure: false })], clock, defaults: { ttl: '1d' } })
  const source = new Map<Key, string>()
  const loads: Key[] = []
  cache.source('user:', (key) => {
    loads.push(key)
    return load === undefined ? source.get(key) : load(key)
  })
  const freshness = watchFreshness(cache, { every: '1s', clock })
  ends.push(
    () => cache.close(),
    () => freshness.close(),
  )
  const read = (key: string) => cache.getOrSet(key, () => source.get(key) ?? null)
  const second = async () => {
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, cache, source, loads, freshness, read, second }
}

it('finds the share of reads that the source has changed since, and heals what it finds', async () => {
  const { source, freshness, read, second } = set()
  for (let key = 0; key < 50; key++) {
    source.set(`user:${key}`, 'Ada')
    await read(`user:${key}`)
  }
  expect(freshness.report()).toEqual({
    cache: 'shop',
    objective: 0.01,
    checked: 0,
    stale: 0,
    counts: { fresh: 0, stale: 0, failed: 0, unsettled: 0, volatile: 0 },
    state: 'unknown',
  })
  for (let at = 0; at < 600; at++) {
    // A fifth of the keys is changed behind the cache before each check.
    for (let key = 0; key < 10; key++) source.set(`user:${key}`, `Ada ${at}`)
    for (let key = 0; key < 50; key++) await read(`user:${key}`)
    await second()
  }
  const { checked, stale, share, state } = freshness.report()
  expect(checked).toBeGreaterThan(590)
  expect(stale / checked).toBeGreaterThan(0.14)
  expect(stale / checked).toBeLessThan(0.27)
  expect(share?.low).toBeLessThan(0.2)
  expect(share?.high).toBeGreaterThan(0.2)
  expect(state).toBe('missed')
  source.set('user:49', 'Ada Lovelace')
  for (let at = 0; at < 3; at++) {
    await read('user:49')
    await second()
  }
  expect(await read('user:49')).toBe('Ada Lovelace')
})

it('one key that is read a hundred times as often is checked a hundred times as often', async () => {
  const { source, loads, read, second } = set()
  for (const key of ['user:often', 'user:seldom']) {
    source.set(key, 'Ada')
    await read(key)
  }
  for (let at = 0; at < 400; at++) {
    const seldom = at % 10
    for (let one = 0; one < 10; one++) await read(one === seldom && at % 10 === 0 ? 'user:seldom' : 'user:often')
    await second()
  }
  const often = loads.filter((key) => key === 'user:often').length
  expect(often).toBeGreaterThan(370)
  expect(often).toBeLessThan(400)
})

it('where nothing changes, the objective is met once enough was checked, and metrics say so', async () => {
  const { cache, source, freshness, read, second } = set()
  source.set('user:1', 'Ada')
  for (let at = 0; at < 100; at++) {
    await read('user:1')
    await second()
  }
  expect(freshness.report()).toMatchObject({ stale: 0, state: 'unknown' })
  for (let at = 0; at < 400; at++) {
    await read('user:1')
    await second()
  }
  expect(freshness.report()).toMatchObject({ stale: 0, share: { value: 0, low: 0 }, state: 'met' })
  // Its own looks are nobody's reads.
  expect(cache.stats().hits).toBe(499)
  const registry = createRegistry()
  registry.collect(freshness.collector)
  const text = prometheusText(registry)
  expect(text).toMatch(/millpond_freshness_checks_total\{cache="shop",result="fresh"\} (49\d|500)/)
  expect(text).toContain('millpond_stale_read_objective{cache="shop"} 0.01')
  expect(text).toContain('millpond_stale_read_ratio_low{cache="shop"} 0')
})

it('loads nothing that no loader is registered for, nothing while nobody reads, and at most one a time', async () => {
  const { source, loads, freshness, cache, read, second } = set()
  for (let at = 0; at < 10; at++) {
    await cache.getOrSet(`page:${at % 2}`, () => 'a page')
    await second()
  }
  expect(loads).toEqual([])
  source.set('user:1', 'Ada')
  for (let at = 0; at < 30; at++) await read('user:1')
  for (let at = 0; at < 20; at++) await second()
  expect(loads).toEqual(['user:1'])
  freshness.close()
  for (let at = 0; at < 30; at++) await read('user:1')
  await second()
  expect(loads).toHaveLength(1)
})

it('what was invalidated or written while it was loaded says nothing, and a load that fails is counted', async () => {
  let during = async (): Promise<void> => undefined
  const { cache, freshness, second } = set(async () => {
    await during()
    return 'another one'
  })
  const hit = async () => {
    await cache.set('user:1', 'Ada')
    await cache.get('user:1')
    await second()
  }
  during = async () => void (await cache.invalidate({ keys: ['user:7'] }))
  await hit()
  during = async () => void (await cache.set('user:1', 'Grace'))
  await hit()
  expect(freshness.report()).toMatchObject({ checked: 0, counts: { unsettled: 2, failed: 0 } })
  during = async () => {
    throw new Error('the source is away')
  }
  await hit()
  expect(freshness.report()).toMatchObject({ checked: 0, counts: { unsettled: 2, failed: 1 } })
  during = async () => undefined
  await hit()
  expect(freshness.report()).toMatchObject({ checked: 1, stale: 1, state: 'missed' })
})

it('the smallest objective that is taken can be met', async () => {
  const clock = fakeClock()
  const cache = createCache({ name: 'shop', tiers: [memory({ pressure: false })], clock })
  cache.source('user:', () => 'Ada')
  const freshness = watchFreshness(cache, { every: '1s', objective: 0.004, clock })
  ends.push(
    () => cache.close(),
    () => freshness.close(),
  )
  for (let at = 0; at < 1024; at++) {
    await cache.set('user:1', 'Ada')
    await cache.get('user:1')
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(freshness.report()).toMatchObject({ checked: 1024, state: 'met' })
})

test.each([
  { every: '10ms' },
  { every: 0 },
  { objective: 0 },
  { objective: 0.0039 },
  { objective: 1 },
  { objective: Number.NaN },
] as const)('refuses %o', (options) => {
  const cache = createCache({ name: 'shop' })
  ends.push(() => cache.close())
  expect(() => watchFreshness(cache, options)).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
  expect(() => watchFreshness({} as never)).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
})

it('a source that never gives the same value twice is not called stale: its time stamp is left out, or nothing is said', async () => {
  const { cache, freshness, read, second } = set((key) => ({ key, at: ++time }))
  let time = 0
  await cache.refresh('user:1')
  await read('user:1')
  await second()
  expect(freshness.report()).toMatchObject({ checked: 0, state: 'unknown', counts: { stale: 0, volatile: 1 } })
})

it('compares what is selected, and a selection that throws is a check that failed', async () => {
  for (const [select, wanted] of [
    [(value: unknown) => (value as { key: string }).key, { fresh: 1, volatile: 0 }],
    [
      () => {
        throw new Error('no such field')
      },
      { fresh: 0, failed: 1 },
    ],
  ] as const) {
    const clock = fakeClock()
    const cache = createCache({ name: 'shop', tiers: [memory({ pressure: false })], clock })
    let time = 0
    cache.source('user:', (key) => ({ key, at: ++time }))
    const freshness = watchFreshness(cache, { every: '1s', clock, select })
    ends.push(
      () => cache.close(),
      () => freshness.close(),
    )
    await cache.refresh('user:1')
    await cache.get('user:1')
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(freshness.report().counts).toMatchObject(wanted)
  }
  expect(() => watchFreshness(createCache({ name: 'other' }), { select: 'etag' as never })).toThrow(/select/)
})

it('as a part of insight it is asked by the name of the cache, exported with the rest, and ends with it', async () => {
  const clock = fakeClock()
  const cache = createCache({ name: 'shop', tiers: [memory({ pressure: false })], clock })
  const insight = createInsight({ caches: [cache], clock, freshness: { every: '1s', objective: 0.05 } })
  ends.push(() => cache.close())
  let loads = 0
  let name = 'Ada'
  cache.source('user:', () => {
    loads++
    return name
  })
  const second = async () => {
    name += '!'
    await cache.get('user:1')
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await cache.refresh('user:1')
  await second()
  expect(insight.freshness('shop')).toMatchObject({ objective: 0.05, checked: 1, stale: 1, share: { value: 1 } })
  const registry = createRegistry()
  registry.collect(insightCollector(insight))
  expect(prometheusText(registry)).toContain('millpond_stale_read_ratio_high{cache="shop"} 1')
  insight.close()
  const before = loads
  await second()
  expect(loads).toBe(before)
})

it('options of it are checked before anything is watched, and what is not a cache of ours cannot be checked', () => {
  const cache = createCache({ name: 'shop' })
  ends.push(() => cache.close())
  for (const [freshness, why] of [
    [{ objective: 0.001 }, /createInsight.freshness.objective/],
    [{ every: '10ms' }, /createInsight.freshness.every/],
    ['yes', /createInsight.freshness/],
    [{ evry: '10s' }, /every/],
  ] as const)
    expect(() => createInsight({ caches: [cache], freshness: freshness as never })).toThrow(why)
  const { name, info, describe, configure, record } = cache
  const bare = {
    name,
    info: info.bind(cache),
    describe: describe.bind(cache),
    configure: configure.bind(cache),
    record: record.bind(cache),
  }
  expect(() => createInsight({ caches: [bare], freshness: true })).toThrow(/"shop" cannot be checked/)
})

it('loads nothing more once it is closed, even in the middle of a check', async () => {
  let answer = (_: string): void => {}
  const { freshness, loads, source, read, second } = set(
    () =>
      new Promise<string>((resolve) => {
        answer = resolve
      }),
  )
  source.set('user:1', 'Ada')
  await read('user:1')
  await read('user:1')
  await second()
  expect(loads).toEqual(['user:1'])
  freshness.close()
  answer('Ada Lovelace')
  await second()
  expect(loads).toEqual(['user:1'])
  expect(freshness.report().checked).toBe(0)
})
