// Prediction over real caches: what is loaded ahead, what never is, and how it ends.
import { createCache, type Key, memory, type Prefetched } from 'millpond'
import {
  createInsight,
  insightCollector,
  type ObservedRead,
  type PredictorModel,
  type UsagePrediction,
} from 'millpond/insight'
import { createRegistry, prometheusText } from 'millpond/observe'
import { fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Listener } from '../../../src/insight/predict/listener.ts'
import { visits, word } from './visits.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function set({
  usage = true,
  isLoading = true,
  load,
  room = { maxEntries: 100 },
}: {
  room?: { maxEntries?: number; maxBytes?: number }
  usage?: boolean | UsagePrediction
  isLoading?: boolean
  load?: (key: Key) => unknown
} = {}) {
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ ...room, policy: 'lru', pressure: false })],
    clock,
    defaults: { ttl: '1d' },
  })
  const loads: Key[] = []
  cache.source('page:', (key) => {
    loads.push(key)
    return load === undefined ? `value of ${key}` : load(key)
  })
  const insight = createInsight({ caches: [cache], clock, usagePrediction: usage, predictiveLoading: isLoading })
  ends.push(
    () => cache.close(),
    () => insight.close(),
  )
  return { clock, cache, insight, loads }
}

type Set = ReturnType<typeof set>

/** Each key read and loaded where it is missing, with time for what comes behind. */
async function play({ cache, clock }: Pick<Set, 'cache' | 'clock'>, keys: Iterable<string>): Promise<number> {
  let misses = 0
  for (const key of keys) {
    await cache.getOrSet(key, () => {
      misses++
      return `value of ${key}`
    })
    clock.advance(50)
    await turns()
  }
  return misses
}

/** What is under way without a timer ends. */
async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

const loop = (reads: number, of = 300): string[] => Array.from({ length: reads }, (_, at) => word(at % of))

