// Loaders that a cache knows: refresh without one in hand, by namespace, with their own settings.
import { memory } from 'millpond'
import { expect, it } from 'vitest'
import { closeAfterEach, onEverySetup, open } from './setups.ts'

closeAfterEach()

onEverySetup('a registered source', (openCache) => {
  it('refreshes its keys without a loader in hand, and is given the key as its owner wrote it', async () => {
    const cache = openCache()
    let version = 0
    const asked: unknown[] = []
    const stop = cache.source(['user'], (key, { addTags }) => {
      asked.push(key)
      addTags('loaded')
      return { key, version: ++version }
    })
    expect(await cache.refresh(['user', 7])).toEqual({ key: ['user', 7], version: 1 })
    expect(await cache.get(['user', 7])).toEqual({ key: ['user', 7], version: 1 })
    expect(await cache.refresh(['user', 7])).toEqual({ key: ['user', 7], version: 2 })
    await cache.invalidateTags(['loaded'])
    expect([await cache.get(['user', 7]), asked]).toEqual([
      undefined,
      [
        ['user', 7],
        ['user', 7],
      ],
    ])
    await expect(cache.refresh('user:7')).rejects.toThrow(/there is no loader for the key "user:7".*cache\.source/)
    await expect(cache.namespace('a').refresh(['user', 7])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    stop()
    await expect(cache.refresh(['user', 7])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

it('the longest prefix loads; entries take the settings of their family, and of the call first', async () => {
  const cache = open()
  cache.source('user:', () => 'user', { defaults: { ttl: '10s', tags: ['users'] } })
  cache.source('user:admin:', () => 'admin', { defaults: { ttl: '20s' } })
  expect([await cache.refresh('user:1'), await cache.refresh('user:admin:1')]).toEqual(['user', 'admin'])
  const ttlOf = async (key: string): Promise<number> => {
    const entry = await cache.getEntry(key)
    return entry.kind === 'miss' ? 0 : Math.ceil((entry.ttlMs ?? 0) / 10_000)
  }
  expect([await ttlOf('user:1'), await ttlOf('user:admin:1')]).toEqual([1, 2])
  await cache.refresh('user:1', undefined, { ttl: '30s' })
  expect(await ttlOf('user:1')).toBe(3)
  await cache.invalidateTags(['users'])
  expect([cache.peek('user:1'), cache.peek('user:admin:1')]).toEqual([undefined, 'admin'])
})

it('lists what is registered, for people and programs', async () => {
  const cache = open({ tiers: [memory()] })
  const a = cache.namespace('a')
  cache.source(['user'], () => 1, { name: 'users of the shop', loadMany: async (keys) => keys.map(() => 1) })
  a.source('x:', () => 1)
  const user = { namespace: 'default', prefix: ['user'], name: 'users of the shop', loads_many: true }
  const x = { namespace: 'a', prefix: 'x:', name: 'x:', loads_many: false }
  expect([cache.sources, a.sources]).toEqual([[x, user], [x]])
  await a.close()
  expect(cache.sources).toEqual([user])
})

it('wrong registrations are refused where they are made', async () => {
  const cache = open()
  cache.source('a', () => 1)
  expect(() => cache.source('a', () => 2)).toThrow(/"a" already has a loader/)
  expect(() => cache.source('', () => 1)).toThrow(/every key/)
  // @ts-expect-error a loader is a function
  expect(() => cache.source('b', 1)).toThrow(/1 is not a loader/)
  // @ts-expect-error no such option
  expect(() => cache.source('b', () => 1, { ttl: 1 })).toThrow(/unknown option "source.ttl"/)
  expect(() => cache.source('b', () => 1, { defaults: { ttl: 'x' as never } })).toThrow(/ttl/)
  const prefix: [string, number] = ['mine', 1]
  cache.source(prefix, () => 'mine')
  prefix[1] = 2
  expect(await cache.refresh(['mine', 1, 'x'])).toBe('mine')
  await cache.close()
  expect(() => cache.source('c', () => 1)).toThrow(/closed/)
})
