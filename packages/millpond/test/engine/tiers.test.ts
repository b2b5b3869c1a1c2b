// T1, T2, T9, T10: several tiers as one cache.
import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, newFolder, open, until } from './setups.ts'

/**
 * A tier whose calls are counted and can be made to fail: for what the engine does around a tier, not for what a server
 * does.
 */
function spied(tier: Tier): Tier & { calls: string[]; isDown: boolean } {
  const calls: string[] = []
  const through = <T>(verb: string, call: () => Promise<T>): Promise<T> => {
    calls.push(verb)
    return spy.isDown ? Promise.reject(new MillpondError('TIER_FAILED', `${tier.name} is down`)) : call()
  }
  const spy = {
    ...{ name: tier.name, scope: tier.scope, durable: tier.durable },
    calls,
    isDown: false,
    read: (keys: readonly string[]) => through(`read ${keys.length}`, () => tier.read(keys)),
    write: (items: Parameters<Tier['write']>[0]) => through(`write ${items.length}`, () => tier.write(items)),
    drop: (keys: readonly string[]) => through(`drop ${keys.length}`, () => tier.drop(keys)),
    clear: (prefix: string) => through('clear', () => tier.clear(prefix)),
    close: () => tier.close(),
  }
  return spy
}

const file = (): ReturnType<typeof sqlite> => sqlite({ path: join(newFolder(), 'cache.db') })

