// Many namespaces over one store that is slow, or stumbles: how much it is asked, and how long invalidations wait.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, describe, expect, test } from 'vitest'
import type { LedgerStore, Outbox, Tier } from '../../src/core/contracts.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

const NAMES = Array.from({ length: 100 }, (_, at) => `n${at}`)

interface Figures {
  /** Calls of the ledger, each of which is a round trip. */
  calls: number
  steps: number
  most: number
}

/**
 * A connection to a server that works on one step at a time, each of which takes it `stepMs`, in the order in which
 * they came; `isDown` when the test says so.
 */
function slow(server: SimulatedServer, clock: FakeClock, stepMs: number, stepsAtOnce?: number) {
  const figures: Figures = { calls: 0, steps: 0, most: 0 }
  const state = { isDown: false, refuses: '', questionMs: 0, isAsked: false }
  const { ledger, ...tier } = server.connect()
  let freeAt = 0
  let waiting = 0
  const through = <T>(act: () => Promise<T>): Promise<T> => {
    figures.calls++
    return state.isDown ? Promise.reject(new Error('no answer')) : act()
  }
  const own: LedgerStore = {
    ...ledger,
    stepsAtOnce,
    pull: (...args) => through(() => ledger.pull(...args)),
    unmoved: (places) =>
      through(async () => {
        const answer = (await ledger.unmoved?.(places)) ?? []
        state.isAsked = true
        if (state.questionMs > 0) await new Promise<void>((resolve) => clock.after(state.questionMs, resolve, true))
        state.isAsked = false
        return answer
      }),
    advance: (namespace, change) =>
      through(async () => {
        figures.steps++
        if (namespace === state.refuses) throw new Error('refused')
        figures.most = Math.max(figures.most, ++waiting)
        freeAt = Math.max(freeAt, clock.monotonic()) + stepMs
        await new Promise<void>((resolve) => clock.after(freeAt - clock.monotonic(), resolve, true))
        waiting--
        return ledger.advance(namespace, change)
      }),
  }
  return { tier: { ...tier, ledger: own } satisfies Tier, figures, state }
}

/** Invalidates once in each of so many namespaces; how many were rejected, and how long the last one took. */
async function inEach(cache: Cache, clock: FakeClock, count: number) {
  const began = clock.monotonic()
  let told: PromiseSettledResult<unknown>[] | undefined
  void Promise.allSettled(NAMES.slice(0, count).map((name) => cache.namespace(name).delete('k'))).then(
    (all) => (told = all),
  )
  while (told === undefined) await clock.run(1)
  return { rejected: told.filter(({ status }) => status === 'rejected').length, ms: clock.monotonic() - began }
}

function setUp(stepMs: number, stepsAtOnce?: number, outbox?: Outbox) {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  const { tier, figures, state } = slow(server, clock, stepMs, stepsAtOnce)
  const cache = createCache({ name: 'storm', tiers: [memory(), tier], clock, ...(outbox && { outbox }) })
  opened.push(cache)
  return { clock, cache, figures, state, server }
}

/** Invalidations, spread over all namespaces, for as long. What became of them, once all are told. */
async function storm(cache: Cache, clock: FakeClock, perSecond: number, ms: number, keyOf = (at: number) => `k${at}`) {
  const told = { acknowledged: 0, rejected: 0, slowest: 0 }
  const all: Promise<void>[] = []
  for (let at = 0; at < ms; at++) {
    for (; all.length < ((at + 1) * perSecond) / 1000; ) {
      const began = clock.monotonic()
      const name = NAMES[all.length % NAMES.length] ?? ''
      all.push(
        cache
          .namespace(name)
          .delete(keyOf(all.length))
          .then(
            () => {
              told.acknowledged++
              told.slowest = Math.max(told.slowest, clock.monotonic() - began)
            },
            () => void told.rejected++,
          ),
      )
    }
    await clock.run(1)
  }
  let isOver = false
  void Promise.all(all).then(() => (isOver = true))
  while (!isOver) await clock.run(1)
  return told
}

const readAll = (cache: Cache): Promise<unknown> =>
  Promise.all(NAMES.map((name) => cache.namespace(name).getOrSet('k', () => 1)))

