// The addresses of servers: URLs, names and lists, checked. Secrets never appear in a message.
import { MillpondError, show } from '../../core/errors.ts'
import { showAddress } from '../../core/show-address.ts'
import { isUrl, parseServerUrl, wrongUrl } from '../url.ts'
import type { RedisClientOptions } from './client.ts'

/** One server of a list. */
export interface RedisHost {
  /** A host name or an IP address. */
  readonly host: string
  /** Default 6379, of a sentinel 26379. */
  readonly port?: number
}

/** Where to connect and as which user, in the terms of ioredis. */
export type Address = Pick<
  RedisClientOptions,
  | 'host'
  | 'port'
  | 'path'
  | 'username'
  | 'password'
  | 'tls'
  | 'sentinels'
  | 'name'
  | 'sentinelUsername'
  | 'sentinelPassword'
  | 'sentinelTLS'
  | 'enableTLSForSentinelMode'
>

const FORM = 'redis://user:password@host:6379/0'

export function parseUrl(text: string): { address: Address; db: number | undefined } {
  const words = { at: 'redis url', form: FORM }
  const wrong = (why: string): never => {
    throw wrongUrl(text, `${why}: give one such as ${FORM}`, words)
  }
  const url = parseServerUrl(text, words)
  const scheme = /^(redis|valkey)(s?):$/.exec(url.protocol)
  if (scheme === null) return wrong(`begins with ${show(url.protocol)}, not redis: or rediss:`)
  if (url.hostname === '') return wrong('names no host')
  if (url.search !== '' || url.hash !== '') return wrong('has parts after "?" or "#", which are not supported')
  const path = url.pathname === '' || url.pathname === '/' ? undefined : url.pathname.slice(1)
  if (path !== undefined && !/^\d{1,5}$/.test(path))
    return wrong(`names the database ${show(path)}, which is not a number`)
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

export function byName(options: {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly path?: string | undefined
}): Address {
  const { host = '127.0.0.1', port = 6379, path } = options
  if (path !== undefined) {
    if (typeof path !== 'string' || path === '' || isUrl(path))
      throw new MillpondError('OPTION_INVALID', `redis path: ${show(path)} is not the file name of a socket`)
    return { path }
  }
  return { host: checkHost(host, 'host'), port: checkPort(port, 'port') }
}

/** @throws MillpondError `OPTION_INVALID` unless it is a list of at least one host. */
export function hostList(list: unknown, option: string, defaultPort: number): { host: string; port: number }[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw new MillpondError(
      'OPTION_INVALID',
      `redis ${option}: ${show(list)} is not a list of servers: give one such as [{ host, port }]`,
    )
  }
  return list.map((one: unknown, index) => {
    const where = `${option}[${index}]`
    if (typeof one !== 'object' || one === null) {
      throw new MillpondError(
        'OPTION_INVALID',
        `redis ${where}: ${showAddress(one)} is not a server: give { host, port }`,
      )
    }
    const { host, port = defaultPort, ...rest }: { host?: unknown; port?: unknown } = one
    const [odd] = Object.keys(rest)
    if (odd !== undefined)
      throw new MillpondError('OPTION_INVALID', `redis ${where}: ${show(odd)} is not known: give { host, port }`)
    return { host: checkHost(host, `${where}.host`), port: checkPort(port, `${where}.port`) }
  })
}

function checkHost(host: unknown, option: string): string {
  if (typeof host === 'string' && host !== '' && !/[\s/@]/.test(host)) return host
  throw new MillpondError(
    'OPTION_INVALID',
    `redis ${option}: ${showAddress(host)} is not a host name: give one such as 'cache.internal', or use url`,
  )
}

function checkPort(port: unknown, option: string): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new MillpondError(
    'OPTION_INVALID',
    `redis ${option}: ${show(port)} is not a port: give a whole number from 1 to 65535`,
  )
}
