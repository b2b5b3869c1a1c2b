// `cache.wrap`: a function with the cache before it.
import { expect, it } from 'vitest'
import { closeAfterEach, onEverySetup, open } from './setups.ts'

closeAfterEach()

onEverySetup('a wrapped function', (openCache) => {
  it('is called once per arguments, forgets and refreshes, and loads its family', async () => {
    const cache = openCache()
    let calls = 0
    const user = cache.wrap(async (id: number, kind: string) => ({ id, kind, call: ++calls }), {
      key: ['user'],
      tags: ([id], { kind }) => [`user:${id}`, kind],
    })
    expect(await Promise.all([user(7, 'a'), user(7, 'a')])).toEqual(Array(2).fill({ id: 7, kind: 'a', call: 1 }))
    expect((await user(7, 'b')).call).toBe(2)
    expect(await user.invalidate(7, 'a')).toMatchObject({ isApplied: true })
    expect((await user(7, 'a')).call).toBe(3)
    expect((await user.refresh(7, 'a')).call).toBe(4)
    expect((await cache.refresh<{ call: number }>(['user', 7, 'a'])).call).toBe(5)
    expect((await user(7, 'a')).call).toBe(5)
    await cache.invalidateTags(['a'])
    expect([(await user(7, 'a')).call, (await user(7, 'b')).call]).toEqual([6, 2])
    await cache.invalidateTags(['user:7'])
    expect((await user(7, 'b')).call).toBe(7)
  })
})

it('takes keys of its own making, and the options of a load', async () => {
  const cache = open()
  let calls = 0
  const f = cache.wrap((_: { id: number }) => ++calls, { key: ({ id }) => `thing:${id}`, ttl: '1h', tags: ['things'] })
  expect([await f({ id: 1 }), await f({ id: 1 }), await f({ id: 2 })]).toEqual([1, 1, 2])
  expect(await cache.getEntry('thing:1')).toMatchObject({ value: 1, tags: ['things'] })
  expect(cache.sources).toEqual([])
})

it('passes errors, takes its registration back, and says what is wrong', async () => {
  const cache = open()
  const fail = cache.wrap(
    () => {
      throw new Error('no')
    },
    { key: ['fail'] },
  )
  await expect(fail()).rejects.toThrow('no')
  expect(() => cache.wrap(() => 1, { key: ['fail'] })).toThrow(/fail/)
  fail.unregister()
  cache.wrap(() => 1, { key: ['fail'] })
  expect(() => cache.wrap(7 as never, { key: ['x'] })).toThrow(/is not a function/)
  expect(() => cache.wrap(() => 1, { key: [] as never })).toThrow(/key: \[\] is not allowed/)
  const f = cache.wrap((_: object) => 1, { key: ['object'] })
  await expect(f({})).rejects.toMatchObject({ code: 'KEY_INVALID' })
})
