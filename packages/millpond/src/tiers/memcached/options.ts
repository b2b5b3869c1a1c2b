// The options of the Memcached tier, validated once. Secrets never reach a message.
import type { ConnectionOptions } from 'node:tls'
import {
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  flagOr,
  fn,
  type Shape,
  whole as wholeNumber,
} from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { showAddress } from '../../core/show-address.ts'

/** A server of the list. */
export interface MemcachedHost {
  /** A host name or an IP address, without brackets. */
  readonly host: string
  /** Default 11211. */
  readonly port?: number
  /** Its share of the keys, relative to the weights of the others: 1 to 65,535. Default 1. */
  readonly weight?: number
}

/** A problem that an operator should know about but that fails no call. */
export interface MemcachedWarning {
  /** State of a server, reported when it changes. */
  readonly kind: 'down' | 'up'
  /** What happened, with the server's name, in a sentence for an operator. */
  readonly message: string
  /** The error of the connection; only for `down`. */
  readonly cause?: unknown
}

export interface MemcachedTierOptions {
  /**
   * The servers: a list of `{ host, port, weight }`, or a string such as `'10.0.0.1:11211,10.0.0.2'`, with a weight as
   * in `'10.0.0.1:11211:3'`. All processes must name the same servers in the same way, including weights. Default:
   * `127.0.0.1:11211`.
   */
  readonly servers?: string | readonly MemcachedHost[] | undefined
  /** Prefix of every key: up to 100 ASCII characters without spaces. Default `millpond:`. */
  readonly keyPrefix?: string | undefined
  /**
   * Connections to each server, 1 to 64; commands for a key always use the same one. Default 1: commands are pipelined.
   */
  readonly poolSize?: number | undefined
  /**
   * The longest that a server may be silent while a reply is pending. Default 200 ms, so that the replies of other
   * servers still count.
   */
  readonly commandTimeout?: Duration | undefined
  /** The longest that opening a connection may take. Default `'1s'`. */
  readonly connectTimeout?: Duration | undefined
  /** How long a server that did not answer is skipped before it is tried again. Default 500 ms. */
  readonly retryAfter?: Duration | undefined
  /** The largest item that the servers accept (`-I`), in bytes. Default 1 MiB, like theirs. */
  readonly maxItemBytes?: number | undefined
  /** `true`, or the options of `tls.connect`. Default off. */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** With a password: for servers that were started with `--auth-file`. */
  readonly username?: string | undefined
  /** The password for `username`. */
  readonly password?: string | undefined
  /** Called with problems that fail no call but that an operator should know about. */
  readonly onWarning?: ((warning: MemcachedWarning) => void) | undefined
}

export interface MemcachedSettings {
  readonly servers: readonly Required<MemcachedHost>[]
  readonly keyPrefix: string
  readonly poolSize: number
  readonly commandMs: number
  readonly connectMs: number
  readonly retryMs: number
  readonly maxItemBytes: number
  readonly tls: ConnectionOptions | undefined
  readonly login: string | undefined
  readonly warn: (warning: MemcachedWarning) => void
}

const DEFAULT_PORT = 11_211
const MIB = 1_048_576
const PREFIX = /^[!-~]{0,100}$/
const FORM = "'10.0.0.1:11211,10.0.0.2:11211'"
const OPTIONS: Shape<MemcachedTierOptions> = {
  servers: checkedElsewhere,
  keyPrefix: check(
    (value): value is string => typeof value === 'string' && PREFIX.test(value),
    'up to 100 characters of ASCII without spaces',
  ),
  poolSize: wholeNumber(1, 64),
  commandTimeout: duration,
  connectTimeout: duration,
  retryAfter: duration,
  maxItemBytes: wholeNumber(4096, 1024 * MIB),
  tls: flagOr('true or false, or the options of tls.connect'),
  username: checkedElsewhere,
  password: checkedElsewhere,
  onWarning: fn(),
}

/**
 * @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value without its
 * secrets.
 */
