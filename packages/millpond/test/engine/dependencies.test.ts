// I3: whatever is said of a key, by whatever criterion, is said of what was computed from it, however that was stored. The whole product, in one table.

import { join } from 'node:path'
import { type Cache, memory, modelTags } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, gate, newFolder, open } from './setups.ts'

const FROM = ['user', 7] as const
const TAGS = ['users', ...modelTags('User', 7)]

/** What happens to the key that others were computed from; `expires`: they become stale. */
const changes: Readonly<Record<string, { readonly happens: (cache: Cache) => Promise<unknown>; readonly expires?: true }>> = {
  delete: { happens: (cache) => cache.delete(FROM) },
  deleteMany: { happens: (cache) => cache.deleteMany([FROM, 'nobody']) },
  set: { happens: (cache) => cache.set(FROM, 'Bea') },
  setMany: { happens: (cache) => cache.setMany([[FROM, 'Bea']]) },
  expire: { happens: (cache) => cache.expire(FROM), expires: true },
  'set for no time': { happens: (cache) => cache.set(FROM, 'Bea', { ttl: 0 }) },
  key: { happens: (cache) => cache.invalidate({ key: FROM }) },
  'key, stale': { happens: (cache) => cache.invalidate({ key: FROM }, { mode: 'expire' }), expires: true },
  tag: { happens: (cache) => cache.invalidateTags(['users']) },
  'tag, stale': { happens: (cache) => cache.invalidateTags(['users'], { mode: 'expire' }), expires: true },
  glob: { happens: (cache) => cache.invalidatePattern('["user",*') },
  'glob, stale': { happens: (cache) => cache.invalidatePattern('["user",*', { mode: 'expire' }), expires: true },
  'regular expression': { happens: (cache) => cache.invalidatePattern('^\\["user",7\\]$') },
  prefix: { happens: (cache) => cache.invalidate({ prefix: ['user'] }) },
  'model and id': { happens: (cache) => cache.invalidate({ model: 'User', id: 7 }) },
  'model and id, stale': { happens: (cache) => cache.invalidate({ model: 'User', id: 7 }, { mode: 'expire' }), expires: true },
  model: { happens: (cache) => cache.invalidate({ model: 'User' }) },
  'a changed row': { happens: (cache) => cache.modelChanged('User', 7, 'save') },
  'pattern and time': { happens: (cache) => cache.invalidate({ prefix: ['user'], olderThan: '5ms' }) },
  'key and time': { happens: (cache) => cache.invalidate({ key: FROM, olderThan: '5ms' }) },
  'tag and time': { happens: (cache) => cache.invalidate({ tag: 'users', olderThan: '5ms' }) },
}

/** How something is computed from the key. */
const ways: Readonly<Record<string, { readonly mode: 'declared' | 'tracked'; readonly store: (cache: Cache) => Promise<unknown> }>> = {
  ...declared('declared'),
  ...declared('tracked'),
  ...tracked('get', (cache) => cache.get(FROM)),
  ...tracked('peek', async (cache) => cache.peek(FROM) ?? cache.get(FROM)),
  ...tracked('getEntry', (cache) => cache.getEntry(FROM)),
  ...tracked('getMany', (cache) => cache.getMany(['nobody', FROM])),
  ...tracked('has', (cache) => cache.has(FROM)),
  ...tracked('getOrSet', (cache) => cache.getOrSet(FROM, () => 'Ada', { tags: TAGS })),
  ...tracked('getOrSetEntry', (cache) => cache.getOrSetEntry(FROM, () => 'Ada', { tags: TAGS })),
  ...tracked('getOrSetMany', (cache) => cache.getOrSetMany([FROM], { load: async () => ['Ada'], tags: TAGS })),
}

function declared(mode: 'declared' | 'tracked'): typeof ways {
  const dependsOn = [FROM]
  return {
    [`dependsOn of getOrSet, ${mode}`]: { mode, store: (cache) => cache.getOrSet('report', () => 'r', { dependsOn, staleFor: '1h' }) },
    [`dependsOn of getOrSetMany, ${mode}`]: {
      mode,
      store: (cache) => cache.getOrSetMany(['report', 'other'], { load: async () => ['r', 'o'], dependsOn, staleFor: '1h' }),
    },
    [`dependsOn of set, ${mode}`]: { mode, store: (cache) => cache.set('report', 'r', { dependsOn, staleFor: '1h' }) },
    [`dependsOn of setMany, ${mode}`]: { mode, store: (cache) => cache.setMany([['report', 'r']], { dependsOn, staleFor: '1h' }) },
  }
}

