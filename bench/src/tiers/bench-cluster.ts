// `npm run bench -- --rows cluster`: what an operation of the Redis tier costs the servers where one, two or three
// masters share the keys.
//
// With as many servers as cores, a clock would show how well the machine shares itself out. So CPU time is read from
// the servers: what one operation costs all of them, and what it costs the busiest, which is what limits a cluster
// whose masters have a core each.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { redis } from 'millpond/tiers/redis'
import { findProgram, freePort } from '../program.ts'
import { printTable } from '../table.ts'

const SLOTS = 16_384
const KEYS = 3000
const BODY = Buffer.alloc(1024, 'x')
/**
 * Calls under way at a time, for each master: what a server reads at once is cheaper than what comes one by one, and a
 * larger cluster has more clients.
 */
const LANES = 32
const OPERATIONS = 30_000

export interface ClusterOptions {
  /** One and three masters, a fifth of the operations. */
  readonly isQuick: boolean
  readonly isJson: boolean
}

interface Master {
  readonly port: number
  /** Where the masters talk to each other. */
  readonly busPort: number
  readonly client: Redis
  readonly child: ChildProcess
  readonly folder: string
}

export async function benchCluster(
  progress: (line: string) => void,
  { isQuick, isJson }: ClusterOptions,
): Promise<void> {
  const rows: { masters: number; operation: string; servers: number; busiest: number; room: number; client: number }[] =
    []
  const alone = new Map<string, number>()
  const operations = isQuick ? OPERATIONS / 5 : OPERATIONS
  for (const count of isQuick ? [1, 3] : [1, 2, 3]) {
    progress(`${count} masters`)
    const masters = await start(count)
    try {
      const tier = redis({
        cluster: masters.map(({ port }) => ({ host: '127.0.0.1', port })),
        commandTimeout: 5000,
        connectTimeout: 5000,
      })
      const keys = Array.from({ length: KEYS }, (_, at) => `shop:default:user:${at}`)
      const asOf = { epoch: 'e0123456789abcdef', seq: 7 }
      const expiresAt = Date.now() + 3_600_000
      const ways: Record<string, (key: string) => Promise<unknown>> = {
        write: (key) => Promise.resolve(tier.write([{ key, body: BODY, expiresAt, asOf }])),
        read: (key) => tier.read([key]),
      }
      for (const [name, way] of Object.entries(ways)) {
        await drive(way, keys, operations / 5, count * LANES)
        const before = await Promise.all(masters.map(cpuOf))
        const own = process.cpuUsage()
        await drive(way, keys, operations, count * LANES)
        const { user, system } = process.cpuUsage(own)
        const after = await Promise.all(masters.map(cpuOf))
        const spent = after.map((us, at) => (us - (before[at] ?? 0)) / operations)
        const busiest = Math.max(...spent)
        if (count === 1) alone.set(name, busiest)
        const all = spent.reduce((sum, us) => sum + us, 0)
        const room = (alone.get(name) ?? Number.NaN) / busiest
        rows.push({
          masters: count,
          operation: name,
          servers: all,
          busiest,
          room,
          client: (user + system) / operations,
        })
      }
      await tier.close()
    } finally {
      for (const master of masters) stop(master)
    }
  }
  if (isJson) {
    console.log(JSON.stringify(rows))
    return
  }
  printTable([
    ['masters', 'operation', 'servers us', 'busiest us', 'room, beside one master', 'client us'],
    ...rows.map(({ masters, operation, servers, busiest, room, client }) => [
      String(masters),
      operation,
      servers.toFixed(1),
      busiest.toFixed(1),
      room.toFixed(2),
      client.toFixed(1),
    ]),
  ])
  console.log(
    'room: how many times the operations of one master the busiest of them could serve, with a core each. The client is one process here, and needs a core of its own.',
  )
}

async function drive(
  way: (key: string) => Promise<unknown>,
  keys: readonly string[],
  operations: number,
  lanes: number,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < operations; at = next++) await way(keys[at % keys.length] ?? '')
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** Microseconds of CPU that the server has used. */
async function cpuOf({ client }: Master): Promise<number> {
  const info = await client.info('cpu')
  const of = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? Number.NaN)
  return (of('used_cpu_user') + of('used_cpu_sys')) * 1e6
}

async function start(count: number): Promise<Master[]> {
  const masters = await Promise.all(Array.from({ length: count }, launch))
  const [first] = masters
  for (const [at, { client, port, busPort }] of masters.entries()) {
    const [from, to] = [Math.floor((SLOTS * at) / count), Math.floor((SLOTS * (at + 1)) / count) - 1]
    await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
    if (at > 0) await first?.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  }
  for (const { client } of masters) {
    for (;;) {
      const info = String(await client.call('CLUSTER', 'INFO'))
      if (
        info.includes('cluster_state:ok') &&
        info.includes(`cluster_known_nodes:${count}`) &&
        info.includes(`cluster_slots_ok:${SLOTS}`)
      )
        break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return masters
}

async function launch(): Promise<Master> {
  const { path, libraries } = findProgram('redis')
  const [port, busPort] = [await freePort(), await freePort()]
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const child = spawn(path, [...where, '--cluster-enabled', 'yes', '--cluster-port', String(busPort)], {
    stdio: 'ignore',
    env: libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries },
  })
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: (times) => (times > 100 ? null : 50),
    maxRetriesPerRequest: null,
  })
  client.on('error', () => undefined)
  await client.ping()
  return { port, busPort, client, child, folder }
}

function stop({ client, child, folder }: Master): void {
  client.disconnect()
  child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  child.kill('SIGKILL')
}
