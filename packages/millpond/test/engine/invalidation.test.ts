// G1, G2, G8: nothing loaded before an acked invalidation is accepted after it.
import { expect, it } from 'vitest'
import { gate, onEverySetup, until } from './setups.ts'

const forgets = {
  delete: (cache: Cache) => cache.delete('k'),
  deleteMany: (cache: Cache) => cache.deleteMany(['x', 'k']),
  set: (cache: Cache) => cache.set('k', 'set'),
  invalidateTags: (cache: Cache) => cache.invalidateTags(['t']),
  invalidatePattern: (cache: Cache) => cache.invalidatePattern('k*'),
  clear: (cache: Cache) => cache.clear(),
}
type Cache = import('millpond').Cache

onEverySetup('invalidation', (create) => {
  for (const [name, forget] of Object.entries(forgets)) {
    it(`G1 G2: ${name} during a load: the old value is not stored, and a later read does not join the old load`, async () => {
      const cache = create()
      const old = gate<string>()
      let started = false
      const first = cache.getOrSet(
        'k',
        () => {
          started = true
          return old.promise
        },
        { tags: ['t'] },
      )
      await until(() => started)
      await forget(cache)
      const expected = name === 'set' ? 'set' : 'new'
      const second = cache.getOrSet('k', () => 'new', { tags: ['t'] })
      expect(await second).toBe(expected)
      old.open('old')
      expect(await first).toBe('old')
      await cache.flush()
      expect(await cache.get('k')).toBe(expected)
      expect(cache.peek('k') ?? expected).toBe(expected)
    })

    it(`G1: ${name} after a load: gone from every tier`, async () => {
      const cache = create()
      await cache.getOrSet('k', () => 'old', { tags: ['t'] })
      await cache.flush()
      await forget(cache)
      expect(await cache.get('k')).toBe(name === 'set' ? 'set' : undefined)
    })
  }

  it('G14: thousands of tags in one call go in steps, and each of them counts', async () => {
    const cache = create()
    const tags = Array.from({ length: 2000 }, (_, at) => `ref:${at}`)
    await cache.set('first', 1, { tags: ['ref:0'] })
    await cache.set('last', 1, { tags: ['other', 'ref:1999'] })
    await cache.set('kept', 1, { tags: ['ref:2000'] })
    expect(await cache.invalidateTags(tags)).toMatchObject({ isApplied: true })
    expect(await cache.getMany(['first', 'last', 'kept'])).toEqual([undefined, undefined, 1])
    await expect(cache.invalidateTags(Array.from({ length: 10_001 }, () => 't'))).rejects.toMatchObject({
      code: 'TAG_INVALID',
    })
    await expect(cache.set('k', 1, { tags: tags.slice(0, 129) })).rejects.toThrow(/at most 128 are allowed on an entry/)
  })

  it('G2: a load whose tags become known only at its end is not accepted by a reader who invalidated one of them meanwhile', async () => {
    const cache = create()
    const slow = gate<string>()
    let loads = 0
    const load = async (context: { addTags(...tags: string[]): void }) => {
      loads++
      const value = loads === 1 ? await slow.promise : 'new'
      context.addTags('late')
      return value
    }
    const first = cache.getOrSet('k', load)
    await until(() => loads === 1)
    await cache.invalidateTags(['late'])
    const second = cache.getOrSet('k', load)
    slow.open('old')
    expect(await first).toBe('old')
    expect(await second).toBe('new')
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
  })

  it('G8: a set that starts after the ack is not killed by it, one before it is', async () => {
    const cache = create()
    await cache.set('before', 1, { tags: ['t'] })
    await cache.invalidateTags(['t'])
    await cache.set('after', 2, { tags: ['t'] })
    await cache.flush()
    expect(await cache.get('before')).toBeUndefined()
    expect(await cache.get('after')).toBe(2)
  })

  it('G8: a tag that no entry carries affects no entry', async () => {
    const cache = create()
    await cache.set('k', 1, { tags: ['t'] })
    const receipt = await cache.invalidateTags(['other'])
    expect(receipt.targets).toEqual([{ kind: 'tag', tag: 'other' }])
    expect(await cache.get('k')).toBe(1)
    expect(await cache.get('k')).toBe(1)
  })

  it('invalidates by glob only what matches', async () => {
    const cache = create()
    await cache.setMany([
      ['user:1', 1],
      ['user:2', 2],
      ['deal:1', 3],
    ])
    await cache.invalidatePattern('user:*')
    expect(await cache.getMany(['user:1', 'user:2', 'deal:1'])).toEqual([undefined, undefined, 3])
  })

  it('I6: reasons are counted', async () => {
    const cache = create()
    await cache.delete('a')
    await cache.invalidateTags(['t'])
    await cache.clear()
    expect(cache.stats().invalidationsByReason).toMatchObject({ manual: 1, tag_based: 1, cleared: 1 })
  })

  it('mode expire leaves stale entries to those who permit them, and a loader that fails falls back on them', async () => {
    const cache = create({ defaults: { ttl: '1m', staleIfError: '1m' } })
    await cache.set('k', 'old', { tags: ['t'] })
    await cache.invalidateTags(['t'], { mode: 'expire' })
    expect(await cache.get('k')).toBeUndefined()
    expect((await cache.getEntry('k')).kind).toBe('stale')
    expect(await cache.getOrSet('k', () => Promise.reject(new Error('down')))).toBe('old')
  })

  it('G15: stale-on-error never returns what was invalidated', async () => {
    const cache = create({ defaults: { ttl: '1m', staleIfError: '1m', staleFor: '1m' } })
    await cache.set('k', 'old', { tags: ['t'] })
    await cache.invalidateTags(['t'])
    await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
  })

  it('expire makes one key stale; the next load replaces it', async () => {
    const cache = create({ defaults: { ttl: '1m', staleFor: '1m' } })
    await cache.set('k', 'old')
    await cache.expire('k')
    expect((await cache.getEntry('k')).kind).toBe('stale')
    expect(await cache.getOrSet('k', () => 'new')).toBe('old')
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
  })

  it('namespaces are apart: keys, tags, clear (G23)', async () => {
    const cache = create()
    const a = cache.namespace('a')
    await cache.set('k', 0, { tags: ['t'] })
    await a.set('k', 1, { tags: ['t'] })
    await a.invalidateTags(['t'])
    expect(await cache.get('k')).toBe(0)
    await a.set('k', 2)
    await cache.clear()
    expect(await a.get('k')).toBe(2)
    expect(await cache.get('k')).toBeUndefined()
    expect(cache.namespace('a')).toBe(a)
  })
})