describe('predictive loading', () => {
  it.each([
    ['entries', { maxEntries: 100 }, 'Ada'],
    ['bytes', { maxBytes: 200_000 }, 'x'.repeat(2000)],
  ])('has no room left once memory is full by writes, by %s', async (_, room, value) => {
    const one = set({ room })
    await play(one, loop(20))
    expect(one.insight.prediction('shop')?.state).toBe('open')
    for (let at = 0; at < 100; at++) await one.cache.set(`other:${at}`, value)
    one.clock.advance(2000)
    await play(one, [word(0)])
    expect(one.insight.prediction('shop')?.state).toBe('closed')
  })

  it('loads ahead what follows, so that it is there when it is read, and counts it as nobody’s read', async () => {
    const one = set()
    const misses = await play(one, loop(2500))
    expect(misses).toBeLessThan(1500)
    const told = one.insight.prediction('shop')
    expect(told).toMatchObject({ cache: 'shop', state: 'open', lost: 0 })
    expect(told?.accuracy).toBeGreaterThan(0.9)
    expect(told?.loads.loaded).toBe(one.loads.length)
    const { hits, misses: counted, prefetches, loads } = one.cache.stats()
    expect({ reads: hits + counted, counted, prefetches, loads }).toEqual({
      reads: 2500,
      counted: misses,
      prefetches: one.loads.length,
      loads: misses + one.loads.length,
    })
    expect(one.insight.health('shop').prediction).toMatchObject({ state: 'open', accuracy: told?.accuracy })
    const registry = createRegistry()
    registry.collect(insightCollector(one.insight))
    const text = prometheusText(registry)
    for (const line of [
      `accuracy{cache="shop"} ${told?.accuracy}`,
      `proposals_total{cache="shop",result="used"} ${told?.used}`,
      `proposals_total{cache="shop",result="wasted"} ${told?.wasted}`,
      'open{cache="shop"} 1',
      `benefit_ratio{cache="shop"} ${told?.benefit}`,
    ])
      expect(text).toContain(`millpond_prefetch_${line}\n`)
  })

  it('has memory keep what will be read soon, also where nothing can be loaded', async () => {
    const { keys, contexts } = visits(6000, 50, 200)
    const misses: number[] = []
    for (const isLoading of [true, false]) {
      const clock = fakeClock()
      const cache = createCache({
        name: 'shop',
        tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })],
        clock,
      })
      const insight = createInsight({ caches: [cache], clock, usagePrediction: true, predictiveLoading: isLoading })
      ends.push(
        () => cache.close(),
        () => insight.close(),
      )
      for (const [at, key] of keys.entries()) {
        await cache.for({ session: `visit ${contexts[at]}` }).getOrSet(key, () => 'a value', { ttl: '1d' })
        clock.advance(50)
        await turns()
      }
      const told = insight.prediction('shop')
      if (isLoading) expect(told?.kept).toBeGreaterThan(100)
      else expect(told?.kept).toBe(0)
      expect(told?.isKeeping).toBe(isLoading)
      expect(told?.loads.loaded).toBe(0)
      expect(cache.stats()).toMatchObject({ prefetches: 0, loads: cache.stats().misses })
      misses.push(cache.stats().misses)
    }
    expect(misses[0]).toBeLessThan(0.97 * (misses[1] ?? 0))
  })

  it('only watches where only that is asked for', async () => {
    const one = set({ isLoading: false })
    const misses = await play(one, loop(1500))
    expect({ misses, loads: one.loads.length }).toEqual({ misses: 1500, loads: 0 })
    const told = one.insight.prediction('shop')
    expect(told).toMatchObject({ state: 'watching', proposed: 0 })
    expect(told?.spared).toBeGreaterThan(0.2)
  })

  it('is off unless it is asked for, and then nothing of it runs', async () => {
    const one = set({ usage: false, isLoading: false })
    await play(one, loop(500))
    expect(one.insight.prediction('shop')).toBeUndefined()
    expect(one.insight.health('shop').prediction).toBeUndefined()
    expect(() => one.insight.warmPlan('shop')).toThrow(/usagePrediction/)
  })

  it('never loads what nobody has registered a loader for', async () => {
    const one = set()
    await play(
      one,
      loop(1000).map((key) => key.replace('page:', 'other:')),
    )
    expect(one.loads).toEqual([])
    expect(one.insight.prediction('shop')).toMatchObject({ proposed: 0, loads: { loaded: 0, skipped: 0 } })
  })

  it('weighs what it compares with by bytes where bytes are what runs out', async () => {
    const scale = set({ usage: false, isLoading: false, room: { maxBytes: 1_000_000 } })
    await play(scale, loop(150, 150))
    // Two thirds of the loop fit: a memory that nobody loads ahead into never hits.
    const one = set({ room: { maxBytes: Math.round(((scale.cache.info().memory?.bytes ?? 0) * 2) / 3) } })
    const misses = await play(one, loop(3000, 150))
    expect(misses).toBeLessThan(2000)
    const told = one.insight.prediction('shop')
    expect(told).toMatchObject({ state: 'open' })
    // Were all of the loop to fit into what it is compared with, nothing would ever seem to be spared.
    expect(told?.benefit).toBeGreaterThan(0.5)
  })

  it('can be switched off and on while the process runs, and goes on guessing', async () => {
    const one = set()
    await play(one, loop(2500))
    expect(one.insight.prediction('shop')).toMatchObject({ state: 'open' })
    one.insight.loadAhead('shop', false)
    const before = one.loads.length
    await play(one, loop(600))
    expect(one.loads.length).toBe(before)
    expect(one.insight.prediction('shop')).toMatchObject({ state: 'watching' })
    one.insight.loadAhead('shop', true)
    await play(one, loop(1200))
    expect(one.loads.length).toBeGreaterThan(before)
    expect(() => one.insight.loadAhead('shop', 'no' as never)).toThrow(/loadAhead/)
    const without = set({ usage: false, isLoading: false })
    expect(() => without.insight.loadAhead('shop', true)).toThrow(/there is no prediction for "shop"/)
  })

  it('begins anew with another memory: what was learnt of the old one says nothing of the new one', async () => {
    const one = set()
    await play(one, loop(2500))
    expect(one.insight.prediction('shop')).toMatchObject({ state: 'open' })
    expect(one.insight.prediction('shop')?.used).toBeGreaterThan(100)
    await one.cache.configure({ tiers: { memory: { maxEntries: 50 } } })
    one.clock.advance(2000)
    await play(one, ['page:other'])
    expect(one.insight.prediction('shop')).toMatchObject({ state: 'closed', used: 0, closings: 0 })
  })

  /** A cache whose prefetches end like this, and what prediction then says of a loop. */
  async function predictionOf(prefetch: (keys: readonly Key[]) => Promise<Prefetched>) {
    const { cache, clock } = set({ usage: false, isLoading: false })
    const other = {
      name: cache.name,
      sources: cache.sources,
      record: (recorder: Parameters<typeof cache.record>[0]) => cache.record(recorder),
      info: () => cache.info(),
      describe: () => cache.describe(),
      configure: (changes: Parameters<typeof cache.configure>[0]) => cache.configure(changes),
      namespace: () => ({
        ...cache.namespace('default'),
        holds: (key: Key) => cache.holds(key),
        prefetch,
      }),
    }
    const insight = createInsight({ caches: [other as never], clock, predictiveLoading: true })
    ends.push(() => insight.close())
    expect(await play({ cache, clock }, loop(2500))).toBe(2500)
    return insight.prediction('shop')
  }

  it('counts loads as failed whose namespace was closed meanwhile, and goes on', async () => {
    const told = await predictionOf(() => Promise.reject(new Error('the namespace is closed')))
    expect(told?.loads.failed).toBeGreaterThan(10)
    expect(told?.loads).toMatchObject({ loaded: 0, present: 0 })
  })

  it('does not count as wasted what was skipped since the source was busy', async () => {
    const none = { loaded: 0, present: 0, empty: 0, failed: 0 }
    const told = await predictionOf((keys) => Promise.resolve({ ...none, skipped: keys.length }))
    expect(told?.loads.skipped).toBeGreaterThan(50)
    expect(told).toMatchObject({ wasted: 0, used: 0 })
  })

  it('does not bring back what was invalidated while it was loaded', async () => {
    const { cache } = set()
    let answer: ((value: string) => void) | undefined
    cache.source('slow:', () => new Promise((resolve) => (answer = resolve)))
    const loading = cache.prefetch(['slow:1'])
    await turns()
    await cache.invalidate({ keys: ['slow:1'] })
    answer?.('old')
    await loading
    expect(cache.holds('slow:1')).toBe(false)
    expect(await cache.get('slow:1')).toBeUndefined()
  })

  it('stops with insight: what is read then is not looked at', async () => {
    const one = set()
    await play(one, loop(1000))
    one.insight.close()
    const before = one.loads.length
    const heard = vi.spyOn(Listener.prototype, 'miss')
    ends.push(() => heard.mockRestore())
    await play(one, loop(1000))
    expect(one.loads.length).toBe(before)
    expect(heard).not.toHaveBeenCalled()
  })

  it('refuses what it cannot be told', () => {
    const { cache } = set()
    expect(() => createInsight({ caches: [cache], usagePrediction: { waste: 2 } })).toThrow(/usagePrediction\.waste/)
    expect(() => createInsight({ caches: [cache], usagePrediction: { model: {} as PredictorModel } })).toThrow(
      /usagePrediction\.model/,
    )
    expect(() => createInsight({ caches: [cache], predictiveLoading: 'yes' as unknown as boolean })).toThrow(
      /predictiveLoading/,
    )
  })
})

