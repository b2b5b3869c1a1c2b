// What broke fleets of other caches, by their public reports: pushes that are lost, late, doubled or out of order,
// links that drop and come back, and what was invalidated meanwhile.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, describe, expect, test } from 'vitest'
import type { Change, LedgerStore, Tier } from '../../src/core/contracts.ts'
import type { Position } from '../../src/core/ledger.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

interface Link {
  isDown: boolean
  /** What becomes of the store's pushes: `wake` tells one on. */
  pushed: (at: Position | undefined, wake: (at?: Position) => void) => void
  readonly steps: Change[]
}

function world() {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  let source = 0
  const process = () => {
    const link: Link = { isDown: false, pushed: (at, wake) => wake(at), steps: [] }
    const { ledger, ...tier } = server.connect()
    const passing = <T>(act: () => Promise<T>): Promise<T> =>
      link.isDown ? Promise.reject(new Error('no connection')) : act()
    const own: LedgerStore = {
      ...ledger,
      pull: (...given) => passing(() => ledger.pull(...given)),
      unmoved: (places) => passing(async () => (await ledger.unmoved?.(places)) ?? []),
      commit: (...given) => passing(() => ledger.commit(...given)),
      advance: (namespace, change) =>
        passing(() => {
          link.steps.push(change)
          return ledger.advance(namespace, change)
        }),
      follow: (namespace, wake) => ledger.follow?.(namespace, (at) => link.pushed(at, wake)) ?? (() => {}),
    }
    const read: Tier['read'] = (keys) => passing(() => tier.read(keys))
    const cache = createCache({ name: 'fleet', tiers: [memory(), { ...tier, read, ledger: own }], clock })
    opened.push(cache)
    let loads = 0
    const get = (key = 'k'): Promise<number> =>
      cache.getOrSet(key, () => {
        loads++
        return source
      })
    return { cache, link, get, loads: () => loads }
  }
  return {
    clock,
    process,
    /** The source changes, and `by` says so. */
    change: async ({ cache }: { readonly cache: Cache }, key = 'k') => {
      source++
      await cache.delete(key)
      return source
    },
  }
}

type Process = ReturnType<ReturnType<typeof world>['process']>

/** Reads every 50 ms, as a service does; what it was given last. */
async function readFor(one: Process, clock: FakeClock, ms: number, key?: string): Promise<number> {
  let seen = Number.NaN
  for (let passed = 0; passed < ms; passed += 50) {
    seen = await one.get(key)
    await clock.run(50)
  }
  return seen
}

const LOST = (): void => {}

