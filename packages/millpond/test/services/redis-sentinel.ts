// A Sentinel group for tests: one master, its replicas, and the sentinels that watch them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { program, redisServer } from './program.ts'
import { ask, type RedisService, startRedis } from './redis.ts'
import { launch, type Service } from './service.ts'
import { until } from './until.ts'

export interface SentinelGroup {
  /** The master's name, as clients ask for it. */
  readonly name: string
  readonly sentinels: readonly Service[]
  /** Host and port of each sentinel, as clients want them. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** All data servers; the first was the master at the start. */
  readonly servers: readonly RedisService[]
  /** The server that the sentinels name as master now; undefined while they disagree. */
  master(): Promise<RedisService | undefined>
  stop(): Promise<void>
}

const NAME = 'millpond'

/**
 * Starts the group and waits until every sentinel knows all the others. `downAfterMs` (1 s) is how long a master may be
 * silent.
 */
export async function startSentinel({
  replicas = 2,
  sentinels = 3,
  downAfterMs = 1_000,
  args = [] as readonly string[],
} = {}): Promise<SentinelGroup> {
  const started: Service[] = []
  const keep = <T extends Service>(service: T): T => {
    started.push(service)
    return service
  }
  const stop = async (): Promise<void> => {
    await Promise.all(started.toReversed().map((one) => one.stop()))
  }
  try {
    const first = keep(await startRedis({ args }))
    const replicaArgs = [...args, '--replicaof', first.host, String(first.port)]
    const others = await Promise.all(
      Array.from({ length: replicas }, async () => keep(await startRedis({ args: replicaArgs }))),
    )
    await until(
      'the replicas',
      async () => String(await first.command('INFO', 'replication')).match(/state=online/g)?.length === replicas,
    )
    const watchers = await Promise.all(
      Array.from({ length: sentinels }, async () =>
        keep(await watch(first.port, Math.floor(sentinels / 2) + 1, downAfterMs)),
      ),
    )
    await Promise.all(
      watchers.map((one) => until(`sentinel ${one.port}`, () => knows(one, replicas, sentinels - 1), 30_000)),
    )
    const servers = [first, ...others]
    return {
      name: NAME,
      sentinels: watchers,
      addresses: watchers.map(({ host, port }) => ({ host, port })),
      servers,
      master: async () => {
        const named = await Promise.all(watchers.map((one) => masterPort(one).catch(() => undefined)))
        const ports = new Set(named.filter((port) => port !== undefined))
        return ports.size === 1 ? servers.find((one) => ports.has(one.port)) : undefined
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function watch(masterPort: number, quorum: number, downAfterMs: number): Promise<Service> {
  const sentinel = await launch({
    name: 'sentinel',
    program: program(redisServer()),
    url: (port) => `redis://127.0.0.1:${port}`,
    prepare: (folder, port) => {
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} ${quorum}`,
        `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
        `sentinel failover-timeout ${NAME} 5000`,
        `sentinel parallel-syncs ${NAME} 2`,
        '',
      ]
      writeFileSync(join(folder, 'sentinel.conf'), lines.join('\n'))
    },
    args: (_, folder) => [join(folder, 'sentinel.conf'), '--sentinel'],
    ready: async (port) => (await ask(`redis://127.0.0.1:${port}`, ['PING'])) === 'PONG',
  })
  // Who takes itself for the master after its return is made a replica after four such periods, eight seconds usually.
  // Before Redis 7 they are what they are.
  await ask(sentinel.url, ['SENTINEL', 'DEBUG', 'PUBLISH-PERIOD', '500', 'INFO-PERIOD', '1000']).catch(() => {})
  return sentinel
}

async function knows(sentinel: Service, replicas: number, others: number): Promise<boolean> {
  const reply = await ask(sentinel.url, ['SENTINEL', 'MASTER', NAME])
  const words = Array.isArray(reply) ? reply.map(String) : []
  const field = (name: string): number => Number(words[words.indexOf(name) + 1])
  return field('num-slaves') === replicas && field('num-other-sentinels') === others
}

async function masterPort(sentinel: Service): Promise<number | undefined> {
  const reply = await ask(sentinel.url, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])
  return Array.isArray(reply) ? Number(reply[1]) : undefined
}