describe('a model of one’s own', () => {
  const next = (read: ObservedRead): string => word((numberOf(String(read.key)) + 1) % 300)
  const numberOf = (key: string): number =>
    Number([...key.slice('page:'.length)].map((letter) => 'abcdefghij'.indexOf(letter)).join(''))

  async function playWith(model: PredictorModel, reads: number) {
    const faults: unknown[] = []
    const one = set({ usage: { model, onModelOff: (fault) => faults.push(fault) } })
    const misses = await play(one, loop(reads))
    return { ...one, faults, misses }
  }

  it('proposes, under the same gate', async () => {
    const observed: ObservedRead[] = []
    const { misses, faults } = await playWith(
      {
        observe: (batch) => observed.push(...batch),
        candidates: async (read) => [{ key: next(read), p: 0.9 }],
      },
      2000,
    )
    expect(faults).toEqual([])
    expect(observed.length).toBeGreaterThan(1900)
    expect(observed[0]).toMatchObject({ key: word(0), namespace: 'default', session: 0, isHit: false })
    expect(misses).toBeLessThan(1200)
  })

  it.each([
    [
      'throws',
      'threw',
      {
        observe: () => {},
        candidates: () => {
          throw new Error('broken')
        },
      },
    ],
    ['rejects', 'threw', { observe: () => Promise.reject(new Error('broken')), candidates: () => [] }],
    ['hangs', 'late', { observe: () => {}, candidates: () => new Promise<never>(() => {}) }],
    ['answers NaN', 'malformed', { observe: () => {}, candidates: () => [{ key: 'page:a', p: Number.NaN }] }],
    ['answers no list', 'malformed', { observe: () => {}, candidates: () => 7 as never }],
    [
      'answers what throws when it is read',
      'malformed',
      {
        observe: () => {},
        candidates: () => [
          {
            key: 'page:a',
            get p(): number {
              throw new Error('broken')
            },
          },
        ],
      },
    ],
    ['answers what is not a key', 'malformed', { observe: () => {}, candidates: () => [{ key: '', p: 0.5 }] }],
  ] satisfies [string, string, PredictorModel][])(
    'that %s is let go of, once, and reads go on',
    async (_, code, model) => {
      const { faults, insight, misses } = await playWith(model, 100)
      expect(faults).toMatchObject([{ code }])
      expect(insight.prediction('shop')?.modelFault).toMatchObject({ code })
      expect(misses).toBe(100)
    },
  )
})

