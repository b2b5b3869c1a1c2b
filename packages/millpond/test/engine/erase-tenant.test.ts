// Erasing a tenant whose values have a key of their own: other processes hear of it, and what is under way brings
// nothing back.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Cache, memory, type Tier } from 'millpond'
import { keyring, memoryKeyStore, tenantKeyring } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { storageKeyOf } from './sealed-suite.ts'
import { closeAfterEach, gate, newFolder, open } from './setups.ts'

const ring = keyring({ current: 'k1', keys: { k1: randomBytes(32) } })

describe('erasing a tenant with a key of its own', () => {
  closeAfterEach()
  const fleet = (): { tier: Tier; start: (isWithMemory?: boolean) => Cache } => {
    const path = join(newFolder(), 'cache.db')
    const store = memoryKeyStore()
    const start = (isWithMemory = true): Cache =>
      open({
        tiers: [...(isWithMemory ? [memory()] : []), sqlite({ path })],
        codec: { encrypt: tenantKeyring({ ring, store, recheck: '1h' }) },
      })
    return { tier: sqlite({ path }), start }
  }

  test('G25: readers that hold the key hear of it; a copy of the bytes that was kept elsewhere is unreadable', async () => {
    const { tier, start } = fleet()
    const [a, b, c] = [start(), start(), start(false)]
    const [mine, its, bare] = [a, b, c].map((cache) => cache.for({ tenant: 'acme' })) as [Cache, Cache, Cache]
    await mine.set('k', 'secret')
    expect([await its.get('k'), await bare.get('k')]).toEqual(['secret', 'secret'])
    const key = await storageKeyOf(mine, 'k')
    const [copy] = await tier.read([key])
    if (copy === undefined) throw new Error('nothing was stored')
    const erased = await a.erase({ tenant: 'acme' })
    expect(erased).toMatchObject({ isProven: true, unheard: [], keys: { ids: [expect.stringMatching(/^t-/)] } })
    for (const cache of [mine, its, bare]) expect(await cache.get('k')).toBeUndefined()
    // From a backup, at a position that would be accepted.
    const rejected: string[] = []
    for (const cache of [a, b, c]) cache.on('rejected', ({ why }) => rejected.push(why))
    const { position } = (await mine.explain('k')).ledger
    await tier.write([{ ...copy, key, asOf: { ...copy.asOf, seq: position.seq + 1 } }])
    for (const cache of [mine, its, bare, start().for({ tenant: 'acme' })]) expect(await cache.get('k')).toBeUndefined()
    expect(new Set(rejected)).toEqual(new Set(['shredded']))
    await tier.close()
  })

  test('G25: a load that is under way brings nothing back, and a later write is refused until the tenant is revived', async () => {
    const { tier, start } = fleet()
    const [a, b] = [start(), start()]
    const its = b.for({ tenant: 'acme' })
    await its.set('k', 'secret')
    const late = gate<string>()
    const load = its.getOrSet('late', () => late.promise)
    await a.erase({ tenant: 'acme' })
    late.open('secret again')
    expect(await load).toBe('secret again')
    await its.flush()
    expect(await tier.read([await storageKeyOf(its, 'late')])).toEqual([undefined])
    await expect(its.set('k', 'more')).rejects.toMatchObject({ code: 'KEY_SHREDDED' })
    // Reads go on: a load is answered, and kept in memory alone.
    expect(await its.getOrSet('new', () => 'loaded')).toBe('loaded')
    await its.flush()
    expect(await tier.read([await storageKeyOf(its, 'new')])).toEqual([undefined])
    await tier.close()
  })

  test('in a tier that cannot be listed, what may be left is said to be unreadable', async () => {
    const { tier, start } = fleet()
    const blind = new Proxy(tier, { get: (its, at) => (at === 'scan' ? undefined : bound(its, at)) })
    const cache = open({ tiers: [blind], codec: { encrypt: tenantKeyring({ ring, store: memoryKeyStore() }) } })
    await cache.for({ tenant: 'acme' }).set('k', 'v')
    expect(await cache.erase({ tenant: 'acme' })).toMatchObject({
      isProven: true,
      tiers: [{ name: 'sqlite', state: 'shredded' }],
    })
    const [plain] = (await cache.erase({ tags: ['t'] })).tiers
    expect(plain).toMatchObject({ state: 'until', until: Number.POSITIVE_INFINITY })
    const short = open({ tiers: [{ use: blind, ttl: '10m' }] })
    const [bounded] = (await short.erase({ tags: ['t'] })).tiers
    expect((bounded?.until ?? 0) - Date.now()).toBeLessThanOrEqual(600_000)
    expect(start).toBeTypeOf('function')
  })

  test('where the key store does not answer, nothing is erased, and the error says so', async () => {
    const store = { ...memoryKeyStore(), get: () => Promise.reject(new Error('down')) }
    const cache = open({
      tiers: [memory(), sqlite({ path: ':memory:' })],
      codec: { encrypt: tenantKeyring({ ring, store }) },
    })
    await expect(cache.erase({ tenant: 'acme' })).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    const acme = cache.for({ tenant: 'acme' })
    await expect(acme.set('k', 1)).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    expect(await acme.getOrSet('k', () => 'loaded')).toBe('loaded')
  })
})

function bound(its: object, at: string | symbol): unknown {
  const value: unknown = Reflect.get(its, at, its)
  return typeof value === 'function' ? value.bind(its) : value
}
