// Faults that users of other caches have reported of loading, and their neighbours, tried here. Each names the report
// that it was learnt from.
import { memory } from 'millpond'
import { describe, expect, it, vi } from 'vitest'
import type { Stored, Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, open, until } from './setups.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A tier of this process that answers when the test says so. */
function kept(name: string): Tier & { answering: ReturnType<typeof gate<void>> | undefined } {
  const records = new Map<string, Stored>()
  const tier: ReturnType<typeof kept> = {
    name,
    scope: 'process',
    durable: false,
    answering: undefined,
    read: async (keys) => {
      await tier.answering?.promise
      return keys.map((key) => records.get(key))
    },
    write: async (items) => {
      for (const item of items) records.set(item.key, item)
    },
    drop: async (keys) => keys.filter((key) => records.delete(key)).length,
    clear: async () => 0,
    close: async () => {},
  }
  return tier
}

describe('loads, as reported of other caches', () => {
  closeAfterEach()

  it('more loads at a time than there is room: each caller gets its value (node-lru-cache 274, 320)', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 2 })] })
    const gates = Array.from({ length: 50 }, () => gate<number>())
    const signals: AbortSignal[] = []
    const loads = gates.map(({ promise }, at) =>
      cache.getOrSet(`k${at}`, ({ signal }) => {
        signals.push(signal)
        return promise
      }),
    )
    for (let at = 0; at < 50; at++) await cache.set(`other${at}`, at)
    for (const [at, one] of gates.entries()) one.open(at)
    expect(await Promise.all(loads)).toEqual(gates.map((_, at) => at))
    expect(signals.some(({ aborted }) => aborted)).toBe(false)
  })

  it('a signal never fires for a load that succeeds, not even afterwards (node-lru-cache 319)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 100, timeout: { hard: 1000 } } })
    const fired = vi.fn()
    await cache.getOrSet('a', async ({ signal }) => {
      signal.addEventListener('abort', fired)
      await turn()
      return 1
    })
    await cache.set('a', 2)
    await cache.delete('a')
    await clock.run(5000)
    expect(fired).not.toHaveBeenCalled()
  })

  it('who leaves takes nothing from those who stay, nor from the cache (node-lru-cache 388)', async () => {
    const cache = open()
    const { promise, open: answer } = gate<string>()
    const caller = new AbortController()
    const left = cache.getOrSet('a', () => promise, { signal: caller.signal })
    const stays = cache.getOrSet('a', () => 'another')
    caller.abort(new Error('gone'))
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
    answer('value')
    expect(await stays).toBe('value')
    expect(cache.peek('a')).toBe('value')
  })

  it('a loader that resolves when it is given up neither stores nor answers (node-lru-cache 274)', async () => {
    const cache = open()
    const caller = new AbortController()
    const loads = cache.getOrSet(
      'a',
      ({ signal }) => new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('rubbish'))),
      { signal: caller.signal },
    )
    await turn()
    caller.abort()
    await expect(loads).rejects.toMatchObject({ code: 'ABORTED' })
    await cache.flush()
    expect(cache.peek('a')).toBeUndefined()
  })

  it('a failing background refresh is not an unhandled rejection, and the stale value stays (node-lru-cache 233, FusionCache 332)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 100, staleFor: '1h' } })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    await cache.set('a', 'old')
    clock.advance(200)
    for (let round = 0; round < 3; round++) {
      expect(
        await cache.getOrSet('a', async () => {
          throw new Error('the source is down')
        }),
      ).toBe('old')
      await clock.run(2000)
    }
    await turn()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(await cache.getOrSet('a', () => 'new')).toBe('old')
    await cache.flush()
    expect(await cache.get('a')).toBe('new')
  })

  it('a stale value is given at once to everybody while one load is under way (bentocache 103, async-cache-dedupe 164, cacheable 619)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 100, staleFor: '1h' } })
    await cache.set('a', 'old')
    clock.advance(200)
    const { promise, open: answer } = gate<string>()
    const load = vi.fn(() => promise)
    const batch = vi.fn(async () => [await promise])
    for (let round = 0; round < 10; round++) {
      expect(await cache.getOrSet('a', load)).toBe('old')
      expect(await cache.getOrSetMany(['a'], { load: batch })).toEqual(['old'])
    }
    expect(load.mock.calls.length + batch.mock.calls.length).toBe(1)
    answer('new')
    await cache.flush()
    expect(await cache.getOrSet('a', load)).toBe('new')
  })

  it('a load that takes longer than its value is good for is shown, once it is there (Caffeine 175)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 100, staleFor: '1h', timeout: { hard: '1h' } } })
    await cache.set('a', 0)
    for (let round = 1; round <= 3; round++) {
      clock.advance(200)
      const { promise, open: answer } = gate<number>()
      expect(await cache.getOrSet('a', () => promise)).toBe(round - 1)
      clock.advance(5000)
      answer(round)
      await cache.flush()
      expect(cache.peek('a')).toBe(round)
    }
  })

  it('what was invalidated while it was loaded is neither kept nor joined (elizaOS 13192)', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: 100, staleFor: '1h' } })
    await cache.set('a', 'old', { tags: ['t'] })
    clock.advance(200)
    const { promise, open: answer } = gate<string>()
    expect(await cache.getOrSet('a', () => promise, { tags: ['t'] })).toBe('old')
    await cache.invalidateTags(['t'])
    const fresh = vi.fn(() => 'after')
    expect(await cache.getOrSet('a', fresh)).toBe('after')
    answer('before')
    await cache.flush()
    expect(fresh).toHaveBeenCalledTimes(1)
    expect(await cache.get('a')).toBe('after')
  })

  it('many refreshes of one key at a time are few loads (Caffeine 236)', async () => {
    const cache = open()
    let running = 0
    let most = 0
    const load = vi.fn(async () => {
      most = Math.max(most, ++running)
      await turn()
      running--
      return load.mock.calls.length
    })
    await Promise.all(Array.from({ length: 20 }, () => cache.refresh('a', load)))
    expect(most).toBe(1)
    expect(load.mock.calls.length).toBeLessThanOrEqual(2)
  })

  it('keys that are named twice are loaded once, in one batch (dataloader 280, 294)', async () => {
    const cache = open()
    const load = vi.fn(async (ids: readonly string[]) => ids.map((id) => id.toUpperCase()))
    expect(await cache.getOrSetMany(['a', 'b', 'a', 'a', 'b', 'c'], { load })).toEqual(['A', 'B', 'A', 'A', 'B', 'C'])
    expect(load.mock.calls.map(([ids]) => ids)).toEqual([['a', 'b', 'c']])
    expect(await cache.getOrSetMany(['c', 'd', 'c'], { load })).toEqual(['C', 'D', 'C'])
  })

  it('a batch loader that throws at once fails the call, and may be asked again (dataloader-php 84)', async () => {
    const cache = open()
    const fails = (): Promise<string[]> => {
      throw new Error('at once')
    }
    await expect(cache.getOrSetMany(['a', 'b'], { load: fails })).rejects.toThrow('at once')
    expect(await cache.getOrSetMany(['a', 'b'], { load: async (ids) => [...ids] })).toEqual(['a', 'b'])
  })

  it('one value of a batch that cannot be kept fails its key alone (dataloader 41)', async () => {
    const cache = open()
    const { promise, open: answer } = gate()
    const load = async (): Promise<unknown[]> => {
      await promise
      return ['A', new Error('a value, to its owner')]
    }
    const batch = cache.getOrSetMany<string, unknown>(['a', 'b'], { load })
    const joins = cache.getOrSet('a', () => 'another')
    answer()
    await expect(batch).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    expect(await joins).toBe('A')
    expect(cache.peek('a')).toBe('A')
  })

  it('a batch that answers with too few, too many, or no values says so (apollo-utils 166)', async () => {
    const cache = open()
    for (const answer of [['A'], ['A', 'B', 'C'], undefined, null, 'AB', {}]) {
      const load = async (): Promise<string[]> => answer as string[]
      await expect(cache.getOrSetMany(['a', 'b'], { load })).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    }
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  it('ten thousand who wait for one key are woken once each, and nothing is left of them (stale-while-revalidate-cache 48, async-cache-dedupe 35)', async () => {
    const cache = open()
    const { promise, open: answer } = gate<number>()
    const load = vi.fn(() => promise)
    const all = Promise.all(Array.from({ length: 10_000 }, () => cache.getOrSet('a', load)))
    await until(() => load.mock.calls.length > 0)
    answer(1)
    expect(new Set(await all)).toEqual(new Set([1]))
    expect(load).toHaveBeenCalledTimes(1)
    expect((await cache.explain('a')).isLoading).toBe(false)
  })

  describe('a tier that is slow (FusionCache 534)', () => {
    const OPTIONS = { staleIfError: '1h', timeout: { soft: 50, hard: '1h' } } as const

    it('a stale value of the tier before it is given at the soft timeout', async () => {
      const clock = fakeClock()
      const [fast, slow] = [kept('fast'), kept('slow')]
      const cache = open({ clock, tiers: [fast, slow] })
      await cache.set('a', 'old', { ttl: 1000, ...OPTIONS })
      clock.advance(2000)
      slow.answering = gate()
      const answer = cache.getOrSet('a', () => 'new', OPTIONS)
      await clock.run(60)
      expect(await answer).toBe('old')
      slow.answering.open()
      await cache.flush()
      expect(await cache.get('a')).toBe('new')
    })

    it('its own stale value is given when it comes, where the soft timeout is over', async () => {
      const clock = fakeClock()
      const slow = kept('slow')
      const cache = open({ clock, tiers: [slow] })
      await cache.set('a', 'old', { ttl: 1000, ...OPTIONS })
      clock.advance(2000)
      slow.answering = gate()
      const hangs = gate<string>()
      const answer = cache.getOrSet('a', () => hangs.promise, OPTIONS)
      await clock.run(60)
      slow.answering.open()
      expect(await answer).toBe('old')
      hangs.open('new')
      await cache.flush()
      expect(await cache.get('a')).toBe('new')
    })
  })

  it('a thenable that is not a promise is waited for, and one that settles twice counts once', async () => {
    const cache = open()
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: what some query builders are
      then(yes: (value: number) => void, no: (error: Error) => void) {
        yes(1)
        yes(2)
        no(new Error('late'))
      },
    }
    expect(await cache.getOrSet('a', () => twice as unknown as Promise<number>)).toBe(1)
    expect(cache.peek('a')).toBe(1)
  })

  it('a thenable that throws in `then` fails the load, and nothing waits for ever', async () => {
    const cache = open()
    const broken = {
      // biome-ignore lint/suspicious/noThenProperty: what some query builders are
      then() {
        throw new Error('broken')
      },
    }
    await expect(cache.getOrSet('a', () => broken as unknown as Promise<number>)).rejects.toThrow('broken')
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })
})
