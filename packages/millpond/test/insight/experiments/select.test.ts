// Experiments on a part of the keys: by pattern, by tenant and by share; what is not covered is as without.
import { type Cache, createCache, memory } from 'millpond'
import { type ExperimentOptions, type ExperimentSelect, planOf, startExperiment } from 'millpond/insight'
import { type FakeClock, fakeClock } from 'millpond/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { randomFrom } from './simulated.ts'

const MINUTE = 60_000
const ARMS = [{ name: 'a minute' }, { name: 'five', settings: { ttl: '5m' } }] as const

interface Site {
  readonly cache: Cache
  readonly clock: FakeClock
}

function site(): Site {
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ maxEntries: 20_000, pressure: false })],
    clock,
    defaults: { ttl: '1m' },
  })
  onTestFinished(() => cache.close())
  return { cache, clock }
}

function begin({ cache, clock }: Site, options: Partial<ExperimentOptions> = {}) {
  const plan = { name: 'part', arms: ARMS, before: 0, settle: 0, minRun: 0 }
  const experiment = startExperiment({ cache, clock, ...plan, ...options })
  onTestFinished(() => {
    if (experiment.result().ended === undefined) experiment.stop()
  })
  experiment.result()
  return experiment
}

/** How many of the keys live for five minutes. */
async function livingLonger(cache: Pick<Cache, 'getOrSetEntry'>, keys: readonly string[]): Promise<number> {
  let longer = 0
  for (const key of keys) {
    const { ttlMs = 0 } = await cache.getOrSetEntry(key, () => 1)
    expect([MINUTE, 5 * MINUTE]).toContain(ttlMs)
    if (ttlMs > MINUTE) longer++
  }
  return longer
}

const keysOf = (kind: string, count = 400): string[] => Array.from({ length: count }, (_, id) => `${kind}:${id}`)

