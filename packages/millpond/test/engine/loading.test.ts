// G11-G13: one load per key, errors to all who wait, nothing hangs.
import type { LoadContext } from 'millpond'
import { expect, it, vi } from 'vitest'
import { gate, onEverySetup, until } from './setups.ts'

/** A loader that never returns; tells when it was called. */
const hangs =
  (called: (context: LoadContext) => void) =>
  (context: LoadContext): Promise<string> => {
    called(context)
    return new Promise(() => {})
  }

onEverySetup('loading', (create) => {
  it('G11: 200 callers of a cold key are one load', async () => {
    const cache = create()
    const load = vi.fn(async () => 'v')
    const values = await Promise.all(Array.from({ length: 200 }, () => cache.getOrSet('k', load)))
    expect(new Set(values)).toEqual(new Set(['v']))
    expect(load).toHaveBeenCalledTimes(1)
  })

  it('G12: 50 callers of a failing loader are one call and one error, unchanged, and it is not cached', async () => {
    const cache = create()
    const error = new Error('source down')
    const load = vi.fn(() => Promise.reject(error))
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => cache.getOrSet('k', load)))
    expect(load).toHaveBeenCalledTimes(1)
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: error })
    expect(await cache.getOrSet('k', () => 'back')).toBe('back')
  })

  it('G12: an error is remembered when asked, until a write', async () => {
    const cache = create({ defaults: { errorTtl: '1m' } })
    const load = vi.fn(() => Promise.reject(new Error('no')))
    await expect(cache.getOrSet('k', load)).rejects.toThrow('no')
    await expect(cache.getOrSet('k', load)).rejects.toThrow('no')
    expect(load).toHaveBeenCalledTimes(1)
    await cache.delete('k')
    await expect(cache.getOrSet('k', load)).rejects.toThrow('no')
    expect(load).toHaveBeenCalledTimes(2)
  })

  it('G14: a batch that a remembered error ends leaves no unhandled rejection', async () => {
    const cache = create({ defaults: { errorTtl: '1m' } })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      await expect(cache.getOrSet('known', () => Promise.reject(new Error('remembered')))).rejects.toThrow('remembered')
      const end = gate<string>()
      const load = vi.fn(() => end.promise)
      const slow = cache.getOrSet('slow', load)
      await until(() => load.mock.calls.length > 0)
      await expect(cache.getOrSetMany(['slow', 'known'], { load: (ids) => Promise.resolve(ids) })).rejects.toThrow(
        'remembered',
      )
      end.fail(new Error('late'))
      await expect(slow).rejects.toThrow('late')
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  it('G12: a loader that throws synchronously is an error like any other', async () => {
    const cache = create()
    await expect(
      cache.getOrSet('k', () => {
        throw new TypeError('sync')
      }),
    ).rejects.toThrow(TypeError)
  })

  it('G13: a loader that hangs meets the hard timeout, its signal fires, and the key is free', async () => {
    const cache = create()
    let signal: AbortSignal | undefined
    const hung = cache.getOrSet(
      'k',
      hangs((context) => {
        signal = context.signal
      }),
      { timeout: { hard: 30 } },
    )
    await expect(hung).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    expect(signal?.aborted).toBe(true)
    expect(await cache.getOrSet('k', () => 'v')).toBe('v')
  })

  it('G13: delete frees a key whose loader hangs', async () => {
    const cache = create()
    let started = false
    const hung = cache.getOrSet(
      'k',
      hangs(() => {
        started = true
      }),
      { timeout: { hard: 200 } },
    )
    hung.catch(() => {})
    await until(() => started)
    await cache.delete('k')
    expect(await cache.getOrSet('k', () => 'v')).toBe('v')
    await expect(hung).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
  })

  it('G13: an abort rejects that caller at once; the load goes on for the others', async () => {
    const cache = create()
    const slow = gate<string>()
    const leaving = new AbortController()
    let loaderSignal: AbortSignal | undefined
    const load = (context: { signal: AbortSignal }) => {
      loaderSignal = context.signal
      return slow.promise
    }
    const leaver = cache.getOrSet('k', load, { signal: leaving.signal })
    const stayer = cache.getOrSet('k', load)
    await until(() => loaderSignal !== undefined)
    leaving.abort(new Error('bye'))
    await expect(leaver).rejects.toMatchObject({ code: 'ABORTED' })
    expect(loaderSignal?.aborted).toBe(false)
    slow.open('v')
    expect(await stayer).toBe('v')
  })

  it("G13: the loader's signal fires when the last waiter has left, and the next caller loads anew", async () => {
    const cache = create()
    const leaving = new AbortController()
    let loaderSignal: AbortSignal | undefined
    const leaver = cache.getOrSet(
      'k',
      hangs((context) => {
        loaderSignal = context.signal
      }),
      {
        signal: leaving.signal,
      },
    )
    await until(() => loaderSignal !== undefined)
    leaving.abort()
    await expect(leaver).rejects.toMatchObject({ code: 'ABORTED' })
    expect(loaderSignal?.aborted).toBe(true)
    expect(await cache.getOrSet('k', () => 'v')).toBe('v')
  })

  it('G13: a key loaded from inside its own loader is a typed error, not a deadlock', async () => {
    const cache = create()
    const load = async (): Promise<string> => cache.getOrSet('k', load)
    await expect(cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'LOAD_CYCLE' })
  })

  it('G13: so is a circle of two keys, also after an await', async () => {
    const cache = create()
    const a = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return cache.getOrSet('b', b)
    }
    const b = async (): Promise<string> => cache.getOrSet('a', a)
    await expect(cache.getOrSet('a', a)).rejects.toMatchObject({ code: 'LOAD_CYCLE' })
  })

  it('G13: two loads that wait for each other from both sides are found out', async () => {
    const cache = create()
    const bothRun = gate()
    let running = 0
    const crossing = (other: string) => async (): Promise<string> => {
      running++
      if (running === 2) bothRun.open()
      await bothRun.promise
      return cache.getOrSet(other, () => 'never')
    }
    const results = await Promise.allSettled([cache.getOrSet('a', crossing('b')), cache.getOrSet('b', crossing('a'))])
    expect(results.some((result) => result.status === 'rejected' && result.reason.code === 'LOAD_CYCLE')).toBe(true)
  })

  it('undefined means "do not store", null is a value', async () => {
    const cache = create()
    const load = vi.fn((): undefined => undefined)
    expect(await cache.getOrSet('u', load)).toBeUndefined()
    await cache.getOrSet('u', load)
    expect(load).toHaveBeenCalledTimes(2)
    const none = vi.fn(() => null)
    expect(await cache.getOrSet('n', none)).toBeNull()
    expect(await cache.getOrSet('n', none)).toBeNull()
    expect(none).toHaveBeenCalledTimes(1)
  })

  it('negativeTtl remembers that there is none', async () => {
    const cache = create()
    const load = vi.fn((): undefined => undefined)
    expect(await cache.getOrSet('u', load, { negativeTtl: '1m' })).toBeUndefined()
    expect(await cache.getOrSet('u', load, { negativeTtl: '1m' })).toBeUndefined()
    expect(load).toHaveBeenCalledTimes(1)
  })

  it('getOrSetMany loads all that is missing in one call and joins loads under way', async () => {
    const cache = create()
    await cache.set('b', 'B')
    const slow = gate<string>()
    let started = false
    const under = cache.getOrSet('c', () => {
      started = true
      return slow.promise
    })
    await until(() => started)
    const load = vi.fn(async (missing: readonly string[]) => missing.map((id) => id.toUpperCase()))
    const many = cache.getOrSetMany(['a', 'b', 'c', 'd', 'a'], { load })
    slow.open('C')
    expect(await many).toEqual(['A', 'B', 'C', 'D', 'A'])
    expect(load.mock.calls).toEqual([[['a', 'd'], expect.anything()]])
    expect(await under).toBe('C')
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(['A', 'B', 'C', 'D'])
  })

  it('getOrSetMany gives its loader a signal that may be spread', async () => {
    const cache = create()
    let given: { signal?: AbortSignal } = {}
    await cache.getOrSetMany(['a'], {
      load: async (ids, context) => {
        given = { ...context }
        return ids
      },
    })
    expect(given.signal?.aborted).toBe(false)
  })

  it('getOrSet gives its loader a context that may be spread', async () => {
    const cache = create()
    let given: { signal?: AbortSignal } = {}
    await cache.getOrSet('a', (context) => {
      given = { ...context }
      return 1
    })
    expect(Object.keys(given).sort()).toEqual(['addTags', 'isOutdated', 'key', 'setTtl', 'signal'])
    expect(given.signal?.aborted).toBe(false)
  })

  it('getOrSetMany takes a Map, a key function, and refuses a wrong count', async () => {
    const cache = create()
    expect(
      await cache.getOrSetMany([1n, 2n].map(String), {
        key: (id) => ['n', id],
        load: async () => new Map([['2', 'two']]),
      }),
    ).toEqual([undefined, 'two'])
    expect(await cache.get(['n', '2'])).toBe('two')
    await expect(cache.getOrSetMany(['x', 'y'], { load: async () => ['only one'] })).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
    })
  })
})
