// Experiments over real caches: arms take effect, what is counted is told apart, harm ends them, and nothing is left
// when they are over.
import { type Cache, createCache, memory } from 'millpond'
import { type ExperimentOptions, startExperiment } from 'millpond/insight'
import { type FakeClock, fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { randomFrom } from './simulated.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const MINUTE = 60_000
const SOON = { before: '2m', settle: '2m', minRun: '1m', every: '10s' } as const

interface Site {
  readonly cache: Cache
  readonly clock: FakeClock
}

function site(options: Partial<Parameters<typeof createCache>[0]> = {}): Site {
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ maxEntries: 20_000, pressure: false })],
    clock,
    defaults: { ttl: '1m' },
    ...options,
  })
  ends.push(() => cache.close())
  return { cache, clock }
}

function begin({ cache, clock }: Site, options: Partial<ExperimentOptions> = {}) {
  const experiment = startExperiment({
    cache,
    clock,
    name: 'lives',
    arms: [{ name: 'a minute' }, { name: 'five', settings: { ttl: '5m' } }],
    ...SOON,
    ...options,
  })
  ends.push(() => {
    if (experiment.result().ended === undefined) experiment.stop()
  })
  return experiment
}

/** Reads of 400 keys, some far oftener than others, every 40 ms for a while. */
async function play(
  { cache, clock }: Site,
  ms: number,
  value: (key: number) => unknown = () => 1,
  seed = 1,
): Promise<void> {
  const random = randomFrom(seed)
  for (let passed = 0; passed < ms; passed += 40) {
    const key = Math.floor(random() ** 2 * 400)
    await cache.getOrSet(`item:${key}`, () => value(key))
    clock.advance(40)
  }
}

