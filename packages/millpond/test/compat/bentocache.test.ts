// The verbs of bentocache over a cache.
import { type Cache, createCache } from 'millpond'
import { type Bentocache, type BentocacheOptions, bentocache } from 'millpond/compat/bentocache'
import { type FakeClock, fakeClock } from 'millpond/testing'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'

let cache: Cache
let clock: FakeClock
const make = (options?: BentocacheOptions): Bentocache => bentocache(cache, options)
beforeEach(() => {
  clock = fakeClock({ now: Date.now() })
  cache = createCache({ clock })
})
afterEach(() => cache.close())

describe('entries', () => {
  it('are set, read, missed, pulled and deleted', async () => {
    const bento = make()
    expect(await bento.set({ key: 'a', value: { n: 1 } })).toBe(true)
    expect(await bento.get({ key: 'a' })).toEqual({ n: 1 })
    expect(await bento.get({ key: 'x' })).toBeUndefined()
    expect(await bento.get({ key: 'x', defaultValue: 5 })).toBe(5)
    expect(await bento.get({ key: 'x', defaultValue: async () => 6 })).toBe(6)
    expect([
      await bento.has({ key: 'a' }),
      await bento.missing({ key: 'a' }),
      await bento.missing({ key: 'x' }),
    ]).toEqual([true, false, true])
    expect(await bento.pull('a')).toEqual({ n: 1 })
    expect(await bento.pull('a')).toBeUndefined()
    for (const key of ['a', 'b', 'c']) await bento.set({ key, value: key })
    expect(await bento.delete({ key: 'a' })).toBe(true)
    expect(await bento.deleteMany({ keys: ['b', 'x'] })).toBe(true)
    expect([await bento.has({ key: 'a' }), await bento.has({ key: 'b' }), await bento.has({ key: 'c' })]).toEqual([
      false,
      false,
      true,
    ])
  })

  it('live for 30 seconds, as long as they say in words or numbers, or for ever', async () => {
    const bento = make()
    await bento.set({ key: 'default', value: 1 })
    await bento.set({ key: 'words', value: 1, ttl: '2 minutes' })
    await bento.set({ key: 'number', value: 1, ttl: 90_000 })
    await bento.setForever({ key: 'ever', value: 1 })
    await bento.getOrSetForever({ key: 'made', factory: () => 1 })
    const held = (): Promise<boolean[]> =>
      Promise.all(['default', 'words', 'number', 'ever', 'made'].map((key) => bento.has({ key })))
    expect(await held()).toEqual([true, true, true, true, true])
    await clock.advance(30_000)
    expect(await held()).toEqual([false, true, true, true, true])
    await clock.advance(60_000)
    expect(await held()).toEqual([false, true, false, true, true])
    await clock.advance(86_400_000 * 1000)
    expect(await held()).toEqual([false, false, false, true, true])
  })

  it('go by their tags, in their namespace alone', async () => {
    const bento = make()
    const users = bento.namespace('users')
    await bento.set({ key: 'a', value: 1, tags: ['x'] })
    await bento.getOrSet({ key: 'b', factory: ({ setTags }) => setTags(['x', 'y']) ?? 1 })
    await users.set({ key: 'a', value: 1, tags: ['x'] })
    expect(await bento.deleteByTag({ tags: ['x'] })).toBe(true)
    expect([await bento.has({ key: 'a' }), await bento.has({ key: 'b' }), await users.has({ key: 'a' })]).toEqual([
      false,
      false,
      true,
    ])
    await users.deleteByTag({ tags: ['x'] })
    expect(await users.has({ key: 'a' })).toBe(false)
  })

  it('of a namespace are cleared with it, and with the one that it lies in', async () => {
    const bento = make()
    const users = bento.namespace('users')
    const admins = users.namespace('admins')
    const set = async (): Promise<void> => {
      for (const one of [bento, users, admins]) await one.set({ key: 'a', value: 1 })
    }
    const held = (): Promise<boolean[]> => Promise.all([bento, users, admins].map((one) => one.has({ key: 'a' })))
    await set()
    await admins.clear()
    expect(await held()).toEqual([true, true, false])
    await set()
    await users.clear()
    expect(await held()).toEqual([true, false, false])
    await set()
    await bento.clear()
    expect(await held()).toEqual([false, false, false])
  })
})

