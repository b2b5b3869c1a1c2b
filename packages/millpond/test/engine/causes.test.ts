// M1: the cause of every miss, the same in the counters, the event and explain, whatever the read and whatever the
// tiers.
import { join } from 'node:path'
import { type Cache, type CacheOptions, type MissCause, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import type { Stored, Tier } from '../../src/core/contracts.ts'
import type { CacheEvents } from '../../src/core/events.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

type Tiers = NonNullable<CacheOptions['tiers']>
type Miss = CacheEvents['miss']

const setups: Readonly<Record<string, () => Tiers>> = {
  'memory alone': () => [memory()],
  'SQLite alone': () => [sqlite({ path: join(newFolder(), 'cache.db') })],
  'memory and SQLite': () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })],
}

const reads: Readonly<Record<string, (cache: Cache, key: string) => Promise<unknown>>> = {
  get: (cache, key) => cache.get(key),
  getMany: (cache, key) => cache.getMany([key]),
  getEntry: (cache, key) => cache.getEntry(key),
  has: (cache, key) => cache.has(key),
  getOrSet: (cache, key) => cache.getOrSet(key, () => 'loaded'),
  getOrSetMany: (cache, key) => cache.getOrSetMany([key], { load: async () => ['loaded'] }),
}

/** How a key comes to its end; answers the receipt of what ended it. */
const ends: readonly (readonly [MissCause, string, (cache: Cache, clock: FakeClock) => Promise<string | undefined>])[] =
  [
    ['cold', 'nothing', async () => undefined],
    [
      'expired_ttl',
      'its time',
      async (cache, clock) => {
        await cache.set('k', 1, { ttl: 1000 })
        await clock.run(1001)
        return undefined
      },
    ],
    [
      'expired_ttl',
      'its time, long ago',
      async (cache, clock) => {
        await cache.set('k', 1, { ttl: 1000 })
        await clock.run(600_000)
        return undefined
      },
    ],
    ['invalidated_key', 'delete', afterSet((cache) => cache.delete('k'))],
    ['invalidated_key', 'deleteMany', afterSet((cache) => cache.deleteMany(['a', 'k', 'z']))],
    ['invalidated_tag', 'invalidateTags', afterSet((cache) => cache.invalidateTags(['t']))],
    ['invalidated_pattern', 'invalidatePattern', afterSet((cache) => cache.invalidatePattern('k*'))],
    ['invalidated_all', 'clear', afterSet((cache) => cache.clear())],
  ]

/** SQLite has a clock of its own. */
const today = (): FakeClock => fakeClock({ now: Date.now() })

function afterSet(forget: (cache: Cache) => Promise<{ readonly id: string }>): (cache: Cache) => Promise<string> {
  return async (cache) => {
    await cache.set('k', 1, { tags: ['t'] })
    return (await forget(cache)).id
  }
}

function listen(cache: Cache): Miss[] {
  const misses: Miss[] = []
  cache.on('miss', (miss) => misses.push(miss))
  return misses
}

for (const [name, tiers] of Object.entries(setups)) {
  describe(`M1 causes of misses: ${name}`, () => {
    closeAfterEach()

    for (const [cause, how, end] of ends) {
      it.each(Object.entries(reads))(`${cause} after ${how}, read by %s`, async (_, read) => {
        const clock = today()
        const cache = open({ clock, tiers: tiers() })
        const misses = listen(cache)
        const receipt = await end(cache, clock)
        await clock.run(1)
        const explained = await cache.explain('k')
        await read(cache, 'k')
        expect(misses).toMatchObject([{ key: 'k', namespace: 'default', cause }])
        expect(cache.stats()).toMatchObject({ misses: 1, missesByCause: { [cause]: 1 } })
        expect(explained).toMatchObject({ verdict: 'miss', cause })
        if (receipt !== undefined) expect(explained.receipt).toBe(receipt)
      })
    }

    it('by whom an entry was made stale, where the caller does not take it', async () => {
      const clock = today()
      const cache = open({ clock, tiers: tiers() })
      const forgets = [
        (): Promise<unknown> => cache.expire('k'),
        () => cache.invalidateTags(['t'], { mode: 'expire' }),
        () => cache.invalidatePattern('k*', { mode: 'expire' }),
      ]
      for (const forget of forgets) {
        await cache.set('k', 1, { tags: ['t'] })
        await forget()
        await cache.get('k')
        expect(await cache.getEntry('k')).toMatchObject({ kind: 'stale' })
      }
      expect(cache.stats()).toMatchObject({
        stale: 3,
        misses: 3,
        missesByCause: { invalidated_key: 1, invalidated_tag: 1, invalidated_pattern: 1 },
      })
    })

    it('once for each key and call, whatever lies beside it', async () => {
      const cache = open({ tiers: tiers() })
      const misses = listen(cache)
      await cache.set('here', 1)
      await cache.getMany(['none', 'here', 'gone'])
      await cache.getOrSetMany(['none', 'here', 'gone'], { load: async (ids) => ids.map(() => 1) })
      expect(misses.map(({ key }) => key)).toEqual(['none', 'gone', 'none', 'gone'])
      expect(cache.stats()).toMatchObject({ misses: 4, missesByCause: { cold: 4 } })
    })

    it('none for a value past its freshness that the caller takes', async () => {
      const clock = today()
      const cache = open({ clock, tiers: tiers(), defaults: { ttl: 1000, staleFor: 10_000 } })
      await cache.set('k', 1)
      await clock.run(1500)
      expect(await cache.getEntry('k')).toMatchObject({ kind: 'stale' })
      expect(cache.stats()).toMatchObject({ hits: 1, stale: 1, misses: 0 })
      expect(await cache.getOrSet('k', () => 2)).toBe(1)
      expect(cache.stats()).toMatchObject({ hits: 2, stale: 2, misses: 0 })
      await cache.flush()
    })

    it('negative, for a loader error that is given again', async () => {
      const cache = open({ tiers: tiers(), defaults: { errorTtl: '1m' } })
      const failing = () => cache.getOrSet('k', () => Promise.reject(new Error('down'))).catch(() => {})
      await failing()
      await failing()
      expect(cache.stats()).toMatchObject({ loads: 1, misses: 2, missesByCause: { cold: 1, negative: 1 } })
    })
  })
}

