// T8: rules of route that change while caches run: what lies where it no longer belongs is not read, and goes.
import { join } from 'node:path'
import { type Cache, type CacheOptions, type Codec, changesFromJson, memory, type RouteRule, type Tier } from 'millpond'
import { file } from 'millpond/tiers/file'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it, vi } from 'vitest'
import { jsonCodec } from '../../src/codec/json.ts'
import { sized } from '../form.ts'
import fc from '../properties.ts'
import { closeAfterEach, gate, newFolder, open, until } from './setups.ts'

closeAfterEach()

const LARGE = 'x'.repeat(60_000)
const MEMORY_ONLY: RouteRule[] = [{ tiers: ['memory'] }]
const BY_SIZE: RouteRule[] = [{ when: { minBytes: 50_000 }, tiers: ['file'] }, { tiers: ['memory', 'sqlite'] }]

interface Parts {
  readonly cache: Cache
  readonly files: Tier
  readonly ledger: Tier
}

/** Memory, files, and a SQLite file that keeps the ledger, all of a folder that others may open, too. */
function openParts(folder = newFolder(), more: CacheOptions = {}, targets = 100_000): Parts {
  const files = file({ path: join(folder, 'entries') })
  const ledger = sqlite({ path: join(folder, 'ledger.db'), retain: { targets } })
  const cache = open({
    name: 'routed',
    tiers: [memory(), files, ledger],
    defaults: { ttl: '1m' },
    maxStale: '1m',
    ...more,
  })
  return { cache, files, ledger }
}

async function keysIn(tier: Tier): Promise<string[]> {
  const keys: string[] = []
  for await (const some of tier.scan?.('') ?? []) keys.push(...some)
  return keys.map((key) => key.replace('routed:', '')).sort()
}

