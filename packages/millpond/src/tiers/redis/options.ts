// The options of the Redis tier, checked once. Secrets never appear in a message.
import type { ConnectionOptions } from 'node:tls'
import {
  type Check,
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  flagOr,
  listOf,
  oneOf,
  type Shape,
  text,
  whole,
} from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { objectPlace, pathPlace, serverPlace } from '../places.ts'
import { type Retain, type RetainOptions, resolveRetain } from '../retain.ts'
import { type Address, byName, hostList, parseUrl, type RedisHost } from './addresses.ts'
import type { RedisClient } from './client.ts'
import { isGroup, isNodeRedis, likeNodeRedis, type NodeRedisClient } from './client-node-redis.ts'

export type { Address, RedisHost } from './addresses.ts'

export type RedisDriver = 'ioredis' | 'redis'

export interface RedisTierOptions {
  /** `redis://user:password@host:6379/0`, `rediss://` for TLS; `valkey://` and `valkeys://` mean the same. */
  readonly url?: string | undefined
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** Default 6379. */
  readonly port?: number | undefined
  /** A Unix socket instead of host and port. */
  readonly path?: string | undefined
  /**
   * The sentinels of a group, instead of one server: the master that they name is used, also after it changes. Port
   * 26379 by default.
   */
  readonly sentinels?: readonly RedisHost[] | undefined
  /** The name of the master in the sentinels' configuration. Required with `sentinels`. */
  readonly name?: string | undefined
  /** The user name for the sentinels. */
  readonly sentinelUsername?: string | undefined
  /** The password for the sentinels. */
  readonly sentinelPassword?: string | undefined
  /** TLS to the sentinels; `tls` is for the servers that they name. Default: off. */
  readonly sentinelTls?: boolean | ConnectionOptions | undefined
  /** Some servers of a Redis Cluster, instead of one server: the others are found through them. */
  readonly cluster?: readonly RedisHost[] | undefined
  /** The number of the database. Default 0, the only one in a cluster. */
  readonly db?: number | undefined
  /** The user name for the server, if the URL contains none. */
  readonly username?: string | undefined
  /** The password for the server, if the URL contains none. */
  readonly password?: string | undefined
  /** `true`, or the options of `tls.connect`. Default: on for `rediss://`. */
  readonly tls?: boolean | ConnectionOptions | undefined
  /**
   * A client of ioredis 5 or 6, or of node-redis 5 or 6, or a compatible one. Its options are used for the tier's own
   * connections; the client itself is not used, and not closed.
   */
  readonly client?: RedisClient | NodeRedisClient | undefined
  /**
   * The package that makes the connections: `ioredis`, or `redis`, which is node-redis. Default: the first of them that
   * is installed.
   */
  readonly driver?: RedisDriver | undefined
  /** The prefix of every key and channel. Default `millpond:`. */
  readonly keyPrefix?: string | undefined
  /** The longest that a command may take before it is given up. Default `'250ms'`. */
  readonly commandTimeout?: Duration | undefined
  /** The longest that opening a connection may take. Default `'1s'`. */
  readonly connectTimeout?: Duration | undefined
  /** How much of the ledger's history is kept. */
  readonly retain?: RetainOptions | undefined
}

export interface RedisSettings {
  readonly address: Address
  readonly template: RedisClient | undefined
  readonly drivers: readonly RedisDriver[]
  /** Servers that are asked for the others of a cluster. */
  readonly cluster: readonly { readonly host: string; readonly port: number }[] | undefined
  readonly db: number
  readonly keyPrefix: string
  readonly commandMs: number
  readonly connectMs: number
  readonly retain: Retain
  /** See `Tier`. */
  readonly places: readonly string[]
}

const DRIVERS = ['ioredis', 'redis'] as const
const secret: Check<string> = (value, at) => {
  if (typeof value === 'string') return value
  throw new MillpondError('OPTION_INVALID', `${at}: a ${typeof value} is not a text`)
}
const tlsCheck = flagOr<ConnectionOptions>('true or false, or the options of tls.connect')
const OPTIONS: Shape<RedisTierOptions> = {
  url: checkedElsewhere,
  host: text,
  port: whole(0, 65_535),
  path: text,
  sentinels: listOf<RedisHost>(checkedElsewhere, 'a list of servers, such as [{ host, port }]'),
  name: text,
  sentinelUsername: secret,
  sentinelPassword: secret,
  sentinelTls: tlsCheck,
  cluster: listOf<RedisHost>(checkedElsewhere, 'a list of servers, such as [{ host, port }]'),
  db: checkedElsewhere,
  username: secret,
  password: secret,
  tls: tlsCheck,
  client: checkedElsewhere,
  driver: oneOf(...DRIVERS),
  keyPrefix: check((value): value is string => typeof value === 'string', 'a text'),
  commandTimeout: duration,
  connectTimeout: duration,
  retain: checkedElsewhere,
}
/** The options that say where the servers are, of which one is given. */
const WAYS = ['url', 'client', 'sentinels', 'cluster', 'host', 'port', 'path'] as const

/**
 * @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, with the option's name and its value without secrets.
 */