describe('an experiment over shares of the keys', () => {
  it('finds that longer lives hit more, and says by how much', async () => {
    const one = site()
    const experiment = begin(one)
    expect(experiment.result()).toMatchObject({
      phase: 'before',
      verdict: 'not_enough_data',
      kind: 'keys',
      cache: 'shop',
    })
    await play(one, 10 * MINUTE)
    const result = experiment.result()
    expect(result).toMatchObject({ phase: 'measuring', verdict: 'better', winner: 'five' })
    const [arm] = result.arms
    expect(arm?.gain?.low).toBeGreaterThan(0)
    expect(arm?.gain?.value).toBeCloseTo((arm?.gain?.arm ?? 0) - (arm?.gain?.control ?? 0), 1)
    expect(arm?.differences.loads?.high).toBeLessThan(0)
    expect(result.text).toMatch(/^five is better: \+\d+\.\d\d \(\+\d+\.\d\d to \+\d+\.\d\d\) hits in 100 reads$/)
  })

  it('gives each key the settings of its arm, and only while it runs', async () => {
    const one = site()
    const experiment = begin(one)
    const lives = async (): Promise<Set<number>> => {
      const found = new Set<number>()
      for (let key = 0; key < 40; key++) {
        await one.cache.delete(`item:${key}`)
        const { ttlMs = 0 } = await one.cache.getOrSetEntry(`item:${key}`, () => 1)
        found.add(ttlMs)
      }
      return found
    }
    expect(await lives()).toEqual(new Set([MINUTE]))
    one.clock.advance(2 * MINUTE)
    expect(await lives()).toEqual(new Set([MINUTE, 5 * MINUTE]))
    const twice = await one.cache.getOrSetEntry('said', () => 1, { ttl: '7s' })
    expect(twice.ttlMs).toBe(7000)
    experiment.stop()
    expect(await lives()).toEqual(new Set([MINUTE]))
  })

  it('between equal arms finds nothing, however often it is asked', async () => {
    const one = site()
    const experiment = begin(one, { arms: [{ name: 'a' }, { name: 'b' }] })
    for (let turn = 0; turn < 10; turn++) {
      await play(one, MINUTE, undefined, turn)
      expect(['not_enough_data', 'undecided', 'no_difference']).toContain(experiment.result().verdict)
    }
  })

  it('ends by itself where longer lives are stale', async () => {
    const one = site()
    const ended: string[] = []
    const experiment = begin(one, { onEnd: ({ text }) => ended.push(text) })
    await play(one, 15 * MINUTE, () => Math.floor(one.clock.now() / (4 * MINUTE)))
    expect(experiment.result()).toMatchObject({ phase: 'ended', ended: 'harm', verdict: 'harm', winner: 'a minute' })
    expect(ended).toEqual([experiment.result().text])
    expect(experiment.result().text).toMatch(
      /^five does harm: about \d+\.\d % of reads are stale: 2\.0 % are tolerated$/,
    )
  })

  it('ends by itself where an arm loads more than is tolerated', async () => {
    const one = site({ defaults: { ttl: '5m' } })
    const experiment = begin(one, {
      arms: [{ name: 'five' }, { name: 'ten seconds', settings: { ttl: '10s' } }],
      guards: { hitRate: false },
    })
    await play(one, 12 * MINUTE)
    expect(experiment.result()).toMatchObject({ ended: 'harm', winner: 'five' })
    expect(experiment.result().text).toContain('more loads')
  })

  it('says that there is nothing to compare where calls say how long values live', async () => {
    const one = site()
    const experiment = begin(one)
    const random = randomFrom(4)
    for (let passed = 0; passed < 10 * MINUTE; passed += 40) {
      await one.cache.getOrSet(`item:${Math.floor(random() * 400)}`, () => 1, { ttl: '30s' })
      one.clock.advance(40)
    }
    expect(experiment.result()).toMatchObject({ verdict: 'not_enough_data' })
    expect(experiment.result().text).toContain('because their calls set one')
  })

  it('has an arm refresh ahead, and not the other', async () => {
    const one = site()
    begin(one, {
      arms: [{ name: 'as it is' }, { name: 'ahead', settings: { refreshAhead: { after: 0.5, reads: 1 } } }],
    })
    one.clock.advance(3 * MINUTE)
    const loads = new Map<number, number>()
    const read = async (): Promise<void> => {
      for (let key = 0; key < 100; key++) {
        await one.cache.getOrSet(`item:${key}`, () => {
          loads.set(key, (loads.get(key) ?? 0) + 1)
          return 1
        })
      }
    }
    await read()
    one.clock.advance(40_000)
    await read()
    await one.cache.flush()
    const twice = [...loads.values()].filter((count) => count === 2).length
    expect(twice).toBeGreaterThan(25)
    expect(twice).toBeLessThan(75)
    expect(one.cache.describe().defaults.refresh_ahead).toBe(0)
  })

  it('concerns the namespace that it names, and its tenants, alone', async () => {
    const one = site()
    begin(one, { namespace: 'deals', arms: [{ name: 'a' }, { name: 'b', settings: { ttl: '5m' }, share: 0.9 }] })
    one.clock.advance(3 * MINUTE)
    const longest = async (cache: Cache): Promise<number> => {
      let most = 0
      for (let key = 0; key < 40; key++) {
        const { ttlMs = 0 } = await cache.getOrSetEntry(`${key}`, () => 1)
        most = Math.max(most, ttlMs)
      }
      return most
    }
    expect(await longest(one.cache.namespace('deals'))).toBe(5 * MINUTE)
    expect(await longest(one.cache.namespace('deals').for({ tenant: 'acme' }))).toBe(5 * MINUTE)
    expect(await longest(one.cache)).toBe(MINUTE)
    expect(await longest(one.cache.namespace('users'))).toBe(MINUTE)
  })

  it('without traffic says that there is not enough, and is over in time', () => {
    const one = site()
    const experiment = begin(one, { maxRun: '1h' })
    one.clock.advance(30 * MINUTE)
    expect(experiment.result()).toMatchObject({ verdict: 'not_enough_data', phase: 'measuring' })
    expect(experiment.result().text).toBe('not enough data: 0 reads of an arm so far: 1000 are needed')
    one.clock.advance(60 * MINUTE)
    expect(experiment.result()).toMatchObject({ ended: 'over', verdict: 'not_enough_data' })
  })
})

