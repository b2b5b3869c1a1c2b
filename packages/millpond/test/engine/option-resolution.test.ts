// Which of all that is said of an option counts: the call's word, else what was changed in its namespace, else the
// namespace's code, else what was changed in the cache, else the cache's code, else the library's default. Every option
// of loads, under every combination of who speaks.
import type { LoadOptions } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { describe, expect, test } from 'vitest'
import { DEFAULT_POLICY, LOAD_OPTIONS, type LoadPolicy, resolvePolicy } from '../../src/core/options.ts'
import { partOptions } from '../../src/engine/namespace-options.ts'
import { routing } from '../../src/engine/route.ts'
import { CacheSettings } from '../../src/engine/settings.ts'
import { Relations } from '../../src/invalidate/relations.ts'
import { closeAfterEach, open } from './setups.ts'

closeAfterEach()

/** From the widest to the narrowest. */
const SPEAKERS = ['cache code', 'cache change', 'namespace code', 'namespace change', 'call'] as const
type Speaker = (typeof SPEAKERS)[number]

interface Case {
  /** What each says, and what the policy has of it. */
  readonly says: readonly [said: LoadOptions, meant: Partial<LoadPolicy>][]
}

const durations = (name: keyof LoadOptions, field: keyof LoadPolicy, beside: Partial<LoadPolicy> = {}): Case => ({
  says: [['7ms', 7] as const, [0, 0] as const, ['2s', 2000] as const, ['1.5m', 90_000] as const, [30, 30] as const].map(
    ([said, ms]) => [{ [name]: said }, { [field]: ms, ...beside }],
  ),
})
const shares = (name: 'jitter'): Case => ({
  says: [0.1, 0, 0.25, 1, 0.5].map((share) => [{ [name]: share }, { [name]: share }]),
})
const words = <N extends 'priority' | 'consistency' | 'singleFlight'>(
  name: N,
  ...all: NonNullable<LoadOptions[N]>[]
): Case => ({
  says: SPEAKERS.map((_, at) => [{ [name]: all[at % all.length] }, { [name]: all[at % all.length] }]),
})
const CASES: Readonly<Record<string, Case>> = {
  ttl: durations('ttl', 'ttlMs', { isTtlSaid: true }),
  staleFor: durations('staleFor', 'staleForMs'),
  staleIfError: durations('staleIfError', 'staleIfErrorMs'),
  negativeTtl: durations('negativeTtl', 'negativeMs'),
  errorTtl: durations('errorTtl', 'errorMs'),
  jitter: shares('jitter'),
  refreshAhead: {
    says: [
      [{ refreshAhead: 0.1 }, { refreshAhead: 0.1, refreshBeta: 0, refreshReads: 2 }],
      [{ refreshAhead: 0 }, { refreshAhead: 0, refreshBeta: 0, refreshReads: 2 }],
      [{ refreshAhead: { beta: 1, reads: 1 } }, { refreshAhead: 0, refreshBeta: 1, refreshReads: 1 }],
      [{ refreshAhead: {} }, { refreshAhead: 0.8, refreshBeta: 0, refreshReads: 2 }],
      [{ refreshAhead: { after: 0.5, beta: 2 } }, { refreshAhead: 0.5, refreshBeta: 2, refreshReads: 2 }],
    ],
  },
  priority: words('priority', 'high', 'low', 'medium'),
  consistency: words('consistency', 'strong', 'read-your-writes', 'eventual'),
  singleFlight: words('singleFlight', 'process', 'call', 'all'),
  tags: { says: [['a'], [], ['b', 'c'], ['d'], ['e']].map((tags) => [{ tags }, { tags }]) },
  dependsOn: {
    says: [[['k', 1]], [], ['b'], ['c', 'd'], ['e']].map((dependsOn) => [
      { dependsOn: dependsOn as string[] },
      { dependsOn: resolvePolicy({ dependsOn: dependsOn as string[] }, DEFAULT_POLICY).dependsOn },
    ]),
  },
  // Each of the two by itself, and a hard timeout of 0 is none.
  timeout: {
    says: [
      [{ timeout: { soft: 1, hard: 2 } }, { softMs: 1, hardMs: 2 }],
      [{ timeout: { hard: 0 } }, { hardMs: Number.POSITIVE_INFINITY }],
      [{ timeout: { soft: '3s' } }, { softMs: 3000 }],
      [{ timeout: {} }, {}],
      [{ timeout: { soft: 5, hard: '6s' } }, { softMs: 5, hardMs: 6000 }],
    ],
  },
}
/** Options of a call only: they are not allowed elsewhere. */
const OF_A_CALL = ['after', 'signal', 'quiet']
/** What they result in depends on other options: `load-strategies.test.ts` has them. */
const OF_OTHERS = ['strategy']

const common = {
  memoryRetention: { factor: 1, ttlMs: Number.POSITIVE_INFINITY },
  dependencies: 'off',
  relations: new Relations(undefined),
} as const

/** What comes of it when these speak. */
function policyOf(said: ReadonlyMap<Speaker, LoadOptions>): LoadPolicy {
  const settings = new CacheSettings(
    said.get('cache code'),
    common,
    routing(undefined, [], () => 0),
  )
  const opened = settings.open('shop', said.get('namespace code'))
  settings.change(said.get('namespace change') ?? {}, 'shop')
  settings.change(said.get('cache change') ?? {})
  return resolvePolicy(said.get('call'), opened.policy)
}

test('every option is tried', () => {
  const known = new Set([...Object.keys(CASES), ...OF_A_CALL, ...OF_OTHERS])
  expect(Object.keys(LOAD_OPTIONS).filter((name) => !known.has(name))).toEqual([])
})

