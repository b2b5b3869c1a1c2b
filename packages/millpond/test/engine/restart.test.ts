// Warm restart: the hottest entries come back, and nothing that was invalidated meanwhile.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, open } from './setups.ts'

describe('warm restart', () => {
  closeAfterEach()

  it('brings back the hottest entries, of every namespace, with tags and times', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path, maxEntries: 4 } })
    for (let i = 0; i < 10; i++) await first.set(`k${i}`, { i }, { tags: ['t'], ttl: '1h' })
    for (let i = 0; i < 3; i++) for (const key of ['k3', 'k7']) first.peek(key)
    await first.namespace('n').set('x', 1)
    await first.close()
    const next = open({ restart: { path, maxEntries: 4 } })
    expect(await next.ready()).toMatchObject({ refused: 0 })
    expect([next.peek('k3'), next.peek('k7'), next.namespace('n').peek('x')]).toEqual([{ i: 3 }, { i: 7 }, 1])
    await next.invalidateTags(['t'])
    expect(next.peek('k3')).toBeUndefined()
  })

  it('does not bring back what an invalidation that was put off takes when the cache is closed', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path } })
    await first.set('gone', 1, { tags: ['t'], ttl: '1h' })
    await first.set('there', 2, { ttl: '1h' })
    const later = first.invalidateTags(['t'], { delay: '5m' })
    await first.close()
    await later
    const next = open({ restart: { path } })
    await next.ready()
    expect([next.peek('gone'), next.peek('there')]).toEqual([undefined, 2])
  })

  it('spends its limit on what there is: an empty namespace takes no share', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path, maxEntries: 6 } })
    first.namespace('empty')
    for (let i = 0; i < 10; i++) await first.set(`k${i}`, i, { ttl: '1h' })
    await first.close()
    expect(await open({ restart: { path } }).ready()).toEqual({ restored: 6, refused: 0 })
  })

  it('memory alone: a file is believed once, so that a crash after it brings nothing back', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path } })
    await first.set('k', 'old', { ttl: '1h' })
    await first.close()
    const second = createCache({ restart: { path } })
    await second.ready()
    expect(second.peek('k')).toBe('old')
    await second.delete('k')
    expect(existsSync(path)).toBe(false) // had the process died here, the next one would begin cold
    await second.close()
  })

  /** What a caller may do before the file has been read, and what `k` must be afterwards. */
  const meanwhile: Record<string, [act: (cache: Cache) => Promise<unknown>, then: unknown]> = {
    'a delete': [(cache) => cache.delete('k'), undefined],
    'an invalidated tag': [(cache) => cache.invalidateTags(['t']), undefined],
    'an invalidated pattern': [(cache) => cache.invalidatePattern('k*'), undefined],
    'an invalidation by age': [(cache) => cache.invalidate({ pattern: '*', olderThan: 0 }), undefined],
    'a clear': [(cache) => cache.clear(), undefined],
    'an expiry': [(cache) => cache.expire('k'), undefined],
    'a write': [(cache) => cache.set('k', 'new', { ttl: '1h' }), 'new'],
    'a write of many': [(cache) => cache.setMany([['k', 'new']], { ttl: '1h' }), 'new'],
    'a write of a value that memory refuses': [(cache) => cache.set('k', 'new '.repeat(10_000)), undefined],
    'a write that is over at once': [(cache) => cache.set('k', 'new', { ttl: 0 }), undefined],
  }
  for (const [what, [act, then]] of Object.entries(meanwhile)) {
    it(`G1, G2: ${what} that is acknowledged before the restore has ended beats the file`, async () => {
      const path = join(newFolder(), 'hot.snapshot')
      const options = { tiers: [memory({ maxBytes: '20kb' })], restart: { path } }
      const first = open(options)
      for (const key of ['k', 'other']) await first.set(key, 'old', { ttl: '1h', tags: key === 'k' ? ['t'] : [] })
      await first.namespace('n').set('k', 'old', { ttl: '1h', tags: ['t'] })
      await first.close()
      const next = open(options)
      const inNamespace = next.namespace('n')
      await Promise.all([act(next), act(inNamespace)])
      await next.ready()
      expect([next.peek('k'), await next.get('k'), inNamespace.peek('k')]).toEqual([then, then, then])
      if (what !== 'a clear' && what !== 'an invalidation by age') expect(next.peek('other')).toBe('old')
    })
  }

  it('takes no numbers for keys any more once the restore has ended', async () => {
    const cache = open({ restart: { path: join(newFolder(), 'hot.snapshot') } })
    await cache.ready()
    const before = cache.token()
    await cache.set('k', 1)
    await cache.delete('k')
    expect(cache.token()).toBe(before)
  })

  it('with a ledger that outlives the process: what others invalidated meanwhile is refused, whenever the file was written', async () => {
    const folder = newFolder()
    const path = join(folder, 'hot.snapshot')
    const tiers = () => [memory(), sqlite({ path: join(folder, 'cache.db') })]
    const first = open({ tiers: tiers(), restart: { path } })
    const other = open({ tiers: tiers() })
    await first.set('kept', 1, { ttl: '1h' })
    await first.set('deleted', 1, { ttl: '1h' })
    await first.set('tagged', 1, { ttl: '1h', tags: ['t'] })
    await first.close()
    copyFileSync(path, `${path}.old`)
    await other.delete('deleted')
    await other.invalidateTags(['t'])
    const next = open({ tiers: tiers(), restart: { path } })
    expect(await next.ready()).toEqual({ restored: 1, refused: 2 })
    expect([next.peek('kept'), next.peek('deleted'), next.peek('tagged')]).toEqual([1, undefined, undefined])
    await next.delete('kept')
    await next.close()
    const again = open({ tiers: tiers(), restart: { path: `${path}.old` } })
    expect(await again.ready()).toEqual({ restored: 0, refused: 3 })
  })

  it('a damaged file is set aside with a warning, and options are checked', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    writeFileSync(path, 'garbage')
    const cache = open({ restart: { path } })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    expect(await cache.ready()).toMatchObject({ restored: 0 })
    expect(warnings.join()).toContain('set aside')
    expect(() => createCache({ restart: { path: '' } })).toThrow(/restart.path/)
    expect(() => createCache({ restart: { path, maxEntries: 0 } })).toThrow(/restart.maxEntries: 0/)
  })
})