describe('T8: a route that changes', () => {
  it('memory lets go of what it leaves out before the promise resolves; the tiers below do behind the calls', async () => {
    const { cache, files, ledger } = openParts()
    const events: unknown[] = []
    cache.on('settings', ({ changes }) => events.push(changes))
    for (const [key, value] of [
      ['small', 1],
      ['large', LARGE],
    ] as const)
      await cache.set(key, value)
    const { changes } = await cache.configure({ route: BY_SIZE })
    expect([cache.peek('small'), cache.peek('large')]).toEqual([1, undefined])
    await cache.flush()
    expect([await keysIn(files), await keysIn(ledger)]).toEqual([['default:large'], ['default:small']])
    expect(await cache.getEntry('large')).toMatchObject({ value: LARGE, tier: 'file' })
    expect(changes).toEqual([{ setting: 'route', from: [], to: cache.describe().route }])
    expect(events).toEqual([changes])
  })

  it('a tier that is left out of a namespace is cleared of it, and of nothing else', async () => {
    const { cache, files, ledger } = openParts()
    const sessions = cache.namespace('sessions')
    await sessions.set('s', 1)
    await cache.set('k', 1)
    await cache.configure({ route: [{ when: { namespace: 'sessions' }, tiers: ['memory'] }] })
    await sessions.flush()
    expect([await keysIn(files), await keysIn(ledger), sessions.peek('s')]).toEqual([['default:k'], ['default:k'], 1])
    await cache.configure({ route: [{ when: { namespace: 'sessions' }, tiers: [] }] })
    expect([sessions.peek('s'), await sessions.get('s'), await cache.get('k')]).toEqual([undefined, undefined, 1])
    const misses = vi.fn()
    cache.on('miss', ({ cause }) => misses(cause))
    expect(await sessions.getOrSet('s', () => 'loaded')).toBe('loaded')
    expect([misses.mock.calls, (await sessions.explain('s')).cause]).toEqual([[['switched_off']], 'switched_off'])
  })

  it('by tags and priority, as what was stored says', async () => {
    const { cache, files } = openParts()
    await cache.set('low', 1, { priority: 'low' })
    await cache.set('tagged', 1, { tags: ['hot'] })
    await cache.set('usual', 1)
    await cache.configure({
      route: [
        { when: { priority: 'low' }, tiers: ['sqlite'] },
        { when: { tags: ['hot'] }, except: ['file'] },
      ],
    })
    await cache.flush()
    expect([await keysIn(files), cache.peek('low'), cache.peek('tagged')]).toEqual([['default:usual'], undefined, 1])
  })

  it('other processes: each is shown nothing from where it no longer looks, and what one with the former rules puts there goes with its change', async () => {
    const folder = newFolder()
    const [one, other] = [openParts(folder), openParts(folder)]
    await one.cache.set('before', LARGE)
    await one.cache.configure({ route: BY_SIZE })
    await one.cache.flush()
    expect(await keysIn(one.ledger)).toEqual([])
    // The other has not heard yet.
    await other.cache.set('between', LARGE)
    await other.cache.getOrSet('loaded', () => LARGE)
    await other.cache.flush()
    expect(await keysIn(one.ledger)).toEqual(['default:between', 'default:loaded'])
    expect(await one.cache.getEntry('between')).toMatchObject({ kind: 'hit', tier: 'file' })
    await other.cache.configure({ route: BY_SIZE })
    await other.cache.flush()
    expect([await keysIn(one.ledger), await keysIn(one.files)]).toEqual([
      [],
      ['default:before', 'default:between', 'default:loaded'],
    ])
    expect(other.cache.peek('between')).toBeUndefined()
  })

  it('a process that begins with another route does not read what lies where it no longer belongs, and takes it away', async () => {
    const folder = newFolder()
    const before = openParts(folder)
    await before.cache.set('large', LARGE)
    await before.files.clear('')
    await before.cache.close()
    const { cache, ledger } = openParts(folder, { route: BY_SIZE })
    const misses: string[] = []
    cache.on('miss', ({ cause }) => misses.push(cause))
    expect((await cache.explain('large')).tiers.at(-1)).toMatchObject({
      tier: 'sqlite',
      state: 'invalid',
      cause: 'switched_off',
    })
    expect(await cache.get('large')).toBeUndefined()
    await cache.flush()
    expect([await keysIn(ledger), misses]).toEqual([[], ['switched_off']])
  })

  it('a tier that cannot be listed lets go of an entry when it is next read', async () => {
    const rows = new Map<string, Parameters<Tier['write']>[0][number]>()
    const plain: Tier = {
      name: 'plain',
      scope: 'process',
      durable: false,
      read: async (keys) => keys.map((key) => rows.get(key)),
      write: async (items) => {
        for (const item of items) rows.set(item.key, item)
      },
      drop: async (keys) => keys.filter((key) => rows.delete(key)).length,
      clear: async (prefix) => [...rows.keys()].filter((key) => key.startsWith(prefix) && rows.delete(key)).length,
      close: async () => {},
    }
    const cache = open({ tiers: [plain, sqlite({ path: ':memory:' })] })
    await cache.setMany([
      ['small', 1],
      ['large', LARGE],
    ])
    await cache.configure({ route: [{ when: { minBytes: 50_000 }, except: ['plain'] }] })
    await cache.flush()
    expect(rows.size).toBe(2)
    expect(await cache.getEntry('large')).toMatchObject({ kind: 'hit', tier: 'sqlite', value: LARGE })
    await cache.flush()
    expect([...rows.keys()]).toEqual(['cache:default:small'])
    await cache.configure({ route: [{ tiers: ['sqlite'] }] })
    await cache.flush()
    expect(rows.size).toBe(0)
  })

  it('null goes back to what code says; a dry run, and the same rules, change nothing; a description says them', async () => {
    const { cache, ledger } = openParts(newFolder(), { route: BY_SIZE })
    const described = [{ when: { min_bytes: 50_000 }, tiers: ['file'] }, { tiers: ['memory', 'sqlite'] }]
    expect(cache.describe().route).toEqual(described)
    expect((await cache.configure({ route: MEMORY_ONLY }, { dryRun: true })).changes).toHaveLength(1)
    expect((await cache.configure({ route: BY_SIZE })).changes).toEqual([])
    expect((await cache.configure(changesFromJson(JSON.parse(JSON.stringify(cache.describe()))))).changes).toEqual([])
    await cache.configure(
      changesFromJson({ route: [{ when: { namespace: ['default'], max_bytes: 'unlimited' }, tiers: ['memory'] }] }),
    )
    await cache.set('k', 1)
    expect([cache.peek('k'), await keysIn(ledger)]).toEqual([1, []])
    await cache.configure(changesFromJson({ route: null }))
    expect(cache.describe().route).toEqual(described)
    await cache.configure({ route: [] })
    await cache.set('large', LARGE)
    expect(cache.peek('large')).toBe(LARGE)
  })

  it('what gave the rules may change them; tenants and namespaces that open later go by those that stand', async () => {
    const { cache, ledger } = openParts()
    const rules = [{ when: { namespace: ['later'] }, tiers: ['memory'] }]
    await cache.configure({ route: rules })
    rules[0]?.tiers.push('sqlite')
    const later = cache.namespace('later')
    await later.set('k', 1)
    await later.for({ tenant: 't' }).set('k', 1)
    expect(await keysIn(ledger)).toEqual([])
  })

  it.each([
    [{ route: [{ tiers: ['redis'] }] }, 'route[0].tiers'],
    [{ route: 'memory' }, 'route'],
    [{ route: [{ tiers: [], when: { tags: ['\u0003low'] } }] }, 'U+0003'],
  ])('garbage changes nothing: %j', async (changes, named) => {
    const { cache } = openParts()
    await expect(cache.configure({ defaults: { ttl: '7m' }, ...(changes as object) })).rejects.toThrow(named)
    expect(cache.describe()).toMatchObject({ route: [], defaults: { ttl_seconds: 60 } })
  })

  it('is of the whole cache: a namespace is named by a rule', async () => {
    const { cache } = openParts()
    await expect(cache.namespace('n').configure({ route: MEMORY_ONLY })).rejects.toThrow('name the namespace in "when"')
    expect(() => changesFromJson({ route: [{ when: { size: 1 } }] })).toThrow('route[0].when.size')
    expect(() => changesFromJson({ route: 7 })).toThrow('route: 7 is not a list of rules')
  })
})

