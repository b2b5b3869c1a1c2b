// Examines the Redis tier: each server that the options name, over separate connections; for sentinels and clusters
// also what they report of the servers.

import type { TierStep } from '../../core/contracts.ts'
import { isError } from '../../core/errors.ts'
import { Examination, type Finding, findings } from '../examination.ts'
import { aboutOwnCertificate, type Destination, nameOf, reach } from '../reach.ts'
import type { RedisClient, RedisClientClass } from './client.ts'
import { withoutCommand } from './connection.ts'
import { createClient, select, sentinelsOf } from './connection-client.ts'
import type { RedisSettings } from './options.ts'

const LEAST = [6, 2] as const
/** Above this share of its memory a server counts as full. */
const NEARLY_FULL = 0.95

/** Never rejects. */
export async function examineRedis(settings: RedisSettings, Client: RedisClientClass): Promise<readonly TierStep[]> {
  const examination = new Examination(settings.connectMs)
  const { cluster, address } = settings
  const group = sentinelsOf(settings)
  if (cluster !== undefined)
    for (const { host, port } of cluster)
      await server(
        examination,
        { ...settings, address: { ...address, host, port } },
        Client,
        { host, port, tls: address.tls },
        true,
      )
  else if (group !== undefined) {
    for (const { host, port } of group.sentinels ?? [])
      (await reach(examination, { host, port, tls: group.sentinelTLS }))?.destroy()
    await speak(examination, settings, Client, `the master ${group.name ?? ''} of the sentinels`, false)
  } else await server(examination, settings, Client, destinationOf(settings), false)
  return examination.steps
}

async function server(
  examination: Examination,
  settings: RedisSettings,
  Client: RedisClientClass,
  to: Destination | undefined,
  isCluster: boolean,
): Promise<void> {
  if (to !== undefined) {
    const socket = await reach(examination, to)
    socket?.destroy()
    if (socket === undefined) return
  }
  await speak(examination, settings, Client, to === undefined ? 'the server of the client' : nameOf(to), isCluster)
}

/** Undefined if the caller's own client does not reveal its address. */
function destinationOf({ address, template }: RedisSettings): Destination | undefined {
  const from: object = template?.options ?? address
  const [host, port, path, tls] = ['host', 'port', 'path', 'tls'].map((name): unknown => Reflect.get(from, name))
  if (typeof path === 'string' && path !== '') return { host: '', port: 0, path }
  if (typeof host !== 'string') return undefined
  return { host, port: typeof port === 'number' ? port : 6379, ...(typeof tls === 'object' && tls !== null && { tls }) }
}

async function speak(
  examination: Examination,
  settings: RedisSettings,
  Client: RedisClientClass,
  at: string,
  isCluster: boolean,
): Promise<void> {
  const client = createClient(settings, Client, () => null)
  let trouble: Error | undefined
  client.on('error', (error) => {
    trouble ??= error
  })
  try {
    const isIn = await examination.step('authenticate', at, () => signIn(client, settings, () => trouble), notSignedIn)
    if (isIn === undefined) return
    if (
      !(await examination.ping(
        at,
        () => client.ping(),
        () => 'the server accepts connections but does not answer: check whether a script or a large command blocks it',
      ))
    )
      return
    if ((await examination.step('server', at, () => aboutServer(client, isCluster), notRight)) === undefined) return
    await examination.step(
      'settings',
      at,
      () => aboutSettings(client),
      () => 'let the user run INFO (+info)',
    )
  } finally {
    client.disconnect()
  }
}

async function signIn(
  client: RedisClient,
  { db, address }: RedisSettings,
  trouble: () => Error | undefined,
): Promise<Finding> {
  try {
    await client.connect()
    if (db !== 0) await select(client, db)
    await client.ping()
  } catch (error) {
    throw withoutCommand(trouble() ?? error)
  }
  const { username, password } = address
  return {
    detail:
      password === undefined ? 'without a password' : username === undefined ? 'as the default user' : `as ${username}`,
  }
}

