// Processes that say to a server what a process of the library says, by the library's own client, and keep no cache:
// many of them fit into one process. Each has a connection of its own.
import { setTimeout as pause } from 'node:timers/promises'
import type { LedgerPlace } from 'millpond/tier'
import { askingTier, type LedgerTier } from './tiers.ts'
import { type Kind, nameOf } from './words.ts'

const ASK_EVERY_MS = 100
const BEAT_EVERY_MS = 1000
/** Connections that are opened at once. */
const AT_ONCE = 50

/** Resolves when all of them ask, with how to end them. */
export async function simulateProcesses(
  kind: Kind,
  url: string,
  count: number,
  namespaces: number,
): Promise<() => Promise<void>> {
  const tiers: LedgerTier[] = []
  const timers: NodeJS.Timeout[] = []
  for (let first = 0; first < count; first += AT_ONCE) {
    const ids = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, at) => `simulated-${first + at}`)
    await Promise.all(
      ids.map(async (id) => {
        const tier = askingTier(kind, url)
        tiers.push(tier)
        timers.push(...(await simulate(kind, tier, id, namespaces)))
      }),
    )
  }
  return async () => {
    for (const timer of timers) clearInterval(timer)
    await pause(ASK_EVERY_MS)
    await Promise.all(tiers.map((tier) => tier.close()))
  }
}

async function simulate(kind: Kind, { ledger }: LedgerTier, id: string, namespaces: number): Promise<NodeJS.Timeout[]> {
  const places: LedgerPlace[] = []
  for (let at = 0; at < namespaces; at++) {
    const namespace = `fleet:${nameOf(at)}:`
    places.push({ namespace, position: (await ledger.pull(namespace)).position })
  }
  let count = 1
  await ledger.heartbeat?.(id, { count, moved: places, left: [] })
  // What Redis is asked does not depend on how many it is asked for: one is enough there, which keeps this process
  // cheap.
  const asked = kind === 'redis' ? places.slice(0, 1) : places
  const ask = (): void => void ledger.unmoved?.(asked).catch(() => {})
  const beat = (): void => void ledger.heartbeat?.(id, { count: ++count, moved: [], left: [] }).catch(() => {})
  // Spread over time, as processes are.
  await pause(Math.random() * ASK_EVERY_MS)
  return [setInterval(ask, ASK_EVERY_MS), setInterval(beat, BEAT_EVERY_MS)]
}