describe('a model that was let go of', () => {
  it('leaves its place to the shipped one', async () => {
    const one = set({ usage: { model: { observe: () => {}, candidates: () => 7 as never }, onModelOff: () => {} } })
    expect(await play(one, loop(2500))).toBeLessThan(1500)
  })
})

describe('predictive warming', () => {
  it('warms what was read most of late, and keeps the list for the next process', async () => {
    const one = set({ isLoading: false })
    const hot = Array.from({ length: 2000 }, (_, at) => word(at % 2 === 0 ? at % 10 : 100 + (at % 90)))
    await play(one, hot)
    await one.cache.clear()
    const plan = one.insight.warmPlan('shop', { share: 0.2 })
    const { warmed } = await one.cache.warm(plan)
    expect(warmed).toBeGreaterThan(3)
    expect(warmed).toBeLessThan(20)
    expect(one.cache.holds(word(0))).toBe(true)
    const later = createInsight({ caches: [one.cache], clock: one.clock, usagePrediction: true })
    ends.push(() => later.close())
    expect((await one.cache.warm(later.warmPlan('shop'))).fresh).toBe(warmed)
    expect(() => one.insight.warmPlan('shop', { share: 0 })).toThrow(/share/)
  })
})

describe('a session', () => {
  it('is told to recorders before its reads, and changes nothing else', async () => {
    const { cache } = set()
    const told: unknown[] = []
    ends.push(cache.record({ context: (_hash, session, key, namespace) => told.push([session === 0, key, namespace]) }))
    const mine = cache.for({ session: 'abc' })
    await cache.set(['user', 7], 'Ada')
    expect(await mine.get(['user', 7])).toBe('Ada')
    expect(await mine.getMany([['user', 7], 'x'])).toEqual(['Ada', undefined])
    expect(await mine.getOrSetMany([1], { key: (id) => ['n', id], load: async (ids) => ids.map(String) })).toEqual([
      '1',
    ])
    expect(told).toEqual([
      [false, '["user",7]', 'default'],
      [false, '["user",7]', 'default'],
      [false, 'x', 'default'],
      [false, '["n",1]', 'default'],
    ])
    told.length = 0
    expect([mine.peek(['user', 7]), mine.peek('nothing')]).toEqual(['Ada', undefined])
    expect(told).toEqual([[false, '["user",7]', 'default']])
    expect(cache.for({ tenant: 'acme', session: 'abc' }).name).toBe(cache.for({ tenant: 'acme' }).name)
    expect(() => cache.for({} as { tenant: string })).toThrow(/tenant/)
    expect(() => cache.for({ session: 'abc' }, { select: (value: unknown) => value })).toThrow(/name the tenant/)
  })
})
