// explain: the named cause of every miss, and "unknown" where it is not known.
import { join } from 'node:path'
import { type Cache, memory, type Receipt } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

const forgets: Readonly<Record<string, (cache: Cache) => Promise<Receipt>>> = {
  delete: (cache) => cache.delete('k'),
  invalidateTags: (cache) => cache.invalidateTags(['t']),
  invalidatePattern: (cache) => cache.invalidatePattern('k*'),
  clear: (cache) => cache.clear(),
}

describe('explain', () => {
  closeAfterEach()
  const two = () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })]

  it('a hit: where from, how old, how big, how often', async () => {
    const cache = open({ tiers: two() })
    await cache.set('k', { a: 1 }, { tags: ['t'] })
    cache.peek('k')
    expect(await cache.explain('k')).toMatchObject({
      verdict: 'hit',
      from: 'memory',
      tiers: [
        { tier: 'memory', scope: 'process', state: 'fresh', tags: ['t'], hits: 1 },
        { tier: 'sqlite', scope: 'host', state: 'fresh', bytes: expect.any(Number) },
      ],
    })
  })

  it('changes no figure but the bytes that it has read', async () => {
    const cache = open({ tiers: two() })
    await cache.set('k', 1)
    const figures = () => cache.stats().tiers.map((tier) => ({ ...tier, latency: 0, readBytes: 0 }))
    const before = figures()
    await cache.explain('k')
    await cache.explain('none')
    expect(figures()).toEqual(before)
  })

  it('cold, in memory alone', async () => {
    expect(await open().explain('k')).toMatchObject({
      verdict: 'miss',
      cause: 'cold',
      tiers: [{ state: 'absent', cause: 'cold' }],
    })
  })

  it('unknown, and why, where a tier that others share has lost what was there', async () => {
    const path = join(newFolder(), 'cache.db')
    const cache = open({ tiers: [memory({ maxEntries: 1, policy: 'lru' }), sqlite({ path })] })
    await cache.set('k', 1)
    await cache.set('other', 1)
    const peer = sqlite({ path })
    await peer.clear('')
    await peer.close()
    expect((await cache.explain('k')).tiers).toMatchObject([
      { state: 'absent', cause: 'evicted_capacity', at: expect.any(Number) },
      { state: 'absent', cause: 'unknown', detail: expect.stringContaining('has not seen') },
    ])
  })

  it.each([
    ['delete', 'invalidated_key', undefined],
    ['invalidateTags', 'invalidated_tag', 'sqlite'],
    ['invalidatePattern', 'invalidated_pattern', 'sqlite'],
    ['clear', 'invalidated_all', undefined],
  ])('%s is named, with its receipt', async (verb, cause, tierWithReceipt) => {
    for (const tiers of [two(), [memory()]]) {
      const cache = open({ tiers })
      await cache.set('k', 1, { tags: ['t'] })
      const receipt = await forgets[verb]?.(cache)
      const explained = await cache.explain('k')
      expect(explained).toMatchObject({ verdict: 'miss', cause, receipt: receipt?.id, at: expect.any(Number) })
      if (tiers.length > 1 && tierWithReceipt !== undefined)
        expect(explained.tiers.find((tier) => tier.tier === tierWithReceipt)).toMatchObject({ receipt: receipt?.id })
      await cache.get('k')
      expect(await cache.explain('k')).toMatchObject({ verdict: 'miss', cause, receipt: receipt?.id })
    }
  })

  it('expired, evicted', async () => {
    const clock = fakeClock()
    const cache = open({ clock, tiers: [memory({ maxEntries: 2, policy: 'lru' })] })
    await cache.set('short', 1, { ttl: 1000 })
    await clock.run(1001)
    expect(await cache.explain('short')).toMatchObject({ verdict: 'miss', cause: 'expired_ttl' })
    for (const key of ['a', 'b', 'c']) await cache.set(key, 1)
    expect(await cache.explain('a')).toMatchObject({ verdict: 'miss', cause: 'evicted_capacity' })
  })

  it('too large for memory, whether the key was there or not', async () => {
    const cache = open({ tiers: [memory({ maxBytes: '10kb' })] })
    await cache.set('k', 'small')
    for (const key of ['k', 'new']) {
      await cache.set(key, 'x'.repeat(20_000))
      expect(await cache.explain(key)).toMatchObject({
        verdict: 'miss',
        cause: 'too_large',
        tiers: [{ state: 'absent', cause: 'too_large' }],
      })
    }
    expect(cache.stats().evictions).toEqual({ too_large: 2 })
  })

  it('a tier that fails, one that is switched off', async () => {
    const broken = sqlite({ path: join(newFolder(), 'broken.db') })
    const cache = open({
      tiers: [memory(), { use: sqlite({ path: join(newFolder(), 'off.db') }), enabled: false }, broken],
    })
    await broken.close()
    const explained = await cache.explain('k')
    expect(explained.verdict).toBe('miss')
    expect(explained.tiers[1]).toMatchObject({ state: 'unavailable', cause: 'switched_off' })
    expect(explained.tiers[2]).toMatchObject({
      state: 'unavailable',
      cause: 'tier_error',
      at: expect.any(Number),
      detail: expect.stringContaining('sqlite'),
    })
    expect(explained.ledger.isUp).toBe(false)
  })
})