export function resolveRedis(options: RedisTierOptions): RedisSettings {
  checkOptions<RedisTierOptions>(options, OPTIONS, 'redis')
  const { keyPrefix = 'millpond:' } = options
  checkWay(options)
  const client = options.client === undefined ? undefined : clientOf(options, options.client)
  const fromUrl = options.url === undefined ? undefined : parseUrl(options.url)
  const group = sentinelGroup(options)
  const cluster = options.cluster === undefined ? undefined : hostList(options.cluster, 'cluster', 6379)
  const db = checkDb(options.db ?? fromUrl?.db ?? client?.options.db ?? 0)
  if (cluster !== undefined && db !== 0) {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis db: ${db} does not exist in a cluster, which has only database 0: use keyPrefix`,
    )
  }
  const address = fromUrl?.address ?? group ?? byName(options)
  return {
    address: { ...address, ...credentials(options), ...tls(options.tls) },
    places: placesOf(options, cluster ?? address, `db ${db} ${keyPrefix}`),
    template: client,
    drivers: options.driver === undefined ? DRIVERS : [options.driver],
    cluster,
    db,
    keyPrefix,
    commandMs: positive(options.commandTimeout ?? 250, 'commandTimeout'),
    connectMs: positive(options.connectTimeout ?? 1000, 'connectTimeout'),
    retain: resolveRetain(options.retain, 'redis'),
  }
}

function placesOf(
  { client }: RedisTierOptions,
  at: Address | readonly Required<RedisHost>[],
  within: string,
): readonly string[] {
  if (client !== undefined) return [objectPlace('redis client', client, within)]
  if (isList(at)) return at.map((host) => serverPlace('redis', host, within))
  const { host = '', port = 0, path, sentinels, name } = at
  if (sentinels !== undefined) return sentinels.map((one) => serverPlace('redis sentinel', one, `${name} ${within}`))
  return [path === undefined ? serverPlace('redis', { host, port }, within) : `${pathPlace('redis', path)} ${within}`]
}

const isList = (at: Address | readonly Required<RedisHost>[]): at is readonly Required<RedisHost>[] => Array.isArray(at)

function checkWay(options: RedisTierOptions): void {
  const [way, other] = WAYS.filter((name) => options[name] !== undefined)
  // Host and port may be combined, but not with a path.
  if (way === undefined || other === undefined || way === 'host' || way === 'port') return
  const shown = other === 'client' ? '' : `${show(options[other])} `
  throw new MillpondError(
    'OPTION_INVALID',
    `redis ${other}: ${shown}is given together with ${way}: use only one of them`,
  )
}

function clientOf(options: RedisTierOptions, client: RedisClient | NodeRedisClient): RedisClient {
  const own = (['username', 'password', 'tls', 'driver'] as const).find((name) => options[name] !== undefined)
  if (typeof client?.duplicate !== 'function') {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis client: ${show(typeof client)} is not a client: pass new Redis(...) from ioredis or createClient(...) from node-redis, or use url`,
    )
  }
  const isOfNodeRedis = isNodeRedis(client)
  if (isOfNodeRedis ? isGroup(client) : 'isCluster' in client && client.isCluster) {
    throw new MillpondError(
      'OPTION_INVALID',
      'redis client: belongs to a cluster or sentinels and resends commands by itself: pass a client of a single server, or give cluster or sentinels',
    )
  }
  if (own !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `redis ${own}: is given together with client, whose options apply: set it there`,
    )
  if (isOfNodeRedis) return likeNodeRedis(client)
  if ('callBuffer' in client) return client
  throw new MillpondError('OPTION_INVALID', 'redis client: is from neither ioredis nor node-redis: use url')
}

function sentinelGroup(options: RedisTierOptions): Address | undefined {
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTls } = options
  if (sentinels === undefined) {
    const odd = (['name', 'sentinelUsername', 'sentinelPassword', 'sentinelTls'] as const).find(
      (one) => options[one] !== undefined,
    )
    if (odd === undefined) return undefined
    throw new MillpondError(
      'OPTION_INVALID',
      `redis ${odd}: has no effect without sentinels: give sentinels: [{ host, port }]`,
    )
  }
  const hosts = hostList(sentinels, 'sentinels', 26_379)
  if (typeof name !== 'string' || name === '') {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis name: ${show(name)} is not a valid master name: give one such as 'mymaster'`,
    )
  }
  const { tls: sentinelTLS } = tls(sentinelTls, 'sentinelTls')
  return {
    sentinels: hosts,
    name,
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    ...(sentinelTLS && { sentinelTLS }),
    enableTLSForSentinelMode: options.tls !== undefined && options.tls !== false,
  }
}

function credentials({ username, password }: RedisTierOptions): Address {
  return { ...(username && { username }), ...(password && { password }) }
}

function tls(option: boolean | ConnectionOptions | undefined, name = 'tls'): { tls?: ConnectionOptions } {
  if (option === undefined || option === false) return {}
  if (option !== true && (typeof option !== 'object' || option === null)) {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis ${name}: ${show(option)} is neither true nor the options of tls.connect`,
    )
  }
  return { tls: option === true ? {} : option }
}

function checkDb(db: number): number {
  if (Number.isInteger(db) && db >= 0 && db < 100_000) return db
  throw new MillpondError('OPTION_INVALID', `redis db: ${show(db)} is not a database number: give 0 or more`)
}

function positive(value: Duration, name: string): number {
  const ms = parseDuration(value, `redis ${name}`)
  if (ms >= 1 && ms <= 3_600_000) return ms
  throw new MillpondError('OPTION_INVALID', `redis ${name}: ${show(value)} is not a deadline: give 1 ms to 1 h`)
}
