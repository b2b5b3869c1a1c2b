// Many loads at once over a shared tier: leases and commits go out a bounded amount at a time, and every value is
// stored. Time is simulated.
import { setImmediate } from 'node:timers'
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { LedgerStore, Tier } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { SHARE } from '../../src/wrap/turn-share.ts'
import { twoProcesses } from './held-link.ts'
import { closeAfterEach, open } from './setups.ts'

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`)

/** A server that answers one call after another, each in so many milliseconds. */
function oneByOne(ms: number) {
  const clock = fakeClock({ now: Date.now() })
  const calls = new Map<string, number>()
  const seen = { most: 0, calls }
  let line = Promise.resolve()
  let under = 0
  const server = simulatedServer({ now: () => clock.now() })
  const tier = server.connect({
    send(what) {
      const [verb = ''] = what.split(' ')
      calls.set(verb, (calls.get(verb) ?? 0) + 1)
      seen.most = Math.max(seen.most, ++under)
      line = line.then(() => new Promise((resolve) => clock.after(ms, resolve)))
      return line
    },
    back: async () => void under--,
    push: async () => {},
  })
  const until = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false
    work.finally(() => (isDone = true)).catch(() => {})
    while (!isDone) await clock.run(1)
    return work
  }
  return { clock, server, tier, seen, until }
}

describe('loads in one turn', () => {
  closeAfterEach()

  it.each(['getOrSet', 'getOrSetMany'] as const)(
    'G14: %s of thousands over a store that answers one call after another: all are stored',
    async (verb) => {
      const { clock, server, tier, seen, until } = oneByOne(0.2)
      const cache = open({ clock, tiers: [memory({ maxEntries: 100 }), tier] })
      const warnings: string[] = []
      cache.on('warning', ({ message }) => warnings.push(message))
      const keys = names(3000)
      const loaded =
        verb === 'getOrSet'
          ? Promise.all(keys.map((key) => cache.getOrSet(key, () => key)))
          : cache.getOrSetMany(keys, { load: async (ids) => new Map(ids.map((id) => [id, id])) })
      expect(await until(loaded)).toEqual(keys)
      await until(cache.flush())
      expect(warnings).toEqual([])
      expect(server.entries.size).toBe(3000)
      expect(seen.most).toBeLessThan(20)
      for (const step of ['lease', 'release', 'commit']) expect(seen.calls.get(step), step).toBeLessThan(100)
    },
  )

  it('G14: 2000 over a store that needs 10 ms for each call, the deadlines those of every cache: all are stored', async () => {
    const { clock, server, tier, until } = oneByOne(10)
    const cache = open({ clock, tiers: [memory({ maxEntries: 100 }), { ...tier, limits: { calls: 2, items: 250 } }] })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    const keys = names(2000)
    const loaded = keys.map((key) =>
      cache.getOrSet(key, () => new Promise((resolve) => clock.after(5, () => resolve(key)))),
    )
    expect(await until(Promise.all(loaded))).toEqual(keys)
    await until(cache.flush())
    expect(warnings).toEqual([])
    expect(server.entries.size).toBe(2000)
  })

  it('what was loaded keeps its lease until it is stored, however long others are stored before it', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    const { ledger, ...rest } = server.connect()
    const slow: LedgerStore = {
      ...ledger,
      async commit(...asked) {
        for (let wait = 0; wait < 3; wait++) await new Promise((resolve) => clock.after(900, () => resolve(undefined)))
        return ledger.commit(...asked)
      },
    }
    const cache = open({ clock, tiers: [memory(), { use: { ...rest, ledger: slow }, timeout: '5s' }] })
    expect(await cache.getOrSet('k', () => 1)).toBe(1)
    await clock.run(2500)
    expect(await ledger.lease('cache:default:', 'k', 'other', 2000)).toMatchObject({ granted: false })
    await clock.run(1000)
    expect(server.entries.size).toBe(1)
    expect(await ledger.lease('cache:default:', 'k', 'other', 2000)).toEqual({ granted: true })
  })

  it('what was loaded while the ledger could not be asked is stored, if the ledger says that nothing has moved', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    const { ledger, ...rest } = server.connect()
    let isSlow = false
    const late = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isSlow) await new Promise((resolve) => clock.after(240, () => resolve(undefined)))
      return work()
    }
    const busy: LedgerStore = { ...ledger, pull: (...asked) => late(() => ledger.pull(...asked)) }
    const read: Tier['read'] = async (...asked) => {
      if (isSlow) throw new Error('no read now')
      return rest.read(...asked)
    }
    const cache = open({ clock, tiers: [{ ...rest, read, ledger: busy }] })
    await cache.get('before')
    isSlow = true
    // Asked at 100 and at 440, answered at 340 and at 680: for 400 ms each is good.
    const loaded = cache.getOrSet('k', () => new Promise((resolve) => clock.after(590, () => resolve(1))))
    await clock.run(595)
    expect(await loaded).toBe(1)
    expect(cache.stats().ledger.isUp).toBe(true)
    await cache.flush()
    expect([...server.entries.keys()]).toEqual(['cache:default:k'])
  })

  it('a commit that meets silence is asked for once more', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    const { ledger, ...rest } = server.connect()
    let silences = 1
    const nodding: LedgerStore = {
      ...ledger,
      async commit(...asked) {
        if (silences-- > 0) throw new MillpondError('LEDGER_UNREACHABLE', 'asleep')
        return ledger.commit(...asked)
      },
    }
    const cache = open({ clock, tiers: [memory(), { ...rest, ledger: nodding }] })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    expect(await cache.getOrSet('k', () => 1)).toBe(1)
    await clock.run(300)
    expect([...server.entries.keys()]).toEqual(['cache:default:k'])
    silences = 2
    await cache.getOrSet('lost', () => 1)
    await clock.run(600)
    expect(warnings).toEqual([expect.stringContaining('"lost"')])
  })

  it('what the store refuses of one entry concerns no other, and a lease that fails holds up no load', async () => {
    const { ledger, ...rest } = simulatedServer().connect()
    const { leaseAll, releaseAll, ...single } = ledger
    const picky: LedgerStore = {
      ...single,
      async commit(namespace, items) {
        if (items.some(({ target }) => target === 'k7')) throw new MillpondError('VALUE_TOO_LARGE', 'k7 is too large')
        return ledger.commit(namespace, items)
      },
      async lease(namespace, key, id, ms) {
        if (key === 'k8') throw new MillpondError('LEDGER_UNREACHABLE', 'no lease for k8')
        return ledger.lease(namespace, key, id, ms)
      },
    }
    const cache = open({ tiers: [{ ...rest, ledger: picky }] })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await Promise.all(names(50).map((key) => cache.getOrSet(key, () => key)))
    await cache.flush()
    const kept = await cache.getMany(names(50))
    expect(names(50).filter((_, at) => kept[at] === undefined)).toEqual(['k7'])
    expect(warnings).toEqual([expect.stringContaining('"k7"')])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined as never])(
    'a lease that is answered with %s left leaves no load behind',
    async (leftMs) => {
      const { ledger, ...rest } = simulatedServer().connect()
      let isDamaged = true
      const damaged: LedgerStore = {
        ...ledger,
        leaseAll: async (...asked) => {
          const answers = (await ledger.leaseAll?.(...asked)) ?? []
          if (!isDamaged) return answers
          isDamaged = false
          return answers.map(() => ({ granted: false, leftMs }))
        },
      }
      const cache = open({ tiers: [memory(), { ...rest, ledger: damaged }] })
      expect(await Promise.all([cache.getOrSet('k', () => 1), cache.getOrSet('k', () => 1)])).toEqual([1, 1])
    },
  )

  it('one of a batch that has landed while the ledger is silent is still given to who waits for the others', async () => {
    const clock = fakeClock({ now: Date.now() })
    const { ledger, ...rest } = simulatedServer({ now: () => clock.now() }).connect()
    let isSilent = false
    let isElsewhere = true
    const { leaseAll, releaseAll, ...single } = ledger
    const half: LedgerStore = {
      ...single,
      pull: async (...asked) => {
        if (isSilent) throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
        return ledger.pull(...asked)
      },
      lease: async (...asked) =>
        asked[1] === 'b' && isElsewhere ? { granted: false, leftMs: 2000 } : ledger.lease(...asked),
    }
    const cache = open({ clock, tiers: [memory(), { ...rest, ledger: half }] })
    await cache.get('before')
    isSilent = true
    await clock.run(300)
    const load = async (ids: readonly string[]): Promise<Map<string, string>> => {
      await new Promise((resolve) => clock.after(150, () => resolve(undefined)))
      return new Map(ids.map((id) => [id, id]))
    }
    const both = cache.getOrSetMany(['a', 'b'], { load })
    both.catch(() => {}) // told below
    await clock.run(1000)
    isElsewhere = false
    await clock.run(500)
    expect(await both).toEqual(['a', 'b'])
  })
})

describe('loads at once while the ledger does not answer', () => {
  it('go on a share a turn, and none waits for its share twice', async () => {
    const { here, link, clock } = twoProcesses()
    await here.get('other')
    link.cut()
    clock.advance(500)
    // The outage is known, and every look at the ledger is a wait that ends at once.
    await here.getOrSet('first', () => 1)
    const keys = Array.from({ length: 4 * SHARE }, (_, at) => `k${at}`)
    const loads = Promise.all(keys.map((key) => here.getOrSet(key, () => key)))
    const turns = (async () => {
      for (let turn = 0; turn < 100; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      return 'not in a hundred turns'
    })()
    expect(await Promise.race([loads, turns])).toEqual(keys)
  })
})
