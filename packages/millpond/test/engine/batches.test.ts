// Many keys in one call: one call of the loader for all that want it, and no key that waits for another's trouble.
import { join } from 'node:path'
import { type Cache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { sized } from '../form.ts'
import fc from '../properties.ts'
import { closeAfterEach, gate, newFolder, onEverySetup, open, until } from './setups.ts'

onEverySetup('batches', (create) => {
  it('G13: a batch loader that awaits its own second key is LOAD_CYCLE', async () => {
    const cache = create()
    const load = async (ids: readonly string[]): Promise<string[]> => {
      await cache.getOrSet('b', () => 'never')
      return [...ids]
    }
    await expect(cache.getOrSetMany(['a', 'b'], { load, timeout: { hard: '2s' } })).rejects.toMatchObject({
      code: 'LOAD_CYCLE',
    })
  })

  it('ids may be anything where a key is made of them', async () => {
    const cache = create()
    const load = async (ids: readonly number[]): Promise<string[]> => ids.map((id) => `user ${id}`)
    expect(await cache.getOrSetMany([7, 8], { key: (id) => ['user', id], load })).toEqual(['user 7', 'user 8'])
    expect(await cache.get(['user', 7])).toBe('user 7')
    const rows = [{ id: 9 }]
    expect(
      await cache.getOrSetMany(rows, {
        key: ({ id }) => ['row', id],
        load: async (given) => given.map(({ id }) => id),
      }),
    ).toEqual([9])
  })

  it('what it was given may be changed at once', async () => {
    const cache = create()
    const ids = ['a', 'b']
    const tags = ['t']
    const options = { tags, load: async (missing: readonly string[]) => missing.map((id) => id.toUpperCase()) }
    const values = cache.getOrSetMany(ids, options)
    ids.length = 0
    tags[0] = 'other'
    expect(await values).toEqual(['A', 'B'])
    await cache.flush()
    expect(await cache.getEntry('a')).toMatchObject({ kind: 'hit', tags: ['t'] })
    const own = ['u']
    const one = cache.getOrSet('c', () => 1, { tags: own })
    own.push('late')
    await one
    expect(await cache.getEntry('c')).toMatchObject({ tags: ['u'] })
  })
})

describe('batches of which memory holds a part', () => {
  closeAfterEach()

  it.each([
    ['its last keys', 7, 10],
    ['its first keys', 0, 3],
    ['some in the middle', 4, 6],
  ])('G10: what is refreshed behind belongs to its own key: %s', async (_, from, to) => {
    const clock = fakeClock({ now: Date.now() })
    const { ledger, ...tier } = simulatedServer({ now: () => clock.now() }).connect()
    const cache = open({ clock, tiers: [memory(), { ...tier, ledger }], defaults: { ttl: 1000, staleFor: '1h' } })
    const other = open({ clock, tiers: [memory(), { ...tier, ledger }], defaults: { ttl: 1000, staleFor: '1h' } })
    const keys = Array.from({ length: 10 }, (_, at) => `k${at}`)
    await other.setMany(keys.map((key) => [key, `old ${key}`]))
    await cache.getMany(keys.slice(from, to))
    await clock.run(1500)
    const calls: (readonly string[])[] = []
    const load = async (missing: readonly string[]): Promise<string[]> => {
      calls.push(missing)
      return missing.map((key) => `new ${key}`)
    }
    expect(await cache.getOrSetMany(keys, { load })).toEqual(keys.map((key) => `old ${key}`))
    await clock.run(10)
    await cache.flush()
    expect(calls.flat().sort()).toEqual(keys)
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => `new ${key}`))
  })
})

