// Faults that were reported of other stores that replicate between sites, tried on two regions of ours. Each names its
// report.
import { beforeEach, describe, expect, test } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { type SimulatedServer, simulatedServer, unreachable } from '../../src/testing/simulator-server.ts'
import { type EdgeOptions, type EdgeWarning, edge } from '../../src/tiers/edge/index.ts'
import { settledBy } from './settled.ts'

type Name = 'us' | 'eu'
/** `stuck`: what changes the ledger is never answered, what reads it is. */
interface Link {
  state: 'up' | 'down' | 'frozen' | 'stuck'
}

let clock: FakeClock
let servers: Record<Name, SimulatedServer>
let warnings: EdgeWarning[]
beforeEach(() => {
  clock = fakeClock({ now: Date.now() })
  servers = { us: simulatedServer({ now: () => clock.now() }), eu: simulatedServer({ now: () => clock.now() }) }
  warnings = []
})

/** A process of a region, with a link of its own to the stores of each. */
function start(
  region: Name,
  options: Partial<EdgeOptions> = {},
): { readonly cache: Cache; readonly links: Record<Name, Link> } {
  const links: Record<Name, Link> = { us: { state: 'up' }, eu: { state: 'up' } }
  const ledgerOf = (name: Name) => {
    const pass = async (what: string): Promise<void> => {
      const { state } = links[name]
      if (state === 'down') throw unreachable(what)
      if (state === 'frozen' || (state === 'stuck' && /^(advance|commit)/.test(what))) await new Promise(() => {})
    }
    return { ledger: servers[name].connect({ send: pass, back: async () => {}, push: pass }) }
  }
  const onWarning = (warning: EdgeWarning): void => void warnings.push(warning)
  const regions = { us: ledgerOf('us'), eu: ledgerOf('eu') }
  return {
    cache: createCache({
      name: 'shop',
      tiers: [memory(), edge({ regions, region, clock, onWarning, ...options })],
      clock,
    }),
    links,
  }
}

const settled = <T>(work: Promise<T>): Promise<T> => settledBy(clock, work)
/** Both have heard of each other. */
async function startBoth(options: Partial<EdgeOptions> = {}) {
  const both = { us: start('us', options), eu: start('eu', options) }
  for (const { cache } of Object.values(both)) await settled(cache.getOrSet('warm', () => 1))
  await clock.run(3000)
  for (const { cache } of Object.values(both)) {
    await settled(cache.getOrSet('warm', () => 1))
    expect((await settled(cache.explain('warm'))).ledger.isTrusted).toBe(true)
  }
  warnings.length = 0
  return both
}
const close = (...caches: readonly Cache[]) => Promise.all(caches.map((cache) => settled(cache.close())))

describe('a region that was away', () => {
  test('no call waits or fails because of the other one, and no operator has to take it offline (keycloak/keycloak-benchmark#930, infinispan/infinispan-operator#2497)', async () => {
    const { us, eu } = await startBoth({ origin: 'us' })
    eu.links.us.state = 'frozen'
    for (let second = 0; second < 20; second++) {
      const began = clock.monotonic()
      expect(await settled(eu.cache.getOrSet(`key/${second}`, () => second))).toBe(second)
      expect(await settled(eu.cache.delete('own'))).toMatchObject({
        regions: [
          { region: 'eu', state: 'applied' },
          { region: 'us', state: 'queued' },
        ],
      })
      await settled(eu.cache.set('own', second))
      expect(await settled(eu.cache.get('own'))).toBe(second)
      expect(clock.monotonic() - began).toBeLessThan(300)
      await clock.run(1000)
    }
    await close(us.cache, eu.cache)
  })

  test('what was invalidated longer ago than the log reaches back is not accepted when it returns (keycloak/keycloak#52696)', async () => {
    servers.us = simulatedServer({ now: () => clock.now(), targets: 20 })
    const { us, eu } = await startBoth()
    await settled(eu.cache.getOrSet('role', () => 'admin'))
    eu.links.us.state = 'down'
    await settled(us.cache.delete('role'))
    for (let at = 0; at < 100; at++) await settled(us.cache.delete(`other/${at}`))
    eu.links.us.state = 'up'
    await clock.run(5000)
    expect(warnings).toContainEqual(expect.objectContaining({ kind: 'gap', region: 'us' }))
    expect(await settled(eu.cache.get('role'))).toBeUndefined()
    await close(us.cache, eu.cache)
  })
})