function notSignedIn(error: unknown): string {
  const certificate = aboutOwnCertificate(error)
  if (certificate !== undefined) return certificate
  const said = isError(error) ? error.message : String(error)
  if (/NOAUTH/.test(said))
    return 'the server requires a password: give username and password, or redis://user:password@host'
  if (/WRONGPASS|invalid password/i.test(said))
    return 'user name or password is wrong: correct them (percent-encoded in a URL)'
  if (/without any password configured/i.test(said))
    return 'the server has no password: leave it out, or set one there (requirepass, ACL SETUSER)'
  if (/NOPERM/.test(said)) return 'the user lacks permission: the documentation of redis() lists the ACL rules it needs'
  if (/DB index/i.test(said)) return 'there is no such database: correct db, or raise "databases" of the server'
  if (/MISCONF|LOADING/.test(said)) return 'the server is not ready: check its log'
  return 'the server closes the connection: it may accept only TLS (rediss://), have too many clients (maxclients), or be in protected mode'
}

async function aboutServer(client: RedisClient, isCluster: boolean): Promise<Finding> {
  const [about, replication] = [await client.info('server'), await client.info('replication')]
  const valkey = field(about, 'valkey_version')
  const version = valkey ?? field(about, 'redis_version') ?? '0'
  const role = field(replication, 'role')
  const mode = field(about, 'redis_mode') ?? field(about, 'server_mode')
  if (isBelow(version)) throw new Error(`it is version ${version}`)
  if (!isCluster && role === 'slave') throw new Error('it is a replica, which accepts no writes')
  if (isCluster !== (mode === 'cluster'))
    throw new Error(isCluster ? 'it is not a node of a cluster' : 'it is a node of a cluster')
  if (isCluster) {
    const state = field(String(await client.callBuffer('CLUSTER', ['INFO'])), 'cluster_state')
    if (state !== 'ok') throw new Error(`the cluster says that its state is ${state ?? 'unknown'}`)
  }
  return {
    detail: `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}, ${role === 'slave' ? 'replica' : 'master'}`,
  }
}

function notRight(error: unknown): string {
  const said = isError(error) ? error.message : String(error)
  if (said.startsWith('it is version')) return `use Redis ${LEAST.join('.')} or later, or Valkey`
  if (said.includes('replica')) return 'name the master, or give sentinels and name'
  if (said.includes('is not a node')) return 'give url, or host and port, instead of cluster'
  if (said.includes('is a node')) return 'give cluster: [{ host, port }] instead of one server'
  if (said.includes('its state')) return 'some slots are not served: bring back the missing masters (CLUSTER NODES)'
  return 'let the user run INFO (+info), and in a cluster CLUSTER INFO (+cluster|info)'
}

async function aboutSettings(client: RedisClient): Promise<Finding> {
  const [memory, persistence] = [await client.info('memory'), await client.info('persistence')]
  const [limit, used] = [Number(field(memory, 'maxmemory') ?? 0), Number(field(memory, 'used_memory') ?? 0)]
  const policy = field(memory, 'maxmemory_policy') ?? 'unknown'
  const keeps = field(persistence, 'aof_enabled') === '1' ? 'an append-only file' : 'snapshots at most'
  return findings(
    [
      limit === 0 ? 'no memory limit' : `${mib(used)} of ${mib(limit)} MiB used`,
      policy,
      `kept across restarts by ${keeps}`,
    ],
    [
      limit === 0 && 'set maxmemory: without it the server grows until the host kills it',
      limit > 0 &&
        policy === 'noeviction' &&
        'set maxmemory-policy to volatile-lru: with noeviction writes fail once it is full',
      policy.startsWith('allkeys') &&
        'prefer a volatile-* policy: the record of the ledger has no TTL, and if it is evicted everything is reloaded',
      limit > 0 && used > limit * NEARLY_FULL && policy === 'noeviction' && 'it is nearly full: raise maxmemory',
      field(persistence, 'rdb_last_bgsave_status') === 'err' &&
        'its last snapshot failed, so it may reject writes: check its log',
    ],
  )
}

const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(1)

const field = (text: string, name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1]

function isBelow(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])
}
