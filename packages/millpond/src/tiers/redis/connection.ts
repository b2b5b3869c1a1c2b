// What the tier and its ledger need of the servers: of one, of one that Sentinel names, or of a Cluster.

import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import { isNotInstalled, loadPackage } from '../../core/packages.ts'
import type { RedisClientClass } from './client.ts'
import { type NodeRedisClient, nodeRedisClass } from './client-node-redis.ts'
import type { RedisDriver, RedisSettings } from './options.ts'

export type Argument = string | number | Buffer

/** Takes a message's text. */
export type Wake = (text?: string) => void

/** One live connection. When it has ended, its calls reject. */
export interface Wire {
  /** The server's run id. */
  readonly serverId: string
  call(command: string, args: Argument[]): Promise<unknown>
  /** Several commands in one round trip; rejects with the first error. */
  callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]>
  /** Several commands in one round trip; an error is returned in place of the answer. */
  settleAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]>
}

export interface Connection {
  /**
   * Runs one exchange within the deadline, with the server that holds `key`; in a cluster all keys that `talk` names
   * must be in that key's slot, and `talk` runs again if the first server only named another. Rejects at once while the
   * server is known to be down. `isRead`: it changes nothing, and may run a second time within its deadline if its
   * connection was lost.
   */
  exchange<T>(
    what: string,
    code: ErrorCode,
    talk: (wire: Wire) => Promise<T>,
    key?: string,
    isRead?: boolean,
  ): Promise<T>
  /** Calls `wake` for each message of the channel, and, without a text, when messages may have been missed. */
  subscribe(channel: string, wake: Wake): () => void
  close(): Promise<void>
}

/**
 * The class of the caller's own client, or else of the first installed package. @throws MillpondError `OPTION_INVALID`
 * if a package is needed and none is installed.
 */
export function clientClass({ template, drivers }: Pick<RedisSettings, 'template' | 'drivers'>): RedisClientClass {
  if (template !== undefined) return template.constructor as RedisClientClass
  let cause: unknown
  for (const driver of drivers) {
    try {
      return classOf(driver, loadPackage(driver))
    } catch (error) {
      // An installed package that fails to load is reported, rather than treated as missing.
      if (cause === undefined || isNotInstalled(cause)) cause = error
    }
  }
  throw new MillpondError(
    'OPTION_INVALID',
    `redis: ${drivers.join(' or ')} could not be loaded: run "npm install ${drivers[0]}"; in a bundle that has it inside, pass "${OWN_CLIENT[drivers[0] ?? 'ioredis']}"`,
    { cause },
  )
}

const OWN_CLIENT: Readonly<Record<RedisDriver, string>> = {
  ioredis: 'client: new Redis(url)',
  redis: 'client: createClient({ url })',
}

function classOf(driver: RedisDriver, found: unknown): RedisClientClass {
  if (driver === 'ioredis') return (found as { readonly Redis: RedisClientClass }).Redis
  return nodeRedisClass((found as { readonly createClient: (options: object) => NodeRedisClient }).createClient)
}

/** A failure as callers see it. */
export function failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
  const safe = withoutCommand(cause)
  return new MillpondError(
    code,
    `[redis] ${what.replace(/:$/, '')}: ${isError(safe) ? safe.message : 'there is no connection'}`,
    { cause: safe },
  )
}

export function closed(what: string): MillpondError {
  return new MillpondError('CLOSED', `[redis] ${what}: the tier is closed`)
}

/**
 * The client attaches the failed command to its errors, and a server that does not know a command repeats its arguments
 * (`ERR unknown command 'AUTH', with args beginning with: ...`): passwords and values would reach logs.
 */
export function withoutCommand(error: unknown): unknown {
  if (!isError(error)) return error
  Reflect.deleteProperty(error, 'command')
  if (REPEATED.test(error.message)) {
    error.message = error.message.replace(REPEATED, '')
    error.stack = `${error.name}: ${error.message}`
  }
  return error
}
const REPEATED = /,? with args beginning with:.*$/is

/** The message of the server or the socket itself. */
export function messageOf(error: unknown): string {
  const cause = reasonOf(error)
  return isError(cause) ? cause.message : ''
}

export function reasonOf(error: unknown): unknown {
  return error instanceof MillpondError ? (error.cause ?? new Error(error.message)) : error
}