function tracked(verb: string, read: (cache: Cache) => Promise<unknown>): typeof ways {
  const load = async (cache: Cache): Promise<string> => {
    await read(cache)
    return 'r'
  }
  return {
    [`${verb} in a loader`]: { mode: 'tracked', store: (cache) => cache.getOrSet('report', () => load(cache), { staleFor: '1h' }) },
    [`${verb} in the loader of a batch`]: {
      mode: 'tracked',
      store: (cache) => cache.getOrSetMany(['other', 'report'], { load: async () => ['o', await load(cache)], staleFor: '1h' }),
    },
  }
}

const places = {
  memory: () => [memory()],
  'memory and SQLite': () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })],
} as const

const wants = (isStale: true | undefined): string[] => (isStale === true ? ['stale', 'stale'] : ['miss', 'miss'])

describe.each(Object.entries(places))('what was computed from a key: %s', (_, tiers) => {
  closeAfterEach()

  describe.each(Object.entries(ways))('%s', (_, { mode, store }) => {
    it.each(Object.entries(changes))('goes with it: %s', async (_, { happens, expires }) => {
      const clock = fakeClock({ now: Date.now() })
      const cache = open({ tiers: tiers(), dependencies: mode, clock })
      await cache.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
      await cache.set('untouched', 'u', { dependsOn: [['deal', 8]], tags: ['deals'] })
      await store(cache)
      await cache.set('summary', 's', { dependsOn: ['report'], staleFor: '1h' })
      expect(await cache.getMany(['report', 'summary'])).toEqual(['r', 's'])
      clock.advance(10)
      await happens(cache)
      const seen = [await cache.getEntry('report'), await cache.getEntry('summary')]
      expect(seen.map(({ kind }) => kind)).toEqual(wants(expires))
      expect(await cache.get('untouched')).toBe('u')
    })
  })
})

describe('what was computed from a key: in another process that holds it in memory', () => {
  closeAfterEach()

  it.each(Object.entries(changes))('goes with it: %s', async (_, { happens, expires }) => {
    const path = join(newFolder(), 'cache.db')
    const clock = fakeClock({ now: Date.now() })
    const [cache, peer] = [1, 2].map(() => open({ tiers: [memory(), sqlite({ path })], dependencies: 'tracked', clock })) as [Cache, Cache]
    await cache.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
    await cache.getOrSet('report', () => cache.get(FROM), { staleFor: '1h' })
    await cache.flush()
    expect(await peer.get('report')).toBe('Ada')
    expect(peer.peek('report')).toBe('Ada')
    clock.advance(10)
    await happens(cache)
    expect(await peer.getEntry('report', { after: cache.token() })).toMatchObject({ kind: expires ? 'stale' : 'miss' })
  })
})

describe.each(Object.entries(places))('what is being computed from a key: %s', (_, tiers) => {
  closeAfterEach()

  it.each(Object.entries(changes))('is not kept: %s', async (_, { happens }) => {
    const clock = fakeClock({ now: Date.now() })
    const cache = open({ tiers: tiers(), dependencies: 'tracked', clock })
    await cache.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
    const [hasRead, goOn] = [gate(), gate()]
    const loading = cache.getOrSet('report', async () => {
      const value = await cache.get(FROM)
      hasRead.open()
      await goOn.promise
      return value
    })
    await hasRead.promise
    clock.advance(10)
    await happens(cache)
    const joins = cache.getOrSet('report', () => 'anew')
    goOn.open()
    expect(await loading).toBe('Ada')
    expect(await joins).toBe('anew')
    await cache.flush()
    expect(await cache.get('report')).toBe('anew')
  })
})

it('a dry run counts what was computed from what it names', async () => {
  const cache = open({ dependencies: 'declared' })
  await cache.set(FROM, 'Ada')
  await cache.set('report', 'r', { dependsOn: [FROM] })
  for (const criteria of [{ key: FROM }, { prefix: ['user'] }]) {
    const { keys } = await cache.invalidate(criteria, { dryRun: true })
    expect(keys).toEqual(['["user",7]', 'report'])
  }
  await cache.close()
})