describe('an experiment in shadow caches', () => {
  const arms = [
    { name: 'as it is', memory: {} },
    { name: 'twice', memory: { factor: 2 } },
  ] as const

  it('finds that twice the memory hits more, and changes nothing', async () => {
    const one = site({ tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })], defaults: { ttl: '1h' } })
    const experiment = begin(one, { arms, minRun: '1m' })
    await play(one, 8 * MINUTE)
    expect(experiment.result()).toMatchObject({ kind: 'shadow', verdict: 'better', winner: 'twice' })
    expect(one.cache.info().memory?.maxEntries).toBe(100)
  })

  it('says nothing while all fits', async () => {
    const one = site()
    const experiment = begin(one, { arms, minRun: '1m' })
    await play(one, 5 * MINUTE)
    expect(experiment.result()).toMatchObject({ verdict: 'not_enough_data' })
    expect(experiment.result().text).toContain('no shadow cache has evicted an entry')
  })

  it('ends where memory is not any more what it was', async () => {
    const one = site({ tiers: [memory({ maxEntries: 100, pressure: false })] })
    const experiment = begin(one, { arms })
    await one.cache.configure({ tiers: { memory: { maxEntries: 200 } } })
    expect(experiment.result()).toMatchObject({ ended: 'failed' })
  })
})

describe('what cannot be', () => {
  const two: ExperimentOptions['arms'] = [{ name: 'a' }, { name: 'b', settings: { ttl: '5m' } }]
  it.each<[string, Partial<ExperimentOptions>, string]>([
    ['one arm', { arms: [{ name: 'a' }] }, 'give from 2 to 6'],
    ['two of one name', { arms: [{ name: 'a' }, { name: 'a' }] }, 'two are named "a"'],
    [
      'shares that are more than all',
      {
        arms: [
          { name: 'a', share: 0.9 },
          { name: 'b', share: 0.9 },
        ],
      },
      'add up to 1.8',
    ],
    ['a share of nothing', { arms: [{ name: 'a' }, { name: 'b', share: 0.01 }] }, 'too small for a result'],
    ['a time to live of 0', { arms: [{ name: 'a' }, { name: 'b', settings: { ttl: 0 } }] }, 'a duration above 0'],
    ['a setting that is none', { arms: [{ name: 'a' }, { name: 'b', settings: { tll: '5m' } as never }] }, 'tll'],
    [
      'memory and time at once',
      {
        arms: [
          { name: 'a', memory: {} },
          { name: 'b', memory: {}, settings: { ttl: '5m' } },
        ],
      },
      'two experiments',
    ],
    ['alpha of 0', { arms: two, alpha: 0 }, 'between 0 and 1'],
    ['a guard that is none', { arms: two, guards: { hitRate: -1 } }, 'above 0'],
  ])('%s is refused: %s', (_, options, text) => {
    const one = site()
    expect(() => begin(one, options)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(text) }),
    )
    // Nothing of it is left.
    begin(one)
  })

  it('is ended once', () => {
    const experiment = begin(site())
    const result = experiment.stop()
    expect(result).toMatchObject({ ended: 'stopped', phase: 'ended' })
    expect(() => experiment.stop()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(experiment.result()).toBe(result)
  })

  it('two at a time divide no cache: the later one fails, the former goes on', async () => {
    const one = site()
    const first = begin(one)
    one.clock.advance(3 * MINUTE)
    expect(() => begin(one, { name: 'other' })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(first.result().ended).toBeUndefined()
  })

  it('leaves nothing that records when it has ended', async () => {
    const one = site()
    begin(one).stop()
    const before = one.cache.info()
    await play(one, 1000)
    expect(before.name).toBe('shop')
    const again = begin(one)
    await play(one, 1000)
    expect(again.result().control.reads).toBe(0)
  })
})
