// Many loads at once over a shared tier: leases and commits go out a bounded amount at a time, and every value is stored. Time is simulated.
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { LedgerStore } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
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
      expect(seen.most).toBeLessThan(100)
      expect(seen.calls.get('commit')).toBeLessThan(500)
    },
  )

  it('what the store refuses of one entry concerns no other, and a lease that fails holds up no load', async () => {
    const { ledger, ...rest } = simulatedServer().connect()
    const picky: LedgerStore = {
      ...ledger,
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
        lease: async (...asked) => {
          if (!isDamaged) return ledger.lease(...asked)
          isDamaged = false
          return { granted: false, leftMs }
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
    const half: LedgerStore = {
      ...ledger,
      pull: async (...asked) => {
        if (isSilent) throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
        return ledger.pull(...asked)
      },
      lease: async (...asked) => (asked[1] === 'b' && isElsewhere ? { granted: false, leftMs: 2000 } : ledger.lease(...asked)),
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
