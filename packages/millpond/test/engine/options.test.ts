// Options are checked at once, wherever they are given: unknown names, wrong kinds and wrong values throw, and say what
// to give instead.
import { afterEach, describe, expect, test } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { cacheClear, cacheGet, cacheSet } from '../../src/simple.ts'
import { simulatedServer } from '../../src/testing/index.ts'
import { Breaker } from '../../src/wrap/breaker.ts'

/** Given by programs without types. */
type Loose = (options: object) => unknown
const create = createCache as Loose
const opened: Cache[] = []
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})
const open = (options = {}): Cache => {
  const cache = createCache(options)
  opened.push(cache)
  return cache
}
const tier = () => simulatedServer().connect()

test.each<[string, object, RegExp]>([
  ['an unknown name', { teirs: [] }, /unknown option "teirs": did you mean "tiers"\? there are name, tiers/],
  ['a time to live beside the tiers', { ttl: '5m' }, /no option "ttl": give defaults: \{ ttl \}/],
  ['a bound beside the tiers', { maxEntries: 5 }, /no option "maxEntries": give tiers: \[memory\(\{ maxEntries \}\)\]/],
  ['options that are a list', [], /options: \[\] is not allowed: give an object/],
  ['tiers that are no list', { tiers: {} }, /tiers: \{\} is not a list: give one such as \[memory\(\)/],
  ['tiers that are a text', { tiers: 'redis' }, /tiers: "redis" is not a list/],
  ['a tier that is none', { tiers: [null] }, /tiers\[0\]: null is not a tier/],
  ['a codec', { codec: 5 }, /codec: 5 is not a codec: give/],
  ['a codec without decode', { codec: { encode() {} } }, /codec: .* is not a codec: give/],
  ['a clock', { clock: 5 }, /clock: 5 is not allowed: give a clock/],
  ['a clock that is the class of dates', { clock: Date }, /clock: a function Date is not allowed/],
  ['an outbox', { outbox: {} }, /outbox: \{\} is not allowed: give an outbox/],
  ['a job store', { jobs: {} }, /jobs: \{\} is not allowed: give a job store/],
  ['a plug-in', { plugins: [{}] }, /plugins\[0\]: \{\} is not allowed: give a plug-in/],
  ['plug-ins that are no list', { plugins: {} }, /plugins: \{\} is not allowed: give a list of plug-ins/],
  ['a random that is a number', { random: 0.5 }, /random: 0.5 is not allowed: give a function/],
  ['dependencies', { dependencies: true }, /dependencies: true is not allowed: give 'off' or 'declared' or 'tracked'/],
  ['maxStale', { maxStale: '5 minutes' }, /maxStale: "5 minutes" is not a duration/],
  ['restart without a path', { restart: { every: 0 } }, /restart.path: undefined is not allowed: give a text/],
  [
    'restart with an unknown name',
    { restart: { path: 'x', evry: 0 } },
    /unknown option "restart.evry": did you mean "every"/,
  ],
  ['a timeout that is a text', { defaults: { timeout: '5s' } }, /timeout: "5s" is not allowed: give an object/],
  ['a timeout that is a number', { defaults: { timeout: 5000 } }, /timeout: 5000 is not allowed: give an object/],
  [
    'a timeout with an unknown name',
    { defaults: { timeout: { hrad: 5 } } },
    /unknown option "defaults.timeout.hrad": did you mean "hard"/,
  ],
  ['a timeout with a wrong time', { defaults: { timeout: { hard: -1 } } }, /timeout.hard: -1 is not a duration/],
  [
    'a timeout of centuries',
    { defaults: { timeout: { hard: 4e12 } } },
    /timeout.hard: 4000000000000 is over 100 years: give a shorter time$/,
  ],
  [
    'a life of centuries',
    { defaults: { ttl: 4e12 } },
    /ttl: 4000000000000 is over 100 years: give a shorter time, or Infinity for an entry/,
  ],
  ['tags that are one text', { defaults: { tags: 'users' } }, /tags: "users" is not a list/],
])('createCache refuses %s', (_what, options, message) => {
  expect(() => create(options)).toThrow(message)
  expect(() => create(options)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(OPTION|DURATION|TAG)_INVALID$/) }),
  )
})

test.each<[object, RegExp]>([
  [{ breaker: { threshold: -3 } }, /tiers\[1\].breaker.threshold: -3 is not allowed: give a whole number from 1/],
  [{ breaker: { threshold: 1.5 } }, /threshold: 1.5/],
  [{ breaker: { openMs: -1 } }, /openMs: -1 is not allowed/],
  [{ breaker: { openMs: '9s' } }, /openMs: "9s" is not allowed: give milliseconds/],
  [{ breaker: { opneMs: 9 } }, /unknown option "tiers\[1\].breaker.opneMs": did you mean "openMs"/],
  [
    { breaker: true },
    /tiers\[1\].breaker: true is not allowed: the breaker is on by default; give .* false to switch it off/,
  ],
  [{ breaker: { treshold: 9 } }, /"tiers\[1\].breaker.treshold": did you mean "threshold"/],
  [{ enabled: 'no' }, /tiers\[1\].enabled: "no" is not allowed: give true or false/],
  [{ timeout: '1 minute' }, /tiers\[1\].timeout: "1 minute" is not a duration/],
  [{ ttlFactor: 0 }, /tiers\[1\].ttlFactor: 0 is not allowed/],
  [{ promoteAfter: 0 }, /tiers\[1\].promoteAfter: 0 is not allowed/],
  [{ name: '' }, /tiers\[1\].name: "" is not allowed/],
])('a use of a tier refuses %j', (use, message) => {
  expect(() => create({ tiers: [memory(), { use: tier(), ...use }] })).toThrow(message)
})

