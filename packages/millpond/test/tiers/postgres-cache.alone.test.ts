// Two caches over memory and one PostgreSQL, as two processes have them.
import { randomBytes } from 'node:crypto'
import { createCache, memory, type Tier, type TierConfiguration } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { describeWith, PATIENCE, type PostgresService, patient, startPostgres, until } from '../services/index.ts'

type Cache = ReturnType<typeof createCache>

describeWith('postgres', 'two caches over memory and PostgreSQL', () => {
  let server: PostgresService
  let schema = ''
  let one: Cache
  let two: Cache

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    schema = `cache_${randomBytes(4).toString('hex')}`
    one = open()
    two = open()
    // The first use makes the schema, which may take longer than a command.
    await until('both to reach the ledger', async () => {
      await one.set('warm', 1)
      return (await two.get('warm')) === 1
    })
  })
  afterEach(async () => {
    server.resume()
    await Promise.all([one.close(), two.close()])
  })

  function open(far: Tier | TierConfiguration = patient(postgres({ url: server.url, schema, ...PATIENCE }))): Cache {
    return createCache({ name: 'shop', tiers: [memory(), far] })
  }

  test('G1, G3, I7: what one invalidates leaves the memory of the other within 500 ms', async () => {
    const waits: number[] = []
    for (let round = 0; round < 20; round++) {
      const key = `user:${round}`
      await one.set(key, 'old', { tags: ['users'] })
      await until(
        'the other to hold it in memory',
        async () => (await two.get(key)) === 'old' && two.peek(key) === 'old',
      )
      if (round % 2) await one.delete(key)
      else await one.invalidateTags(['users'])
      const toForget = stopwatch()
      await until('the other to forget', () => two.peek(key) === undefined)
      waits.push(toForget())
      expect(await two.getOrSet(key, () => 'new')).toBe('new')
    }
    expect(Math.max(...waits), 'in time').toBeLessThan(500)
    // Without the notification it would be the next question: 50 ms on average.
    expect(waits.sort((a, b) => a - b)[10], 'in time').toBeLessThan(40)
  })

  /** What is judged is how often the source is asked, and not how busy the machine is. */
  async function failing(defaults: { readonly staleFor: '1h' } | { readonly staleIfError: '1h' }): Promise<Cache> {
    await one.close()
    one = createCache({
      name: 'shop',
      tiers: [memory({ maxEntries: 10 }), patient(postgres({ url: server.url, schema, ...PATIENCE }))],
      defaults: { ttl: 20, ...defaults },
    })
    return one
  }
  /** Also by the reading of the clock that hits go by, which may be some milliseconds old. */
  const isStale = async (cache: Cache, key: string): Promise<boolean> =>
    (await cache.getEntry(key)).kind === 'stale' && cache.peek(key) === undefined

  test.each([{ staleFor: '1h' }, { staleIfError: '1h' }] as const)(
    'a source that fails is asked at most once a second: %j',
    async (defaults) => {
      const cache = await failing(defaults)
      await cache.set('k', 'old')
      await until('it to be stale', () => isStale(cache, 'k'))
      let loads = 0
      const load = async (): Promise<never> => {
        loads += 1
        throw new Error('down')
      }
      const ms = stopwatch()
      for (let turn = 0; turn < 50; turn++) {
        expect(await cache.getOrSet('k', load)).toBe('old')
        await cache.flush()
      }
      expect(loads).toBeGreaterThan(0)
      expect(loads).toBeLessThanOrEqual(1 + Math.floor(ms() / 1000))
    },
  )

  test('900 stale keys are given at once, and loaded in one call behind', async () => {
    const cache = await failing({ staleFor: '1h' })
    const keys = Array.from({ length: 900 }, (_, at) => `k${at}`)
    await cache.setMany(keys.map((key) => [key, `old ${key}`]))
    await until('the last to be stale', () => isStale(cache, 'k899'))
    const calls: number[] = []
    const load = async (missing: readonly string[]): Promise<string[]> => {
      calls.push(missing.length)
      return missing.map((key) => `new ${key}`)
    }
    expect(await cache.getOrSetMany(keys, { load, ttl: '1h' })).toEqual(keys.map((key) => `old ${key}`))
    await cache.flush()
    expect(calls).toEqual([900])
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => `new ${key}`))
  })

  test('G11: 50 cold calls over both are one load', async () => {
    let loads = 0
    const load = async (): Promise<number> => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, 30))
      return 42
    }
    const values = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? one : two).getOrSet('cold', load)),
    )
    expect(new Set(values)).toEqual(new Set([42]))
    expect(loads, 'in time').toBe(1)
  })

  test('G2: what one writes the other reads, without its loader', async () => {
    await one.set('k', { price: 1 }, { ttl: '1m' })
    expect(await two.get('k'), 'in time').toEqual({ price: 1 })
    await two.set('k', { price: 2 })
    expect(await two.get('k')).toEqual({ price: 2 })
    await until('the other to see it', async () => JSON.stringify(await one.get('k')) === '{"price":2}', 500)
  })

  test('G6, T9: a restart of the server: no call fails meanwhile, nothing old is accepted, and it works again', async () => {
    await one.set('k', 'before')
    await server.restart()
    let loads = 0
    const load = () => `after ${++loads}`
    expect(await one.getOrSet('k', load)).toMatch(/^(before|after \d+)$/)
    await until('an invalidation to reach the ledger', () => one.delete('k').then(() => true))
    expect(await one.getOrSet('k', load)).toMatch(/^after/)
    await until('both to share again', async () => {
      await one.set('shared', 'yes')
      return (await two.get('shared')) === 'yes'
    })
    expect(await two.get('k')).not.toBe('before')
  })

  test('T9: a server that comes back empty gets its schema again', async () => {
    await one.set('k', 'before')
    await server.restart({ empty: true })
    await until('both to share again', async () => {
      await one.set('shared', 'yes').catch(() => {})
      return (await two.get('shared')) === 'yes'
    })
    expect(await two.get('k')).not.toBe('before')
  })

  test('G5, G14: a frozen server: reads come from the loader in some 300 ms, an invalidation rejects, and all is well afterwards', async () => {
    await Promise.all([one.close(), two.close()])
    one = open(postgres({ url: server.url, schema }))
    two = open(postgres({ url: server.url, schema }))
    await until('both to share', async () => {
      await one.set('k', 'stored')
      return (await two.get('k')) === 'stored'
    })
    server.pause()
    const waited = stopwatch()
    expect(await two.getOrSet('other', () => 'loaded')).toBe('loaded')
    expect(waited(), 'in time').toBeLessThan(400)
    const waitedLater = stopwatch()
    for (let round = 0; round < 10; round++) expect(await two.getOrSet(`cold ${round}`, () => round)).toBe(round)
    expect(waitedLater() / 10, 'in time').toBeLessThan(50)
    await expect(one.delete('k')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect(await one.getOrSet('k', () => 'loaded')).toBe('loaded')
    server.resume()
    await until(
      'what was invalidated to be gone everywhere',
      async () => (await two.getOrSet('k', () => 'loaded')) === 'loaded',
    )
    await until('both to share again', async () => {
      await one.set('shared', 'yes').catch(() => {})
      return (await two.get('shared')) === 'yes'
    })
  })
})
