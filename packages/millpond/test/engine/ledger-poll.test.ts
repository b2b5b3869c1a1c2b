// What a process asks its ledger to go on trusting its memory: one question for all namespaces, and one more for each
// that moved.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, describe, expect, test } from 'vitest'
import type { LedgerStore, Tier } from '../../src/core/contracts.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

interface Counted {
  readonly tier: Tier
  readonly asked: { pull: string[]; unmoved: number[] }
}

/** A connection of its own, whose questions are written down. */
function counted(server: SimulatedServer, change: (ledger: LedgerStore) => Partial<LedgerStore> = () => ({})): Counted {
  const asked: Counted['asked'] = { pull: [], unmoved: [] }
  const { ledger, ...tier } = server.connect()
  const own: LedgerStore = {
    ...ledger,
    pull: (namespace, from) => {
      asked.pull.push(namespace)
      return ledger.pull(namespace, from)
    },
    unmoved: async (places) => {
      asked.unmoved.push(places.length)
      return (await ledger.unmoved?.(places)) ?? []
    },
    ...change(ledger),
  }
  return { tier: { ...tier, ledger: own }, asked }
}

function open(tier: Tier, clock: FakeClock): Cache {
  const cache = createCache({ name: 'poll', tiers: [memory(), tier], clock })
  opened.push(cache)
  return cache
}

const NAMES = Array.from({ length: 20 }, (_, at) => `n${at}`)

/** Reads all namespaces every 50 ms. */
async function readFor(
  cache: Cache,
  clock: FakeClock,
  ms: number,
  names = NAMES,
  load = (name: string) => name,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await Promise.all(names.map((name) => cache.namespace(name).getOrSet('k', () => load(name))))
    await clock.run(50)
  }
}

describe('the question for all namespaces', () => {
  const world = () => {
    const clock = fakeClock({ now: Date.now() })
    return { clock, server: simulatedServer({ now: () => clock.now() }) }
  }

  test('a second of 20 namespaces is ten questions, and one for one of them in turn', async () => {
    const { clock, server } = world()
    const { tier, asked } = counted(server)
    const cache = open(tier, clock)
    await readFor(cache, clock, 500)
    asked.pull.length = 0
    asked.unmoved.length = 0
    await readFor(cache, clock, 10_000)
    expect(asked.unmoved.length).toBeGreaterThan(80)
    expect(asked.unmoved.length).toBeLessThanOrEqual(100)
    expect(new Set(asked.unmoved)).toEqual(new Set([20]))
    expect(asked.pull.length).toBeLessThanOrEqual(10)
    expect(new Set(asked.pull).size, 'one after the other').toBe(asked.pull.length)
  })

  test('G3: what has moved is pulled, the others are not', async () => {
    const { clock, server } = world()
    const { tier, asked } = counted(server, () => ({ follow: () => () => {} }))
    const cache = open(tier, clock)
    const other = open(server.connect(), clock)
    await readFor(cache, clock, 300)
    await other.namespace('n7').delete('k')
    asked.pull.length = 0
    await readFor(cache, clock, 300, NAMES, () => 'new')
    expect(asked.pull.filter((name) => name.includes('n7')).length).toBeGreaterThan(0)
    expect(asked.pull.filter((name) => !name.includes('n7')).length).toBeLessThanOrEqual(1)
    expect(await cache.namespace('n7').getOrSet('k', () => 'newer')).toBe('new')
    expect(await cache.namespace('n8').getOrSet('k', () => 'new')).toBe('n8')
  })

  test('a namespace that is not read is trusted along with those that are read, and is no longer asked about after half a minute', async () => {
    const { clock, server } = world()
    const { tier, asked } = counted(server)
    const cache = open(tier, clock)
    await readFor(cache, clock, 200)
    await readFor(cache, clock, 10_000, ['n0'])
    const before = asked.pull.length
    expect(await cache.namespace('n5').getOrSet('k', () => 'new')).toBe('n5')
    expect(asked.pull.length, 'it had not to be asked for').toBe(before)
    await readFor(cache, clock, 31_000, ['n0'])
    expect(asked.unmoved.at(-1)).toBe(1)
  })

  test('nothing is asked without reads; a push is one question', async () => {
    const { clock, server } = world()
    const { tier, asked } = counted(server)
    const cache = open(tier, clock)
    const other = open(server.connect(), clock)
    await readFor(cache, clock, 200)
    await clock.run(5000)
    const quiet = asked.pull.length + asked.unmoved.length
    await clock.run(60_000)
    expect(asked.pull.length + asked.unmoved.length).toBe(quiet)
    await other.namespace('n3').delete('k')
    await clock.run(60_000)
    expect(asked.pull.length + asked.unmoved.length).toBe(quiet + 1)
  })

  test('G4: a question that fails is trusted by none of them, and all of them come back', async () => {
    const { clock, server } = world()
    let isDown = false
    const fails = (): Promise<never> => Promise.reject(new Error('no answer'))
    const { tier } = counted(server, (ledger) => ({
      pull: (namespace, from) => (isDown ? fails() : ledger.pull(namespace, from)),
      unmoved: (places) => (isDown ? fails() : (ledger.unmoved?.(places) ?? fails())),
      follow: () => () => {},
    }))
    const cache = open(tier, clock)
    const other = open(server.connect(), clock)
    await readFor(cache, clock, 300)
    isDown = true
    await Promise.all(NAMES.map((name) => other.namespace(name).delete('k')))
    await clock.run(400)
    for (const name of NAMES) expect(await cache.namespace(name).getOrSet('k', () => 'new')).toBe('new')
    isDown = false
    await readFor(cache, clock, 500)
    for (const name of NAMES) expect(cache.namespace(name).stats().ledger?.isUp ?? true).toBe(true)
  })

  test('two caches over one tier share it by the clock of the machine too', async () => {
    const { tier, asked } = counted(simulatedServer())
    const caches = ['one', 'two'].map((name) => {
      const cache = createCache({ name, tiers: [memory(), tier] })
      opened.push(cache)
      return cache
    })
    await expect
      .poll(async () => {
        await Promise.all(caches.map((cache) => cache.getOrSet('k', () => 1)))
        return asked.unmoved
      })
      .toContain(2)
  })

  test('two caches over one tier share it', async () => {
    const { clock, server } = world()
    const { tier, asked } = counted(server)
    const caches = ['one', 'two'].map((name) => {
      const cache = createCache({ name, tiers: [memory(), tier], clock })
      opened.push(cache)
      return cache
    })
    for (let passed = 0; passed < 1000; passed += 50) {
      await Promise.all(caches.map((cache) => cache.getOrSet('k', () => 1)))
      await clock.run(50)
    }
    expect(asked.unmoved.length).toBeLessThanOrEqual(10)
    expect(asked.unmoved.at(-1)).toBe(2)
  })
})
