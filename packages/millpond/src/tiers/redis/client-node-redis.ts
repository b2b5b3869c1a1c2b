// Adapts the client of node-redis (`redis` on npm) to the interface that the tier uses.
//
// Each attempt to connect uses a client of its own, which never reconnects by itself: this adapter does, when and as
// often as its options say.

import { afterAwake } from '../../core/awake.ts'
import { isError } from '../../core/errors.ts'
import { unheld } from '../../core/unheld.ts'
import type { RedisClient, RedisClientClass, RedisClientOptions } from './client.ts'

/** The used part of a client of node-redis 5 or 6. */
export interface NodeRedisClient {
  /** Whether it was told to connect, and not yet to end. */
  readonly isOpen: boolean
  /** Resolves when the connection is ready; rejects if it cannot be made. */
  connect(): Promise<unknown>
  /** Closes the connection at once; commands in progress are rejected. */
  destroy(): void
  /** The connection no longer keeps the process alive. */
  unref(): void
  /** Failures of the connection, and its end. */
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  /** Sends any command; `options` map types of replies to those of JavaScript. */
  sendCommand(args: (string | Buffer)[], options?: object): Promise<unknown>
  /** Resolves when the server has confirmed; the listener gets each message and its channel. */
  subscribe(channels: string[], listener: (text: string, channel: string) => void): Promise<unknown>
  /** Resolves when the server has confirmed. */
  unsubscribe(channels: string[]): Promise<unknown>
  /** Another client that has not connected, with some options changed. */
  // biome-ignore lint/suspicious/noExplicitAny: its options have many type parameters, none of which matters here
  duplicate(options?: any): NodeRedisClient
}

type Create = (options: object) => NodeRedisClient
type Listener = (...told: never[]) => void

/** Strings as bytes: bulk and simple ones. */
const AS_BYTES = { typeMapping: { 36: Buffer, 43: Buffer } }
const AT_ONCE = { cork: () => {}, uncork: () => {} }

export function isNodeRedis(client: unknown): client is NodeRedisClient {
  return (
    hasVerbs(client, ['sendCommand', 'duplicate', 'connect', 'destroy', 'multi']) && !hasVerbs(client, ['callBuffer'])
  )
}

/** Whether the client distributes commands over servers, or asks sentinels, by itself. */
export function isGroup(client: NodeRedisClient): boolean {
  return 'slots' in client || 'getSentinelNode' in client
}

function hasVerbs(client: unknown, verbs: readonly string[]): boolean {
  return (
    typeof client === 'object' &&
    client !== null &&
    verbs.every((verb) => typeof Reflect.get(client, verb) === 'function')
  )
}

/** Makes clients like the given one, whose options say how to reach the server. */
export function likeNodeRedis(client: NodeRedisClient): RedisClient {
  const options: { readonly socket?: object; readonly database?: number } = Reflect.get(client, 'options') ?? {}
  const Client = nodeRedisClass((own) => client.duplicate({ ...own, socket: { ...options.socket, ...socketIn(own) } }))
  return new Client({ db: options.database ?? 0 })
}

const socketIn = (options: object): object =>
  'socket' in options && options.socket instanceof Object ? options.socket : {}