describe.each(Object.entries(CASES))('%s', (name, { says }) => {
  const combinations = Array.from({ length: 2 ** SPEAKERS.length }, (_, bits) =>
    SPEAKERS.filter((_, at) => (bits & (1 << at)) !== 0),
  )

  test('the narrower setting takes precedence over the wider one, at every level', () => {
    for (const speaking of combinations) {
      const said = new Map<Speaker, LoadOptions>()
      let expected: LoadPolicy = DEFAULT_POLICY
      for (const [at, speaker] of SPEAKERS.entries()) {
        const [options, meant] = says[at] ?? [{}, {}]
        // `undefined` is as absent.
        said.set(speaker, speaking.includes(speaker) ? options : ({ [name]: undefined } as LoadOptions))
        if (speaking.includes(speaker)) expected = { ...expected, ...meant }
      }
      expect(withoutPriority(policyOf(said)), speaking.join(', ')).toEqual(expected)
    }
  })

  test('what was given may be changed, or used up, by who gave it', () => {
    const [options] = says[0] ?? [{}]
    const given: Record<string, unknown> = structuredClone(options)
    const settings = new CacheSettings(
      given,
      common,
      routing(undefined, [], () => 0),
    )
    const opened = settings.open('shop', partOptions(given).code)
    const { policy } = opened
    const list = given[name]
    if (Array.isArray(list)) list.push('more')
    else if (typeof list === 'object' && list !== null)
      for (const one of Object.keys(list)) Reflect.set(list, one, '9s')
    given[name] = 'garbage'
    settings.change({}, 'shop')
    expect([opened.policy, settings.policy()]).toEqual([policy, policy])
  })
})

/** Among the tags is the priority, where it is not the usual one. */
function withoutPriority(policy: LoadPolicy): LoadPolicy {
  return policy.priority === 'medium' ? policy : { ...policy, tags: DEFAULT_POLICY.tags }
}

test('tags that can be read only once count for every call', async () => {
  const once = function* (...tags: string[]) {
    yield* tags
  }
  const cache = open({ defaults: { tags: once('a') } })
  const basket = cache.namespace('basket', { tags: once('b') })
  await cache.configure({ defaults: { ttl: '1h' } })
  const changed = cache.namespace('changed')
  await changed.configure({ defaults: { tags: once('c') } })
  cache.source('s:', () => 1, { defaults: { tags: once('d') } })
  for (const one of [cache, basket, changed]) await one.setMany([['k', 1] as const, ['l', 1] as const])
  await cache.setMany([['m', 1] as const, ['n', 1] as const], { tags: once('e') })
  await cache.getOrSetMany(['o', 'p'], { load: async (ids) => ids, tags: once('f') })
  await cache.warm({ keys: ['q', 'r'], load: () => 1, tags: once('g') })
  for (const key of ['s:1', 's:2']) await cache.refresh(key)
  const tags = async (of: typeof cache, key: string): Promise<unknown> => {
    const entry = await of.getEntry(key)
    return entry.kind === 'hit' ? entry.tags.join() : entry.kind
  }
  for (const key of ['k', 'l'])
    expect([await tags(cache, key), await tags(basket, key), await tags(changed, key)]).toEqual(['a', 'b', 'c'])
  const given: string[] = []
  for (const key of ['m', 'n', 'o', 'p', 'q', 'r', 's:1', 's:2']) given.push(`${key} ${await tags(cache, key)}`)
  expect(given).toEqual(['m e', 'n e', 'o f', 'p f', 'q g', 'r g', 's:1 d', 's:2 d'])
})

test('what a call leaves undefined counts as its collection, or its source, says; and so does the timeout that it does not name', async () => {
  const clock = fakeClock()
  const cache = open({ clock, defaults: { ttl: '1h' } })
  const load = () => new Promise<number>(() => {})
  const rows = cache.collection<number, number>('row', { load: (id) => id, ttl: '10m', tags: ['t'] })
  const slow = cache.collection<number, number>('slow', { load, timeout: { hard: '1s' } })
  cache.source(['s'], () => 1, { defaults: { ttl: '10m', tags: ['t'] } })
  await rows.get(1, { ttl: undefined, consistency: undefined })
  await rows.set(2, 2, { ttl: undefined, tags: undefined })
  await cache.refresh(['s', 1], undefined, { ttl: undefined })
  for (const key of [
    ['row', 1],
    ['row', 2],
    ['s', 1],
  ])
    expect(await cache.getEntry(key)).toMatchObject({ ttlMs: 600_000, tags: ['t'] })
  const told = expect(slow.get(1, { timeout: { soft: '5s' } })).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
  await clock.advance(1001)
  await told
})

test('a tenant follows its namespace, and a call its tenant', async () => {
  const clock = fakeClock()
  const cache = open({ clock, defaults: { ttl: '1h' } })
  const ttl = async (one: typeof cache, options?: LoadOptions): Promise<number | undefined> => {
    const key = `k${Math.random()}`
    const entry = await one.getOrSetEntry(key, () => 1, options)
    return entry.ttlMs
  }
  const basket = cache.namespace('basket', { ttl: '10m' })
  const tenant = basket.for({ tenant: 't' })
  expect([await ttl(cache), await ttl(basket), await ttl(tenant), await ttl(tenant, { ttl: '1s' })]).toEqual([
    3_600_000, 600_000, 600_000, 1000,
  ])
  await basket.configure({ defaults: { ttl: '20m' } })
  expect([await ttl(cache), await ttl(basket), await ttl(tenant)]).toEqual([3_600_000, 1_200_000, 1_200_000])
})
