// One measurement: starts a fleet, lets it come to rest, and takes the server's own figures of its processor and its
// network, and those of the operating system for each client.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCache, memory } from 'millpond'
import type { FleetServer } from './servers.ts'
import { simulateProcesses } from './simulated.ts'
import { tierOf } from './tiers.ts'
import { type Kind, nameOf, type Word } from './words.ts'

export interface Setting {
  readonly simulated: number
  readonly real: number
  readonly namespaces: number
  readonly seconds: number
  /** Invalidations a second. */
  readonly rate: number
}

export interface Costs {
  readonly processes: number
  /** Part of one core that the server used. */
  readonly server: number
  /** Bytes a second that it received and sent; undefined where it does not count them. */
  readonly bytes: number | undefined
  /** A second, those that scripts call among them: tells whether the simulated processes kept up. */
  readonly commands: number
  /** Part of one core that a real process used. */
  readonly client: number
  /** Part of one core that such a process used without the server: its reads, over memory alone. */
  readonly reads: number
  /** Invalidations a second that were acknowledged. */
  readonly invalidations: number
  /** Invalidations a second that were rejected, since the ledger did not answer in time. */
  readonly rejected: number
}

const CHILD = fileURLToPath(new URL('./process.js', import.meta.url))
const REST_MS = 1500

export async function costsOf(server: FleetServer, setting: Setting): Promise<Costs> {
  const { simulated, real, namespaces, seconds, rate } = setting
  const { kind, url } = server
  const children = await Promise.all(Array.from({ length: real }, () => startChild(kind, url, namespaces)))
  const alone = await startChild('memory', '', namespaces)
  const end = await simulateProcesses(kind, url, simulated, namespaces)
  const storm = rate > 0 ? invalidate(kind, url, namespaces, rate) : undefined
  try {
    await pause(REST_MS)
    const began = performance.now()
    const before = await server.figures()
    const told = storm?.told()
    await Promise.all([...children, alone].map(({ ask }) => ask('rest')))
    await pause(seconds * 1000)
    const used = await Promise.all(children.map(({ ask }) => ask('count')))
    const reads = await alone.ask('count')
    const after = await server.figures()
    const passed = (performance.now() - began) / 1000
    const toldSince = storm?.told()
    return {
      processes: simulated + real,
      server: (after.seconds - before.seconds) / passed,
      bytes:
        after.bytes === undefined || before.bytes === undefined ? undefined : (after.bytes - before.bytes) / passed,
      commands: (after.commands - before.commands) / passed,
      client: used.reduce((sum, part) => sum + part, 0) / Math.max(1, real),
      reads,
      invalidations: ((toldSince?.acknowledged ?? 0) - (told?.acknowledged ?? 0)) / passed,
      rejected: ((toldSince?.rejected ?? 0) - (told?.rejected ?? 0)) / passed,
    }
  } finally {
    await storm?.stop()
    await end()
    await Promise.all([...children, alone].map(({ stop }) => stop()))
  }
}

async function startChild(kind: Kind | 'memory', url: string, namespaces: number) {
  const child = fork(CHILD, [kind, url, `${namespaces}`], { stdio: 'inherit' })
  const ask = async (word: Word): Promise<number> => {
    const answered = once(child, 'message')
    child.send(word)
    return Number((await answered)[0])
  }
  const stop = async (): Promise<void> => {
    const gone = once(child, 'exit')
    child.send('end')
    await gone
  }
  await once(child, 'message')
  return { ask, stop }
}

/** One process that invalidates one namespace after the other: each step by itself, as they come in a service. */
function invalidate(kind: Kind, url: string, namespaces: number, rate: number) {
  const cache = createCache({ name: 'fleet', tiers: [memory(), tierOf(kind, url)] })
  const began = performance.now()
  let sent = 0
  let acknowledged = 0
  let rejected = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) * rate) / 1000; sent < due; sent++)
      cache
        .namespace(nameOf(sent % namespaces))
        .delete(`k${sent % 100}`)
        .then(
          () => acknowledged++,
          () => rejected++,
        )
  }, 1)
  return {
    told: () => ({ acknowledged, rejected }),
    async stop(): Promise<void> {
      clearInterval(timer)
      await cache.close()
    },
  }
}