describe('G1: nothing stale comes of a change', () => {
  it("a write whose entry is encoded while the ledger's tier comes in drops what that tier holds", async () => {
    const { promise, open: letGo } = gate()
    const plain = jsonCodec()
    let isSlow = false
    let encoding = 0
    const codec: Codec = {
      ...plain,
      encode: (parts) => {
        const body = plain.encode(parts)
        encoding++
        return isSlow ? promise.then(() => body) : body
      },
    }
    const files = file({ path: join(newFolder(), 'entries') })
    const ledger = sqlite({ path: join(newFolder(), 'ledger.db') })
    const cache = open({ tiers: [{ use: files, codec }, ledger] })
    await cache.set('k', 'old')
    await cache.configure({ tiers: { sqlite: { enabled: false } } })
    isSlow = true
    encoding = 0
    const write = cache.set('k', 'new')
    await until(() => encoding > 0)
    await cache.configure({ tiers: { sqlite: { enabled: true } } })
    letGo()
    await write
    // It was not written for this tier, whose ledger may forget the key as soon as its step has dropped it.
    expect(await keysIn(ledger)).toEqual([])
    expect(await cache.get('k')).toBe('new')
  })

  // Found by a history drawn at random: who is on its way with an entry is not the one that looks through the tiers.
  it('what is being stored as the route changes leaves the tiers that it no longer goes to, whichever process looks through them', async () => {
    const folder = newFolder()
    const [{ cache, files, ledger }, { cache: other }] = [openParts(folder), openParts(folder)]
    await cache.set('before', 1)
    expect(await cache.getOrSet('k', () => 'loaded', { consistency: 'strong' })).toBe('loaded')
    for (const one of [cache, other]) await one.configure({ route: BY_SIZE })
    for (const one of [cache, other]) await one.flush()
    expect([await keysIn(files), await keysIn(ledger)]).toEqual([[], ['default:before', 'default:k']])
    expect(await other.get('k')).toBe('loaded')
  })

  const KEYS = ['a', 'b', 'c']
  const ROUTES: RouteRule[][] = [
    [],
    MEMORY_ONLY,
    BY_SIZE,
    [{ tiers: ['file'] }],
    [{ when: { priority: 'low' }, tiers: ['sqlite'] }, { except: ['sqlite'] }],
    [{ when: { tags: ['t'] }, tiers: [] }],
    [{ when: { maxBytes: 50_000 }, except: ['memory'] }],
  ]
  const step = fc.record({
    verb: fc.constantFrom('set', 'set', 'load', 'load', 'get', 'get', 'delete', 'tag', 'route', 'route'),
    who: fc.nat(1),
    key: fc.constantFrom(...KEYS),
    isLarge: fc.boolean(),
    options: fc.constantFrom({}, { priority: 'low' as const }, { tags: ['t'] }),
    route: fc.nat(ROUTES.length - 1),
  })

  it('over random histories of two processes, writes, loads, invalidations and routes, with a ledger that forgets at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const folder = newFolder()
        const parts = [openParts(folder, {}, 8), openParts(folder, {}, 8)]
        const truth = new Map(KEYS.map((key) => [key, '0']))
        let count = 0
        try {
          for (const { verb, who, key, isLarge, options, route } of steps) {
            const { cache } = parts[who] as Parts
            if (verb === 'route') await cache.configure({ route: ROUTES[route] })
            else if (verb === 'get' || verb === 'load') {
              const strong = { consistency: 'strong' } as const
              const value =
                verb === 'get'
                  ? await cache.get(key, strong)
                  : await cache.getOrSet(key, () => truth.get(key), { ...options, ...strong })
              if (verb === 'load' || value !== undefined) expect(value).toBe(truth.get(key))
            } else {
              for (const one of verb === 'tag' ? KEYS : [key]) truth.set(one, `${++count}${isLarge ? LARGE : ''}`)
              if (verb === 'set') await cache.set(key, truth.get(key), options)
              else if (verb === 'delete') await cache.delete(key)
              else {
                // Only what has the tag may be as it was: the others are told one by one.
                await cache.invalidateTags(['t'])
                await cache.deleteMany(KEYS)
              }
            }
          }
          const last = ROUTES[steps[0]?.route ?? 0] ?? []
          for (const { cache } of parts) await cache.configure({ route: last })
          for (const { cache } of parts) await cache.flush()
          await leavesNothing(parts, last)
        } finally {
          for (const { cache } of parts) await cache.close()
        }
      }),
      { numRuns: sized(5, 200) },
    )
  })
})

/** Every entry that lies somewhere is one that the rules let lie there: put back by hand, it is found there again. */
async function leavesNothing(parts: readonly Parts[], route: readonly RouteRule[]): Promise<void> {
  const [{ cache, files, ledger }] = parts as [Parts]
  for (const [name, tier] of [
    ['file', files],
    ['sqlite', ledger],
  ] as const) {
    for (const storageKey of await keysIn(tier)) {
      const explained = await cache.explain(storageKey.replace('default:', ''))
      const there = explained.tiers.find((one) => one.tier === name)
      expect([storageKey, name, there?.cause, JSON.stringify(route)]).not.toEqual([
        storageKey,
        name,
        'switched_off',
        JSON.stringify(route),
      ])
    }
  }
}
