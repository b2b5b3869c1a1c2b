// What users of other caches reported of single flight, stale windows, refreshes and batches, asked of every
// arrangement of tiers.
import { type Cache, type Loader, type LoadOptions, memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, gate, onEverySetup, open } from './setups.ts'

const HOUR = 3_600_000
/** Fresh for a moment, then stale; and fresh, but old enough to be refreshed behind. */
const BEHIND = {
  stale: { ttl: 1, staleFor: HOUR },
  ahead: { ttl: HOUR, refreshAhead: { after: 1e-9, reads: 1 } },
} as const

/** Reads until the entry is old enough for a refresh, which then runs behind. */
async function untilRefreshed(cache: Cache, options: LoadOptions, load: Loader<unknown>): Promise<void> {
  let isRunning = false
  while (!isRunning) {
    await cache.getOrSet(
      'k',
      (context) => {
        isRunning = true
        return load(context)
      },
      options,
    )
    await new Promise((resolve) => setImmediate(resolve))
  }
}

onEverySetup('reported of other caches', (create) => {
  // FusionCache 628 and 535: the position of an entry is that of its load's beginning, also where the load runs behind.
  const meanwhile = {
    'its tag is invalidated': (cache: Cache) => cache.invalidateTags(['t']),
    'its key is deleted': (cache: Cache) => cache.delete('k'),
    'a pattern names it': (cache: Cache) => cache.invalidatePattern('k*'),
    'all is cleared': (cache: Cache) => cache.clear(),
    'another value is set': (cache: Cache) => cache.set('k', 'set', { ttl: HOUR }),
  }
  for (const [how, options] of Object.entries(BEHIND))
    for (const [what, change] of Object.entries(meanwhile))
      it(`G1: while a refresh runs behind (${how}) ${what}: what it brings is not accepted`, async () => {
        const cache = create()
        const brings = (value: unknown) => (context: { addTags(...tags: string[]): void }) => {
          context.addTags('t')
          return value
        }
        await cache.getOrSet('k', brings('v1'), options)
        const late = gate<string>()
        await untilRefreshed(cache, options, (context) => {
          context.addTags('t')
          return late.promise
        })
        await change(cache)
        late.open('late')
        await cache.flush()
        expect(await cache.get('k')).toBe(what === 'another value is set' ? 'set' : undefined)
      })

  // keyvhq 275: the value of the last caller.
  it('G2: a refresh that was asked for is not overwritten by an older one that ends later', async () => {
    const cache = create()
    await cache.getOrSet('k', () => 'seed', BEHIND.stale)
    const late = gate<string>()
    // It is asked for while the older one runs, and loads when that is given up.
    await untilRefreshed(cache, { ...BEHIND.stale, timeout: { hard: 200 } }, () => late.promise)
    const asked = cache.refresh('k', () => 'asked', { ttl: HOUR })
    expect(await asked).toBe('asked')
    late.open('older')
    await cache.flush()
    expect(await cache.get('k')).toBe('asked')
  })

  // async-cache-dedupe 164.
  it('G11: a hundred readers of a stale entry start one load', async () => {
    const cache = create()
    await cache.getOrSet('k', () => 'old', BEHIND.stale)
    const loaded = gate<string>()
    let loads = 0
    const load = (): Promise<string> => {
      loads++
      return loaded.promise
    }
    await untilRefreshed(cache, { ...BEHIND.stale, ttl: HOUR }, load)
    const readers = Array.from({ length: 100 }, () => cache.getOrSet('k', load, { ...BEHIND.stale, ttl: HOUR }))
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['old']))
    loaded.open('new')
    await cache.flush()
    expect([loads, await cache.get('k')]).toEqual([1, 'new'])
  })

  // Caffeine 714, 277: what a refresh gave is what is read next.
  it('each refresh is seen by the read after it', async () => {
    const cache = create()
    for (let source = 1; source <= 20; source++) {
      expect(await cache.refresh('k', async () => source)).toBe(source)
      expect(await cache.get('k')).toBe(source)
    }
  })

  // FusionCache 638: a value that was invalidated is not given another life.
  for (const mode of ['delete', 'expire'] as const)
    it(`touch gives no life to what a tag has invalidated (${mode})`, async () => {
      const cache = create()
      await cache.set('k', 'old', { ttl: HOUR, staleFor: HOUR, tags: ['t'] })
      await cache.invalidateTags(['t'], { mode })
      await cache.touch('k', '10m')
      expect((await cache.getEntry('k')).kind).not.toBe('hit')
    })

  // HybridCache 6833: tags belong to the entry, not to who reads it.
  it.each([1, 2, 50])('an entry of %i tags that is read without tags goes with any of them', async (count) => {
    const cache = create()
    const tags = Array.from({ length: count }, (_, at) => `t${at}`)
    for (const tag of [tags[0] ?? '', tags.at(-1) ?? '']) {
      await cache.getOrSet('k', () => 'v1', { tags })
      expect(await cache.getOrSet('k', () => 'unused')).toBe('v1')
      await cache.invalidateTags([tag])
      expect(await cache.getOrSet('k', () => 'v2')).toBe('v2')
      await cache.delete('k')
    }
  })

  // bentocache 71: deleted is deleted, whatever the stale windows say.
  it('a deleted tag leaves nothing to show while the source is down', async () => {
    const cache = create()
    const options = { ttl: HOUR, staleFor: HOUR, staleIfError: HOUR, tags: ['t'] }
    await cache.getOrSet('k', () => 'old', options)
    await cache.invalidateTags(['t'])
    const down = (): never => {
      throw new Error('down')
    }
    await expect(cache.getOrSet('k', down, options)).rejects.toThrow('down')
    expect(await cache.getOrSet('k', () => 'new', options)).toBe('new')
  })

  // lru-cache 388, 389: callers that have left take nothing from those who come.
  it('aborted callers of several loads leave the keys to the next', async () => {
    const cache = create()
    const left = new AbortController()
    const slow = [gate<string>(), gate<string>()]
    const first = slow.map(({ promise }, at) => cache.getOrSet(`k${at}`, () => promise, { signal: left.signal }))
    const ended = Promise.allSettled(first)
    await new Promise((resolve) => setImmediate(resolve))
    left.abort()
    expect((await ended).map((one) => one.status === 'rejected' && one.reason.code)).toEqual(['ABORTED', 'ABORTED'])
    expect(await Promise.all(slow.map((_, at) => cache.getOrSet(`k${at}`, () => `next ${at}`)))).toEqual([
      'next 0',
      'next 1',
    ])
    for (const { open: end } of slow) end('late')
    await cache.flush()
    expect(await cache.getMany(['k0', 'k1'])).toEqual(['next 0', 'next 1'])
  })

  // dataloader 294, 280.
  it('a batch names each id once, in the order in which they were asked for', async () => {
    const cache = create()
    const asked: string[][] = []
    const load = async (ids: readonly string[]): Promise<string[]> => {
      asked.push([...ids])
      return ids.map((id) => id.toUpperCase())
    }
    expect(await cache.getOrSetMany(['a', 'b', 'a', 'a', 'b', 'c'], { load })).toEqual(['A', 'B', 'A', 'A', 'B', 'C'])
    expect(asked).toEqual([['a', 'b', 'c']])
  })
})

describe('reported of other caches, over memory alone', () => {
  closeAfterEach()

  // lru-cache 274.
  it('a load whose key a full memory has no room for resolves with its value, and its signal stays quiet', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 5 })] })
    const loaded = gate<string>()
    let isAborted = false
    const loading = cache.getOrSet('k', ({ signal }) => {
      signal.addEventListener('abort', () => (isAborted = true))
      return loaded.promise
    })
    for (let at = 0; at < 500; at++) await cache.set(`other ${at}`, at)
    loaded.open('value')
    expect([await loading, isAborted]).toEqual(['value', false])
  })
})
