// The options of the Redis tier, checked once. Secrets never reach a message.
import type { ConnectionOptions } from 'node:tls'
import type { Redis } from 'ioredis'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { checkNames } from '../../core/options.ts'
import { type Retain, type RetainOptions, resolveRetain } from '../retain.ts'

export interface RedisTierOptions {
  /** `redis://user:password@host:6379/0`, `rediss://` for TLS; `valkey://` and `valkeys://` mean the same. */
  readonly url?: string
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 6379. */
  readonly port?: number
  /** A Unix socket instead of host and port. */
  readonly path?: string
  /** Default 0. */
  readonly db?: number
  readonly username?: string
  readonly password?: string
  /** `true`, or the options of `tls.connect`. Default: on for `rediss://`. */
  readonly tls?: boolean | ConnectionOptions
  /** An ioredis client whose options are used for connections of our own; the client itself stays yours. */
  readonly client?: Redis
  /** What every key begins with. Default `millpond:`. */
  readonly keyPrefix?: string
  /** The longest a command may take before it is given up. Default 250 ms. */
  readonly commandTimeout?: Duration
  /** The longest that opening a connection may take. Default `'1s'`. */
  readonly connectTimeout?: Duration
  readonly retain?: RetainOptions
}

/** Where to connect and as whom, in the words of ioredis. */
export interface Address {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly tls?: ConnectionOptions
}

export interface RedisSettings {
  readonly address: Address
  readonly template: Redis | undefined
  readonly db: number
  readonly keyPrefix: string
  readonly commandMs: number
  readonly connectMs: number
  readonly retain: Retain
}

const NAMES = new Set([
  'url',
  'host',
  'port',
  'path',
  'db',
  'username',
  'password',
  'tls',
  'client',
  'keyPrefix',
  'commandTimeout',
  'connectTimeout',
  'retain',
])
const ADDRESS = ['host', 'port', 'path'] as const
const FORM = 'redis://user:password@host:6379/0'

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value without its secrets. */
export function resolveRedis(options: RedisTierOptions): RedisSettings {
  checkNames(options, NAMES, 'redis option')
  const { client, keyPrefix = 'millpond:' } = options
  const named = ADDRESS.filter((name) => options[name] !== undefined)
  if (options.url !== undefined && named.length > 0) {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis ${named[0]}: ${show(options[named[0] ?? 'host'])} is given beside url: use one or the other`,
    )
  }
  if (client !== undefined && typeof client.duplicate !== 'function') {
    throw new MillpondError('OPTION_INVALID', `redis client: ${show(typeof client)} is no ioredis client: pass new Redis(...), or use url`)
  }
  if (client !== undefined && (options.url !== undefined || named.length > 0)) {
    throw new MillpondError('OPTION_INVALID', 'redis client: is given beside url, host or path: use one or the other')
  }
  const own = (['username', 'password', 'tls'] as const).find((name) => client !== undefined && options[name] !== undefined)
  if (own !== undefined)
    throw new MillpondError('OPTION_INVALID', `redis ${own}: is given beside client, whose options count: set it there`)
  if (typeof keyPrefix !== 'string') {
    throw new MillpondError('OPTION_INVALID', `redis keyPrefix: ${show(keyPrefix)} is no text`)
  }
  const fromUrl = options.url === undefined ? undefined : parseUrl(options.url)
  return {
    address: { ...(fromUrl?.address ?? byName(options)), ...credentials(options), ...tls(options.tls) },
    template: client,
    db: checkDb(options.db ?? fromUrl?.db ?? client?.options.db ?? 0),
    keyPrefix,
    commandMs: positive(options.commandTimeout ?? 250, 'commandTimeout'),
    connectMs: positive(options.connectTimeout ?? 1000, 'connectTimeout'),
    retain: resolveRetain(options.retain, 'redis'),
  }
}

function parseUrl(text: string): { address: Address; db: number | undefined } {
  const wrong = (why: string): never => {
    throw new MillpondError('OPTION_INVALID', `redis url: ${show(withoutSecrets(text))} ${why}: give one such as ${FORM}`)
  }
  if (typeof text !== 'string' || !URL.canParse(text)) return wrong('is no URL')
  const url = new URL(text)
  const scheme = /^(redis|valkey)(s?):$/.exec(url.protocol)
  if (scheme === null) return wrong(`begins with ${show(url.protocol)}, not redis: or rediss:`)
  if (url.hostname === '') return wrong('names no host')
  if (url.search !== '' || url.hash !== '') return wrong('has parts after "?" or "#", which are not understood')
  const path = url.pathname === '' || url.pathname === '/' ? undefined : url.pathname.slice(1)
  if (path !== undefined && !/^\d{1,5}$/.test(path)) return wrong(`names the database ${show(path)}, which is no number`)
  const decode = (part: string, name: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      return wrong(`has a ${name} that is not percent-encoded`)
    }
  }
  return {
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 6379 : Number(url.port),
      ...(url.username && { username: decode(url.username, 'user name') }),
      ...(url.password && { password: decode(url.password, 'password') }),
      ...(scheme[2] === 's' && { tls: {} }),
    },
    db: path === undefined ? undefined : Number(path),
  }
}

/** For messages: everything between the scheme and the last `@` may be a secret. */
function withoutSecrets(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(/^([^:/]*:?\/*).*@/s, '$1***@') : text
}

function byName(options: RedisTierOptions): Address {
  const { host = '127.0.0.1', port = 6379, path } = options
  if (path !== undefined) {
    if (typeof path !== 'string' || path === '')
      throw new MillpondError('OPTION_INVALID', `redis path: ${show(path)} is no file name of a socket`)
    return { path }
  }
  if (typeof host !== 'string' || host === '' || /[\s/@]/.test(host)) {
    throw new MillpondError('OPTION_INVALID', `redis host: ${show(host)} is no host name: give one such as 'cache.internal', or use url`)
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new MillpondError('OPTION_INVALID', `redis port: ${show(port)} is no port: give a whole number from 1 to 65535`)
  }
  return { host, port }
}

function credentials(options: RedisTierOptions): Address {
  for (const name of ['username', 'password'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'string')
      throw new MillpondError('OPTION_INVALID', `redis ${name}: a ${typeof value} is no text`)
  }
  return { ...(options.username && { username: options.username }), ...(options.password && { password: options.password }) }
}

function tls(option: boolean | ConnectionOptions | undefined): Address {
  if (option === undefined || option === false) return {}
  if (option !== true && (typeof option !== 'object' || option === null)) {
    throw new MillpondError('OPTION_INVALID', `redis tls: ${show(option)} is neither true nor the options of tls.connect`)
  }
  return { tls: option === true ? {} : option }
}

function checkDb(db: number): number {
  if (Number.isInteger(db) && db >= 0 && db < 100_000) return db
  throw new MillpondError('OPTION_INVALID', `redis db: ${show(db)} is no database number: give 0 or more`)
}

function positive(value: Duration, name: string): number {
  const ms = parseDuration(value, `redis ${name}`)
  if (ms >= 1 && ms <= 3_600_000) return ms
  throw new MillpondError('OPTION_INVALID', `redis ${name}: ${show(value)} is no deadline: give 1 ms to 1 h`)
}
