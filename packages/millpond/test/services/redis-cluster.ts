// A Redis Cluster for tests.
import { freePort } from './free-port.ts'
import { type RedisService, startRedis } from './redis.ts'
import { until } from './until.ts'

export interface ClusterGroup {
  /** All nodes; the masters of the start first, then their replicas in the same order. */
  readonly nodes: readonly RedisService[]
  /** Host and port of each node, as clients want them. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** The node that owns the key's slot now, as a running node sees it. */
  ownerOf(key: string): Promise<RedisService | undefined>
  /** Resolves once every running node says that the cluster is well. */
  healthy(timeoutMs?: number): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 16_384

/** Starts `masters` (3) with `replicasEach` (1) replica, a `nodeTimeoutMs` of 2 s, and waits until all agree. */
export async function startCluster({
  masters = 3,
  replicasEach = 1,
  nodeTimeoutMs = 2_000,
  args = [] as readonly string[],
} = {}): Promise<ClusterGroup> {
  const nodes: RedisService[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((one) => one.stop()))
  }
  try {
    const count = masters * (1 + replicasEach)
    const started = await Promise.allSettled(Array.from({ length: count }, () => startNode(nodeTimeoutMs, args)))
    for (const one of started) if (one.status === 'fulfilled') nodes.push(one.value)
    for (const one of started) if (one.status === 'rejected') throw one.reason
    await join(nodes, masters)
  } catch (error) {
    await stop()
    throw error
  }
  const running = async (): Promise<RedisService[]> => {
    const answers = await Promise.all(
      nodes.map((one) =>
        one.command('PING').then(
          () => true,
          () => false,
        ),
      ),
    )
    return nodes.filter((_, index) => answers[index])
  }
  return {
    nodes,
    addresses: nodes.map(({ host, port }) => ({ host, port })),
    ownerOf: async (key) => {
      // The first to answer: one that is frozen would be waited for.
      const one = await Promise.any(nodes.map((node) => node.command('PING').then(() => node))).catch(() => undefined)
      if (one === undefined) return undefined
      const slot = Number(await one.command('CLUSTER', 'KEYSLOT', key))
      const line = lines(await one.command('CLUSTER', 'NODES')).find(
        (node) => /master/.test(node[2] ?? '') && !/fail/.test(node[2] ?? '') && owns(node, slot),
      )
      return nodes.find((node) => line?.[1]?.startsWith(`127.0.0.1:${node.port}@`))
    },
    healthy: async (timeoutMs = 30_000) => {
      await until(
        'a healthy cluster',
        async () => (await Promise.all((await running()).map(isWell))).every(Boolean),
        timeoutMs,
      )
    },
    stop,
  }
}

async function startNode(nodeTimeoutMs: number, args: readonly string[]): Promise<RedisService> {
  const bus = await freePort()
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-config-file',
    'nodes.conf',
    '--cluster-node-timeout',
    String(nodeTimeoutMs),
  ]
  return startRedis({
    args: [...cluster, '--cluster-port', String(bus), '--cluster-replica-validity-factor', '0', ...args],
  })
}

async function join(nodes: readonly RedisService[], masters: number): Promise<void> {
  const [first] = nodes
  if (!first) return
  const buses = await Promise.all(nodes.map(busPort))
  for (const [index, node] of nodes.entries()) {
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    if (index > 0) await node.command('CLUSTER', 'MEET', first.host, first.port, buses[0] ?? 0)
  }
  const share = (index: number): number => Math.floor((index * SLOTS) / masters)
  for (const [index, node] of nodes.slice(0, masters).entries()) {
    await node.command('CLUSTER', 'ADDSLOTSRANGE', share(index), share(index + 1) - 1)
  }
  await until('nodes that know each other', async () => {
    const known = await Promise.all(nodes.map(async (node) => lines(await node.command('CLUSTER', 'NODES'))))
    return known.every(
      (table) =>
        table.length === nodes.length &&
        table.every((line) => line[7] === 'connected' && !/handshake/.test(line[2] ?? '')),
    )
  })
  for (const [index, node] of nodes.slice(masters).entries()) {
    const id = String(await nodes[index % masters]?.command('CLUSTER', 'MYID'))
    await until('a replica', async () => (await node.command('CLUSTER', 'REPLICATE', id)) === 'OK')
  }
  await until('a healthy cluster', async () => {
    const well = await Promise.all(nodes.map(isWell))
    const slaves = await Promise.all(
      nodes
        .slice(masters)
        .map(async (one) => /master_link_status:up/.test(String(await one.command('INFO', 'replication')))),
    )
    const tables = await Promise.all(nodes.map(async (one) => lines(await one.command('CLUSTER', 'NODES'))))
    return (
      [...well, ...slaves].every(Boolean) &&
      tables.every((table) => table.filter((line) => /master/.test(line[2] ?? '')).length === masters)
    )
  })
}

async function busPort(node: RedisService): Promise<number> {
  const [own] = lines(await node.command('CLUSTER', 'NODES'))
  return Number(/@(\d+)/.exec(own?.[1] ?? '')?.[1] ?? 0) || configuredBus(node)
}

async function configuredBus(node: RedisService): Promise<number> {
  const reply = await node.command('CONFIG', 'GET', 'cluster-port')
  return Array.isArray(reply) ? Number(reply[1]) : 0
}

const isWell = async (node: RedisService): Promise<boolean> =>
  /cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO')))

const lines = (reply: unknown): string[][] =>
  String(reply)
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(' '))

function owns(node: readonly string[], slot: number): boolean {
  return node.slice(8).some((range) => {
    const [low, high = low] = range.split('-').map(Number)
    return low !== undefined && high !== undefined && slot >= low && slot <= high
  })
}
