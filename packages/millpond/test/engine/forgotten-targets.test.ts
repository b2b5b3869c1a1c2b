// A ledger that has no room left for a key's target forgets it: what that may cost, and what it may not.
import { join } from 'node:path'
import { type Cache, memory } from 'millpond'
import { file } from 'millpond/tiers/file'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { sized } from '../form.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describeWith('redis', 'forgotten targets', () => {
  let server: RedisService
  let count = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()

  const path = () => join(newFolder(), 'cache.db')
  const opened = (name: string, file: string, targets: number) =>
    open({
      name,
      // What is judged is what is invalid, and not how busy the machine is.
      tiers: [
        memory({ maxEntries: 100 }),
        patient(sqlite({ path: file })),
        patient(redis({ url: server.url, retain: { targets }, ...PATIENCE })),
      ],
    })

  /** A read that was not answered in time says nothing of what is invalid: the machine was busy, and is asked again. */
  const UNHEARD = new Set(['tier_error', 'breaker_open', 'ledger_unreachable'])

  const readAll = async (cache: Cache, keys: readonly string[]): Promise<unknown[]> => {
    let isHeard = true
    const stop = cache.on('miss', ({ cause }) => {
      if (UNHEARD.has(cause)) isHeard = false
    })
    const values: unknown[] = []
    while (values.length < keys.length) {
      isHeard = true
      const some = await cache.getMany(keys.slice(values.length, values.length + 100))
      if (isHeard) values.push(...some)
      else await new Promise((resolve) => setImmediate(resolve))
    }
    stop()
    return values
  }

  it('G1: many more keys are written than the ledger remembers, and none of them is invalid', async () => {
    const cache = opened(`many${count++}`, path(), 1000)
    await cache.set('old', 'old', { tags: ['t'] })
    const keys = Array.from({ length: 5000 }, (_, index) => `k${index}`)
    await cache.setMany(keys.map((key) => [key, key]))
    const all = ['old', ...keys]
    expect(await readAll(cache, all)).toEqual(all)
  })

  // In the long form what the ledger remembers by default: 100,000.
  const [many, retain] = sized([13_000, { targets: 10_000 }], [130_000, {}])
  it(`G1: ${many} keys beside a file`, { timeout: 120_000 }, async () => {
    const cache = open({
      name: `large${count++}`,
      tiers: [
        memory({ maxEntries: 100 }),
        patient(sqlite({ path: path() })),
        patient(redis({ url: server.url, retain, ...PATIENCE })),
      ],
    })
    await cache.setMany(Array.from({ length: many }, (_, index) => [`k${index}`, index] as const))
    const some = Array.from({ length: 1000 }, (_, index) => (index * many) / 1000)
    const names = some.map((index) => `k${index}`)
    expect(await readAll(cache, names)).toEqual(some)
    expect(cache.stats().missesByCause).not.toHaveProperty('invalidated_all')
  })

  it('G1: a copy in a file whose target was forgotten while no process followed is not accepted', async () => {
    const name = `copies${count++}`
    const file = path()
    const first = opened(name, file, 64)
    await first.set('k', 'old')
    await first.set('kept', 'kept')
    await first.close()
    const other = open({
      name,
      tiers: [
        memory(),
        sqlite({ path: path() }),
        patient(redis({ url: server.url, retain: { targets: 64 }, ...PATIENCE })),
      ],
    })
    await other.delete('k')
    for (let step = 0; step < 40; step++)
      await other.setMany(Array.from({ length: 20 }, (_, index) => [`x${step}/${index}`, 1] as const))
    const again = opened(name, file, 64)
    expect(await again.get('k')).toBeUndefined()
    expect(await again.get('kept')).toBe('kept')
  })

  const named = (count: number, prefix = 'k'): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}`)
  const pairs = (keys: readonly string[]) => keys.map((key) => [key, key] as const)

  it('G1: many more keys are deleted than the ledger remembers, and the others stay', async () => {
    const name = `deleted${count++}`
    const file = path()
    const cache = opened(name, file, 1000)
    const keys = named(6000)
    await cache.setMany(pairs(keys))
    await cache.deleteMany(keys.slice(500, 5500))
    const expected = keys.map((key, at) => (at < 500 || at >= 5500 ? key : undefined))
    expect(await readAll(cache, keys)).toEqual(expected)
    expect(await readAll(opened(name, file, 1000), keys)).toEqual(expected)
    expect(await readAll(opened(name, path(), 1000), keys)).toEqual(expected)
  })

  it('G1: three tiers beside the ledger, and none of their copies is invalid for another key', async () => {
    const cache = open({
      name: `three${count++}`,
      tiers: [
        memory({ maxEntries: 100 }),
        file({ path: newFolder() }),
        sqlite({ path: path() }),
        patient(redis({ url: server.url, retain: { targets: 500 }, ...PATIENCE })),
      ],
    })
    const keys = named(3000)
    await cache.setMany(pairs(keys))
    expect(await readAll(cache, keys)).toEqual(keys)
  })

  it('G1 G3: two processes write more than the ledger remembers, each over its own file', async () => {
    const name = `two${count++}`
    // More than what the other writes during one step: a step that is older than what is remembered stores nothing.
    const [a, b] = [opened(name, path(), 2000), opened(name, path(), 2000)]
    const [ofA, ofB] = [named(1500, 'a'), named(1500, 'b')]
    await Promise.all([a.setMany(pairs(ofA)), b.setMany(pairs(ofB))])
    const all = [...ofA, ...ofB]
    for (const cache of [a, b]) expect(await readAll(cache, all)).toEqual(all)
    await b.deleteMany(ofA)
    await a.setMany(pairs(named(1500, 'later')))
    const gone = ofA.map(() => undefined)
    expect(await readAll(a, ofA)).toEqual(gone)
    expect(await readAll(b, ofB)).toEqual(ofB)
  })

  it('G1: a tier that was down while its copies were written and deleted brings none of them back', async () => {
    const name = `down${count++}`
    const file = path()
    const spare = patient(redis({ url: server.url, retain: { targets: 64 }, ...PATIENCE }))
    const down = breakable(sqlite({ path: file }))
    const cache = open({ name, tiers: [memory({ maxEntries: 10 }), down.tier, spare] })
    const keys = named(30)
    await cache.setMany(pairs(keys))
    down.isDown = true
    await cache.deleteMany(keys.slice(0, 10))
    await cache.setMany(keys.slice(10, 20).map((key) => [key, 'newer']))
    for (let step = 0; step < 10; step++) await cache.setMany(pairs(named(20, `other${step}/`)))
    down.isDown = false
    const expected = keys.map((key, at) => (at < 10 ? undefined : at < 20 ? 'newer' : key))
    expect(await readAll(cache, keys)).toEqual(expected)
    const again = opened(name, file, 64) // whose breaker has seen nothing
    expect(await readAll(again, keys)).toEqual(expected)
  })

  it('G1: a copy below whose entry the tier of the ledger has lost is accepted for as long as its target would be known', async () => {
    const name = `lost${count++}`
    const file = path()
    const cache = opened(name, file, 64)
    await cache.set('older', 1)
    for (let step = 0; step < 10; step++) await cache.setMany(pairs(named(20, `other${step}/`)))
    await cache.set('newer', 2)
    const shared = redis({ url: server.url, ...PATIENCE })
    await shared.drop([`${name}:default:older`, `${name}:default:newer`])
    await shared.close()
    expect(await opened(name, file, 64).getMany(['older', 'newer'])).toEqual([undefined, 2])
  })
})

/** Fails while it is down, and holds what it held. */
function breakable(tier: Tier): { readonly tier: Tier; isDown: boolean } {
  const through = <T>(call: () => Promise<T>): Promise<T> =>
    state.isDown ? Promise.reject(new MillpondError('TIER_FAILED', `${tier.name} is down`)) : call()
  const state = {
    isDown: false,
    tier: {
      ...{ name: tier.name, scope: tier.scope, durable: tier.durable },
      read: (keys: readonly string[]) => through(() => tier.read(keys)),
      write: (items: Parameters<Tier['write']>[0]) => through(() => tier.write(items)),
      drop: (keys: readonly string[]) => through(() => tier.drop(keys)),
      clear: (prefix: string) => through(() => tier.clear(prefix)),
      close: () => tier.close(),
    },
  }
  return state
}