describe('a factory', () => {
  it('runs once for all who ask, and again with forceFresh', async () => {
    const bento = make()
    let runs = 0
    const factory = async (): Promise<number> => ++runs
    expect(await Promise.all([1, 2, 3].map(() => bento.getOrSet({ key: 'k', factory })))).toEqual([1, 1, 1])
    expect(await bento.getOrSet({ key: 'k', factory, forceFresh: true })).toBe(2)
    expect(await bento.get({ key: 'k' })).toBe(2)
  })

  it('may skip, fail, and say another time', async () => {
    const bento = make()
    expect(await bento.getOrSet({ key: 'k', factory: ({ skip }) => skip() })).toBeUndefined()
    expect(await bento.has({ key: 'k' })).toBe(false)
    await expect(bento.getOrSet({ key: 'k', factory: ({ fail }) => fail('no such user') })).rejects.toThrow(
      'no such user',
    )
    await bento.getOrSet({ key: 'k', ttl: '1h', factory: ({ setTtl }) => setTtl('1s') ?? 1 })
    await bento.getOrSet({ key: 'o', ttl: '1s', factory: ({ setOptions }) => setOptions({ ttl: null }) ?? 1 })
    await clock.advance(2000)
    expect([await bento.has({ key: 'k' }), await bento.has({ key: 'o' })]).toEqual([false, true])
  })

  it('that fails within the grace period is told of, and what was held is given; after it, the error', async () => {
    const bento = make({ ttl: '1m', grace: '1h', timeout: null })
    const errors: unknown[] = []
    const broken = {
      key: 'k',
      factory: () => Promise.reject(new Error('down')),
      onFactoryError: (error: unknown) => errors.push(error),
    }
    await bento.getOrSet({ key: 'k', factory: () => 'held' })
    await clock.advance(60_000)
    expect(await bento.getOrSet(broken)).toBe('held')
    expect(errors).toEqual([new Error('down')])
    expect(await bento.get({ key: 'k' })).toBe('held')
    expect(await bento.get({ key: 'k', grace: false })).toBeUndefined()
    expect(await bento.has({ key: 'k' })).toBe(false)
    await clock.advance(3_600_000)
    await expect(bento.getOrSet(broken)).rejects.toThrow('down')
  })

  it('with a timeout of 0 runs behind, and sees what is in grace', async () => {
    const bento = make({ ttl: '1m', grace: '1h' })
    await bento.getOrSet({ key: 'k', factory: () => 1 })
    await clock.advance(60_000)
    let seen: unknown
    const factory = ({ gracedEntry }: { readonly gracedEntry: { readonly value: unknown } | undefined }): number => {
      seen = gracedEntry
      return 2
    }
    expect(await bento.getOrSet({ key: 'k', factory })).toBe(1)
    await bento.disconnect()
    expect(seen).toEqual({ value: 1 })
    expect(await bento.getOrSet({ key: 'k', factory })).toBe(2)
  })

  it('is given up at the hard timeout, and not waited for after the soft one where something is held', async () => {
    const bento = make({ ttl: '1m', grace: '1h', timeout: 100 })
    const slow = (): Promise<number> => new Promise(() => {})
    const given = bento.getOrSet({ key: 'new', factory: slow, hardTimeout: '1s' }).catch((error: unknown) => error)
    await clock.advance(1000)
    expect(await given).toMatchObject({ code: 'LOAD_TIMEOUT' })
    await bento.set({ key: 'k', value: 'held' })
    await clock.advance(60_000)
    const held = bento.getOrSet({ key: 'k', factory: slow, hardTimeout: '1s' })
    await clock.advance(100)
    expect(await held).toBe('held')
    await clock.advance(1000)
  })

  it('runs again for what has been expired, and what was there is in grace', async () => {
    const bento = make({ ttl: '1h', grace: '1h', timeout: null })
    await bento.set({ key: 'k', value: 1 })
    expect(await bento.expire({ key: 'k' })).toBe(true)
    expect(await bento.has({ key: 'k' })).toBe(false)
    expect(await bento.getOrSet({ key: 'k', factory: ({ fail }) => fail() })).toBe(1)
    await clock.advance(10_000) // a source that has failed is left alone for a moment
    expect(await bento.getOrSet({ key: 'k', factory: () => 2 })).toBe(2)
  })
})

describe('words', () => {
  it('of bentocache that mean nothing here are taken, others are not', async () => {
    const bento = make()
    const beside: object = {
      suppressL2Errors: true,
      lockTimeout: '1s',
      graceBackoff: '1s',
      skipBusNotify: true,
      skipL2Write: true,
    }
    expect(await bento.getOrSet({ key: 'k', factory: () => 1, ...beside })).toBe(1)
    await expect(bento.set({ key: 'k', value: 1, ttll: 5 } as never)).rejects.toThrow(
      /unknown option "set.ttll": did you mean "ttl"/,
    )
    await expect(bento.get({} as never)).rejects.toThrow(/get.key: undefined is not allowed/)
    await expect(bento.set({ key: 'k', value: 1, ttl: 'soon' })).rejects.toThrow(
      /"soon" is not a duration: give milliseconds, '10m'/,
    )
    await expect(bento.set({ key: 'k', value: undefined })).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    await bento.prune()
  })

  it('that are undefined say nothing', async () => {
    const bento = make({ ttl: undefined, grace: undefined, timeout: undefined, hardTimeout: undefined })
    expect(await bento.getOrSet({ key: 'k', factory: () => 1 })).toBe(1)
    await clock.advance(30_000)
    expect(await bento.has({ key: 'k' })).toBe(false)
  })

  it('infer what they answer', () => {
    expectTypeOf(make().getOrSet({ key: 'k', factory: async () => ({ n: 1 }) })).resolves.toEqualTypeOf<{ n: number }>()
    expectTypeOf(make().get<number>({ key: 'k' })).resolves.toEqualTypeOf<number | undefined>()
  })
})
