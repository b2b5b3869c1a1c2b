// Much at once: many keys in one call, and many calls in one turn. Nothing fails on a healthy server, no call is
// delayed, and nothing is retried for ever. The short form has the whole figures over Redis alone: what brings every
// step to a disk takes seconds for each ten thousand.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type CacheOptions, memory } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change, LedgerStore, Tier } from '../../src/core/contracts.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { sized } from '../form.ts'
import {
  describeWith,
  type PostgresService,
  type RedisService,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

type Tiers = NonNullable<CacheOptions['tiers']>

/** Of calls in one turn. */
const COUNT = 50_000
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`)

/** Every call settles; answers those that failed, by what they said. */
async function failures(work: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const said: Record<string, number> = {}
  for (const one of await Promise.allSettled(work)) {
    if (one.status !== 'rejected') continue
    const why = `${one.reason} (${one.reason.cause})`
    said[why] = (said[why] ?? 0) + 1
  }
  return said
}

function bursts(tiers: () => Tiers, large: number, count = COUNT): void {
  closeAfterEach()
  const ready = async () => {
    const cache = open({ name: `b${randomBytes(4).toString('hex')}`, tiers: tiers() })
    await until('the server to answer', () =>
      cache.set('first', 1).then(
        () => true,
        () => false,
      ),
    )
    return cache
  }

  it(`G14: ${count} set, then ${count} delete in one turn: none fails, and each says what it removed`, {
    timeout: 120_000,
  }, async () => {
    const cache = await ready()
    const keys = names(count)
    const some = ['k0', 'k777', `k${count - 1}`]
    expect(await failures(keys.map((key) => cache.set(key, key, { tags: [`t${key.length}`] }))), 'in time').toEqual({})
    expect(await cache.getMany(some), 'in time').toEqual(some)
    const receipts = await Promise.all(keys.map((key) => cache.delete(key)))
    expect(
      receipts.filter(({ removed, isApplied }) => removed !== 1 || !isApplied),
      'in time',
    ).toEqual([])
    expect(await cache.getMany(some)).toEqual([undefined, undefined, undefined])
  })

  it('the last of many writes to one key in one turn is what is kept', async () => {
    const cache = await ready()
    await Promise.all(Array.from({ length: 40 }, (_, index) => cache.set('same', index)))
    const kept = cache.peek('same')
    expect(kept === undefined || kept === 39).toBe(true)
    expect(await cache.getOrSet('same', () => 39)).toBe(39)
  })

  it(`${large} keys in one call: removed in steps, and others write meanwhile`, { timeout: 120_000 }, async () => {
    const cache = await ready()
    const keys = names(large)
    await cache.setMany(keys.map((key) => [key, 1]))
    let isDone = false
    const removing = cache.deleteMany(keys).finally(() => (isDone = true))
    removing.catch(() => {}) // judged below, where the writes beside it have not failed first
    let between = 0
    while (!isDone) {
      await cache.set('between', between)
      between++
    }
    const receipt = await removing
    expect(receipt, 'in time').toMatchObject({ isApplied: true, removed: large, isExact: true })
    // Once every few steps of 500 keys at least.
    expect(between, 'in time').toBeGreaterThan(large / 2000)
    expect(await cache.getMany(['k0', `k${large - 1}`])).toEqual([undefined, undefined])
    expect(cache.stats().ledger.pending).toBe(0)
  })
}

/** `tier`: patient enough that only what is lost shows, and not how busy the machine is. */
function loadsInOneTurn(tier: () => Tier, count = sized(5000, 20_000)): void {
  it(`G11 G14: ${count} loads in one turn: each has its value, and all are stored`, { timeout: 120_000 }, async () => {
    const shared = tier()
    const name = `l${randomBytes(4).toString('hex')}`
    const cache = open({ name, tiers: [memory({ maxEntries: 1000 }), { use: shared, timeout: '10s' }] })
    await until('the server to answer', () =>
      cache.set('first', 1).then(
        () => true,
        () => false,
      ),
    )
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    const keys = names(count)
    let loads = 0
    const load = async (key: string): Promise<string> => `${key} ${++loads > 0}`
    expect(await Promise.all(keys.map((key) => cache.getOrSet(key, () => load(key))))).toEqual(
      keys.map((key) => `${key} true`),
    )
    await cache.flush()
    expect(loads).toBe(count)
    expect(warnings, 'in time').toEqual([])
    let stored = 0
    for (let at = 0; at < count; at += 500) {
      const read = await shared.read(keys.slice(at, at + 500).map((key) => `${name}:default:${key}`))
      stored += read.filter((entry) => entry !== undefined).length
    }
    expect(stored, 'in time').toBe(count)
  })
}

describe('bursts over SQLite', () =>
  bursts(
    () => [memory({ maxEntries: 1000 }), sqlite({ path: join(newFolder(), 'cache.db') })],
    sized(10_000, 100_000),
    sized(5000, COUNT),
  ))

describeWith('redis', 'bursts over Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  bursts(() => [memory({ maxEntries: 1000 }), redis({ url: server.url })], sized(20_000, 60_000))
  loadsInOneTurn(() => redis({ url: server.url, commandTimeout: '10s' }))

  it('G14: when the server hangs, all of a burst is told within the deadline', async () => {
    const cache = open({ name: 'hang', tiers: [memory(), redis({ url: server.url })] })
    await cache.set('warm', 1)
    await server.pause()
    const began = performance.now()
    const said = await failures(names(COUNT).map((key) => cache.set(key, key)))
    const ms = performance.now() - began
    await server.resume()
    expect(Object.values(said).reduce((sum, count) => sum + count, 0)).toBe(COUNT)
    expect(ms, 'in time').toBeLessThan(10_000)
    await until('what is owed to be sent', () => cache.stats().ledger.pending === 0)
    expect(await cache.get('k1')).toBeUndefined()
  })

  it('G14: when the server hangs, all of a burst of loads have their values from the loader', async () => {
    const cache = open({ name: 'hang-loads', tiers: [memory(), redis({ url: server.url })] })
    await until('the server to answer', () =>
      cache.set('warm', 1).then(
        () => true,
        () => false,
      ),
    )
    await server.pause()
    const keys = names(5000)
    const began = performance.now()
    const loaded = await Promise.all(keys.map((key) => cache.getOrSet(key, async () => key)))
    const ms = performance.now() - began
    await server.resume()
    expect(loaded).toEqual(keys)
    expect(ms, 'in time').toBeLessThan(10_000)
  })
})

describeWith('postgres', 'bursts over PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  bursts(
    () => [
      memory({ maxEntries: 1000 }),
      postgres({ url: server.url, schema: `burst_${randomBytes(4).toString('hex')}` }),
    ],
    sized(10_000, 40_000),
    sized(5000, 10_000),
  )
  loadsInOneTurn(() =>
    postgres({ url: server.url, schema: `loads_${randomBytes(4).toString('hex')}`, commandTimeout: '10s' }),
  )
})

describe('steps that fail', () => {
  closeAfterEach()

  /** A simulated tier whose ledger refuses some steps. */
  function refusing(refuses: (change: Change) => boolean): { tier: Tier; steps: Change[] } {
    const steps: Change[] = []
    const { ledger, ...rest } = simulatedServer().connect()
    const picky: LedgerStore = {
      ...ledger,
      async advance(namespace, change) {
        steps.push(change)
        if (refuses(change)) throw new Error('refused')
        return ledger.advance(namespace, change)
      },
    }
    return { tier: { ...rest, ledger: picky }, steps }
  }

  it('a step that the store refuses is halved; what cannot be said alone becomes a clear, once others are accepted', async () => {
    const poisoned = (change: Change) => change.targets.some((target) => target.kind === 'key' && target.key === 'k777')
    const { tier, steps } = refusing(poisoned)
    const cache = open({ tiers: [memory(), tier] })
    await cache.setMany(
      names(900)
        .filter((key) => key !== 'k777')
        .map((key) => [key, 'old']),
    )
    await expect(cache.deleteMany(names(2000))).rejects.toThrow('has not reached the shared ledger')
    expect(cache.peek('k899')).toBeUndefined()
    await until('all is said', () => cache.stats().ledger.pending === 0)
    expect(steps.at(-1)?.targets).toEqual([{ kind: 'all' }])
    const sent = steps.length
    await cache.set('later', 1)
    expect(await cache.get('later')).toBe(1)
    expect(steps.length).toBe(sent + 1)
  })

  it('what a failed call leaves is kept by the outbox in steps of bounded size, and sent by the next process that opens it', async () => {
    let isDown = true
    const { tier, steps } = refusing(() => isDown)
    const path = join(newFolder(), 'outbox.db')
    const outbox = sqliteOutbox({ path })
    await outbox.add('cache:default:', {
      ...{
        targets: names(3000).map((key) => ({ kind: 'key', key }) as const),
        drop: names(3000).map((key) => `cache:default:${key}`),
      },
      ...{ mode: 'delete', reason: 'manual', id: 'large' },
    })
    const cache = open({ tiers: [memory(), tier], outbox })
    isDown = false
    expect(await cache.get('k1')).toBeUndefined()
    expect(Math.max(...steps.map(({ targets }) => targets.length))).toBe(500)
    expect(steps.flatMap(({ drop }) => drop)).toHaveLength(3000)
    expect(await outbox.list('cache:default:')).toEqual([])
  })
})

describe('what is named twice', () => {
  closeAfterEach()
  it('is removed once', async () => {
    const cache = open({ tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    await cache.set('a', 1)
    expect(await cache.deleteMany(['a', 'a'])).toMatchObject({
      removed: 1,
      isExact: true,
      targets: [{ kind: 'key', key: 'a' }],
    })
    const alone = open()
    await alone.set('a', 1)
    expect(await alone.deleteMany(['a', 'a'])).toMatchObject({ removed: 1, isExact: true })
  })
})
