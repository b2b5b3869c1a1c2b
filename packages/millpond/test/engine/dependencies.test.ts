// I3: whatever is said of a key, by whatever criterion, is said of what was computed from it, however that was stored.
// The whole product, in one table; the short form has it over memory, and over SQLite every change with a third of the
// ways, every way with a third of the changes.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cache, type CacheOptions, memory, modelTags } from 'millpond'
import { type RetainOptions, redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { sized } from '../form.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, gate, open } from './setups.ts'

const FROM = ['user', 7] as const
const TAGS = ['users', ...modelTags('User', 7)]

/** What happens to the key that others were computed from; `expires`: they become stale. */
const changes: Readonly<
  Record<string, { readonly happens: (cache: Cache) => Promise<unknown>; readonly expires?: true }>
> = {
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
  'model and id, stale': {
    happens: (cache) => cache.invalidate({ model: 'User', id: 7 }, { mode: 'expire' }),
    expires: true,
  },
  model: { happens: (cache) => cache.invalidate({ model: 'User' }) },
  'a changed row': { happens: (cache) => cache.modelChanged('User', 7, 'save') },
  'pattern and time': { happens: (cache) => cache.invalidate({ prefix: ['user'], olderThan: '5ms' }) },
  'key and time': { happens: (cache) => cache.invalidate({ key: FROM, olderThan: '5ms' }) },
  'tag and time': { happens: (cache) => cache.invalidate({ tag: 'users', olderThan: '5ms' }) },
}

/** How something is computed from the key. */
const ways: Readonly<
  Record<string, { readonly mode: 'declared' | 'tracked'; readonly store: (cache: Cache) => Promise<unknown> }>
> = {
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
    [`dependsOn of getOrSet, ${mode}`]: {
      mode,
      store: (cache) => cache.getOrSet('report', () => 'r', { dependsOn, staleFor: '1h' }),
    },
    [`dependsOn of getOrSetMany, ${mode}`]: {
      mode,
      store: (cache) =>
        cache.getOrSetMany(['report', 'other'], { load: async () => ['r', 'o'], dependsOn, staleFor: '1h' }),
    },
    [`dependsOn of set, ${mode}`]: { mode, store: (cache) => cache.set('report', 'r', { dependsOn, staleFor: '1h' }) },
    [`dependsOn of setMany, ${mode}`]: {
      mode,
      store: (cache) => cache.setMany([['report', 'r']], { dependsOn, staleFor: '1h' }),
    },
  }
}

function tracked(verb: string, read: (cache: Cache) => Promise<unknown>): typeof ways {
  const load = async (cache: Cache): Promise<string> => {
    await read(cache)
    return 'r'
  }
  return {
    [`${verb} in a loader`]: {
      mode: 'tracked',
      store: (cache) => cache.getOrSet('report', () => load(cache), { staleFor: '1h' }),
    },
    [`${verb} in the loader of a batch`]: {
      mode: 'tracked',
      store: (cache) =>
        cache.getOrSetMany(['other', 'report'], { load: async () => ['o', await load(cache)], staleFor: '1h' }),
    },
  }
}

/**
 * One file for all tests of a suite, and a cache of its own in it for each: to make a file takes longer than a test.
 */
const places = {
  memory: () => [memory()],
  'memory and SQLite': (path: string) => [memory(), sqlite({ path })],
} as const

let count = 0
/** The folder lives as long as the suite. */
function opener(tiers: (path: string) => CacheOptions['tiers']): (options: CacheOptions) => Cache {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-dependencies-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  closeAfterEach()
  return (options) => open({ name: `cache${count++}`, tiers: tiers(join(folder, 'cache.db')) ?? [], ...options })
}

const wants = (isStale: true | undefined): string[] => (isStale === true ? ['stale', 'stale'] : ['miss', 'miss'])

