// Warming: what plans warm, at which pace, what their reports say, and schedules that one process of all runs.
import { join } from 'node:path'
import { type Cache, type Duration, memory, type WarmPlan } from 'millpond'
import { memoryJobs } from 'millpond/jobs'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { Pace } from '../../src/warm/pace.ts'
import { closeAfterEach, gate, newFolder, onEverySetup, open, until } from '../engine/setups.ts'
import { isLong } from '../form.ts'

closeAfterEach()

const ids = (count: number) => Array.from({ length: count }, (_, at) => `k${at}`)

onEverySetup('warming', (openCache) => {
  it('loads what is missing, passes by what is fresh, and counts no reads', async () => {
    const cache = openCache()
    await cache.set('k0', 'held')
    const asked: unknown[] = []
    const load = (key: unknown) => {
      asked.push(key)
      if (key === 'k2') throw new Error('no such row')
      return key === 'k1' ? undefined : `loaded ${key}`
    }
    const report = await cache.warm({ keys: ids(5), load, ttl: '1h', tags: ['warm'] })
    expect(report).toMatchObject({ warmed: 2, fresh: 1, empty: 1, failed: 1, success_rate: 0.8 })
    expect(report.plans).toMatchObject([
      { name: 'keys', priority: 'medium', state: 'done', errors: ['"k2": no such row'] },
    ])
    expect(asked.sort()).toEqual(['k1', 'k2', 'k3', 'k4'])
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0 })
    expect(await cache.getMany(['k0', 'k3'])).toEqual(['held', 'loaded k3'])
    await cache.flush()
    await cache.invalidateTags(['warm'])
    expect(await cache.getMany(['k0', 'k3'])).toEqual(['held', undefined])
    await cache.warm({ keys: ['k0'], load }, { force: true })
    expect(await cache.get('k0')).toBe('loaded k0')
  })

  it('warms by registered loaders, collections and values at hand', async () => {
    const cache = openCache()
    cache.source(['user'], ([, id]) => ({ id }))
    const deals = cache.collection<number, string>('deal', { load: (id) => `deal ${id}` })
    const report = await cache.warm([
      {
        keys: [
          ['user', 1],
          ['user', 2],
        ],
      },
      { collection: 'deal', ids: new Set([7, 8]) },
      { values: new Map([['flag', true]]), ttl: '1d' },
    ])
    expect(report).toMatchObject({ warmed: 5, failed: 0, success_rate: 1 })
    expect(report.plans.map(({ name }) => name)).toEqual(['keys', 'collection deal', 'values'])
    expect([await cache.get(['user', 2]), await cache.get(['deal', 8]), await cache.get('flag')]).toEqual([
      { id: 2 },
      'deal 8',
      true,
    ])
    expect(await deals.get(7)).toBe('deal 7')
    expect((await cache.warm({ keys: ['nobody loads this'] })).plans[0]?.errors[0]).toMatch(
      /there is no loader for the key/,
    )
  })

  it('asks warmers of models, views and endpoints by their names', async () => {
    const cache = openCache()
    const asked: unknown[] = []
    cache.warming.register('model', 'User', async function* (request) {
      asked.push(request)
      yield [['user', 1], 'Ada'] as const
      yield [['user', 2], 'Grace'] as const
    })
    const called: string[] = []
    cache.warming.register('view', 'dashboard', async (request) => void called.push(JSON.stringify(request)))
    const unregister = cache.warming.register('api', 'getActiveUsers', () => [['active', [1, 2]]])
    const plans: WarmPlan[] = [
      { kind: 'model', model: 'User', filters: { isActive: true }, include: ['roles'], ttl: '1h' },
      { kind: 'view', views: [{ view_name: 'dashboard', method: 'GET' }] },
      { kind: 'api', endpoints: [{ endpoint: '/api/users/', data: 'getActiveUsers' }] },
    ]
    const report = await cache.warm(plans)
    expect(report).toMatchObject({ warmed: 4, failed: 0 })
    expect(asked).toEqual([{ kind: 'model', model: 'User', filters: { isActive: true }, include: ['roles'] }])
    expect(called).toEqual(['{"kind":"view","view_name":"dashboard","method":"GET"}'])
    expect([await cache.get(['user', 2]), await cache.get('active')]).toEqual(['Grace', [1, 2]])
    unregister()
    await expect(cache.warm(plans)).rejects.toThrow(/no warming is registered for the api "getActiveUsers"/)
    expect(asked).toHaveLength(1)
  })
})

