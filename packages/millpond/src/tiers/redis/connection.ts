// What the tier and its ledger need of the servers: one, one that Sentinel names, or a Cluster.

import { type ErrorCode, MillpondError } from '../../core/errors.ts'
import { loadPackage } from '../../core/packages.ts'
import type { RedisClient, RedisClientClass } from './client.ts'

export type Argument = string | number | Buffer

/** One live connection. When it has ended, its calls reject. */
export interface Wire {
  /** The server's run id. */
  readonly serverId: string
  call(command: string, args: Argument[]): Promise<unknown>
  /** Several commands in one round trip; rejects with the first error. */
  callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]>
  /** Several commands in one round trip; an error stands in the place of its answer. */
  settleAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]>
}

export interface Connection {
  /**
   * Runs one exchange within the deadline, with the server that holds `key`; in a cluster all that `talk` names must lie in that key's slot, and
   * `talk` runs again where the first server did nothing but name another. Rejects at once while the server is known to be down.
   */
  exchange<T>(what: string, code: ErrorCode, talk: (wire: Wire) => Promise<T>, key?: string): Promise<T>
  /** Calls `wake` for each message of the channel, and when messages may have been missed. */
  subscribe(channel: string, wake: () => void): () => void
  close(): Promise<void>
}

/**
 * The class of the caller's own client, else of the package's.
 * @throws MillpondError `OPTION_INVALID` when ioredis is needed and not installed.
 */
export function clientClass(own: RedisClient | undefined): RedisClientClass {
  if (own !== undefined) return own.constructor as RedisClientClass
  try {
    return (loadPackage('ioredis') as { readonly Redis: RedisClientClass }).Redis
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      'redis: the package ioredis could not be loaded: run "npm install ioredis"; in a bundle that has it inside, pass "client: new Redis(url)"',
      { cause },
    )
  }
}

/** What a caller gets to see of a failure. */
export function failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
  return new MillpondError(
    code,
    `[redis] ${what.replace(/:$/, '')}: ${cause instanceof Error ? cause.message : 'there is no connection'}`,
    {
      cause: withoutCommand(cause),
    },
  )
}

export function closed(what: string): MillpondError {
  return new MillpondError('CLOSED', `[redis] ${what}: the tier is closed`)
}

/** The client hangs the failed command on its errors, and so passwords (AUTH) and values would reach logs. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}

/** What the server or the socket itself said. */
export function messageOf(error: unknown): string {
  const cause = reasonOf(error)
  return cause instanceof Error ? cause.message : ''
}

export function reasonOf(error: unknown): unknown {
  return error instanceof MillpondError ? (error.cause ?? new Error(error.message)) : error
}
