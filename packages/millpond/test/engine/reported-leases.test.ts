// What users of other caches and locks reported of leases: who holds one too long, loses it, renews it for ever, or
// never gives it back.
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { LedgerStore } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { closeAfterEach, gate, onEverySetup, open } from './setups.ts'

describe('leases of two processes', () => {
  closeAfterEach()

  /** Two processes on one server; `wrap` stands before the first one's ledger. */
  function two(wrap: (ledger: LedgerStore) => Partial<LedgerStore> = () => ({})) {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    const tierOf = (before: typeof wrap) => {
      const { ledger, ...rest } = server.connect()
      return { ...rest, ledger: { ...ledger, ...before(ledger) } }
    }
    const here = open({ clock, name: 'two', tiers: [memory(), tierOf(wrap)] })
    const there = open({ clock, name: 'two', tiers: [memory(), tierOf(() => ({}))] })
    return { clock, server, here, there }
  }

  it('a loader that hangs gives its key back at its hard timeout, to the other process too (FusionCache 560, dialogporten 4300)', async () => {
    const { clock, here, there } = two()
    const hangs = here.getOrSet('k', () => new Promise(() => {}), { timeout: { hard: 5000 } })
    hangs.catch(() => {}) // told below
    await clock.run(10)
    let isLoaded = false
    const waits = there.getOrSet('k', () => {
      isLoaded = true
      return 'of the other'
    })
    await clock.run(4900)
    expect(isLoaded).toBe(false)
    await clock.run(200)
    expect(await waits).toBe('of the other')
    await expect(hangs).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
  })

  it('a lease that cannot be renewed any more is not an unhandled rejection, and late values are refused (node-redlock 283, 11, redlock-rb 36)', async () => {
    let isCut = false
    const cut = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isCut) throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
      return work()
    }
    const { clock, server, here, there } = two((ledger) => ({
      lease: (...asked) => cut(() => ledger.lease(...asked)),
      leaseAll: (...asked) => cut(async () => ledger.leaseAll?.(...asked) ?? []),
    }))
    const slow = gate<string>()
    const late = here.getOrSet('k', () => slow.promise)
    await clock.run(10)
    isCut = true
    const next = there.getOrSet('k', () => 'of the next')
    await clock.run(2100)
    expect(await next).toBe('of the next')
    isCut = false
    await clock.run(1200) // it asks for its lease again, which is free by now
    slow.open('late')
    await clock.run(10)
    expect(await late).toBe('late')
    await clock.run(500)
    expect(server.entries.size).toBe(1)
    expect(await there.get('k')).toBe('of the next')
  })

  it('nothing is renewed, and no timer is left, once what was loaded is stored (node-redlock 369)', async () => {
    let asked = 0
    const { clock, here } = two((ledger) => ({
      leaseAll: async (...call) => {
        asked++
        return ledger.leaseAll?.(...call) ?? []
      },
    }))
    await here.getOrSet('before', () => 1)
    await clock.run(60_000) // the watch over an idle ledger ends
    asked = 0
    const before = clock.pending
    const loaded = here.getOrSet('k', () => new Promise((resolve) => clock.after(1500, () => resolve(1))))
    await clock.run(1600)
    expect(await loaded).toBe(1)
    expect(asked).toBe(3) // it, and a renewal after 600 and after 1200 ms
    await clock.run(60_000)
    expect(asked).toBe(3)
    expect(clock.pending).toBe(before)
  })

  it('one that is never given back delays others by its time, and no longer (django-redis-cache 128)', async () => {
    const { clock, here, there } = two(() => ({
      release: async () => {
        throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
      },
      releaseAll: async () => {
        throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
      },
    }))
    await expect(here.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    const next = there.getOrSet('k', () => 'next')
    await clock.run(1900)
    await clock.run(200)
    expect(await next).toBe('next')
  })

  it('a batch whose keys another process holds in part loads the others at once, each under its own key (dataloader 66)', async () => {
    const { clock, here, there } = two()
    const slow = gate<string>()
    const other = there.getOrSet('b', () => slow.promise)
    await clock.run(10)
    const calls: (readonly string[])[] = []
    const many = here.getOrSetMany(['a', 'b', 'c'], {
      load: async (missing) => {
        calls.push(missing)
        return missing.map((id) => `here ${id}`)
      },
    })
    await clock.run(50)
    expect(calls).toEqual([['a', 'c']])
    slow.open('there b')
    await clock.run(50)
    expect(await other).toBe('there b')
    expect(await many).toEqual(['here a', 'there b', 'here c'])
  })
})

onEverySetup('leases of refreshes', (create) => {
  it('one whose caller has left meanwhile ends, and the key is loaded as ever afterwards (FusionCache 218)', async () => {
    const cache = create()
    const controller = new AbortController()
    await cache.set('k', 'old', { ttl: 3_600_000 })
    const slow = gate<string>()
    let isRunning = false
    while (!isRunning) {
      await cache.getOrSet(
        'k',
        () => {
          isRunning = true
          return slow.promise
        },
        { refreshAhead: { after: 1e-9, reads: 1 }, signal: controller.signal },
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
    controller.abort()
    slow.open('refreshed')
    await cache.flush()
    await cache.delete('k')
    expect(await cache.getOrSet('k', () => 'anew')).toBe('anew')
    expect(cache.stats()).toMatchObject({ loadErrors: 0 })
  })
})
