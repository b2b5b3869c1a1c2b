// Reads that tell where the value came from, loads on demand, and quiet reads.
import { expect, it, vi } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { gate, onEverySetup, until } from './setups.ts'

onEverySetup('whence', (create) => {
  it('refresh loads anew whatever is held, and waits for a load that began before it', async () => {
    const cache = create()
    await cache.set('k', 'old')
    expect(await cache.refresh('k', () => 'new')).toBe('new')
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
    const slow = gate<string>()
    const load = vi.fn(() => slow.promise)
    const before = cache.getOrSet('other', load)
    await until(() => load.mock.calls.length === 1)
    const after = cache.refresh('other', () => 'newer')
    slow.open('older')
    expect(await before).toBe('older')
    expect(await after).toBe('newer')
    await cache.flush()
    expect(await cache.get('other')).toBe('newer')
  })

  it('refresh rejects with the error of its loader and leaves what is held; without any loader it is refused', async () => {
    const cache = create({ defaults: { staleIfError: '1h' } })
    await cache.set('k', 'old')
    await expect(cache.refresh('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(await cache.get('k')).toBe('old')
    await expect(cache.refresh('k')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('a quiet read is neither counted nor reported', async () => {
    const cache = create()
    await cache.set('k', 'v')
    const heard: string[] = []
    for (const event of ['hit', 'miss', 'stale'] as const) cache.on(event, () => heard.push(event))
    const before = cache.stats()
    const quiet = { quiet: true }
    expect(await cache.get('k', quiet)).toBe('v')
    expect((await cache.getEntry('k', quiet)).kind).toBe('hit')
    expect(await cache.getMany(['k', 'none'], quiet)).toEqual(['v', undefined])
    expect(await cache.has('none', quiet)).toBe(false)
    expect(await cache.getOrSet('k', () => 'x', quiet)).toBe('v')
    expect(await cache.getOrSet('loaded', () => 'x', quiet)).toBe('x')
    const { hits, misses, stale, hitRate, latency } = cache.stats()
    expect({ hits, misses, stale, hitRate, reads: latency.get.count }).toEqual({
      hits: before.hits,
      misses: before.misses,
      stale: before.stale,
      hitRate: before.hitRate,
      reads: before.latency.get.count,
    })
    expect(heard).toEqual([])
  })

  it('context.isOutdated says whether what the load reads was invalidated since it began', async () => {
    const cache = create()
    const verdicts: boolean[] = []
    const load = (invalidate: () => Promise<unknown>) =>
      cache.refresh('k', async (context) => {
        verdicts.push(await context.isOutdated())
        await invalidate()
        // Its tags are known only now.
        verdicts.push(await context.isOutdated())
        context.addTags('mine')
        verdicts.push(await context.isOutdated())
        return 'value'
      })
    await load(() => cache.invalidateTags(['other']))
    await load(() => cache.invalidateTags(['mine']))
    await load(() => cache.delete('k'))
    await load(() => cache.clear())
    expect(verdicts).toEqual([false, false, false, false, false, true, false, true, true, false, true, true])
  })

  it('context.setTtl takes a duration, and refuses what is none', async () => {
    const clock = fakeClock({ now: Date.now() })
    const cache = create({ clock })
    await cache.getOrSet('text', (context) => {
      context.setTtl('2s')
      return 1
    })
    await cache.flush()
    expect(await cache.getEntry('text')).toMatchObject({ kind: 'hit', ttlMs: 2000 })
    for (const garbage of [Number.NaN, -5, '60', Number.NEGATIVE_INFINITY, null] as unknown as number[]) {
      const call = cache.getOrSet('garbage', (context) => {
        context.setTtl(garbage)
        return 1
      })
      await expect(call).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    }
  })

  it('a loader that throws, rejects late or hangs ends no process', async () => {
    const cache = create()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      const late = gate<string>()
      const hung = cache.getOrSet('k', () => late.promise, { timeout: { hard: 20 } })
      await expect(hung).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
      late.fail(new Error('late'))
      const leaving = new AbortController()
      const given = gate<string>()
      const load = vi.fn(() => given.promise)
      const left = cache.getOrSet('left', load, { signal: leaving.signal })
      await until(() => load.mock.calls.length === 1)
      leaving.abort()
      await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
      given.fail(new Error('later'))
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })
})
