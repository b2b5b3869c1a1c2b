// G13: a caller's signal concerns that caller, whichever verb it calls.
import { expect, it, vi } from 'vitest'
import { gate, onEverySetup, until } from './setups.ts'

onEverySetup('signals', (create) => {
  it('get, getEntry, getMany, has and getOrSet heed one that has fired, and run no loader', async () => {
    const cache = create()
    await cache.set('held', 1)
    const { signal } = Object.assign(new AbortController(), {})
    const fired = AbortSignal.abort(new Error('bye'))
    const load = vi.fn(() => 1)
    for (const key of ['held', 'none']) {
      const calls = [
        cache.get(key, { signal: fired }),
        cache.getEntry(key, { signal: fired }),
        cache.getMany([key], { signal: fired }),
        cache.has(key, { signal: fired }),
        cache.getOrSet(key, load, { signal: fired }),
        cache.getOrSetEntry(key, load, { signal: fired }),
        cache.refresh(key, load, { signal: fired }),
        cache.getOrSetMany([key], { load: async (ids) => ids, signal: fired }),
      ]
      for (const result of await Promise.allSettled(calls))
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED' } })
    }
    expect(load).not.toHaveBeenCalled()
    expect(await cache.get('held', { signal })).toBe(1)
  })

  it('any number of calls share one signal without a warning, and leave nothing on it', async () => {
    const cache = create()
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    const slow = gate<number>()
    const calls = Array.from({ length: 30 }, (_, at) => cache.getOrSet(`k${at}`, () => slow.promise, { signal }))
    calls.push(...Array.from({ length: 30 }, () => cache.getOrSet('same', () => slow.promise, { signal })))
    await until(() => add.mock.calls.length > 0)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(add.mock.calls.length - remove.mock.calls.length).toBe(1)
    slow.open(1)
    await Promise.all(calls)
    expect(add.mock.calls.length).toBe(remove.mock.calls.length)
  })

  it('when all who wait share a signal, its firing gives the load up', async () => {
    const cache = create()
    const leaving = new AbortController()
    let inner: AbortSignal | undefined
    const load = (context: { signal: AbortSignal }): Promise<number> => {
      inner = context.signal
      return new Promise(() => {})
    }
    const calls = Array.from({ length: 11 }, () => cache.getOrSet('k', load, { signal: leaving.signal }))
    await until(() => inner !== undefined)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    leaving.abort()
    for (const result of await Promise.allSettled(calls)) expect(result).toMatchObject({ reason: { code: 'ABORTED' } })
    expect(inner?.aborted).toBe(true)
    expect(await cache.getOrSet('k', () => 2)).toBe(2)
  })

  it('a batch that is given up fires the signal of its loader', async () => {
    const cache = create()
    const leaving = new AbortController()
    let inner: AbortSignal | undefined
    const call = cache.getOrSetMany(['a', 'b'], {
      load: (_, context) => {
        inner = context.signal
        return new Promise<string[]>(() => {})
      },
      signal: leaving.signal,
    })
    call.catch(() => {})
    await until(() => inner !== undefined)
    leaving.abort()
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' })
    expect(inner?.aborted).toBe(true)
  })
})
