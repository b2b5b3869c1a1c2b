// Who serves: of regions that are taken out at the same moment, by whatever processes, one stays.
import { afterEach, expect, test } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'
import { item } from '../../src/testing/tier.ts'
import { type EdgeTier, edge } from '../../src/tiers/edge/index.ts'
import { until } from '../services/index.ts'

const open: EdgeTier[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((tier) => tier.close()))
})

/** A server that can be cut off. */
function cuttable() {
  const server = simulatedServer()
  const link = { isCut: false }
  const send = async (): Promise<void> => {
    if (link.isCut) throw new Error('the link is cut')
  }
  return { link, server: { ...server, connect: () => server.connect({ send, back: send, push: send }) } }
}

/** A process in each region. */
function start<N extends string>(
  servers: Readonly<Record<N, SimulatedServer>>,
): Readonly<Record<N, EdgeTier['ledger']['regions']>> {
  const names = Object.keys(servers) as N[]
  const regionsOf = (region: N) => {
    const stores = Object.fromEntries(names.map((name) => [name, { ledger: servers[name].connect() }]))
    const tier = edge({ regions: stores, region, maxRegionLag: '2s' })
    open.push(tier)
    return [region, tier.ledger.regions] as const
  }
  return Object.fromEntries(names.map(regionsOf)) as Record<N, EdgeTier['ledger']['regions']>
}

const two = () => ({ us: simulatedServer(), eu: simulatedServer() })
const serving = async (regions: EdgeTier['ledger']['regions']) =>
  (await regions.list()).flatMap(({ region, state }) => (state === 'serving' ? [region] : []))
const codesOf = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled
    .map((one) =>
      one.status === 'fulfilled' ? 'done' : one.reason instanceof MillpondError ? one.reason.code : one.reason,
    )
    .sort()

test('of two regions that are drained at the same moment one stays', async () => {
  for (let round = 0; round < 2; round++) {
    const { us, eu } = start(two())
    const timeout = '1ms'
    expect(codesOf(await Promise.allSettled([us.drain({ timeout }), eu.drain({ timeout })]))).toEqual([
      'LAST_REGION',
      'done',
    ])
    expect(await serving(us)).toHaveLength(1)
  }
})

test('of three that are drained by processes here and elsewhere one stays', async () => {
  const { us, eu, ap } = start({ ...two(), ap: simulatedServer() })
  const done = await Promise.allSettled([
    us.drain({ region: 'eu', timeout: '1ms' }),
    eu.drain({ region: 'ap', timeout: '1ms' }),
    ap.drain({ region: 'us', timeout: '1ms' }),
    us.drain({ region: 'us', timeout: '1ms' }),
  ])
  expect(codesOf(done).filter((code) => code === 'LAST_REGION').length).toBeGreaterThan(0)
  const [left, ...more] = await serving(us)
  expect([left, more]).toEqual([expect.any(String), []])
})

test('the last region that serves is not filled, and not drained, unless that is forced', async () => {
  const { us, eu } = start(two())
  await us.drain({ timeout: '1ms' })
  await expect(eu.fill({ from: 'us' })).rejects.toThrow(
    '[millpond] edge.fill: "eu" is the last serving region, and is not read while it is filled: let "us" serve first, or use force: true, and everything is loaded from the source meanwhile',
  )
  await expect(eu.drain()).rejects.toThrow(
    'edge.drain.region: "eu" is the last serving region: let "us" serve first, or use force: true',
  )
  expect(await serving(us)).toEqual(['eu'])
  // What does not serve may be drained and filled as often as somebody likes.
  expect(await us.drain({ timeout: '1ms' })).toMatchObject({ region: 'us' })
  expect(await us.fill({ from: 'eu' })).toMatchObject({ isDone: true })
  expect(await serving(us)).toEqual(['us', 'eu'])
  await eu.drain({ timeout: '1ms' })
  expect(await us.fill({ from: 'eu', force: true })).toMatchObject({ isDone: true })
  await us.drain({ timeout: '1ms', force: true })
  expect(await serving(us)).toEqual([])
})

test('a region that does not say how it stands is none that serves', async () => {
  const { link, server } = cuttable()
  const { us: regions } = start({ ...two(), eu: server })
  link.isCut = true
  await expect(regions.drain()).rejects.toThrow('"us" is the last serving region')
  await expect(regions.drain({ region: 'eu' })).rejects.toThrow(
    'the state of "eu" could not be changed: its stores do not answer (the link is cut)',
  )
})

test('a region that somebody else has taken in hand waits, and one whose holder has died is free again', async () => {
  const servers = two()
  const { us } = start(servers)
  const beside = servers.eu.connect().ledger
  const began = performance.now()
  await beside.lease('millpond:regions:', 'standing', 'another', 300)
  await us.drain({ timeout: '1ms' })
  expect(performance.now() - began).toBeGreaterThanOrEqual(299)
  expect(await serving(us)).toEqual(['eu'])
})

test('a fill that ends because its region was set to serving meanwhile releases the region to the next process at once', async () => {
  const clock = fakeClock()
  const stores = two()
  const at = (region: 'us' | 'eu') =>
    edge({
      clock,
      regions: { us: { ledger: stores.us.connect() }, eu: { ledger: stores.eu.connect() } },
      region,
      maxRegionLag: '2s',
    })
  const [us, eu] = [at('us'), at('eu')]
  open.push(us, eu)
  await eu.ledger.pull('shop:default:')
  await stores.us.connect().write([item('shop:default:k')])
  const filling = eu.ledger.regions.fill({ from: 'us', keysPerSecond: 1 })
  const ended = expect(filling).rejects.toMatchObject({ code: 'CLOSED' })
  // It rests for a second after its first key.
  await until('a key', async () => (await eu.ledger.regions.list()).some((one) => one.filling?.keys === 1))
  await us.ledger.regions.serve('eu')
  await clock.run(1000)
  await ended
  expect(await stores.eu.connect().ledger.lease('millpond:regions:', 'standing', 'another', 300)).toMatchObject({
    granted: true,
  })
})

test('the list tells what waits for a region, and why it cannot be heard', async () => {
  const { link, server } = cuttable()
  const stores = { us: simulatedServer(), eu: server }
  const at = (region: 'us' | 'eu') =>
    edge({
      regions: { us: { ledger: stores.us.connect() }, eu: { ledger: stores.eu.connect() } },
      region,
      maxRegionLag: '2s',
    })
  const [us, eu] = [at('us'), at('eu')]
  open.push(us)
  const eusOf = async () => (await us.ledger.regions.list()).find(({ region }) => region === 'eu')
  await us.ledger.pull('shop:default:')
  expect(await eusOf()).toMatchObject({ waiting: undefined })
  await eu.ledger.pull('shop:default:')
  await until('all of it applied', async () => (await eusOf())?.waiting === 0)
  await eu.close()
  const step = { targets: [{ kind: 'key', key: 'a' }], mode: 'delete', reason: 'manual', drop: [], write: [] } as const
  for (const id of ['one', 'two', 'three']) await us.ledger.advance('shop:default:', { ...step, id })
  await until('what is waiting', async () => (await eusOf())?.waiting === 3)
  link.isCut = true
  await until('why it is not heard', async () => (await eusOf())?.error === 'the link is cut')
  expect(await eusOf()).toMatchObject({ state: undefined, waiting: undefined })
  link.isCut = false
  await until('that it is heard', async () => (await eusOf())?.error === undefined)
})