describe.each(Object.entries(places))('what was computed from a key: %s', (place, tiers) => {
  const create = opener(tiers)
  const every = place === 'memory' ? 1 : sized(3, 1)

  describe.each(Object.entries(ways).map(([way, how], at) => [way, how, at] as const))(
    '%s',
    (_, { mode, store }, way) => {
      it.each(Object.entries(changes).filter((_, change) => (way + change) % every === 0))(
        'goes with it: %s',
        async (_, { happens, expires }) => {
          const clock = fakeClock({ now: Date.now() })
          const cache = create({ dependencies: mode, clock })
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
        },
      )
    },
  )
})

describe('what was computed from a key: in another process that holds it in memory', () => {
  const create = opener((path) => [memory(), sqlite({ path })])

  it.each(Object.entries(changes))('goes with it: %s', async (_, { happens, expires }) => {
    const clock = fakeClock({ now: Date.now() })
    const name = `shared${count++}`
    const [cache, peer] = [
      create({ name, dependencies: 'tracked', clock }),
      create({ name, dependencies: 'tracked', clock }),
    ]
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
  const create = opener(tiers)

  it.each(Object.entries(changes))('is not kept: %s', async (_, { happens }) => {
    const clock = fakeClock({ now: Date.now() })
    const cache = create({ dependencies: 'tracked', clock })
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

const ABROAD: typeof changes = { ...changes, clear: { happens: (cache) => cache.clear() } }

describe.each(Object.entries(places))('what was computed from a key of another namespace: %s', (_, tiers) => {
  const create = opener(tiers)

  it.each(Object.entries(ABROAD))('goes with it: %s', async (_, { happens, expires }) => {
    const clock = fakeClock({ now: Date.now() })
    const cache = create({ dependencies: 'tracked', clock })
    const [people, reports] = [cache.namespace('people'), cache.namespace('reports')]
    await people.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
    await reports.getOrSet('report', () => people.get(FROM), { staleFor: '1h' })
    await reports.getOrSetMany(['batch'], {
      load: async () => [await people.getOrSet(FROM, () => 'Ada')],
      staleFor: '1h',
    })
    await cache.getOrSet('of the report', () => reports.get('report'), { staleFor: '1h' })
    await reports.set('untouched', 'u')
    await reports.flush()
    expect(await reports.getEntry('report')).toMatchObject({ value: 'Ada', tags: [] })
    clock.advance(10)
    await happens(people)
    const seen = [
      await reports.getEntry('report'),
      await reports.getEntry('batch'),
      await cache.getEntry('of the report'),
    ]
    const kind = expires ? 'stale' : 'miss'
    expect(seen.map((entry) => entry.kind)).toEqual([kind, kind, kind])
    expect(reports.peek('report')).toBeUndefined()
    expect(await reports.get('untouched')).toBe('u')
    expect(await reports.getOrSet('report', () => 'anew')).toBe('anew')
  })

  it.each(Object.entries(ABROAD))('is not kept, nor joined, while it is on its way: %s', async (_, { happens }) => {
    const clock = fakeClock({ now: Date.now() })
    const cache = create({ dependencies: 'tracked', clock })
    const people = cache.namespace('people')
    await people.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
    const [hasRead, goOn] = [gate(), gate()]
    const early = cache.getOrSet('report', async () => {
      const value = await people.get(FROM)
      hasRead.open()
      await goOn.promise
      return value
    })
    await hasRead.promise
    clock.advance(10)
    await happens(people)
    const late = cache.getOrSet('report', () => 'anew')
    goOn.open()
    expect(await Promise.all([early, late])).toEqual(['Ada', 'anew'])
    await cache.flush()
    expect(await cache.get('report')).toBe('anew')
  })
})

/** Two processes share a cache, and the second has not opened the namespace. */
function betweenProcesses(tiers: (retain?: RetainOptions) => CacheOptions['tiers']): void {
  const pair = (retain?: RetainOptions): { readonly cache: Cache; readonly peer: Cache; readonly clock: FakeClock } => {
    const name = `shared${count++}`
    const clock = fakeClock({ now: Date.now() })
    const create = (): Cache => open({ name, tiers: tiers(retain) ?? [], dependencies: 'tracked', clock })
    return { cache: create(), peer: create(), clock }
  }

  /** The peer has it in memory, as something that it trusts. */
  const begin = async (cache: Cache, peer: Cache): Promise<Cache> => {
    const people = cache.namespace('people')
    await people.set(FROM, 'Ada', { tags: TAGS, staleFor: '1h' })
    await cache.getOrSet('report', () => people.get(FROM), { staleFor: '1h' })
    await cache.flush()
    expect(await peer.get('report')).toBe('Ada')
    expect(peer.peek('report')).toBe('Ada')
    return people
  }

  it.each(Object.entries(ABROAD))('goes with it: %s', async (_, { happens, expires }) => {
    const { cache, peer, clock } = pair()
    const people = await begin(cache, peer)
    clock.advance(10)
    await happens(people)
    expect(await peer.getEntry('report', { consistency: 'strong' })).toMatchObject({ kind: expires ? 'stale' : 'miss' })
    expect(peer.peek('report')).toBeUndefined()
  })

  it('goes for who has the token of the other namespace, and for everybody soon', async () => {
    const { cache, peer, clock } = pair()
    const people = await begin(cache, peer)
    await people.delete(FROM)
    expect(await peer.getEntry('report', { after: people.token() })).toMatchObject({ kind: 'miss' })
    await people.set(FROM, 'Bea')
    await cache.getOrSet('report', () => people.get(FROM))
    await cache.flush()
    expect(await peer.get('report')).toBe('Bea')
    await people.delete(FROM)
    clock.advance(400)
    expect(await peer.get('report')).toBeUndefined()
  })

  // Found by ten minutes of load on the deals service: two minutes after the first write, every response that was older
  // was made anew.
  it('lives on while the ledger there forgets the keys of its past, and goes with its own all the same', async () => {
    const { cache, peer } = pair({ window: '1ms' })
    const people = await begin(cache, peer)
    await cache.getOrSet('of Bob', async () => `found: ${await people.get('Bob')}`)
    await cache.flush()
    const kinds = async () =>
      [await peer.getEntry('report', { consistency: 'strong' }), await peer.getEntry('of Bob')].map(({ kind }) => kind)
    const pass = async (): Promise<void> => {
      // The first is beyond the window when the second comes, and the third prunes again.
      for (const name of ['Cid', 'Dan', 'Eve']) {
        await people.delete(name)
        await sleep(5)
      }
    }
    await pass()
    expect(await kinds()).toEqual(['hit', 'hit'])
    await people.delete('Bob')
    await pass()
    expect(await kinds()).toEqual(['hit', 'miss'])
  })

  it('opens the namespace with the settings that code gives it later', async () => {
    const { cache, peer } = pair()
    await begin(cache, peer)
    const people = peer.namespace('people', { ttl: '1m' })
    await people.set('x', 1)
    expect(await people.getEntry('x')).toMatchObject({ ttlMs: 60_000 })
    expect(() => peer.namespace('people', { ttl: '2m' })).toThrow('people')
  })
}

describe('what was computed from a key of another namespace: over SQLite, in a process that has not opened it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-dependencies-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  closeAfterEach()
  betweenProcesses((retain) => [memory(), sqlite({ path: join(folder, 'cache.db'), retain })])
})

describeWith(
  'redis',
  'what was computed from a key of another namespace: over Redis, in a process that has not opened it',
  () => {
    let server: RedisService
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    closeAfterEach()
    betweenProcesses((retain) => [memory(), patient(redis({ url: server.url, retain, ...PATIENCE }))])
  },
)

describe.each(['memory over a shared tier', 'a shared tier alone'])(
  'what was computed from a key of another namespace: %s',
  (where) => {
    closeAfterEach()

    // Found by a public answer of the deals service that was now and then computed twice on a machine far beyond its
    // load.
    it('is kept at whatever reading of the clock the process stood still for longer than an answer of the ledger is good for', async () => {
      const base = fakeClock({ now: Date.now() })
      let readings = 0
      let stallsAt = -1
      const clock: FakeClock = Object.assign(Object.create(base), {
        monotonic() {
          if (readings++ === stallsAt) base.stall(450)
          return base.monotonic()
        },
      })
      const done = async <T>(work: Promise<T>): Promise<T> => {
        let isDone = false
        work.finally(() => (isDone = true)).catch(() => {})
        while (!isDone) await base.run(1)
        return work
      }
      const tier = simulatedServer({ now: () => base.now() }).connect()
      const cache = open({
        clock,
        dependencies: 'tracked',
        tiers: where.startsWith('memory') ? [memory(), tier] : [tier],
      })
      const people = cache.namespace('people')
      await done(people.set(FROM, 'Ada', { tags: TAGS }))
      const again: number[] = []
      let last = 0
      for (let at = 0; at <= last; at++) {
        let loads = 0
        const load = async (): Promise<unknown> => `${++loads} ${await people.get(FROM)}`
        await done(people.invalidateTags(['unrelated']))
        readings = 0
        stallsAt = at
        const first = await done(cache.getOrSet(`report ${at}`, load))
        await done(cache.flush())
        if (at === 0) last = readings
        stallsAt = -1
        if ((await done(cache.getOrSet(`report ${at}`, load))) !== first) again.push(at)
      }
      expect(last).toBeGreaterThan(10)
      expect(again).toEqual([])
    })
  },
)

describe('what a loader makes of another namespace', () => {
  const create = opener(places.memory)

  it('goes, and says which tag took it', async () => {
    const cache = create({ dependencies: 'tracked' })
    const people = cache.namespace('people')
    const causes: string[] = []
    cache.on('miss', ({ cause, namespace }) => causes.push(`${namespace}: ${cause}`))
    await people.set(FROM, 'Ada', { tags: TAGS })
    await cache.getOrSet('report', () => people.get(FROM))
    expect(await cache.explain('report')).toMatchObject({ verdict: 'hit', tiers: [{ tags: [] }] })
    await people.invalidateTags(['users'])
    expect(await cache.explain('report')).toMatchObject({ cause: 'invalidated_tag', detail: 'users' })
    await cache.getOrSet('report', () => 'anew')
    expect(causes).toEqual(['default: cold', 'default: invalidated_tag'])
  })

  it.each(['default', 'people'])('depends on a read that has failed: in %s', async (name) => {
    const cache = create({ dependencies: 'tracked' })
    const from = cache.namespace(name)
    const fails = async (): Promise<never> => {
      throw new Error('no such user')
    }
    const load = async (): Promise<unknown> => from.getOrSet(FROM, fails).catch(() => 'nobody')
    const loadMany = async (): Promise<unknown[]> => [
      await from.getOrSetMany([FROM], { load: fails }).catch(() => 'nobody'),
    ]
    expect(await cache.getOrSet('report', load)).toBe('nobody')
    expect(await cache.getOrSetMany(['batch'], { load: loadMany })).toEqual(['nobody'])
    await from.set(FROM, 'Ada')
    expect(await cache.getMany(['report', 'batch'])).toEqual([undefined, undefined])
  })

  it('goes with a source that is written, where the value itself may not be kept', async () => {
    const cache = create({ dependencies: 'tracked' })
    await cache.transaction({ keys: [FROM] }, async (transaction) => {
      expect(await cache.getOrSet('report', () => cache.getOrSet(FROM, () => 'Ada'))).toBe('Ada')
      transaction.set(FROM, 'Bea', { tags: ['users'] })
      await cache.invalidateTags(['users'])
    })
    expect(await cache.getMany([FROM, 'report'])).toEqual([undefined, undefined])
  })

  it('does not outlive the namespace', async () => {
    const cache = create({ dependencies: 'tracked' })
    const people = cache.namespace('people')
    await people.set(FROM, 'Ada')
    await cache.getOrSet('report', () => people.get(FROM))
    await people.close()
    expect(await cache.get('report')).toBeUndefined()
  })

  it('is not what a user may write: tags do not begin as those of the engine do', async () => {
    const cache = create({ dependencies: 'tracked' })
    await expect(cache.set('a', 1, { tags: ['\u0002["people","e",0,"k"]'] })).rejects.toMatchObject({
      code: 'TAG_INVALID',
    })
  })
})