export function resolveMemcached(options: MemcachedTierOptions): MemcachedSettings {
  checkOptions<MemcachedTierOptions>(options, OPTIONS, 'memcached')
  const { keyPrefix = 'millpond:', onWarning } = options
  return {
    servers: serversOf(options.servers ?? '127.0.0.1'),
    keyPrefix,
    poolSize: options.poolSize ?? 1,
    commandMs: positive(options.commandTimeout ?? 200, 'commandTimeout'),
    connectMs: positive(options.connectTimeout ?? 1000, 'connectTimeout'),
    retryMs: parseDuration(options.retryAfter ?? 500, 'memcached retryAfter'),
    maxItemBytes: options.maxItemBytes ?? MIB,
    tls: options.tls === true ? {} : options.tls || undefined,
    login: loginOf(options),
    warn: onWarning ?? (() => {}),
  }
}

/** Accepts a string or a list; no server may occur twice. */
function serversOf(given: unknown): Required<MemcachedHost>[] {
  const list = typeof given === 'string' ? given.split(/[\s,]+/).filter((text) => text !== '') : given
  if (!Array.isArray(list) || list.length === 0)
    return invalid('servers', given, `is not a list of servers: give one such as ${FORM}`)
  const servers = list.map((one: unknown) => (typeof one === 'string' ? parseServer(one) : checkServer(one)))
  const names = servers.map(({ host, port }) => `${host}:${port}`)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined ? servers : invalid('servers', twice, 'is named twice: give it a higher weight instead')
}

const SERVER = /^(?:memcached:\/\/)?(\[[0-9a-f:.]+\]|[^\s/@:[\]]+)(?::(\d{1,5})(?::(\d{1,5}))?)?\/?$/i

function parseServer(text: string): Required<MemcachedHost> {
  const [, host, port, weight] =
    SERVER.exec(text) ??
    invalidAddress('servers', text, `is not a server: give host:port or host:port:weight, as in ${FORM}`)
  return checkServer({
    host: (host ?? '').replace(/^\[|\]$/g, ''),
    ...(port && { port: Number(port) }),
    ...(weight && { weight: Number(weight) }),
  })
}

function checkServer(one: unknown): Required<MemcachedHost> {
  if (typeof one !== 'object' || one === null || Array.isArray(one))
    return invalidAddress('servers', one, 'is not a server: give { host, port }')
  const { host, port = DEFAULT_PORT, weight = 1, ...rest }: { host?: unknown; port?: unknown; weight?: unknown } = one
  const [odd] = Object.keys(rest)
  if (odd !== undefined) return invalid('servers', odd, 'is not known: give { host, port, weight }')
  if (typeof host !== 'string' || host === '' || /[\s/@]/.test(host))
    return invalidAddress('servers host', host, 'is not the name of a host')
  return { host, port: whole(port, 'servers port', 1, 65_535), weight: whole(weight, 'servers weight', 1, 65_535) }
}

function loginOf({ username, password }: MemcachedTierOptions): string | undefined {
  if (username === undefined && password === undefined) return undefined
  for (const [name, secret] of Object.entries({ username, password })) {
    if (typeof secret !== 'string' || secret === '' || /[\s\p{Cc}]/u.test(secret))
      throw new MillpondError(
        'OPTION_INVALID',
        `memcached ${name}: is not a string without spaces: give both username and password`,
      )
  }
  return `${username} ${password}`
}

function positive(value: Duration, name: string): number {
  const ms = parseDuration(value, `memcached ${name}`)
  return ms > 0 && ms <= 2 ** 31 - 1 ? ms : invalid(name, value, 'is not a waiting time: give at least 1 ms')
}

function whole(value: unknown, name: string, least: number, most: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : invalid(name, value, `is not allowed: give a whole number from ${least} to ${most}`)
}

function invalidAddress(name: string, value: unknown, why: string): never {
  throw new MillpondError('OPTION_INVALID', `memcached ${name}: ${showAddress(value)} ${why}`)
}

function invalid(name: string, value: unknown, why: string): never {
  throw new MillpondError('OPTION_INVALID', `memcached ${name}: ${show(value)} ${why}`)
}