describe('a run of plans', () => {
  it('takes what is critical first, and tells how far it is', async () => {
    const cache = open()
    const order: string[] = []
    const told: string[] = []
    cache.on('warm', ({ plan, state, warmed }) => told.push(`${plan} ${state} ${warmed}`))
    const plan = (name: string, priority?: 'critical' | 'high' | 'low'): WarmPlan => ({
      name,
      ...(priority && { priority }),
      keys: [name],
      load: () => order.push(name),
    })
    await cache.warm([plan('d', 'low'), plan('c'), plan('a', 'critical'), plan('b', 'high')])
    expect(order).toEqual(['a', 'b', 'c', 'd'])
    expect(told.slice(0, 2)).toEqual(['a began 0', 'a ended 1'])
  })

  it('reads an endless plan as it goes, no further than it warms, and ends when it is told to', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 10_000 })] })
    const ends = new AbortController()
    let read = 0
    let most = 0
    let running = 0
    const keys = function* () {
      for (;;) yield `k${read++}`
    }
    const load = async (key: unknown) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      if (key === 'k500') ends.abort()
      return key
    }
    const report = await cache.warm({ keys, load }, { concurrency: 6, signal: ends.signal })
    expect(report.plans[0]?.state).toBe('aborted')
    expect(most).toBe(6)
    expect(read - report.warmed).toBeLessThanOrEqual(1)
    // It goes on where it was: what is there is fresh.
    const again = await cache.warm({ keys: ids(600), load: (key) => key })
    expect(again).toMatchObject({ fresh: report.warmed, warmed: 600 - report.warmed })
  })

  it.each([
    ['list', ids(50_000)],
    [
      'stream of ten million',
      async function* () {
        for (let at = 0; at < 10_000_000; at++) yield `k${at}`
      },
    ],
  ])('leaves the event loop to others, however long a %s is and however fast its loads answer', async (_, keys) => {
    const ends = new AbortController()
    setImmediate(() => setImmediate(() => ends.abort()))
    const { plans } = await open().warm({ keys, load: () => 1 }, { signal: ends.signal })
    expect(plans[0]).toMatchObject({ state: 'aborted', failed: 0 })
    expect(plans[0]?.warmed).toBeLessThan(5_000)
  })

  it('gives a plan up whose source fails, and goes on with the next', async () => {
    const cache = open()
    let tried = 0
    const fails = () => {
      tried++
      throw new Error('down')
    }
    const report = await cache.warm([
      { keys: ids(1000), load: fails },
      { keys: ['x'], load: () => 1 },
    ])
    expect(report.plans.map(({ state, errors }) => [state, errors.length])).toEqual([
      ['error_threshold', 10],
      ['done', 0],
    ])
    expect(tried).toBeLessThan(30)
    expect(report.success_rate).toBeLessThan(0.1)
    const unlisted = await cache.warm({ keys: () => Promise.reject(new Error('the list is gone')), load: fails })
    expect(unlisted.plans).toMatchObject([{ state: 'failed', failed: 1, errors: ['the list is gone'] }])
  })

  it('refuses what it does not know before anything is loaded', async () => {
    const cache = open()
    const refused: [unknown, string][] = [
      [{}, 'warm: plan: {} names nothing to warm'],
      [{ keys: 7 }, 'warm: keys: 7 is not a list or another iterable'],
      [{ keys: [], lod: 1 }, 'unknown option "plan.lod": did you mean "load"'],
      [
        { keys: [], priority: 'urgent' },
        `plan.priority: "urgent" is not allowed: give 'critical' or 'high' or 'medium' or 'low'`,
      ],
      [{ keys: [], ttl: 'soon' }, '"soon"'],
      [{ kind: 'query' }, 'warm: kind: "query" is not known'],
      [{ collection: 'none', ids: [] }, 'there is no collection "none" in the namespace "default"'],
    ]
    for (const [plan, message] of refused) await expect(cache.warm(plan as never)).rejects.toThrow(message)
    await expect(cache.warm({ keys: [] }, { concurrency: 0 })).rejects.toThrow('warm.concurrency: 0 is not allowed')
    await expect(cache.warm({ keys: [] }, { rat: 1 } as object)).rejects.toThrow(
      'unknown option "warm.rat": did you mean "rate"',
    )
    expect(() => cache.warming.start({ plans: [], every: 10 })).toThrow(
      'warming every: 10 is not allowed: give a finite time from 1 s',
    )
    expect(() => cache.warming.register('view', '', () => {})).toThrow('warming: name: "" is not a name')
  })
})