describe('batches of every mixture', () => {
  closeAfterEach()

  /** Where a key of the batch lies, and how old it is. */
  const somewhere = fc.constantFrom('nowhere', 'far', 'far, stale', 'memory', 'memory, stale', 'remembered')
  const stale = fc.constantFrom('far, stale', 'memory, stale')
  const options = fc.constantFrom(
    {},
    { staleFor: '1h' },
    { refreshAhead: { after: 1e-9, reads: 1 } },
    { staleFor: '1h', refreshAhead: { after: 1e-9, reads: 1 } },
  )
  const mixture = fc.record({
    places: fc.oneof(...[somewhere, stale].map((place) => fc.array(place, { minLength: 1, maxLength: 8 }))),
    order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    twice: fc.option(fc.nat(7), { nil: undefined }),
    options,
    asMap: fc.boolean(),
  })

  it('G10: each key has its own value, wherever those of the batch lie, and in whatever order they are named', async () => {
    await fc.assert(
      fc.asyncProperty(mixture, async ({ places, order, twice, options: told, asMap }) => {
        const clock = fakeClock({ now: Date.now() })
        const server = simulatedServer({ now: () => clock.now() })
        const [cache, other] = [0, 1].map(() => open({ clock, tiers: [memory(), server.connect()] })) as [Cache, Cache]
        const keys = places.map((_, at) => `k${at}`)
        const of = (wanted: string): string[] => keys.filter((_, at) => places[at] === wanted)
        await other.setMany(
          [...of('far, stale'), ...of('memory, stale')].map((key) => [key, `old ${key}`]),
          { ttl: 1000, staleFor: '1h' },
        )
        await other.setMany(
          [...of('far'), ...of('memory')].map((key) => [key, `old ${key}`]),
          { ttl: '1h' },
        )
        await cache.getMany([...of('memory'), ...of('memory, stale')])
        for (const key of of('remembered')) await cache.getOrSet(key, () => undefined)
        await clock.run(1500)
        const ids = keys
          .map((key, at) => [order[at] ?? 0, key] as const)
          .sort(([a], [b]) => a - b)
          .map(([, key]) => key)
        if (twice !== undefined) ids.push(ids[twice % ids.length] ?? '')
        const load = async (missing: readonly string[]): Promise<string[] | Map<string, string>> => {
          const loaded = missing.map((key) => [key, `new ${key}`] as const)
          return asMap ? new Map(loaded) : loaded.map(([, value]) => value)
        }
        const mayBe = (key: string) => [`old ${key}`, `new ${key}`]
        const given = await cache.getOrSetMany(ids, { load, ...told })
        ids.forEach((key, at) => expect(mayBe(key)).toContain(given[at]))
        await clock.run(10)
        await cache.flush()
        for (const reader of [cache, other]) {
          const kept = await reader.getMany(keys)
          keys.forEach((key, at) => expect([undefined, ...mayBe(key)]).toContain(kept[at]))
        }
        await Promise.all([cache.close(), other.close()])
      }),
      { numRuns: sized(120, 2000) },
    )
  })
})

describe('batches of two processes', () => {
  closeAfterEach()

  it('G11: a key that another process loads slowly delays no other, and nothing is loaded twice', async () => {
    const path = join(newFolder(), 'cache.db')
    const [here, there] = [0, 1].map(() => open({ name: 'two', tiers: [memory(), sqlite({ path })] })) as [
      ReturnType<typeof open>,
      ReturnType<typeof open>,
    ]
    const slow = gate<string>()
    const elsewhere = vi.fn(() => slow.promise)
    const other = there.getOrSet('slow', elsewhere)
    await until(() => elsewhere.mock.calls.length === 1)
    const load = vi.fn(async (ids: readonly string[]) => ids.map((id) => `loaded ${id}`))
    const many = here.getOrSetMany(['slow', 'quick'], { load })
    await until(() => load.mock.calls.length === 1)
    expect(await here.getOrSet('quick', () => 'again')).toBe('loaded quick')
    slow.open('from there')
    expect(await other).toBe('from there')
    expect(await many).toEqual(['from there', 'loaded quick'])
    expect(load.mock.calls.map(([ids]) => ids)).toEqual([['quick']])
  })
})
