// The used part of a client library: one connection to one server, and how to make another. The `Redis` classes of
// ioredis 5 and 6 have this form.
import type { ConnectionOptions } from 'node:tls'

/** The options of a connection, in the terms of ioredis. A version ignores those that it does not know. */
export interface RedisClientOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly tls?: ConnectionOptions
  readonly db?: number
  readonly sentinels?: { host: string; port: number }[]
  readonly name?: string
  readonly sentinelUsername?: string
  readonly sentinelPassword?: string
  readonly sentinelTLS?: ConnectionOptions
  readonly enableTLSForSentinelMode?: boolean
  readonly role?: 'master'
  readonly sentinelCommandTimeout?: number
  readonly sentinelRetryStrategy?: () => null
  readonly failoverDetector?: boolean
  readonly lazyConnect?: boolean
  readonly keyPrefix?: string
  /** For version 6. */
  readonly protocol?: 2
  readonly connectTimeout?: number
  readonly disconnectTimeout?: number
  readonly enableOfflineQueue?: boolean
  readonly enableReadyCheck?: boolean
  readonly autoResendUnfulfilledCommands?: boolean
  readonly autoResubscribe?: boolean
  readonly enableAutoPipelining?: boolean
  readonly maxRetriesPerRequest?: number
  readonly disableClientInfo?: boolean
  readonly keepAlive?: number
  readonly retryStrategy?: () => number | null
}

export interface RedisClient {
  /** The state of the connection: `wait`, `connecting`, `connect`, `ready`, `reconnecting`, `close`, `end`. */
  readonly status: string
  /** Whether it distributes commands over servers by itself. */
  readonly isCluster: boolean
  /** The options that it was made with. */
  readonly options: {
    readonly db?: number | undefined
    readonly sentinels?:
      | readonly { readonly host?: string | undefined; readonly port?: number | undefined }[]
      | null
      | undefined
    readonly name?: string | undefined
    readonly sentinelUsername?: string | null | undefined
    readonly sentinelPassword?: string | null | undefined
    readonly sentinelTLS?: ConnectionOptions | undefined
  }
  /**
   * Its socket. Between `cork` and `uncork` writes are held back and then sent together; `unref`: it no longer keeps
   * the process alive.
   */
  readonly stream: { cork(): void; uncork(): void; unref(): unknown }
  /** Resolves when the connection is ready; rejects if it cannot be made. */
  connect(): Promise<unknown>
  /** `true`: it reconnects. */
  disconnect(reconnect?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect' | 'reconnecting' | 'ready' | 'close' | 'end', listener: () => void): unknown
  /**
   * Gets bytes or text; from a damaged stream, anything. (For `message` ioredis would decode it, outside of every
   * call.)
   */
  on(event: 'messageBuffer', listener: (channel: unknown, text: unknown) => void): unknown
  /** A section of what the server tells about itself (`INFO`). */
  info(section: string): Promise<string>
  /** Rejects if the server does not answer. */
  ping(): Promise<unknown>
  /** Resolves when the server has confirmed; the messages arrive as `messageBuffer`. */
  subscribe(...channels: string[]): Promise<unknown>
  /** Resolves when the server has confirmed. */
  unsubscribe(...channels: string[]): Promise<unknown>
  /** Sends any command; strings in the answer are bytes. */
  callBuffer(command: string, args: (string | number | Buffer)[]): Promise<unknown>
  /**
   * Sends commands together, each as a method and its arguments; `exec` resolves with an error or an answer for each,
   * in order.
   */
  pipeline(commands: unknown[][]): { exec(): Promise<[error: Error | null, answer: unknown][] | null> }
  /** Another client of the same kind, with other options. */
  duplicate(options: RedisClientOptions): RedisClient
}

export type RedisClientClass = new (options: RedisClientOptions) => RedisClient