describe('a hundred namespaces over one store', () => {
  test.each([
    ['of different keys', (at: number) => `k${at}`],
    ['of the same keys', (at: number) => `k${at % 100}`],
  ])(
    'G5: more invalidations %s than it can take one by one are acknowledged, since they are merged',
    async (_, keyOf) => {
      // It takes 200 steps a second.
      const { clock, cache, figures } = setUp(5, 2)
      await readAll(cache)
      const told = await storm(cache, clock, 1000, 3000, keyOf)
      expect(told).toMatchObject({ acknowledged: 3000, rejected: 0 })
      expect(figures.most, 'steps that stand in line at the store').toBe(2)
      expect(told.slowest, 'a round over all namespaces').toBeLessThan(1200)
    },
  )

  test('an answer to each of several who invalidate the same key tells who removed it', async () => {
    const { clock, cache, figures } = setUp(5, 1)
    const finished = async <T>(work: Promise<T>): Promise<T> => {
      let isOver = false
      void work.finally(() => (isOver = true)).catch(() => {})
      while (!isOver) await clock.run(1)
      return work
    }
    const one = cache.namespace('n0')
    await finished(Promise.all([one.set('k', 1), one.set('other', 1)]))
    figures.steps = 0
    // The first keeps the store busy.
    const first = cache.namespace('n1').delete('k')
    const all = ['k', 'other', 'k', 'k'].map((key) => one.delete(key))
    const receipts = await finished(Promise.all([first, ...all]))
    expect(receipts.map(({ tiers }) => tiers[0]?.removed)).toEqual([0, 1, 1, 0, 0])
    expect(figures.steps).toBe(2)
  })

  test('G4 G5: while it is down it is asked by one of them, and within 300 ms after that all are acknowledged and trusted', async () => {
    const { clock, cache, figures, state } = setUp(1, 2)
    await readAll(cache)
    await clock.run(500)
    await readAll(cache)
    state.isDown = true
    const owed = await storm(cache, clock, 1000, 200)
    expect(owed.rejected, 'each namespace owes something').toBe(200)
    figures.calls = 0
    await clock.run(1000)
    expect(figures.calls, 'in a second, for all').toBeLessThanOrEqual(25)
    state.isDown = false
    await clock.run(300)
    expect(NAMES.filter((name) => cache.namespace(name).stats().ledger.pending > 0)).toEqual([])
    expect(NAMES.filter((name) => !cache.namespace(name).stats().ledger.isUp)).toEqual([])
    expect(await storm(cache, clock, 100, 1000)).toMatchObject({ acknowledged: 100, rejected: 0 })
  })

  test('G4: for those that owe nothing it is one question, before and after', async () => {
    const { clock, cache, figures, state } = setUp(1, 2)
    await readAll(cache)
    await clock.run(500)
    await readAll(cache)
    state.isDown = true
    await clock.run(150)
    await readAll(cache)
    figures.calls = 0
    await clock.run(1000)
    expect(figures.calls).toBeLessThanOrEqual(11)
    state.isDown = false
    figures.calls = 0
    await clock.run(200)
    expect(figures.calls, 'what brings all of them back').toBeLessThanOrEqual(3)
    expect(NAMES.filter((name) => !cache.namespace(name).stats().ledger.isUp)).toEqual([])
  })

  test('G6: steps that meet a new epoch while something is owed do not wait for each other', async () => {
    const { clock, cache, state, server } = setUp(1, 2)
    await readAll(cache)
    state.isDown = true
    expect(await inEach(cache, clock, 10)).toMatchObject({ rejected: 10 })
    server.restart('empty')
    state.isDown = false
    const { rejected, ms } = await inEach(cache, clock, 10)
    expect(rejected).toBe(0)
    expect(ms).toBeLessThan(100)
  })

  test('G6: nor do they where what is owed stands in line behind them', async () => {
    const { clock, cache, state, server } = setUp(5, 2)
    await readAll(cache)
    state.isDown = true
    expect(await inEach(cache, clock, 100)).toMatchObject({ rejected: 100 })
    server.restart('empty')
    state.isDown = false
    const { rejected, ms } = await inEach(cache, clock, 100)
    expect(rejected).toBe(0)
    expect(ms, 'two steps of each namespace').toBeLessThan(1100)
  })

  test.each(['list', 'remove'] as const)(
    'G5 G14: an outbox whose %s is never answered for one namespace holds up neither the others nor its readers',
    async (verb) => {
      const silent = (namespace: string): Promise<never> | undefined =>
        namespace.startsWith('storm:n0:') ? new Promise(() => {}) : undefined
      const outbox: Outbox = {
        add: async (namespace) => `${namespace} 1`,
        list: (namespace) => (verb === 'list' ? silent(namespace) : undefined) ?? Promise.resolve([]),
        remove: ([id = '']) => (verb === 'remove' ? silent(id) : undefined) ?? Promise.resolve(),
        close: async () => {},
      }
      const { clock, cache, state } = setUp(1, 2, outbox)
      state.isDown = true
      for (const name of NAMES.slice(0, 10))
        expect((await cache.namespace(name).delete('k')).isApplied, `${name}: kept in the outbox`).toBe(false)
      state.isDown = false
      await clock.run(600)
      expect(NAMES.slice(1, 10).filter((name) => cache.namespace(name).stats().ledger.pending > 0)).toEqual([])
      let value: number | undefined
      void cache
        .namespace('n0')
        .getOrSet('k', () => 17)
        .then((loaded) => (value = loaded))
      await clock.run(600)
      expect(value).toBe(17)
    },
  )

  test.each<[string, () => Promise<never>]>([
    ['is never answered', () => new Promise(() => {})],
    ['fails', () => Promise.reject(new Error('the disk is gone'))],
  ])('G5: who waits for a record that comes after the step is told, though its removal %s', async (_, remove) => {
    let written = (): void => {}
    const { clock, cache, state } = setUp(1, 2, {
      add: () => new Promise((resolve) => (written = () => resolve('late'))),
      list: async () => [],
      remove,
      close: async () => {},
    })
    state.isDown = true
    let told: unknown
    cache.delete('k').then(
      ({ isApplied }) => (told = { isApplied }),
      (error) => (told = error),
    )
    await clock.run(400)
    state.isDown = false
    await clock.run(600)
    expect(cache.stats().ledger.pending).toBe(0)
    written()
    await clock.run(600)
    expect(told).toEqual({ isApplied: false })
  })

  test('one whose step the store refuses does not hold up the others', async () => {
    const { clock, cache, state } = setUp(1, 2)
    await readAll(cache)
    state.isDown = true
    await storm(cache, clock, 1000, 100)
    state.isDown = false
    state.refuses = 'storm:n0:'
    await clock.run(600)
    const owing = (): string[] => NAMES.filter((name) => cache.namespace(name).stats().ledger.pending > 0)
    expect(owing()).toEqual(['n0'])
    state.refuses = ''
    await clock.run(300)
    expect(owing()).toEqual([])
  })

  test('one whose step the store refuses is down, also when a question was under way that finds it where it stood', async () => {
    const { clock, cache, state } = setUp(1, 2)
    const one = cache.namespace('n0')
    await one.getOrSet('k', () => 1)
    state.refuses = 'storm:n0:'
    state.questionMs = 60
    while (!state.isAsked) await clock.run(1)
    await expect(one.delete('k')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect(one.stats().ledger.isUp).toBe(false)
    await clock.run(61)
    expect(state.isAsked).toBe(false)
    expect(one.stats().ledger.isUp).toBe(false)
    await clock.run(1000)
    expect(one.stats().ledger.isUp).toBe(false)
    state.refuses = ''
    await clock.run(300)
    expect(one.stats().ledger).toMatchObject({ isUp: true, pending: 0 })
  })

  test('a step that the store refuses is tried ten times a second', async () => {
    const { clock, cache, figures, state } = setUp(1, 2)
    const one = cache.namespace('n0')
    await one.getOrSet('k', () => 1)
    state.refuses = 'storm:n0:'
    await expect(one.delete('k')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await clock.run(100)
    figures.steps = 0
    await clock.run(2000)
    expect(figures.steps).toBeGreaterThanOrEqual(17)
    expect(figures.steps).toBeLessThanOrEqual(21)
  })

  test.each([['alone'], ['and was deleted then']])(
    'G1: what a write should have replaced that could not be sent, %s, is dropped when it can',
    async (then) => {
      const { clock, cache, state, server } = setUp(1, 2)
      const one = cache.namespace('n0')
      const finished = async (work: Promise<unknown>): Promise<void> => {
        let isOver = false
        void work.finally(() => (isOver = true)).catch(() => {})
        while (!isOver) await clock.run(1)
      }
      await finished(one.set('k', 'old'))
      await finished(one.set('kept', 1))
      const held = async (): Promise<string[]> => {
        const names: string[] = []
        for await (const some of server.connect().scan?.('') ?? []) names.push(...some)
        return names.filter((name) => name.startsWith('storm:n0:'))
      }
      expect(await held()).toHaveLength(2)
      state.isDown = true
      await finished(one.set('k', 'new'))
      if (then !== 'alone') await finished(one.delete('k'))
      expect(one.stats().ledger.pending).toBeGreaterThan(0)
      state.isDown = false
      await clock.run(300)
      expect(one.stats().ledger.pending).toBe(0)
      expect(await held()).toEqual([expect.stringContaining('kept')])
    },
  )
})
