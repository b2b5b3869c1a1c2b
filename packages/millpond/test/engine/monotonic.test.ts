// G7, order by order: what a process has shown of a key is never taken back, however far reads, loads and the news of an invalidation overlap.
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { closeAfterEach, gate, open, until } from './setups.ts'

/** What travels between this process and the shared tier, each call held when the test says so. */
function heldLink() {
  const held: { readonly label: string; readonly open: () => void }[] = []
  const holding = new Set<string>()
  const pass = (label: string): Promise<void> => {
    if (!holding.delete(label)) return Promise.resolve()
    const { promise, open: go } = gate()
    held.push({ label, open: () => go() })
    return promise
  }
  return {
    journey: {
      send: (what: string) => pass(`> ${what}`),
      back: (what: string) => pass(`< ${what}`),
      push: () => new Promise<void>(() => {}), // nobody hears a push: news comes with the next question
    },
    /** The next call of that label stops on its way there (`> read`) or back (`< read`); answers how to let it go on. */
    hold(label: string): { readonly stopped: () => Promise<void>; readonly go: () => void } {
      holding.add(label)
      const mine = () => held.find((one) => one.label === label)
      return { stopped: () => until(() => mine() !== undefined), go: () => mine()?.open() }
    },
  }
}

/** A process whose link the test holds, and one that writes. Time stands, so that neither asks the ledger by itself. */
function twoProcesses() {
  const clock = fakeClock()
  const server = simulatedServer({ now: clock.now })
  const link = heldLink()
  const start = (tier: Tier) => open({ name: 'shop', clock, tiers: [memory(), tier] })
  const here = start(server.connect(link.journey))
  const there = start(server.connect())
  return { here, there, link }
}

const TAGGED = { tags: ['t'], ttl: '1h' } as const

describe('G7: nothing that was shown is taken back', () => {
  closeAfterEach()

  it('by an older copy that another read brought while a newer answer was on its way', async () => {
    const { here, there, link } = twoProcesses()
    await there.set('k', 17, TAGGED)
    await here.get('other')
    const read = link.hold('> read')
    const flight = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    expect(await here.get('k')).toBe(17)
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await flight).toBe(18)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).toBe(18)
  })
})
