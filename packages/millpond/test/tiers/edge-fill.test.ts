// A region that is drained or filled, where something comes between: who puts it back into service, and what is said of
// it.
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Tier } from '../../src/core/contracts.ts'
import { type Cache, createCache, MillpondError } from '../../src/index.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'
import { edge } from '../../src/tiers/edge/index.ts'
import { resolveEdge } from '../../src/tiers/edge/options.ts'
import { OwnRegionState, putState, STATE_KEY } from '../../src/tiers/edge/region-state.ts'
import { Deadlines } from '../../src/wrap/deadlines.ts'
import { until } from '../services/index.ts'

type Changed = (tier: Tier) => Partial<Tier>

const open: Cache[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()))
})

function connected(servers: Record<'us' | 'eu', SimulatedServer>, change: Partial<Record<'us' | 'eu', Changed>> = {}) {
  const of = (name: 'us' | 'eu'): { readonly ledger: Tier } => {
    const tier = servers[name].connect()
    return { ledger: { ...tier, ...change[name]?.(tier) } }
  }
  return { us: of('us'), eu: of('eu') }
}

/** Where us holds what eu can place. */
async function start(
  servers: Record<'us' | 'eu', SimulatedServer>,
  change: Partial<Record<'us' | 'eu', Changed>>,
): Promise<Cache> {
  const regions = (['us', 'eu'] as const).map((region) =>
    edge({ regions: connected(servers, region === 'eu' ? change : {}), region, origin: 'us' }),
  )
  const [us, eu] = regions.map((tier) => createCache({ name: 'shop', tiers: [tier] }))
  if (us === undefined || eu === undefined) return expect.fail('two caches')
  open.push(us, eu)
  await until('two that have heard each other', async () => {
    for (const cache of [us, eu]) await cache.getOrSet('warm', () => 1).catch(() => {})
    const late = await Promise.all([us, eu].map(async (cache) => (await cache.delete('warm')).acked({ timeout: 500 })))
    return late.flat().length === 0
  })
  for (const key of ['a', 'b']) await us.set(key, key)
  await until(
    'what was written there',
    async () => (await servers.us.connect().read(['shop:default:b']))[0] !== undefined,
  )
  return eu
}

const stateOf = async (cache: Cache) => (await cache.regions?.list())?.find(({ isOwn }) => isOwn)

test('what is drained by another process while it is filled stays drained', async () => {
  const servers = { us: simulatedServer(), eu: simulatedServer() }
  const others = resolveEdge({ regions: connected(servers), region: 'us' }).others
  const eu = await start(servers, {
    us: (tier) => ({
      async *scan(prefix) {
        yield* tier.scan?.(prefix) ?? []
        for (const region of others) await putState(region, 'drained', new Deadlines(systemClock()))
      },
    }),
  })
  await expect(eu.regions?.fill()).rejects.toMatchObject({ code: 'CLOSED' })
  expect(await stateOf(eu)).toMatchObject({
    state: 'drained',
    filling: { isDone: false, error: expect.stringContaining('drained') },
  })
})

test('a region that takes nothing is not filled, and does not say so', async () => {
  const servers = { us: simulatedServer(), eu: simulatedServer() }
  const refusing: Changed = (tier) => ({
    write: (items) =>
      items.some(({ key }) => key.startsWith('shop:'))
        ? Promise.reject(new MillpondError('TIER_FAILED', 'no room is left'))
        : tier.write(items),
  })
  const eu = await start(servers, { eu: refusing })
  await expect(eu.regions?.fill()).rejects.toMatchObject({ code: 'TIER_FAILED' })
  expect(await stateOf(eu)).toMatchObject({ state: 'filling', filling: { copied: 0, isDone: false } })
})

test('a process that has nothing open cannot tell whether a region is safe to stop', async () => {
  const tier = edge({ regions: connected({ us: simulatedServer(), eu: simulatedServer() }), region: 'us' })
  const { regions } = tier.ledger
  expect(await regions.drain({ region: 'eu' })).toEqual({ region: 'eu', isSafe: false, namespaces: 0, behind: ['us'] })
  await tier.close()
})

test('an answer from before a region was put elsewhere does not undo that', async () => {
  const clock = systemClock()
  const server = simulatedServer()
  const tier = server.connect()
  let answer = (): void => {}
  const read: Tier['read'] = (keys) =>
    keys[0] === STATE_KEY
      ? new Promise((resolve) => {
          answer = () => resolve([undefined])
        })
      : tier.read(keys)
  const own = { name: 'eu', tiers: [tier], ledgerTier: { ...tier, read }, ledger: tier.ledger }
  const state = new OwnRegionState(own, clock, new Deadlines(clock), 500)
  const first = state.ready()
  await state.put('drained')
  answer()
  await first
  expect(state.current).toBe('drained')
  state.close()
})