/** @param create makes a client that has not connected. */
export function nodeRedisClass(create: Create): RedisClientClass {
  class Adapted implements RedisClient {
    readonly isCluster = false
    readonly stream = { ...AT_ONCE, unref: (): void => this.#client?.unref() }
    readonly options: RedisClientOptions
    status = 'wait'
    readonly #listeners = new Map<string, Listener[]>()
    #client: NodeRedisClient | undefined

    constructor(options: RedisClientOptions) {
      this.options = options
    }

    on(event: string, listener: Listener): this {
      this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener])
      return this
    }

    duplicate(options: RedisClientOptions): RedisClient {
      return new Adapted(options)
    }

    async connect(): Promise<void> {
      this.status = 'connecting'
      let client: NodeRedisClient | undefined
      // The socket has its own deadline; this one is for a server that accepts the connection and stays silent.
      const ms = 2 * (this.options.connectTimeout ?? 1000)
      const cancel = afterAwake(ms, () => {
        if (this.status === 'connecting') this.#lose(client, new Error(`no connection within ${ms} ms`), true)
      })
      try {
        const server =
          this.options.sentinels === undefined
            ? this.options
            : await masterOf(create, this.options, this.options.sentinels)
        if (this.status !== 'connecting') return
        client = create(optionsOf(server))
        const made = client
        this.#client = made
        made.on('error', (error) => this.#lose(made, error, true))
        made.on('end', () => this.#lose(made, new Error('the connection was closed'), true))
        await made.connect()
        if (this.#client !== made) return end(made)
        this.status = 'ready'
        this.#tell('connect')
        this.#tell('ready')
      } catch (error) {
        this.#lose(client, isError(error) ? error : new Error(String(error)), true)
      } finally {
        cancel()
      }
    }

    disconnect(reconnect = false): void {
      const isOver = this.status === 'end' || this.status === 'wait'
      if (!isOver) this.#lose(this.#client, undefined, reconnect)
    }

    async info(section: string): Promise<string> {
      return String(await this.#send(['INFO', section]))
    }

    ping(): Promise<unknown> {
      return this.#send(['PING'])
    }

    async subscribe(...channels: string[]): Promise<void> {
      await this.#live().subscribe(channels, (text, channel) => this.#tell('messageBuffer', channel, text))
    }

    async unsubscribe(...channels: string[]): Promise<void> {
      await this.#live().unsubscribe(channels)
    }

    callBuffer(command: string, args: (string | number | Buffer)[]): Promise<unknown> {
      return this.#send([command, ...args.map((one) => (typeof one === 'number' ? String(one) : one))])
    }

    /** Commands sent within one turn go out together anyway. */
    pipeline(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][]> } {
      const sent = ([, command, ...args]: unknown[]): Promise<[Error | null, unknown]> =>
        this.#send([String(command), ...args.map((one) => (Buffer.isBuffer(one) ? one : String(one)))]).then(
          (answer) => [null, answer],
          (error: unknown) => [isError(error) ? error : new Error(String(error)), undefined],
        )
      return { exec: () => Promise.all(commands.map(sent)) }
    }

    #live(): NodeRedisClient {
      if (this.#client === undefined || this.status !== 'ready') throw new Error('there is no connection')
      return this.#client
    }

    async #send(args: (string | Buffer)[]): Promise<unknown> {
      return this.#live().sendCommand(args, AS_BYTES)
    }

    /** Runs once for each connection, however often its end is reported. */
    #lose(client: NodeRedisClient | undefined, error: Error | undefined, isComingBack: boolean): void {
      const isOver = this.status === 'end' || this.status === 'reconnecting'
      if (client !== this.#client || (isOver && isComingBack)) return
      this.#client = undefined
      const ms = isComingBack ? (this.options.retryStrategy?.() ?? null) : null
      this.status = ms === null ? 'end' : 'reconnecting'
      if (client !== undefined) end(client)
      if (error !== undefined) this.#tell('error', error)
      this.#tell('close')
      this.#tell(this.status)
      if (ms !== null) this.#comeBack(ms)
    }

    #comeBack(ms: number): void {
      unheld(
        setTimeout(() => {
          if (this.status === 'reconnecting') void this.connect()
        }, ms),
      )
    }

    #tell(event: string, ...told: unknown[]): void {
      for (const listener of this.#listeners.get(event) ?? []) Reflect.apply(listener, undefined, told)
    }
  }
  return Adapted
}

/**
 * A client may have ended by itself, and `destroy` then throws; one that is still connecting must not emit an unhandled
 * error.
 */
function end(client: NodeRedisClient): void {
  client.on('error', () => {})
  try {
    client.destroy()
  } catch {}
}

function optionsOf({ host, port, path, tls, username, password, connectTimeout }: RedisClientOptions): object {
  const where = path === undefined ? { ...(host && { host }), ...(port && { port }) } : { path }
  return {
    ...(username && { username }),
    ...(password && { password }),
    database: 0,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: {
      ...where,
      ...(tls && { ...tls, tls: true }),
      connectTimeout,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      reconnectStrategy: false,
    },
  }
}

/** The first sentinel that answers is trusted: the connection asks the server itself whether it is a master. */
async function masterOf(
  create: Create,
  options: RedisClientOptions,
  sentinels: readonly { readonly host: string; readonly port: number }[],
): Promise<RedisClientOptions> {
  const {
    name = '',
    sentinelUsername,
    sentinelPassword,
    sentinelTLS,
    enableTLSForSentinelMode,
    tls,
    connectTimeout,
  } = options
  let trouble: unknown
  for (const { host, port } of sentinels) {
    const client = create(
      optionsOf({
        host,
        port,
        ...(sentinelUsername && { username: sentinelUsername }),
        ...(sentinelPassword && { password: sentinelPassword }),
        ...(sentinelTLS && { tls: sentinelTLS }),
        ...(connectTimeout && { connectTimeout }),
      }),
    )
    try {
      const answer = await within(options.sentinelCommandTimeout ?? 250, ask(client, name))
      if (!Array.isArray(answer))
        throw new Error(`the sentinel ${host}:${port} knows no master ${JSON.stringify(name)}`)
      return {
        ...options,
        host: String(answer[0]),
        port: Number(answer[1]),
        ...(enableTLSForSentinelMode && tls ? { tls } : {}),
      }
    } catch (error) {
      trouble = error
    } finally {
      end(client)
    }
  }
  const why = isError(trouble) ? trouble.message : String(trouble)
  throw new Error(`no sentinel could be asked: ${why}`, { cause: trouble })
}

async function ask(client: NodeRedisClient, name: string): Promise<unknown> {
  client.on('error', () => {})
  await client.connect()
  return client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = afterAwake(ms, () => reject(new Error(`no answer within ${ms} ms`)))
    work.then(resolve, reject).finally(cancel)
  })
}