describe('an experiment that covers a part of the keys', () => {
  it.each<[ExperimentSelect, readonly string[], readonly string[]]>([
    [{ keys: 'user:*' }, ['user'], ['item', 'deal']],
    [{ keys: ['user:*', /^deal:\d+$/] }, ['user', 'deal'], ['item', 'deal:x']],
    [{ keys: '^(user|item):' }, ['user', 'item'], ['deal']],
    [{ except: ['user:*', 'item:*'] }, ['deal'], ['user', 'item']],
    [{ keys: '*', except: 'deal:?*' }, ['user'], ['deal']],
  ])('by pattern: %j', async (select, covered, others) => {
    const one = site()
    begin(one, { select })
    for (const kind of covered) {
      const longer = await livingLonger(one.cache, keysOf(kind))
      expect(longer).toBeGreaterThan(120)
      expect(longer).toBeLessThan(280)
    }
    for (const kind of others) expect(await livingLonger(one.cache, keysOf(kind))).toBe(0)
  })

  it('by a share of the keys, which are divided evenly and are the same ones after a restart', async () => {
    const [one, other] = [site(), site()]
    begin(one, { select: { share: 0.05 } })
    begin(other, { select: { share: 0.05 } })
    const keys = keysOf('user', 10_000)
    const longer = await livingLonger(one.cache, keys)
    // A half of 5 %, within four standard deviations.
    expect(longer).toBeGreaterThan(250 - 4 * Math.sqrt(250))
    expect(longer).toBeLessThan(250 + 4 * Math.sqrt(250))
    const first = keys.slice(0, 1000)
    const ttls = async (cache: Cache) => {
      const found: (number | undefined)[] = []
      for (const key of first) found.push((await cache.getOrSetEntry(key, () => 1)).ttlMs)
      return found
    }
    expect(await ttls(other.cache)).toEqual(await ttls(one.cache))
  })

  it('by tenants, also those whose names are hashed', async () => {
    const one = site()
    const long = 'ü'.repeat(200)
    begin(one, { select: { tenants: ['acme & sons', long] } })
    const reports = one.cache.namespace('reports')
    for (const tenant of ['acme & sons', long])
      expect(await livingLonger(reports.for({ tenant }), keysOf('report'))).toBeGreaterThan(120)
    expect(await livingLonger(reports.for({ tenant: 'umbrella' }), keysOf('report'))).toBe(0)
    expect(await livingLonger(reports, keysOf('report'))).toBe(0)
  })

  it('by a share of the tenants: all keys of one are covered, or none', async () => {
    const one = site()
    begin(one, { select: { tenantShare: 0.3 } })
    let covered = 0
    for (let id = 0; id < 200; id++) {
      const longer = await livingLonger(one.cache.for({ tenant: `tenant ${id}` }), keysOf('report', 40))
      if (longer === 0) continue
      covered++
      expect(longer).toBeGreaterThan(6)
    }
    expect(covered).toBeGreaterThan(60 - 4 * Math.sqrt(42))
    expect(covered).toBeLessThan(60 + 4 * Math.sqrt(42))
    expect(await livingLonger(one.cache, keysOf('report'))).toBe(0)
  })

  it('covers a tenant in all namespaces or in none, also where its name is hashed in some', async () => {
    const one = site()
    begin(one, { select: { tenantShare: 0.5 } })
    const [short, long] = [one.cache.namespace('r'), one.cache.namespace('r'.repeat(80))]
    let covered = 0
    for (let id = 0; id < 40; id++) {
      const tenant = `a company of ${id} & sons, "ü" ${'x'.repeat(20)}`
      const [here, there] = [short, long].map((space) => livingLonger(space.for({ tenant }), keysOf('report', 40)))
      expect([tenant, ((await here) ?? 0) > 0]).toEqual([tenant, ((await there) ?? 0) > 0])
      if (((await here) ?? 0) > 0) covered++
    }
    expect(covered).toBeGreaterThan(20 - 4 * Math.sqrt(10))
    expect(covered).toBeLessThan(20 + 4 * Math.sqrt(10))
  })

  it('leaves keys that it does not cover to refresh as all do', async () => {
    const one = site()
    begin(one, {
      arms: [
        { name: 'ahead', settings: { refreshAhead: 0.5 } },
        { name: 'later', settings: { refreshAhead: 0.9 } },
      ],
      select: { keys: 'user:*' },
    })
    let loads = 0
    const read = (key: string) => one.cache.getOrSet(key, () => ++loads)
    for (const key of ['item:1', 'user:1']) {
      await read(key)
      await read(key)
    }
    one.clock.advance(0.95 * MINUTE)
    await read('item:1')
    await new Promise((resolve) => setImmediate(resolve))
    expect(loads).toBe(2)
    await read('user:1')
    await expect.poll(() => loads).toBe(3)
  })

  it('counts what it covers, and says how much of the traffic that is', async () => {
    const one = site()
    const experiment = begin(one, { select: { keys: 'user:*' } })
    const random = randomFrom(3)
    for (let passed = 0; passed < 10 * MINUTE; passed += 40) {
      const key = Math.floor(random() ** 2 * 400)
      await one.cache.getOrSet(`user:${key}`, () => 1)
      await one.cache.getOrSet(`item:${key}`, () => 1)
      await one.cache.getOrSet(`item:${key}`, () => 1)
      one.clock.advance(40)
    }
    const { verdict, winner, arms, control, covered } = experiment.result()
    expect([verdict, winner]).toEqual(['better', 'five'])
    expect(control.reads + (arms[0]?.reads ?? 0)).toBe(15_000)
    expect(covered).toBeCloseTo(1 / 3, 10)
  })

  it('says so if it covers nothing that is read', async () => {
    const one = site()
    const experiment = begin(one, { select: { keys: 'usre:*' }, minRun: '1h' })
    for (let read = 0; read < 999; read++) await one.cache.get(`user:${read}`)
    expect(experiment.result().text).toContain('it has run for')
    await one.cache.get('user:1')
    expect(experiment.result()).toMatchObject({
      verdict: 'not_enough_data',
      text: 'not enough data: none of 1000 reads so far was of a key that it covers: check its select',
      covered: 0,
    })
  })

  it.each<[unknown, string | RegExp]>([
    [{ keys: [] }, /experiment.select.keys: \[\] is not allowed/],
    [{ keys: '' }, /experiment.select.keys: the pattern "" is not allowed/],
    [{ keys: 7 }, /experiment.select.keys: 7/],
    [{ keys: '^(a+)+\\1' }, /the pattern/],
    [{ except: Array.from({ length: 17 }, () => 'a*') }, /up to 16/],
    [{ share: 0 }, /experiment.select.share: 0 .*between 0 and 1/],
    [{ share: 1 }, /experiment.select.share: 1 .*between 0 and 1/],
    [{ share: '10%' }, /experiment.select.share/],
    [{ tenants: [] }, /experiment.select.tenants/],
    [{ tenants: [''] }, /experiment.select.tenants/],
    [{ tenants: ['a'], tenantShare: 0.5 }, /tenantShare: 0.5 has no effect/],
    [{ key: 'a*' }, /unknown option "experiment.select.key".*keys/],
    ['user:*', /experiment.select: "user:\*"/],
  ])('%j is refused', (select, message) => {
    expect(() => planOf({ name: 'a', arms: ARMS, select: select as ExperimentSelect })).toThrow(message)
  })

  it('is refused over shadow caches, which try the whole memory', () => {
    const arms = [
      { name: 'a', memory: {} },
      { name: 'b', memory: { factor: 2 } },
    ]
    expect(() => planOf({ name: 'a', arms, select: { share: 0.5 } })).toThrow(/shadow caches try the whole memory/)
  })
})