describe('tiers', () => {
  closeAfterEach()

  it('T2: a hit below is copied up with the time it has left', async () => {
    const middle = spied(file())
    const bottom = file()
    const cache = open({ tiers: [memory({ maxEntries: 2 }), middle, bottom], defaults: { ttl: '1m' } })
    await cache.set('k', 'v')
    const stored = await middle.read(['cache:default:k'])
    expect(stored[0]?.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000)
    await middle.drop(['cache:default:k'])
    await cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
      ['d', 4],
    ])
    for (const key of ['a', 'b', 'c', 'd']) await cache.get(key)
    const entry = await cache.getEntry('k')
    expect(entry).toMatchObject({ kind: 'hit', value: 'v' })
    await cache.flush()
    expect((await middle.read(['cache:default:k']))[0]?.expiresAt).toBe(stored[0]?.expiresAt)
  })

  it('G20: what a tier below held is not shared with memory where freezing cannot protect it', async () => {
    const path = join(newFolder(), 'cache.db')
    const writer = open({ tiers: [sqlite({ path })] })
    const cache = open({ tiers: [memory(), sqlite({ path })] })
    const value = { at: new Date(0), seen: new Set([1]) }
    await writer.setMany([
      ['one', value],
      ['many', value],
      ['view', value],
    ])
    const view = await cache.getEntry<typeof value>('view')
    const first = [
      await cache.get<typeof value>('one'),
      ...(await cache.getMany<typeof value>(['many'])),
      'value' in view && view.value,
    ]
    for (const held of first) {
      if (!held) throw new Error('nothing was found below')
      held.at.setTime(1)
      held.seen.add(2)
    }
    for (const key of ['one', 'many', 'view']) expect(cache.peek(key)).toEqual(value)
  })

  it('T2: promotion after N reads', async () => {
    const bottom = file()
    const cache = open({ tiers: [memory(), { use: bottom, promoteAfter: 3 }] })
    const other = open({ tiers: [memory(), bottom] })
    await other.set('k', 'v')
    expect([await cache.get('k'), cache.peek('k')]).toEqual(['v', undefined])
    expect([await cache.get('k'), cache.peek('k')]).toEqual(['v', undefined])
    expect([await cache.get('k'), cache.peek('k')]).toEqual(['v', 'v'])
  })

  it('T1: a TTL factor changes how long a tier keeps an entry, never how long it is fresh', async () => {
    const middle = spied(file())
    const clock = fakeClock({ now: Date.now() })
    const cache = open({
      clock,
      tiers: [
        { use: memory(), ttl: 1000 },
        { use: middle, ttlFactor: 0.1 },
        { use: file(), ttlFactor: 10 },
      ],
      defaults: { ttl: '100s' },
    })
    await cache.set('k', 'v')
    expect((await middle.read(['cache:default:k']))[0]?.expiresAt).toBe(clock.now() + 10_000)
    const entry = await cache.getEntry('k')
    expect(entry.kind === 'hit' && entry.ttlMs).toBeLessThanOrEqual(1000)
  })

  it('T10: one round trip per tier for many keys', async () => {
    const middle = spied(file())
    const cache = open({ tiers: [memory({ maxEntries: 1 }), middle, file()] })
    await cache.setMany(Array.from({ length: 50 }, (_, i) => [`k${i}`, i] as const))
    middle.calls.length = 0
    expect(await cache.getMany(Array.from({ length: 50 }, (_, i) => `k${i}`))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    )
    expect(middle.calls.filter((call) => call.startsWith('read'))).toHaveLength(1)
    await cache.deleteMany(['k1', 'k2'])
    expect(middle.calls.filter((call) => call.startsWith('drop'))).toEqual(['drop 2'])
  })

  it('T9 R1: a tier that is down is skipped, its breaker opens, and it is used again when it is back; what it missed is not accepted', async () => {
    const middle = spied(file())
    const cache = open({ tiers: [{ use: middle, breaker: { threshold: 2, openMs: 20 } }, file()] })
    const states: string[] = []
    cache.on('breaker', ({ state }) => states.push(state))
    await cache.set('k', 'old')
    middle.isDown = true
    await cache.set('k', 'new')
    expect(await cache.get('k')).toBe('new')
    await cache.get('k')
    await cache.get('k')
    expect(states[0]).toBe('open')
    const errors = cache.stats().tiers.find((tier) => tier.name === 'sqlite')?.errors ?? 0
    expect(errors).toBeGreaterThanOrEqual(2)
    middle.isDown = false
    await until(() => {
      void cache.get('x')
      return states.at(-1) === 'closed'
    })
    expect(await cache.get('k')).toBe('new')
  })

  it('T1: where a tier is given more time for a command, reads and writes have it too', async () => {
    const clock = fakeClock({ now: Date.now() })
    const own = file()
    const late = <T>(call: () => Promise<T>): Promise<T> =>
      new Promise((resolve) => clock.after(1000, () => resolve(call()), true))
    const slow = (at: 'read' | 'advance', of: object): object =>
      new Proxy(of, {
        get(its, name) {
          const value: unknown = Reflect.get(its, name, its)
          if (name === 'ledger' && typeof value === 'object' && value !== null) return slow('advance', value)
          if (typeof value !== 'function') return value
          return (...given: unknown[]) =>
            name === at ? late(() => Reflect.apply(value, its, given)) : Reflect.apply(value, its, given)
        },
      })
    const cache = open({ clock, maxStale: '1m', tiers: [{ use: slow('read', own) as Tier }] })
    const done = async <T>(work: Promise<T>): Promise<T> => {
      let isDone = false
      work.finally(() => (isDone = true)).catch(() => {})
      while (!isDone) await clock.run(50)
      return work
    }
    const budget = () => cache.describe().read_budget_seconds
    expect(budget()).toBe(0.3)
    await expect(done(cache.set('k', 'v'))).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await cache.configure({ tiers: { sqlite: { timeout: '2s' } } })
    expect(budget()).toBe(2)
    await clock.run(2000) // what is owed is sent
    await done(cache.set('k', 'v'))
    expect(await done(cache.get('k'))).toBe('v')
    await cache.configure({ tiers: { sqlite: { timeout: '200ms' } } })
    expect(budget()).toBe(0.3)
    expect(await done(cache.get('k'))).toBeUndefined()
  })

  it('T1: a tier that is switched off is not touched', async () => {
    const middle = spied(file())
    const cache = open({ tiers: [memory(), { use: middle, enabled: false }, file()] })
    await cache.set('k', 'v')
    await cache.get('other')
    expect(middle.calls).toEqual([])
    expect(cache.info().cacheLevels).toMatchObject([
      { name: 'memory' },
      { name: 'sqlite', enabled: false },
      { name: 'sqlite-2', enabled: true },
    ])
  })

  it('no tier is called as the memory tier is: rules of route, settings and figures go by names', async () => {
    const own = file()
    expect(() => open({ tiers: [memory(), { use: own, name: 'memory' }] })).toThrow('two are called "memory"')
    const plain: Tier = {
      name: 'memory',
      scope: 'process',
      durable: false,
      read: async (keys) => keys.map(() => undefined),
      write: async () => {},
      drop: async () => 0,
      clear: async () => 0,
      close: async () => {},
    }
    const cache = open({ tiers: [memory(), plain, own] })
    expect(cache.describe().tiers.map(({ name }) => name)).toEqual(['memory', 'memory-2', 'sqlite'])
  })

  it('a durable tier without a ledger beneath is refused with the remedy', () => {
    expect(() => open({ tiers: [memory(), spied(file())] })).toThrow(/hold the ledger/)
  })

  it('D4 T12: info shows configuration, metrics, tiers, breakers and health in one object', async () => {
    const cache = open({ name: 'shop', tiers: [memory(), file()] })
    await cache.getOrSet('k', () => 1)
    await cache.getOrSet('k', () => 1)
    expect(cache.info()).toMatchObject({
      name: 'shop',
      config: { ttlMs: 300_000, tiers: ['memory', 'sqlite'], ledger: 'sqlite' },
      metrics: { hitRate: 0.5, l1HitRate: 0.5 },
      circuitBreaker: { sqlite: 'closed' },
      health: 'ok',
    })
  })
})