describe('the pace', () => {
  it('halves when the source slows or fails, and comes back step by step', async () => {
    const pace = new Pace(fakeClock(), 8, Number.POSITIVE_INFINITY)
    const take = async (ms: number, isGood = true) => {
      await pace.begin()
      pace.end(ms, isGood)
      return pace.allowed
    }
    for (let at = 0; at < 20; at++) await take(10)
    expect(pace.allowed).toBe(8)
    expect([await take(100), await take(100), await take(5, false), await take(100), await take(100)]).toEqual([
      4, 2, 1, 1, 1,
    ])
    for (let at = 0; at < 40; at++) await take(10)
    expect(pace.allowed).toBe(8)
  })

  it('begins no more than so many a second', async () => {
    const clock = fakeClock()
    const pace = new Pace(clock, 100, 10)
    let begun = 0
    for (let at = 0; at < 20; at++) void pace.begin().then(() => begun++)
    await until(() => begun === 1)
    for (const wanted of [11, 16]) {
      for (let tenths = begun; tenths < wanted; tenths++) clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
      expect(begun).toBe(wanted)
    }
  })
})

describe('a schedule', () => {
  it('runs its plans at once and again and again, by their own intervals, until it is stopped', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock })
    const runs: Record<string, number> = {}
    const ran = (name: string): void => {
      runs[name] = (runs[name] ?? 0) + 1
    }
    const plan = (name: string, interval?: Duration): WarmPlan => ({
      name,
      ...(interval !== undefined && { interval }),
      values: () => {
        ran(name)
        return [[name, 1]]
      },
    })
    cache.warming.register('view', 'v', () => ran('view'))
    const view: WarmPlan = { name: 'view', kind: 'view', views: [{ view_name: 'v' }] }
    cache.warming.start({ every: '10m', plans: [plan('often', '1m'), plan('seldom'), view] })
    const pass = (minutes: number) => clock.run(minutes * 60_000)
    await until(() => runs.view === 1)
    await pass(10)
    expect(runs).toEqual({ often: 11, seldom: 2, view: 1 })
    expect(cache.info().warmingSchedule).toMatchObject([
      {
        namespace: 'default',
        name: 'often',
        every_ms: 60_000,
        runs: 11,
        failed_runs: 0,
        last: { report: { warmed: 1 } },
      },
      { name: 'seldom', every_ms: 600_000, next_at: clock.now() + 600_000 },
      { name: 'view', every_ms: 1_800_000 },
    ])
    await cache.warming.stop()
    await pass(10)
    expect(runs).toEqual({ often: 11, seldom: 2, view: 1 })
    expect(cache.info().warmingSchedule).toEqual([])
  })

  it('is run by one process of all, and tells what failed', async () => {
    const path = join(newFolder(), 'cache.db')
    const caches = [1, 2, 3].map(() => open({ name: 'fleet', tiers: [memory(), sqlite({ path })] }))
    let runs = 0
    const counted = (name: string, count: () => void): WarmPlan => ({
      name,
      values: () => {
        count()
        return []
      },
    })
    let ends = 0
    for (const [at, cache] of caches.entries())
      cache.warming.start({ plans: [counted('shared', () => runs++), counted(`own ${at}`, () => ends++)] })
    await until(() => ends === caches.length)
    expect(runs).toBe(1)
    await Promise.all(caches.map((cache) => cache.warming.stop()))
    const [cache] = caches as [Cache]
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    cache.warming.start({ plans: [{ name: 'broken', keys: () => Promise.reject(new Error('gone')) }] })
    await until(() => cache.info().warmingSchedule[0]?.failed_runs === 1)
    expect(warnings).toEqual(['warming of broken in default was abandoned: gone'])
  })

  it('W2: runs by lines of cron, within windows, as jobs of the cache', async () => {
    const clock = fakeClock({ now: Date.UTC(2026, 0, 5) })
    const store = memoryJobs({ clock })
    const cache = open({ clock, jobs: store })
    const ran: string[] = []
    const plan = (name: string, more: Partial<WarmPlan>): WarmPlan => ({
      name,
      values: () => {
        ran.push(`${name} ${new Date(clock.now()).toISOString().slice(11, 16)}`)
        return []
      },
      ...(more as object),
    })
    const start = (plans: readonly WarmPlan[]) => cache.warming.start({ plans, atStart: false })
    start([
      plan('nightly', { cron: '0 3 * * *' }),
      plan('off-peak', { interval: '5h', windows: [{ from: '22:00', to: '06:00' }] }),
    ])
    expect(cache.info().warmingSchedule).toMatchObject([
      { name: 'nightly', cron: '0 3 * * *', next_at: Date.UTC(2026, 0, 5, 3) },
      { name: 'off-peak', every_ms: 5 * 3_600_000 },
    ])
    // A day. They are looked for twice a second: in the short form in the half minutes around each hour alone.
    await clock.run(30_000)
    for (let hour = 0; hour < 24; hour++) {
      if (!isLong) clock.stall(3_540_000)
      await clock.run(isLong ? 3_600_000 : 60_000)
    }
    expect(ran).toEqual(['nightly 03:00', 'off-peak 05:00', 'off-peak 22:00'])
    expect((await cache.jobs.repeating()).map(({ name, runs }) => [name, runs.length])).toEqual([
      ['warming.default.nightly', 1],
      ['warming.default.off-peak', 2],
    ])
    expect(() => start([plan('never', { cron: '0 0 31 2 *' })])).toThrow(/never occurs/)
    expect(() => start([plan('both', { cron: '0 3 * * *', interval: '1h' })])).toThrow(/give one of them/)
    expect(cache.info().warmingSchedule).toHaveLength(2)
    await cache.warming.stop()
  })

  it('keeps no job of the program waiting, however many plans wait for their turn', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ clock })
    const ends = gate()
    const asked: string[] = []
    cache.warming.start({
      plans: ids(6).map(
        (name): WarmPlan => ({
          name,
          keys: async () => {
            asked.push(name)
            await ends.promise
            return []
          },
        }),
      ),
    })
    let mails = 0
    cache.jobs.handle('mail', () => void mails++)
    await clock.run(1000)
    await cache.jobs.add('mail', {})
    await clock.run(1000)
    const before = [...asked, mails]
    ends.open()
    expect(before).toEqual(['k0', 1])
    expect((await cache.jobs.repeating()).map(({ name }) => name)).toEqual(
      ids(6).map((name) => `warming.default.${name}`),
    )
    await clock.run(6000)
    expect(asked.sort()).toEqual(ids(6))
    expect(await cache.jobs.trigger('warming.default.k3')).toBe(true)
    await clock.run(1000)
    expect(asked).toHaveLength(7)
    expect(cache.info().jobs.map(({ job, done }) => [job, done])).toContainEqual(['warming.default.k3', 2])
    await cache.warming.stop()
  })

  it('ends a pause of its pace with its run', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const ends = new AbortController()
    const run = cache.warm({ keys: ids(3), load: (key) => key }, { rate: 0.001, signal: ends.signal })
    await clock.run(1000)
    ends.abort()
    expect(await run).toMatchObject({ warmed: 1, plans: [{ state: 'aborted' }] })
  })

  it('W3: leaves the share of the time to others that it is told to', async () => {
    const clock = fakeClock()
    const pace = new Pace(clock, 1, Number.POSITIVE_INFINITY, 0.25)
    await pace.begin()
    clock.advance(100)
    pace.end(100, true)
    let isBegun = false
    void pace.begin().then(() => {
      isBegun = true
    })
    await clock.run(299)
    expect(isBegun).toBe(false)
    await clock.run(1)
    expect(isBegun).toBe(true)
  })

  it('ends with its cache: what is under way is waited for, nothing more begins', async () => {
    const cache = open()
    const begun = gate()
    const goes = gate()
    const load = async (key: unknown) => {
      begun.open()
      await goes.promise
      return key
    }
    cache.warming.start({ plans: [{ keys: ids(100), load }], concurrency: 1 })
    await begun.promise
    const closed = cache.close()
    goes.open()
    await closed
    expect(cache.stats().loads).toBe(1)
  })
})

describe('prefetching what memory holds', () => {
  // Not by s3-fifo, which lets a new entry stay only after two reads.
  it.each(['lru', 'sieve', 'adaptive', 'w-tinylfu'] as const)(
    'keeps it there while others are evicted, and counts no read: %s',
    async (policy) => {
      const cache = open({ tiers: [memory({ maxEntries: 64, policy, pressure: false })] })
      for (const id of ids(64)) await cache.set(id, 'held')
      const heard: unknown[] = []
      cache.on('hit', (event) => void heard.push(event))
      const wanted = ids(4)
      let left = 0
      for (let at = 0; at < 256; at++) {
        // Needs no loader: nothing is loaded.
        if (at % 8 === 0) expect((await cache.prefetch(wanted)).present + left).toBe(4)
        await cache.set(`other${at}`, 'held')
        left = wanted.filter((id) => !cache.holds(id)).length
      }
      expect(left).toBe(0)
      expect(heard).toEqual([])
      expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, prefetches: 0 })
    },
  )
})
