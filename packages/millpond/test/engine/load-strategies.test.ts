// P7: strategies by name, for one call, a namespace, a wrapped function or a registered loader.
import type { AdaptiveTtl, Cache, CacheOptions, LoadOptions } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, open } from './setups.ts'

closeAfterEach()

/** Chooses what it is told, and notes the keys that it was asked about. */
function chooser(ttlMs: number): AdaptiveTtl & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    next: ({ key }) => {
      asked.push(key)
      return ttlMs
    },
    explain: () => undefined,
  }
}

function make(options: CacheOptions = {}) {
  const clock = fakeClock({ now: Date.now() })
  const adaptiveTtl = chooser(7000)
  return { clock, asked: adaptiveTtl.asked, cache: open({ clock, adaptiveTtl, ...options }) }
}

/** The clock stands still, so all of it is left. */
const ttlOf = async (cache: Pick<Cache, 'getEntry'>, key: string): Promise<number | undefined> => {
  const entry = await cache.getEntry(key)
  return entry.kind === 'hit' ? entry.ttlMs : undefined
}

describe('P7: a strategy by name', () => {
  it('adaptive: the TTL is chosen where the namespace sets one, and the call is the exception, not the rule', async () => {
    const { cache, asked } = make()
    const reports = cache.namespace('reports', { ttl: 1000 })
    await reports.getOrSet('fixed', () => 1)
    await reports.getOrSet('chosen', () => 1, { strategy: 'adaptive' })
    await reports.getOrSetMany(['many'], {
      load: async (ids) => ids.map(() => 1),
      strategy: ['read_through', 'Adaptive' as never],
    })
    await reports.refresh('anew', () => 1, { strategy: 'adaptive' })
    expect(asked).toEqual(['chosen', 'many', 'anew'])
    expect([await ttlOf(reports, 'fixed'), await ttlOf(reports, 'chosen')]).toEqual([1000, 7000])
  })

  it('adaptive for a namespace, of which a call with a TTL is the exception', async () => {
    const { cache, asked } = make()
    const users = cache.namespace('users', { strategy: 'adaptive' })
    await users.getOrSet('a', () => 1)
    await users.getOrSet('b', () => 1, { ttl: 1000 })
    await users.getOrSet('c', () => 1, { ttl: 1000, strategy: 'TTL' })
    expect(asked).toEqual(['a'])
  })

  it('a namespace that names what the cache sets leaves the cache free to change it', async () => {
    const { cache } = make()
    await cache.configure({ defaults: { ttl: '1m', tags: ['all'] } })
    const named = cache.namespace('named', { strategy: ['ttl', 'tag-based'] })
    await cache.configure({ defaults: { ttl: null, tags: null } })
    await cache.configure({ defaults: { jitter: 0.1 } })
    await cache.namespace('later', { ttl: 5000 }).getOrSet('a', () => 1)
    await named.getOrSet('a', () => 1)
    expect(await named.get('a')).toBe(1)
    expect(() => cache.namespace('too-late', { strategy: 'ttl' })).toThrow('the strategy ttl needs ttl')
  })

  it('for a wrapped function, and over the options of a registered loader, in both directions', async () => {
    const { cache, asked } = make()
    const user = cache.wrap((id: number) => `user ${id}`, { key: ['user'], strategy: 'adaptive' })
    await user(7)
    expect(asked).toHaveLength(1)
    cache.source(['fixed'], () => 1, { defaults: { ttl: 1000 } })
    cache.source(['adaptive'], () => 1, { defaults: { strategy: ['adaptive', 'read-through'] } })
    await cache.refresh(['fixed', 1], undefined, { strategy: 'adaptive' })
    expect(asked).toHaveLength(2)
    await cache.refresh(['adaptive', 1], undefined, { ttl: 1000 })
    await cache.refresh(['adaptive', 2])
    expect(asked).toHaveLength(3)
  })

  it('of a registered loader stays where a call names another that does not oppose it', async () => {
    const { cache, asked } = make()
    const minute = cache.namespace('minute', { ttl: '1m' })
    minute.source(['adaptive'], () => 1, { defaults: { strategy: 'adaptive' } })
    await minute.refresh(['adaptive', 1], undefined, { strategy: 'refresh-ahead' })
    await minute.refresh(['adaptive', 2], undefined, { strategy: ['adaptive', 'read-through'] })
    expect(asked).toHaveLength(2)
    await minute.refresh(['adaptive', 3], undefined, { ttl: 1000, strategy: 'ttl' })
    await minute.refresh(['adaptive', 4], undefined, { ttl: 1000 })
    await minute.refresh(['adaptive', 5], undefined, { strategy: 'ttl' })
    expect(asked).toHaveLength(2)
    minute.source(['fixed'], () => 1, { defaults: { ttl: 1000, strategy: ['ttl', 'refresh-ahead'] } })
    await minute.refresh(['fixed', 1], undefined, { strategy: 'adaptive' })
    expect(asked).toHaveLength(3)
  })

  it('ttl and tag-based of a registered loader are asked of its namespace, which stays free to change', async () => {
    const { cache } = make()
    expect(() => cache.source(['bare'], () => 1, { defaults: { strategy: 'ttl' } })).toThrow('ttl needs ttl')
    const named = cache.namespace('named', { ttl: '1m', tags: ['all'] })
    named.source(['user'], () => 7, { defaults: { strategy: ['ttl', 'tag-based'] } })
    expect(await named.refresh(['user', 1])).toBe(7)
    await cache.configure({ defaults: { ttl: '1m' } })
    cache.source(['user'], () => 8, { defaults: { strategy: 'ttl' } })
    await cache.configure({ defaults: { ttl: null } })
    expect(await cache.refresh(['user', 1])).toBe(8)
  })

  it('refresh-ahead: at 0.8 of the TTL, as the namespace says, or as the call says', async () => {
    const { cache, clock } = make({ adaptiveTtl: undefined })
    const keen = cache.namespace('keen', { refreshAhead: 0.2 })
    const loads: string[] = []
    const read = async (options: LoadOptions): Promise<void> => {
      for (const space of [cache, keen])
        await space.getOrSet('k', () => loads.push(space === cache ? 'cache' : 'keen'), { ttl: 10_000, ...options })
      await cache.flush()
    }
    await read({})
    await read({})
    await clock.run(6000)
    await read({ strategy: 'refresh_ahead' })
    expect(loads).toEqual(['cache', 'keen', 'keen'])
    await clock.run(3000)
    await read({ strategy: 'refresh-ahead' })
    expect(loads.slice(3)).toEqual(['cache', 'keen'])
    await read({})
    await clock.run(6000)
    await read({ strategy: 'refresh-ahead', refreshAhead: 0.5 })
    expect(loads.slice(5)).toEqual(['cache', 'keen'])
  })

  it('what a strategy needs is asked for, and a name that is not one is explained', async () => {
    const { cache } = make()
    const plain = open({ name: 'plain' })
    let calls = 0
    const of = (options: object, from = cache): Promise<string> =>
      from
        .getOrSet(`k${calls++}`, () => 1, options as LoadOptions)
        .then(
          () => 'fine',
          (error: Error) => error.message.replace('[millpond] ', ''),
        )
    expect(await of({ strategy: 'ttl' })).toBe('strategy: the strategy ttl needs ttl')
    expect(await of({ strategy: 'tag_based' })).toBe('strategy: the strategy tag-based needs tags')
    expect(await of({ strategy: 'tag-based', tags: ['a'] })).toBe('fine')
    expect(await of({ strategy: 'adaptive', ttl: 5 })).toContain(
      'chooses the ttl, but ttl 5 leaves it nothing to choose',
    )
    expect(await of({ strategy: ['ttl', 'adaptive'] })).toContain('choose one')
    expect(await of({ strategy: 'lru' })).toContain("use memory({ policy: 'lru' })")
    expect(await of({ strategy: 'write_back' })).toContain('concerns writes: give it to a collection')
    for (const unknown of ['swr', '', 7, {}, [undefined]])
      expect(await of({ strategy: unknown }), String(unknown)).toContain(
        'is not known: use one of read-through, refresh-ahead',
      )
    expect(await of({ strategy: [] })).toBe('fine')
    expect(await of({ strategy: 'adaptive' }, plain)).toContain('default: the strategy adaptive needs an adaptive TTL')
    const tagged = cache.namespace('tagged', { tags: ['t'], ttl: 1000, priority: 'high' })
    expect(await tagged.getOrSet('k', () => 1, { strategy: ['tag-based', 'ttl'] })).toBe(1)
    expect(() => cache.namespace('x', { strategy: 'tag-based', priority: 'low' })).toThrow('needs tags')
  })

  it('a list that is changed later changes nothing', async () => {
    const { cache, asked } = make()
    const strategy: 'adaptive'[] = ['adaptive']
    const users = cache.namespace('users', { strategy })
    strategy.length = 0
    await users.getOrSet('a', () => 1)
    expect(asked).toEqual(['a'])
  })
})
