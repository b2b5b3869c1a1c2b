// Processes over a simulated shared tier, where the test decides which call arrives when: every order of things, no
// time involved.
import { memory } from 'millpond'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer, type Transport } from '../../src/testing/simulator-server.ts'
import { gate, open, until } from './setups.ts'

/** What travels between this process and the shared tier, each call held when the test says so. */
function heldLink() {
  const held: { readonly label: string; readonly open: () => void }[] = []
  const holding = new Set<string>()
  let isCut = false
  const pass = (label: string): Promise<void> => {
    if (isCut) return Promise.reject(new Error('cut'))
    if (!holding.delete(label)) return Promise.resolve()
    const { promise, open: go } = gate()
    held.push({ label, open: () => go() })
    return promise
  }
  const transport: Transport = {
    send: (what) => pass(`> ${what}`),
    back: (what) => pass(`< ${what}`),
    push: () => new Promise(() => {}), // no push arrives: changes are learned with the next question
  }
  const link = {
    /** From now on every call fails. */
    cut: () => {
      isCut = true
    },
    mend: () => {
      isCut = false
    },
    /**
     * The next call of that label stops on its way there (`> read`) or back (`< read`); answers how to let it go on.
     */
    hold(label: string): { readonly stopped: () => Promise<void>; readonly go: () => void } {
      holding.add(label)
      const mine = () => held.find((one) => one.label === label)
      return { stopped: () => until(() => mine() !== undefined), go: () => mine()?.open() }
    },
  }
  return { transport, link }
}

/**
 * `here`, whose links the test holds, and `there`, that writes. Time stands, so that neither asks the ledger by itself.
 */
export function twoProcesses({ promoteAfter = 1, hasTierAbove = false } = {}) {
  const clock = fakeClock()
  const server = simulatedServer({ now: clock.now })
  const shared = heldLink()
  const own = heldLink()
  const { ledger: _, ...ownTier } = simulatedServer({ now: clock.now, scope: 'process' }).connect(own.transport)
  const start = (tier: Tier, above: readonly Tier[]) =>
    open({ name: 'shop', clock, tiers: [memory(), ...above, { use: tier, promoteAfter }] })
  return {
    here: start(server.connect(shared.transport), hasTierAbove ? [ownTier] : []),
    there: start(server.connect(), []),
    link: shared.link,
    /** To the tier of `here` alone. */
    above: own.link,
    clock,
  }
}
