// T8: which tiers an entry goes to.
import { join } from 'node:path'
import { type Cache, type CacheOptions, createCache, memory, type RouteRule } from 'millpond'
import { file } from 'millpond/tiers/file'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

closeAfterEach()

interface Parts {
  readonly cache: Cache
  readonly files: Tier
  readonly ledger: Tier
}

/** Memory, files, and a SQLite file that keeps the ledger. */
function openParts(route: readonly RouteRule[], folder = newFolder(), more: CacheOptions = {}): Parts {
  const files = file({ path: join(folder, 'entries') })
  const ledger = sqlite({ path: join(folder, 'ledger.db') })
  const cache = open({ name: 'routed', tiers: [memory(), files, ledger], route, defaults: { ttl: '1m' }, ...more })
  return { cache, files, ledger }
}

async function keysIn(tier: Tier): Promise<string[]> {
  const keys: string[] = []
  for await (const some of tier.scan?.('') ?? []) keys.push(...some)
  return keys.map((key) => key.replace('routed:', '')).sort()
}

const LARGE = 'x'.repeat(100_000)

describe('T8: rules of route', () => {
  const bySize: RouteRule[] = [{ when: { minBytes: 50_000 }, tiers: ['file'] }, { tiers: ['memory', 'sqlite'] }]

  it('by size: large values straight to the files, small ones to the others; set, setMany and loads alike', async () => {
    const { cache, files, ledger } = openParts(bySize)
    await cache.set('large', LARGE)
    await cache.set('small', 1)
    await cache.setMany([
      ['many small', 2],
      ['many large', `${LARGE}!`],
      ['more small', 3],
    ])
    await cache.getOrSet('loaded large', () => `${LARGE}?`)
    await cache.getOrSet('loaded small', () => 4)
    await cache.flush()
    expect(await keysIn(files)).toEqual(['default:large', 'default:loaded large', 'default:many large'])
    expect(await keysIn(ledger)).toEqual(['default:loaded small', 'default:many small', 'default:more small', 'default:small'])
    expect(cache.peek('large')).toBeUndefined()
    expect(cache.peek('small')).toBe(1)
    expect(await cache.getEntry('large')).toMatchObject({ value: LARGE, tier: 'file' })
    expect(await cache.get('many large')).toBe(`${LARGE}!`)
  })

  it('promotion obeys: what is found below goes up only to tiers that take it', async () => {
    const { cache, ledger } = openParts(bySize)
    await cache.set('large', LARGE)
    for (let read = 0; read < 3; read++) expect(await cache.getEntry('large')).toMatchObject({ tier: 'file' })
    await cache.flush()
    expect(cache.peek('large')).toBeUndefined()
    expect(await keysIn(ledger)).toEqual([])
  })

  it('an entry that changes its way leaves nothing behind, however it is written', async () => {
    const { cache, files, ledger } = openParts(bySize)
    await cache.set('a', 'small')
    await cache.getOrSet('b', () => 'small')
    await cache.flush()
    await cache.set('a', LARGE)
    expect(await cache.get('a')).toBe(LARGE)
    expect(cache.peek('a')).toBeUndefined()
    await cache.delete('b')
    await cache.getOrSet('b', () => LARGE)
    await cache.flush()
    expect(await keysIn(ledger)).toEqual([])
    expect(await keysIn(files)).toEqual(['default:a', 'default:b'])
    await cache.set('a', 'small again')
    await cache.flush()
    expect(await keysIn(files)).toEqual(['default:b'])
    expect(cache.peek('a')).toBe('small again')
  })

  it('in one batch the last value of a key wins, also where the two go different ways', async () => {
    const { cache } = openParts(bySize)
    await cache.setMany([
      ['k', LARGE],
      ['k', 'last'],
    ])
    expect(await cache.get('k')).toBe('last')
    await cache.setMany([
      ['k', 'first'],
      ['k', LARGE],
    ])
    expect(await cache.get('k')).toBe(LARGE)
  })

  it('by namespace: memory only is neither written below nor asked there; none at all is loaded each time', async () => {
    const { cache, files, ledger } = openParts([
      { when: { namespace: 'sessions' }, tiers: ['memory'] },
      { when: { namespace: ['secret', 'other'] }, tiers: [] },
    ])
    const reads = [vi.spyOn(files, 'read'), vi.spyOn(ledger, 'read')]
    const sessions = cache.namespace('sessions')
    await sessions.set('s', 1)
    await sessions.getOrSet('t', () => 2)
    await sessions.get('nothing')
    await sessions.flush()
    expect(sessions.peek('t')).toBe(2)
    expect([await keysIn(files), await keysIn(ledger)]).toEqual([[], []])
    const secret = cache.namespace('secret')
    const load = vi.fn(() => 'secret')
    await secret.set('k', 'told')
    expect(await secret.getOrSet('k', load)).toBe('secret')
    expect(await secret.getOrSet('k', load)).toBe('secret')
    expect(load).toHaveBeenCalledTimes(2)
    await secret.flush()
    expect([await keysIn(files), await keysIn(ledger), secret.peek('k')]).toEqual([[], [], undefined])
    for (const read of reads) expect(read).not.toHaveBeenCalled()
    await cache.set('k', 'everywhere')
    await cache.flush()
    expect([await keysIn(files), await keysIn(ledger)]).toEqual([['default:k'], ['default:k']])
  })

  it('by tags, and by size within bounds; the first rule that fits decides', async () => {
    const { cache, files, ledger } = openParts([
      { when: { tags: ['hot', 'warm'], maxBytes: 1000 }, tiers: ['memory'] },
      { when: { tags: ['hot'] }, tiers: ['sqlite'] },
    ])
    await cache.set('hot', 1, { tags: ['x', 'warm'] })
    await cache.set('hot and large', LARGE, { tags: ['hot'] })
    await cache.set('plain', 1)
    await cache.flush()
    expect(await keysIn(files)).toEqual(['default:plain'])
    expect(await keysIn(ledger)).toEqual(['default:hot and large', 'default:plain'])
    expect([cache.peek('hot'), cache.peek('hot and large'), cache.peek('plain')]).toEqual([1, undefined, 1])
  })

  it('G1: what is invalidated is gone in every tier that it went to', async () => {
    const { cache } = openParts(bySize)
    await cache.set('large', LARGE, { tags: ['t'] })
    await cache.set('other', LARGE)
    await cache.invalidateTags(['t'])
    await cache.delete('other')
    expect([await cache.get('large'), await cache.get('other')]).toEqual([undefined, undefined])
  })

  it('a cache that was routed otherwise before: what a tier is no longer asked for is not found, what it is asked for is', async () => {
    const folder = newFolder()
    const before = openParts([], folder)
    await before.cache.set('k', 'old')
    await before.cache.close()
    const { cache } = openParts([{ tiers: ['memory'] }], folder)
    expect(await cache.get('k')).toBeUndefined()
    await cache.set('k', 'new')
    await cache.close()
    // The write has voided what it did not reach.
    expect(await openParts([], folder).cache.get('k')).toBeUndefined()
  })

  it('touch and expire keep to it', async () => {
    const { cache, files, ledger } = openParts(bySize)
    await cache.set('large', LARGE)
    expect(await cache.touch('large', '5m')).toBe(true)
    await cache.flush()
    expect([await keysIn(files), await keysIn(ledger)]).toEqual([['default:large'], []])
    expect(await cache.get('large')).toBe(LARGE)
  })

  it('memory alone can be left out, too', async () => {
    const cache = open({ route: [{ when: { minBytes: 1000 }, tiers: [] }] })
    await cache.set('large', LARGE)
    await cache.set('small', 1)
    expect([cache.peek('large'), cache.peek('small')]).toEqual([undefined, 1])
  })
})

describe('garbage', () => {
  it.each([
    [{}, 'route'],
    [[null], 'route[0]'],
    [[{ tiers: ['redis'] }], 'redis'],
    [[{ tiers: 'memory' }], 'route[0].tiers'],
    [[{}], 'route[0].tiers'],
    [[{ tiers: [], when: { size: 1 } }], 'size'],
    [[{ tiers: [], when: { minBytes: '1mb' } }], 'minBytes'],
    [[{ tiers: [], when: { tags: 't' } }], 'tags'],
    [[{ tiers: [], when: { namespace: 7 } }], 'namespace'],
    [[{ tiers: [], unless: 1 }], 'unless'],
  ])('%j is refused, naming what is wrong', (route, named) => {
    expect(() => createCache({ route } as unknown as CacheOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(named) }),
    )
  })
})