test('a tier that is named twice', () => {
  const same = tier()
  expect(() => create({ tiers: [memory(), same, { use: same, ttlFactor: 2 }] })).toThrow(
    /tiers\[2\] is the same tier as tiers\[1\]: name it once, or create another one/,
  )
})

test('breaker: false leaves a tier in use however often it fails', async () => {
  const cache = open({ tiers: [memory(), { use: tier(), breaker: false }] })
  expect(cache.info().circuitBreaker).toEqual({ simulated: 'closed' })
  for (let count = 0; count < 20; count++) cache.breaker('simulated').failed()
  expect(cache.breaker('simulated').state).toBe('closed')
})

describe('calls', () => {
  const calls: [string, (cache: Cache) => unknown, RegExp][] = [
    [
      'getOrSet without a loader',
      (cache) => Reflect.apply(cache.getOrSet, cache, ['k']),
      /getOrSet: undefined is not allowed: give a loader/,
    ],
    [
      'getOrSet with a value',
      (cache) => Reflect.apply(cache.getOrSet, cache, ['k', 5]),
      /getOrSet: 5 is not allowed: give a loader/,
    ],
    [
      'getOrSetMany without options',
      (cache) => Reflect.apply(cache.getOrSetMany, cache, [['k']]),
      /getOrSetMany: undefined is not allowed/,
    ],
    [
      'getOrSetMany without load',
      (cache) => Reflect.apply(cache.getOrSetMany, cache, [['k'], {}]),
      /getOrSetMany.load: undefined is not allowed/,
    ],
    [
      'getOrSetMany with a key that is no function',
      (cache) => Reflect.apply(cache.getOrSetMany, cache, [['k'], { load: () => [], key: 'id' }]),
      /getOrSetMany.key: "id" is not allowed/,
    ],
    [
      'schedule without a time',
      (cache) => Reflect.apply(cache.schedule, cache, [{ tags: ['t'] }]),
      /schedule: undefined is not allowed/,
    ],
    ['schedule with no time in it', (cache) => cache.schedule({ tags: ['t'] }, {}), /schedule: \{\} has no time/],
    [
      'schedule at a date that is none',
      (cache) => cache.schedule({ tags: ['t'] }, { at: new Date('soon') }),
      /schedule\.at: Invalid Date is not/,
    ],
    [
      'schedule in undefined',
      (cache) => Reflect.apply(cache.schedule, cache, [{ tags: ['t'] }, { in: undefined }]),
      /has no time/,
    ],
    ['schedule in and at', (cache) => cache.schedule({ tags: ['t'] }, { in: '5m', at: 5 }), /has two times/],
    [
      'schedule with an unknown name',
      (cache) => Reflect.apply(cache.schedule, cache, [{ tags: ['t'] }, { inn: 5 }]),
      /unknown option "schedule.inn"/,
    ],
    ['a breaker of no tier', async (cache) => cache.breaker('redis'), /breaker: "redis" is not allowed: give no tier/],
    ['on an unknown event', async (cache) => Reflect.apply(cache.on, cache, ['hits', () => {}]), /no event "hits"/],
    ['on without a listener', async (cache) => Reflect.apply(cache.on, cache, ['hit']), /listener of 'hit'/],
    [
      'a load option with an unknown name',
      (cache) => Reflect.apply(cache.getOrSet, cache, ['k', () => 1, { tll: 5 }]),
      /"tll": did you mean "ttl"/,
    ],
  ]
  test.each(calls)('%s', async (_what, call, message) => {
    await expect(call(open())).rejects.toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) }),
    )
  })

  test('what is scheduled without a time does not happen', async () => {
    const cache = open()
    await cache.set('k', 1, { tags: ['t'] })
    await Promise.resolve(Reflect.apply(cache.schedule, cache, [{ tags: ['t'] }, { in: undefined }])).catch(() => {})
    expect(await cache.jobs.list()).toEqual([])
    expect(cache.peek('k')).toBe(1)
  })
})

test.each([
  ['an array', ['a', 'b']],
  ['a Set', new Set(['a', 'b'])],
  [
    'a generator',
    (function* () {
      yield 'a'
      yield 'b'
    })(),
  ],
])('tags may be %s', async (_what, tags) => {
  const cache = open()
  await cache.set('k', 1, { tags })
  expect(await cache.getEntry('k')).toMatchObject({ tags: ['a', 'b'] })
  await cache.invalidateTags(new Set(['b']))
  expect(cache.peek('k')).toBeUndefined()
})

test('cacheGet gives a cached null, and the fallback where there is nothing', async () => {
  await cacheSet('null', null)
  expect([await cacheGet('null', 'fallback'), await cacheGet('none', 'fallback')]).toEqual([null, 'fallback'])
  await cacheClear()
})

describe('a breaker of your own', () => {
  test('needs no clock, and rejects with the call’s own error', async () => {
    const own = new Error('down')
    const breaker = new Breaker({ threshold: 2, openMs: 60_000 })
    for (let count = 0; count < 2; count++) await expect(breaker.protect(() => Promise.reject(own))).rejects.toBe(own)
    await expect(breaker.protect(async () => 1)).rejects.toMatchObject({ code: 'TIER_FAILED' })
    expect(await new Breaker().protect(async () => 1)).toBe(1)
  })

  test.each([{ threshold: 0 }, { openMs: Number.NaN }, { treshold: 3 }, 5, null])('refuses %j', (options) => {
    expect(() => Reflect.construct(Breaker, [options])).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
