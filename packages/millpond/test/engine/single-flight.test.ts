// Among whom a key is loaded once at a time (`singleFlight`), and what each kind asks of the shared tier: two processes
// over it, every step counted. Time stands.
import { type LoadOptions, memory } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { cachedFetch } from 'millpond/http/fetch'
import { describe, expect, it } from 'vitest'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { closeAfterEach, gate, open } from './setups.ts'

closeAfterEach()

/** `onRead`: called as the answer to a read arrives. */
function processes(onRead: (clock: FakeClock) => void = () => {}) {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  const steps: string[] = []
  const send = async (what: string): Promise<void> => {
    const [verb = ''] = what.split(' ')
    if (verb !== 'pull') steps.push(verb)
  }
  const back = async (what: string): Promise<void> => {
    if (what.startsWith('read')) onRead(clock)
  }
  const connect = () => server.connect({ send, back, push: async () => {} })
  const start = () => open({ name: 'shop', clock, tiers: [memory(), connect()] })
  return { here: start(), there: start(), server, clock, steps }
}

/** Both ask for the same missing key before either has been answered by its loader. */
async function bothAsk(singleFlight: LoadOptions['singleFlight']) {
  const { here, there, server, clock, steps } = processes()
  const { promise, open: answer } = gate<string>()
  let loads = 0
  const load = (): Promise<string> => {
    loads++
    return promise
  }
  const options: LoadOptions = singleFlight === undefined ? {} : { singleFlight }
  const asked = [here, here, there, there].map((cache) => cache.getOrSet('k', load, options))
  await clock.run(50)
  answer('value')
  await clock.run(50)
  expect(await Promise.all(asked)).toEqual(Array(4).fill('value'))
  await Promise.all([here.flush(), there.flush()])
  expect([...server.entries.keys()]).toEqual(['shop:default:k'])
  return { loads, of: (verb: string) => steps.filter((step) => step === verb).length }
}

describe('singleFlight', () => {
  it.each([undefined, 'all'] as const)('G11: %s: one load over all processes, by a lease', async (kind) => {
    const { loads, of } = await bothAsk(kind)
    expect([loads, of('commit')]).toEqual([1, 1])
    expect(of('lease')).toBeGreaterThanOrEqual(2)
  })

  it('G11: one load, too, where a process was busy for longer than its read may take, and the answer was there', async () => {
    let stallMs = 0
    const { here, there, clock } = processes((its) => its.stall(stallMs))
    const { promise, open: answer } = gate<string>()
    let loads = 0
    const load = (): Promise<string> => {
      loads++
      return promise
    }
    const first = here.getOrSet('k', load)
    await clock.run(5)
    stallMs = 400
    const second = there.getOrSet('k', load)
    await clock.run(0)
    stallMs = 0
    await clock.run(50)
    answer('value')
    await clock.run(50)
    expect(await Promise.all([first, second])).toEqual(['value', 'value'])
    expect(loads).toBe(1)
  })

  it("G11: 'process': one load in each, and no step for a lease", async () => {
    const { loads, of } = await bothAsk('process')
    expect({ loads, read: of('read'), lease: of('lease'), release: of('release'), commit: of('commit') }).toEqual({
      loads: 2,
      read: 2,
      lease: 0,
      release: 0,
      commit: 2,
    })
  })

  it("'call': no tier is read for the key either; what was loaded is stored, and others find it", async () => {
    const { here, there, clock, steps } = processes()
    await here.get('before') // the ledger has answered
    steps.length = 0
    expect(await here.getOrSet('answer:1', () => 'value', { singleFlight: 'call' })).toBe('value')
    await here.flush()
    expect(steps).toEqual(['commit'])
    await clock.run(100)
    expect(await there.get('answer:1')).toBe('value')
  })

  it.each(['process', 'call'] as const)(
    'G1: %s: what another process has invalidated meanwhile is not stored',
    async (singleFlight) => {
      const { here, there, server, clock } = processes()
      const { promise, open: answer } = gate<string>()
      const asked = here.getOrSet('k', () => promise, { tags: ['t'], singleFlight })
      await clock.run(1)
      await there.invalidateTags(['t'])
      answer('old')
      expect(await asked).toBe('old') // of a call that began before
      await here.flush()
      expect([...server.entries.keys()]).toEqual([])
      await clock.run(600)
      expect(await here.get('k')).toBeUndefined()
    },
  )

  it('an answer of HTTP has a key of its own: no lease is asked for, and of an answer that is not stored nothing but whether its URL is known', async () => {
    const { here, steps } = processes()
    const fetch = cachedFetch(createHttpCache(here), (request) =>
      Promise.resolve(
        new Response('text', {
          headers: { 'cache-control': request.url.endsWith('private') ? 'private' : 'max-age=60' },
        }),
      ),
    )
    await here.get('before')
    steps.length = 0
    await (await fetch(new Request('http://shop.test/private'))).text()
    await here.flush()
    expect(steps).toEqual(['read'])
    steps.length = 0
    await (await fetch(new Request('http://shop.test/public'))).text()
    await here.flush()
    expect(steps.filter((step) => step === 'lease' || step === 'release')).toEqual([])
    // Whether its URL is known: before, and when it is to be pointed to.
    expect(steps.filter((step) => step === 'read')).toHaveLength(2)
  })
})
