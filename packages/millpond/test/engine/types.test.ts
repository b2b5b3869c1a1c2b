// What TypeScript knows of a cache: types that are as narrow as the truth, and no narrower. Compiled with the other
// tests; run, it is only a little of it.
import { inspect } from 'node:util'
import {
  type BreakerState,
  type Consistency,
  type Dependencies,
  type Duration,
  type EventName,
  type Frozen,
  type MissCause,
  memory,
  type RemovalReason,
  type Scope,
} from 'millpond'
import type { Rejection } from 'millpond/codec'
import { redis } from 'millpond/tiers/redis'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { closeAfterEach, open } from './setups.ts'

closeAfterEach()

interface User {
  readonly id: number
  name: string
  tags: string[]
  seen: Date
}
const ada = (): User => ({ id: 7, name: 'Ada', tags: ['a'], seen: new Date(0) })

test('a duration is what the parser takes', () => {
  const good: Duration[] = [5, '5m', '1.5h', '250ms', '7d', Number.POSITIVE_INFINITY]
  expect(good).toHaveLength(6)
  expectTypeOf<'5 minutes'>().not.toExtend<Duration>()
  expectTypeOf<'soon'>().not.toExtend<Duration>()
  expectTypeOf<'5'>().not.toExtend<Duration>()
})

test('causes, reasons and states are closed', () => {
  expectTypeOf<string>().not.toExtend<MissCause>()
  expectTypeOf<string>().not.toExtend<RemovalReason>()
  expectTypeOf<string>().not.toExtend<EventName>()
  const cache = open()
  cache.on('breaker', ({ state }) => expectTypeOf(state).toEqualTypeOf<'closed' | 'open' | 'half-open'>())
  cache.on('invalidate', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<RemovalReason>())
  cache.on('removal', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<RemovalReason>())
  cache.on('miss', ({ cause }) => expectTypeOf(cause).toEqualTypeOf<MissCause>())
  cache.on('rejected', ({ why }) => expectTypeOf(why).toEqualTypeOf<Rejection>())
  expectTypeOf<string>().not.toExtend<Rejection>()
  const { cacheLevels, circuitBreaker, config } = cache.info()
  expectTypeOf(cacheLevels[0]?.scope).toEqualTypeOf<Scope | undefined>()
  expectTypeOf(circuitBreaker.redis).toEqualTypeOf<BreakerState | undefined>()
  expectTypeOf(config.consistency).toEqualTypeOf<Consistency>()
  const { defaults, dependencies, tiers } = cache.describe()
  expectTypeOf(defaults.consistency).toEqualTypeOf<Consistency>()
  expectTypeOf(dependencies).toEqualTypeOf<Dependencies>()
  expectTypeOf(tiers[0]?.scope).toEqualTypeOf<Scope | undefined>()
  const { evictions, missesByCause, tiers: counted } = cache.stats()
  expectTypeOf(missesByCause.cold).toEqualTypeOf<number | undefined>()
  expectTypeOf<keyof typeof evictions>().toEqualTypeOf<RemovalReason>()
  expectTypeOf(counted[0]?.breaker).toEqualTypeOf<BreakerState | undefined>()
})

describe('ids that are literals do not narrow what a loader answers', () => {
  const rows = async (ids: readonly string[]) => new Map(ids.map((id) => [id, id.length]))

  test('a Map of any text', async () => {
    const found = await open().getOrSetMany(['a', 'bb'], { load: rows })
    expectTypeOf(found).toEqualTypeOf<(number | undefined)[]>()
    expect(found).toEqual([1, 2])
    expect(
      await open().getOrSetMany(['a'], { load: async (ids) => new Map<string, number>(ids.map((id) => [id, 1])) }),
    ).toEqual([1])
  })

  test('ids that are const, and a Map that says so', async () => {
    const cache = open()
    const ids = ['a', 'bb'] as const
    expectTypeOf(await cache.getOrSetMany(ids, { load: rows })).toEqualTypeOf<(number | undefined)[]>()
    const some = await cache.getOrSetMany(ids, { load: async () => new Map([['a', 1]]) })
    expectTypeOf(some).toEqualTypeOf<(number | undefined)[]>()
    const narrow = await open().getOrSetMany(ids, { load: async () => new Map<'a' | 'bb', number>([['a', 7]]) })
    expectTypeOf(narrow).toEqualTypeOf<(number | undefined)[]>()
    const empty = await open().getOrSetMany(['x', 'y'], { load: async () => new Map<string, { n: number }>() })
    expectTypeOf(empty).toEqualTypeOf<({ n: number } | undefined)[]>()
    const stored = open().collection('c', {
      loadMany: async (asked: readonly number[]) => new Map(asked.map((id) => [id, `${id}`])),
    })
    expectTypeOf(await stored.getMany([1, 2])).toEqualTypeOf<(string | undefined)[]>()
    expect([some, narrow, empty]).toEqual([
      [1, 2],
      [7, undefined],
      [undefined, undefined],
    ])
  })

  test('a list, ids that are numbers, ids that are tuples', async () => {
    const cache = open()
    const texts = await cache.getOrSetMany([1, 2], {
      key: (id) => `n${id}`,
      load: async (ids) => new Map<number, string>(ids.map((id) => [id, 'n'])),
    })
    expectTypeOf(texts).toEqualTypeOf<(string | undefined)[]>()
    const sizes = await cache.getOrSetMany([['a', 1] as const], {
      load: async (ids) => ids.map((id) => String(id).length),
    })
    expectTypeOf(sizes).toEqualTypeOf<(number | undefined)[]>()
    expect([texts, sizes]).toEqual([['n', 'n'], [3]])
  })
})

test('frozen values may be typed as what they are', async () => {
  const cache = open()
  const user = await cache.getOrSet<Frozen<User>>('user', ada)
  expectTypeOf(user.tags).toEqualTypeOf<readonly string[]>()
  expectTypeOf(user.seen).toEqualTypeOf<Date>()
  // @ts-expect-error
  expect(() => user.tags.push('b')).toThrow(TypeError)
  // @ts-expect-error
  expect(() => (user.name = 'Bea')).toThrow(TypeError)
  const plain = await cache.getOrSet('user', ada)
  expectTypeOf(plain).toEqualTypeOf<User>()
})

test('console.log shows what a cache is, and no secret', async () => {
  const cache = open({ name: 'shop', tiers: [memory(), redis({ url: 'redis://user:hunter2@127.0.0.1:1' })] })
  const shown = inspect(cache.namespace('basket'))
  expect(shown).toBe(`Cache {
  name: 'shop',
  namespace: 'basket',
  tiers: [ 'memory', 'redis' ],
  ledger: 'redis',
  entries: 0,
  hitRate: 0
}`)
  expect(inspect([cache])).not.toContain('hunter2')
})
