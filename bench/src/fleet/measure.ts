// One measurement: starts a fleet, lets it come to rest, and takes the server's own figures of its processor and its
// network, and those of the operating system for each client.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { simulateProcesses } from './simulated.ts'
import { nameOf, type Word } from './words.ts'

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
  /** Bytes a second that it received and sent. */
  readonly bytes: number
  /** A second, those that scripts call among them: tells whether the simulated processes kept up. */
  readonly commands: number
  /** Part of one core that a real process used. */
  readonly client: number
}

const CHILD = fileURLToPath(new URL('./process.js', import.meta.url))
const REST_MS = 1500

export async function costsOf(url: string, setting: Setting): Promise<Costs> {
  const { simulated, real, namespaces, seconds, rate } = setting
  const admin = new Redis(url)
  const children = await Promise.all(Array.from({ length: real }, () => startChild(url, namespaces)))
  const end = await simulateProcesses(url, simulated, namespaces)
  const storm = rate > 0 ? invalidate(url, namespaces, rate) : undefined
  try {
    await pause(REST_MS)
    const began = performance.now()
    const before = await figuresOf(admin)
    await Promise.all(children.map(({ ask }) => ask('rest')))
    await pause(seconds * 1000)
    const used = await Promise.all(children.map(({ ask }) => ask('count')))
    const after = await figuresOf(admin)
    const passed = (performance.now() - began) / 1000
    return {
      processes: simulated + real,
      server: (after.seconds - before.seconds) / passed,
      bytes: (after.bytes - before.bytes) / passed,
      commands: (after.commands - before.commands) / passed,
      client: used.reduce((sum, part) => sum + part, 0) / Math.max(1, real),
    }
  } finally {
    await storm?.()
    await end()
    await Promise.all(children.map(({ stop }) => stop()))
    admin.disconnect()
  }
}

async function startChild(url: string, namespaces: number) {
  const child = fork(CHILD, [url, `${namespaces}`], { stdio: 'inherit' })
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

interface Figures {
  readonly seconds: number
  readonly bytes: number
  readonly commands: number
}

/** Seconds of the server's processor, bytes over its network, and commands, so far. */
async function figuresOf(admin: Redis): Promise<Figures> {
  const text = `${await admin.info('cpu')}\n${await admin.info('stats')}`
  const sum = (...names: readonly string[]): number =>
    names.reduce((total, name) => total + Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1]), 0)
  return {
    seconds: sum('used_cpu_user', 'used_cpu_sys'),
    bytes: sum('total_net_input_bytes', 'total_net_output_bytes'),
    commands: sum('total_commands_processed'),
  }
}

/** One process that invalidates one namespace after the other: each step by itself, as they come in a service. */
function invalidate(url: string, namespaces: number, rate: number): () => Promise<void> {
  const cache = createCache({ name: 'fleet', tiers: [memory(), redis({ url })] })
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) * rate) / 1000; sent < due; sent++)
      cache
        .namespace(nameOf(sent % namespaces))
        .delete(`k${sent % 100}`)
        .catch(() => {})
  }, 1)
  return async () => {
    clearInterval(timer)
    await cache.close()
  }
}