describe('as reported elsewhere', () => {
  test('G3: a single push that is lost in a namespace that seldom changes (Hazelcast 25304)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    await readFor(two, clock, 300)
    two.link.pushed = LOST
    const now = await change(one)
    await readFor(two, clock, 500)
    expect(await two.get()).toBe(now)
  })

  test('G3: pushes that never come again after a fail-over, while calls pass (Redisson 4653, node-postgres 3003, postgrex 637)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    await readFor(two, clock, 300)
    two.link.pushed = LOST
    for (let round = 0; round < 20; round++) {
      const now = await change(one)
      await readFor(two, clock, 500)
      expect(await two.get(), `round ${round}`).toBe(now)
    }
  })

  test('G7: pushes that arrive in another order, twice, and long after (Hazelcast 24432)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    await readFor(two, clock, 300, 'other')
    const told: [Position | undefined, (at?: Position) => void][] = []
    two.link.pushed = (at, wake) => void told.push([at, wake])
    const values = [await change(one), await change(one), await change(one)]
    const loads = two.loads()
    for (const [at, wake] of [...told.reverse(), ...told]) {
      wake(at)
      await clock.run(5)
      expect(await two.get()).toBe(values.at(-1))
    }
    await clock.run(1000)
    for (const [at, wake] of told) wake(at)
    await clock.run(50)
    await two.get('other')
    expect(two.loads() - loads, 'what did not change stays').toBe(1)
  })

  test('G3: a process that joins a ledger that has moved a hundred times keeps what it loads (Hazelcast 10913)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    for (let step = 0; step < 100; step++) await change(one, `k${step}`)
    await readFor(two, clock, 61_000)
    expect(two.loads()).toBe(1)
  })

  test('G2: a value that was put and removed is not read again, a thousand times in a row (Hazelcast 2065, 4671)', async () => {
    const { cache } = world().process()
    for (let step = 0; step < 1000; step++) {
      const key = `k${step % 7}`
      await cache.set(key, step)
      expect(await cache.get(key)).toBe(step)
      await cache.delete(key)
      expect(await cache.get(key)).toBeUndefined()
    }
  })

  test('G4 G9: what changed while the link was down is not served after it is back (Hazelcast 11671, FusionCache 81)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    for (const downMs of [100, 350, 1000, 5000, 60_000]) {
      await readFor(two, clock, 500)
      two.link.isDown = true
      await clock.run(downMs / 2)
      const now = await change(one)
      await clock.run(downMs / 2)
      two.link.isDown = false
      await readFor(two, clock, 500)
      expect(await two.get(), `after ${downMs} ms`).toBe(now)
    }
  })

  test('G4: while the link is down what is held is not served for longer than its trust (Redisson 1707, CacheManager 338)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    await readFor(two, clock, 500)
    two.link.isDown = true
    const now = await change(one)
    await clock.run(400)
    expect(await two.get()).toBe(now)
  })

  test('what did not change is still held after the link was down (Redisson 5207)', async () => {
    const { clock, process } = world()
    const two = process()
    for (let key = 0; key < 50; key++) await two.get(`k${key}`)
    await readFor(two, clock, 500, 'k0')
    two.link.isDown = true
    await clock.run(10_000)
    two.link.isDown = false
    await clock.run(300)
    const before = two.loads()
    for (let key = 0; key < 50; key++) await two.get(`k${key}`)
    expect(two.loads()).toBe(before)
  })

  test('G5: what is invalidated while the link is down reaches the others once it is back (FusionCache 81)', async () => {
    const { clock, process, change } = world()
    const [one, two] = [process(), process()]
    await readFor(one, clock, 300)
    await readFor(two, clock, 300)
    one.link.isDown = true
    await expect(change(one)).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await clock.run(2000)
    one.link.isDown = false
    await readFor(two, clock, 800)
    expect(await two.get()).toBe(1)
    expect(await one.get()).toBe(1)
  })

  test('G5: a key that is invalidated ten thousand times meanwhile is one target of one step (FusionCache 163)', async () => {
    const { clock, process } = world()
    const one = process()
    await readFor(one, clock, 300)
    one.link.isDown = true
    for (let step = 0; step < 10_000; step++) void one.cache.delete(`k${step % 3}`).catch(() => {})
    await clock.run(500)
    expect(one.cache.stats().ledger.pending).toBe(1)
    one.link.isDown = false
    await clock.run(500)
    expect(one.cache.stats().ledger.pending).toBe(0)
    expect(one.link.steps.flatMap(({ targets }) => targets)).toHaveLength(3)
  })

  test('G5: nor does what else is invalidated between get lost', async () => {
    const { clock, process } = world()
    const [one, two] = [process(), process()]
    const keys = ['a', 'b', 'c', 'd']
    for (const key of keys) await two.get(key)
    await readFor(two, clock, 300, 'a')
    one.link.isDown = true
    for (const key of ['a', 'b', 'a', 'c', 'b', 'd', 'a']) void one.cache.delete(key).catch(() => {})
    await clock.run(500)
    one.link.isDown = false
    await readFor(two, clock, 500, 'e')
    const before = two.loads()
    for (const key of keys) await two.get(key)
    expect(two.loads() - before).toBe(4)
  })
})