describe('where a region has got to', () => {
  test('is not put down before it is applied: what a process had read and not applied when it died, the next one applies (apache/pouchdb#1240)', async () => {
    const { us, eu } = await startBoth()
    await settled(eu.cache.getOrSet('k', () => 'old'))
    eu.links.eu.state = 'stuck'
    await settled(us.cache.delete('k'))
    await settled(us.cache.delete('later'))
    const { position } = await servers.eu.connect().ledger.pull('shop:default:')
    await clock.run(1000)
    expect((await servers.eu.connect().ledger.pull('shop:default:')).position).toEqual(position)
    expect(servers.eu.entries.has('shop:default:k')).toBe(true)
    eu.links.eu.state = 'frozen'
    eu.links.us.state = 'frozen'
    // What it held for that has run out.
    await clock.run(60_000)
    const next = start('eu')
    expect(await settled(next.cache.get('k'))).toBeUndefined()
    await clock.run(1000)
    expect((await settled(next.cache.explain('k'))).ledger.isTrusted).toBe(true)
    expect(await settled(next.cache.get('k'))).toBeUndefined()
    eu.links.eu.state = 'up'
    await close(us.cache, eu.cache, next.cache)
  })

  test('outlives its processes: those that come next go on, and forget nothing (apache/couchdb#4385, apache/pouchdb#3999)', async () => {
    const { us, eu } = await startBoth()
    await settled(eu.cache.getOrSet('kept', () => 'kept'))
    await settled(eu.cache.getOrSet('gone', () => 'gone'))
    await close(eu.cache)
    await settled(us.cache.delete('gone'))
    await clock.run(60_000)
    const next = start('eu')
    expect(await settled(next.cache.getOrSet('kept', () => 'loaded'))).toBe('kept')
    expect(await settled(next.cache.getOrSet('gone', () => 'loaded'))).toBe('loaded')
    expect(warnings).toEqual([])
    await close(us.cache, next.cache)
  })
})

describe('a value that goes over', () => {
  test('lives as long as the write that it came with, not as long as the one before (hazelcast/hazelcast#5457)', async () => {
    const { us, eu } = await startBoth({ replicate: true })
    await settled(us.cache.set('k', 1, { ttl: '10s' }))
    await clock.run(1000)
    expect(await settled(eu.cache.get('k'))).toBe(1)
    await settled(us.cache.set('k', 2, { ttl: '1m' }))
    await clock.run(20_000)
    expect(await settled(eu.cache.get('k'))).toBe(2)
    await clock.run(60_000)
    expect(await settled(eu.cache.get('k'))).toBeUndefined()
    await close(us.cache, eu.cache)
  })

  test('of two that are written in both at the same moment neither stays in one alone (Netflix/EVCache#47)', async () => {
    const { us, eu } = await startBoth({ replicate: true })
    for (let round = 0; round < 5; round++) {
      const key = `k${round}`
      await settled(Promise.all([us.cache.set(key, 'us'), eu.cache.set(key, 'eu')]))
      await clock.run(3000)
      const [here, there] = [await settled(us.cache.get(key)), await settled(eu.cache.get(key))]
      expect(here ?? there).toBe(there ?? here)
    }
    await close(us.cache, eu.cache)
  })

  test('a process that ends while it waits for the other region ends, and what it had invalidated arrives (ehcache/ehcache3#1626)', async () => {
    const { us, eu } = await startBoth({ wait: '5s' })
    await settled(eu.cache.getOrSet('k', () => 'old'))
    us.links.eu.state = 'frozen'
    const deleting = us.cache.delete('k')
    await clock.run(100)
    const began = clock.monotonic()
    const [deleted] = await settled(Promise.all([deleting, us.cache.close()]))
    expect(clock.monotonic() - began).toBeLessThan(1500)
    expect(deleted.regions).toEqual([
      { region: 'us', state: 'applied' },
      { region: 'eu', state: 'queued' },
    ])
    await clock.run(3000)
    expect(await settled(eu.cache.get('k'))).toBeUndefined()
    await close(eu.cache)
  })
})