describe('M1 causes of misses: what memory gives up', () => {
  closeAfterEach()
  const small = () => [memory({ maxEntries: 2, policy: 'lru', pressure: false })]

  it('evicted_capacity, until its time would have been over', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: small() })
    for (const key of ['k', 'a', 'b']) await cache.set(key, 1, { ttl: 1000 })
    await cache.get('k')
    await clock.run(1001)
    await cache.get('k')
    expect(cache.stats().missesByCause).toEqual({ evicted_capacity: 1, expired_ttl: 1 })
  })

  it('too_large', async () => {
    const cache = open({ tiers: [memory({ maxBytes: '10kb' })] })
    await cache.set('k', 'x'.repeat(20_000))
    await cache.get('k')
    expect(cache.stats().missesByCause).toEqual({ too_large: 1 })
  })

  it('not_admitted', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 2, pressure: false, policy: refuseAll })] })
    await cache.set('k', 1)
    await cache.set('a', 1)
    await cache.set('b', 1)
    expect(cache.stats().evictions).toEqual({ not_admitted: 1 })
    await cache.get('b')
    expect(cache.stats().missesByCause).toEqual({ not_admitted: 1 })
  })

  it('a clear takes also what memory had given up and a tier below still had', async () => {
    const cache = open({ tiers: [...small(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    for (const key of ['k', 'a', 'b']) await cache.set(key, 1)
    const { id } = await cache.clear()
    expect(await cache.explain('k')).toMatchObject({ cause: 'invalidated_all', receipt: id })
    await cache.get('k')
    expect(cache.stats().missesByCause).toEqual({ invalidated_all: 1 })
  })
})

/** Always evicts the newest entry. */
const refuseAll = () => {
  const held: number[] = []
  const forget = (slot: number): void => void held.splice(held.indexOf(slot), 1)
  return {
    name: 'refuse',
    hit: () => {},
    add: (slot: number) => void held.push(slot),
    reweigh: () => {},
    remove: forget,
    victim: () => held.pop() ?? -1,
    grow: () => {},
    resize: () => {},
    clear: () => void held.splice(0),
  }
}

describe('M1 causes of misses: what a tier says', () => {
  closeAfterEach()

  /** A tier whose records and answers the test decides. */
  function scripted(): Tier & { fails: boolean; records: Map<string, Stored> } {
    const records = new Map<string, Stored>()
    const tier = {
      name: 'scripted',
      scope: 'process' as const,
      durable: false,
      fails: false,
      records,
      read: async (keys: readonly string[]) => {
        if (tier.fails) throw new Error('down')
        return keys.map((key) => records.get(key))
      },
      write: async (items: readonly (Stored & { key: string })[]) => {
        for (const item of items) records.set(item.key, item)
      },
      drop: async (keys: readonly string[]) => keys.filter((key) => records.delete(key)).length,
      clear: async () => 0,
      close: async () => {},
    }
    return tier
  }

  const causes = async (cache: Cache, key = 'k'): Promise<unknown> => {
    const before = new Map(Object.entries(cache.stats().missesByCause))
    const explained = await cache.explain(key)
    await cache.get(key)
    const [counted] = Object.entries(cache.stats().missesByCause).filter(
      ([cause, count]) => count !== before.get(cause),
    )
    expect(explained.cause).toBe(counted?.[0])
    return counted?.[0]
  }

  it('tier_error, breaker_open', async () => {
    const clock = fakeClock()
    const tier = scripted()
    const cache = open({ clock, tiers: [{ use: tier, breaker: { threshold: 3 } }] })
    tier.fails = true
    expect(await causes(cache)).toBe('tier_error')
    expect((await cache.explain('k')).tiers[0]).toMatchObject({ cause: 'tier_error', detail: 'down', at: clock.now() })
    expect(await causes(cache)).toBe('breaker_open')
    expect((await cache.explain('k')).tiers[0]).toMatchObject({
      cause: 'breaker_open',
      detail: 'down',
      at: clock.now(),
    })
  })

  it('a tier tells by cause what it had and could not serve', async () => {
    const clock = fakeClock()
    const tier = scripted()
    const cache = open({ clock, tiers: [tier] })
    await cache.setMany(
      [
        ['a', 1],
        ['b', 2],
      ],
      { ttl: 1000, tags: ['t'], staleFor: '1h' },
    )
    await cache.set('c', 3)
    await cache.invalidateTags(['t'])
    await cache.getMany(['a', 'b', 'c', 'never'])
    await cache.set('a', 1, { ttl: 1000, staleFor: '1h' })
    clock.advance(2000)
    await cache.get('a')
    expect(cache.stats().tiers[0]).toMatchObject({
      hits: 1,
      misses: 4,
      refused: 2,
      missesByCause: { invalidated_tag: 2, expired_ttl: 1 },
    })
  })

  it('the commit of a loaded value that fails is told with its key and its cause', async () => {
    const tier = sqlite({ path: join(newFolder(), 'cache.db') })
    if (tier.ledger !== undefined) vi.spyOn(tier.ledger, 'commit').mockRejectedValue(new Error('the disk is full'))
    const cache = open({ tiers: [memory(), tier], maxStale: '20s' })
    const told: { message: string; error?: unknown }[] = []
    cache.on('warning', (warning) => told.push(warning))
    expect(await cache.getOrSet(['user', 7], () => 1)).toBe(1)
    await cache.flush()
    expect(told).toMatchObject([
      { message: expect.stringMatching(/user.*7.*the disk is full/), error: { message: 'the disk is full' } },
    ])
    expect(cache.peek(['user', 7])).toBe(1)
  })

  it('unreadable', async () => {
    const tier = scripted()
    const cache = open({ tiers: [tier] })
    await cache.set('k', 1)
    for (const [key, record] of tier.records) tier.records.set(key, { ...record, body: new Uint8Array([1, 2, 3]) })
    expect(await causes(cache)).toBe('unreadable')
  })

  it('epoch_changed', async () => {
    const tier = scripted()
    const cache = open({ tiers: [tier] })
    await cache.set('k', 1)
    for (const [key, record] of tier.records) tier.records.set(key, { ...record, asOf: { epoch: 'another', seq: 1 } })
    expect(await causes(cache)).toBe('epoch_changed')
  })

  it('unknown, where a tier has lost what was there, with the reason why that is not known', async () => {
    const tier = scripted()
    const cache = open({ tiers: [tier] })
    const misses = listen(cache)
    await cache.set('k', 1)
    tier.records.clear()
    expect(await causes(cache)).toBe('unknown')
    expect(misses).toMatchObject([{ cause: 'unknown', detail: expect.stringContaining('has not seen') }])
  })

  it('switched_off, where no tier is left', async () => {
    const cache = open({ tiers: [{ use: scripted(), enabled: false }] })
    expect(await causes(cache)).toBe('switched_off')
  })

  it('ledger_unreachable', async () => {
    const tier = sqlite({ path: join(newFolder(), 'cache.db') })
    const cache = open({ tiers: [memory(), tier] })
    await tier.close()
    await cache.get('k')
    expect(cache.stats().missesByCause).toEqual({ ledger_unreachable: 1 })
  })

  it('a tier is counted once a load, whether the lease made the load look twice or not', async () => {
    const cache = open({ tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    await cache.getOrSet('none', () => 1)
    await cache.set('k', 1, { tags: ['t'] })
    await cache.invalidateTags(['t'])
    await cache.getOrSet('k', () => 2)
    expect(cache.stats().tiers[1]).toMatchObject({ name: 'sqlite', hits: 0, misses: 2, refused: 1 })
  })

  it('what a peer invalidated is named with its receipt', async () => {
    const path = join(newFolder(), 'cache.db')
    const one = open({ name: 'shop', tiers: [sqlite({ path })] })
    const other = open({ name: 'shop', tiers: [sqlite({ path })] })
    await one.set('k', 1)
    const { id } = await other.delete('k')
    await one.get('k', { consistency: 'strong' })
    expect(await one.explain('k')).toMatchObject({ cause: 'invalidated_key', receipt: id })
    expect(one.stats().missesByCause).toEqual({ invalidated_key: 1 })
  })
})
