// A region's namespaces are confirmed by one question to its own ledger, but only while the other regions are heard;
// and an entry that is stale because one of them is not heard is not served while a load is awaited.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer, unreachable } from '../../src/testing/simulator-server.ts'
import { edge } from '../../src/tiers/edge/index.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

const NAMES = Array.from({ length: 30 }, (_, at) => `n${at}`)

function world() {
  const clock = fakeClock({ now: Date.now() })
  const now = (): number => clock.now()
  const [eu, us] = [simulatedServer({ now }), simulatedServer({ now })]
  const link = { isCut: false }
  const send = async (what: string): Promise<void> => {
    if (link.isCut) throw unreachable(what)
  }
  const open = (region: 'eu' | 'us'): Cache => {
    const abroad = { send, back: async () => {}, push: send }
    const regions = {
      eu: { ledger: eu.connect(region === 'eu' ? undefined : abroad) },
      us: { ledger: us.connect(region === 'us' ? undefined : abroad) },
    }
    const cache = createCache({ name: 'regions', tiers: [memory(), edge({ regions, region, clock })], clock })
    opened.push(cache)
    return cache
  }
  const read = (cache: Cache, load: string): Promise<string[]> =>
    Promise.all(NAMES.map((name) => cache.namespace(name).getOrSet('k', () => load, { ttl: '1h' })))
  const readFor = async (cache: Cache, ms: number, load: string): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      await read(cache, load)
      await clock.run(50)
    }
  }
  return { clock, link, open, read, readFor }
}

test('G1: what another region has invalidated is not accepted for longer than the lag, however many namespaces are confirmed at once', async () => {
  const { link, open, read, readFor } = world()
  const [here, there] = [open('eu'), open('us')]
  await readFor(here, 3000, 'old')
  expect(new Set(await read(here, 'newer'))).toEqual(new Set(['old']))
  await readFor(here, 12_000, 'old')
  link.isCut = true
  await Promise.all(NAMES.map((name) => there.namespace(name).delete('k')))
  await readFor(here, 5500, 'new')
  expect(await read(here, 'new')).not.toContain('old')
})

test.each([
  ['the process that loaded it', false],
  ['another process of the region', true],
])(
  'G1: nor by %s where stale values are permitted: it is older than the lag, and only stands in for a load that fails',
  async (_, isOther) => {
    const { clock, link, open } = world()
    const [here, there] = [open('eu'), open('us')]
    const reader = isOther ? open('eu') : here
    const get = (cache: Cache, load: () => string): Promise<string> =>
      cache.namespace('n').getOrSet('k', load, { ttl: '1h', staleFor: '1h', staleIfError: '1h' })
    const fail = (): never => {
      throw new Error('the source is down')
    }
    for (let passed = 0; passed < 3000; passed += 50) {
      await get(here, () => 'old')
      await reader.namespace('n').get('another')
      await clock.run(50)
    }
    link.isCut = true
    await there.namespace('n').delete('k')
    await clock.run(6000)
    expect(await get(reader, fail)).toBe('old')
    await clock.run(6000)
    expect(await get(reader, () => 'new')).toBe('new')
  },
)
