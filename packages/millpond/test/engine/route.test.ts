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
  // Memory is trusted for half a second after the ledger has answered, and a busy machine may take that long over the
  // steps of a test.
  const cache = open({
    name: 'routed',
    maxStale: '20s',
    tiers: [memory(), files, ledger],
    route,
    defaults: { ttl: '1m' },
    ...more,
  })
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
    expect(await keysIn(ledger)).toEqual([
      'default:loaded small',
      'default:many small',
      'default:more small',
      'default:small',
    ])
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
    // The write has invalidated what it did not reach.
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

  it('by priority: of a call, of a collection, of the defaults; it is stored with the entry, and promotion obeys it', async () => {
    const folder = newFolder()
    const rules: RouteRule[] = [
      { when: { priority: 'low' }, tiers: ['sqlite'] },
      { when: { priority: 'high' }, except: ['file'] },
    ]
    const { cache, files, ledger } = openParts(rules, folder)
    await cache.set('low', 1, { priority: 'low' })
    await cache.setMany([['lows', 1]], { priority: 'low' })
    await cache.getOrSet('loaded', () => 1, { priority: 'low', tags: ['t'] })
    await cache.set('high', 1, { priority: 'high' })
    await cache.set('usual', 1)
    const deals = cache.collection('deal', { load: (id: number) => ({ id }), priority: 'low' })
    await deals.get(7)
    const quiet = cache.namespace('quiet', { priority: 'low' })
    await quiet.set('q', 1)
    await quiet.set('back to usual', 1, { priority: 'medium' })
    await cache.flush()
    await quiet.flush()
    expect(await keysIn(files)).toEqual(['default:usual', 'quiet:back to usual'])
    expect([cache.peek('low'), cache.peek('lows'), cache.peek('loaded'), quiet.peek('q')]).toEqual(
      Array(4).fill(undefined),
    )
    expect([cache.peek('high'), cache.peek('usual'), quiet.peek('back to usual')]).toEqual([1, 1, 1])
    expect((await keysIn(ledger)).length).toBe(8)
    expect(await cache.getEntry('loaded')).toMatchObject({ kind: 'hit', tier: 'sqlite', tags: ['t'], priority: 'low' })
    expect(await cache.getEntry('usual')).not.toHaveProperty('priority')
    expect(quiet.describe().namespaces.find(({ name }) => name === 'quiet')?.defaults).toMatchObject({
      priority: 'low',
      tags: [],
    })
    await cache.close()
    // Another process, whose reads say nothing of priorities.
    const other = openParts(rules, folder).cache
    expect([await other.get('low'), await other.get('high')]).toEqual([1, 1])
    expect(await other.touch('loaded', '5m')).toBe(true)
    await other.flush()
    expect([other.peek('low'), other.peek('loaded'), other.peek('high')]).toEqual([undefined, undefined, 1])
    await other.configure({ defaults: { priority: 'low' } })
    await other.set('low by default', 1)
    expect(other.peek('low by default')).toBeUndefined()
  })

  it('an entry that changes its priority leaves nothing behind, and what is computed from one has its own', async () => {
    const { cache, files } = openParts([{ when: { priority: 'low' }, tiers: ['sqlite'] }], newFolder(), {
      dependencies: 'tracked',
    })
    await cache.set('k', 'usual')
    await cache.flush()
    expect(await keysIn(files)).toEqual(['default:k'])
    await cache.set('k', 'low', { priority: 'low' })
    await cache.flush()
    expect([cache.peek('k'), await keysIn(files), await cache.get('k')]).toEqual([undefined, [], 'low'])
    await cache.getOrSet('made of it', async () => `made of ${await cache.get('k')}`)
    await cache.set('declared', 1, { dependsOn: ['k'] })
    await cache.flush()
    expect([cache.peek('made of it'), cache.peek('declared')]).toEqual(['made of low', 1])
    await cache.set('k', 'new', { priority: 'low' })
    expect([await cache.get('made of it'), await cache.get('declared')]).toEqual([undefined, undefined])
  })

  it('a tier is not read for an entry of which the load itself says that it does not go there', async () => {
    const { cache, files, ledger } = openParts([
      { when: { priority: ['low', 'high'] }, except: ['file'] },
      { when: { tags: ['live'] }, tiers: ['memory'] },
    ])
    const reads = [vi.spyOn(files, 'read'), vi.spyOn(ledger, 'read')]
    const asked = (): boolean[] =>
      reads.map((read) => {
        const was = read.mock.calls.length > 0
        read.mockClear()
        return was
      })
    await cache.getOrSet('a', () => 1, { priority: 'low' })
    expect(asked()).toEqual([false, true])
    await cache.getOrSetMany(['b', 'c'], { load: async (ids) => ids, priority: 'high' })
    expect(asked()).toEqual([false, true])
    await cache.getOrSet('d', () => 1, { tags: ['live'] })
    // A high one with that tag lies in the ledger's tier, and the load may have left its priority unsaid.
    expect(asked()).toEqual([false, true])
    await cache.getOrSet('e', () => 1)
    expect(asked()).toEqual([true, true])
    expect(await cache.get('b')).toBe('b')
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
    [[{ tiers: [], when: { priority: 'urgent' } }], 'urgent'],
    [[{ tiers: [], when: { priority: ['low', 3] } }], 'priority[1]'],
    [[{ tiers: ['memory'], except: ['memory'] }], 'together with except'],
    [[{ except: ['redis'] }], 'route[0].except'],
    [[{ when: { priority: 'low' }, except: ['memory'] }], 'tiers: []'],
  ])('%j is refused, naming what is wrong', (route, named) => {
    expect(() => createCache({ route } as unknown as CacheOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(named) }),
    )
  })
})
