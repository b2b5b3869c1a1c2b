// The connection to one Redis: known to be up or down at every moment, with our own deadline on each exchange, whatever the client does.
//
// "Up" means that the server on this very connection has told its run id: every script carries it, so a server that was replaced
// behind the same address cannot be taken for the old one. A wire belongs to one connection; when that ends, the wire is dead,
// and nothing that was begun on it continues on the next.
import { createRequire } from 'node:module'
import type { Redis, RedisOptions } from 'ioredis'
import { type ErrorCode, MillpondError } from '../../core/errors.ts'
import { Deadlines } from './deadlines.ts'
import type { RedisSettings } from './options.ts'
import { Subscriptions } from './subscriptions.ts'

export type Argument = string | number | Buffer

/** One live connection. When it has ended, its calls reject. */
export interface Wire {
  /** The server's run id. */
  readonly serverId: string
  call(command: string, args: Argument[]): Promise<unknown>
  /** Several commands in one round trip; rejects with the first error. */
  callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]>
}

/** What the tier needs of a connection: Sentinel and Cluster are further implementations. */
export interface Connection {
  /** Runs one exchange within the deadline. Rejects at once while the server is known to be down. */
  exchange<T>(what: string, code: ErrorCode, talk: (wire: Wire) => Promise<T>): Promise<T>
  /** Calls `wake` for each message of the channel, and when messages may have been missed. */
  subscribe(channel: string, wake: () => void): () => void
  close(): Promise<void>
}

/** How long a connection may be silent after a missed deadline before it is given up for a new one. */
const SILENT_MS = 1000
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2000

const load = createRequire(import.meta.url)

/** @throws MillpondError `OPTION_INVALID` when ioredis is not installed. */
export function loadClient(): typeof Redis {
  try {
    const found: { readonly Redis: typeof Redis } = load('ioredis')
    return found.Redis
  } catch (cause) {
    throw new MillpondError('OPTION_INVALID', 'redis: the package ioredis is not installed: run "npm install ioredis"', { cause })
  }
}

export class NodeConnection implements Connection {
  readonly #settings: RedisSettings
  readonly #Client: typeof Redis
  #client: Redis | undefined
  #wire: LiveWire | undefined
  /** Why there is no wire; undefined before the first attempt has ended. */
  #down: unknown
  #hasTried = false
  #attempts = 0
  #closed = false
  #silence: ReturnType<typeof setTimeout> | undefined
  readonly #waiting = new Set<(wire: LiveWire | undefined) => void>()
  readonly #deadlines: Deadlines
  readonly #subscriptions: Subscriptions

  /** Connects with the first exchange, not before. */
  constructor(settings: RedisSettings, client: typeof Redis) {
    this.#settings = settings
    this.#Client = client
    this.#deadlines = new Deadlines(settings.commandMs)
    this.#subscriptions = new Subscriptions(() => this.#create())
  }

  exchange<T>(what: string, code: ErrorCode, talk: (wire: Wire) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#failed(code, what, undefined))
    if (this.#client === undefined) this.#connect()
    const wire = this.#wire
    // The first attempt is waited for; later ones are not: whoever asks while the server is down is told so.
    if (wire === undefined && this.#hasTried) return Promise.reject(this.#failed(code, what, this.#down))
    if (wire?.isSilent) return Promise.reject(this.#failed(code, what, new Error(`no answer for ${Math.round(wire.silentMs)} ms`)))
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.begin(() => {
        reject(this.#failed(code, what, new Error(`no answer within ${this.#settings.commandMs} ms`)))
        this.#suspect()
      })
      const work = wire === undefined ? this.#firstWire().then(talk) : talk(wire)
      work.then(
        (answer) => {
          this.#deadlines.end(deadline)
          this.#wire?.hear()
          resolve(answer)
        },
        (error: unknown) => {
          this.#deadlines.end(deadline)
          this.#wire?.hear()
          if (isReadOnly(error)) this.#client?.disconnect(true)
          reject(this.#failed(code, what, error))
        },
      )
    })
  }

  subscribe(channel: string, wake: () => void): () => void {
    return this.#subscriptions.add(channel, wake)
  }

  /** Lets what is under way end; each of these has its deadline. */
  async close(): Promise<void> {
    this.#closed = true
    this.#subscriptions.close()
    await this.#deadlines.idle()
    clearTimeout(this.#silence)
    this.#lose(new MillpondError('CLOSED', '[redis] the tier is closed'))
    this.#client?.disconnect()
    this.#client = undefined
  }

  #firstWire(): Promise<LiveWire> {
    return new Promise((resolve, reject) => {
      this.#waiting.add((wire) => (wire === undefined ? reject(this.#down) : resolve(wire)))
    })
  }

  #connect(): void {
    const client = this.#create()
    this.#client = client
    client.on('error', (error) => {
      this.#down = error
    })
    client.on('close', () => this.#lose(this.#down ?? new Error('the connection was closed')))
    client.on('ready', () => void this.#greet(client))
    // The events tell the same as the rejection.
    client.connect().catch(() => {})
  }

  /** Nothing is sent on a new connection before the database is chosen, the run id known and the data loaded. */
  async #greet(client: Redis): Promise<void> {
    const timer = setTimeout(() => client.disconnect(true), this.#settings.connectMs)
    try {
      const { db } = this.#settings
      const [, info] = await Promise.all([db === 0 ? undefined : client.select(db), client.info('server'), client.ping()])
      const serverId = /^run_id:(\S+)/m.exec(info)?.[1]
      if (serverId === undefined) throw new Error('INFO server names no run_id')
      this.#wire = new LiveWire(client, serverId)
      this.#down = undefined
      this.#hasTried = true
      this.#attempts = 0
      this.#release(this.#wire)
    } catch (error) {
      this.#down = error
      client.disconnect(true)
    } finally {
      clearTimeout(timer)
    }
  }

  #lose(why: unknown): void {
    this.#down = why
    this.#hasTried = true
    if (this.#wire !== undefined) this.#wire.isAlive = false
    this.#wire = undefined
    this.#release(undefined)
  }

  #release(wire: LiveWire | undefined): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const go of waiting) go(wire)
  }

  /** A deadline was missed. While nothing at all comes back, nobody else waits; after a while the connection is given up. */
  #suspect(): void {
    const wire = this.#wire
    if (wire === undefined || !wire.suspect(this.#settings.commandMs)) return
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      if (wire.isAlive && wire.isSilent) this.#client?.disconnect(true)
    }, SILENT_MS).unref()
  }

  #create(): Redis {
    const { address, template, connectMs, commandMs } = this.#settings
    const options = {
      lazyConnect: true,
      // Ours to choose, because a failing SELECT would be passed over and the commands go to database 0.
      db: 0,
      keyPrefix: '',
      protocol: 2,
      connectTimeout: connectMs,
      // How long a closed connection waits for the other side to close too, which a dead one never does.
      disconnectTimeout: 100,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: 0,
      disableClientInfo: true,
      keepAlive: 10_000,
      retryStrategy: () => (this.#closed ? null : this.#nextDelay()),
      sentinelCommandTimeout: commandMs,
    } satisfies RedisOptions
    const client = template === undefined ? new this.#Client({ ...address, ...options }) : template.duplicate(options)
    // Without a listener the client writes to the console.
    client.on('error', () => {})
    return client
  }

  /** Grows until a server has been greeted: one that accepts and then refuses is no reason to hurry. */
  #nextDelay(): number {
    const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#attempts, 10), LAST_RETRY_MS)
    this.#attempts++
    return Math.round(delay * (0.75 + Math.random() / 2))
  }

  #failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
    if (this.#closed) return new MillpondError('CLOSED', `[redis] ${what}: the tier is closed`)
    return new MillpondError(code, `[redis] ${what}: ${cause instanceof Error ? cause.message : 'there is no connection'}`, {
      cause: withoutCommand(cause),
    })
  }
}

class LiveWire implements Wire {
  readonly serverId: string
  isAlive = true
  isSilent = false
  readonly #client: Redis
  #heardAt = performance.now()

  constructor(client: Redis, serverId: string) {
    this.#client = client
    this.serverId = serverId
  }

  get silentMs(): number {
    return performance.now() - this.#heardAt
  }

  call(command: string, args: Argument[]): Promise<unknown> {
    if (!this.isAlive) return Promise.reject(new Error('the connection was lost meanwhile'))
    return this.#client.callBuffer(command, args)
  }

  async callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    if (!this.isAlive) throw new Error('the connection was lost meanwhile')
    const [first] = commands
    // A pipeline of one costs three times a command.
    if (commands.length < 2) return first === undefined ? [] : [await this.#client.callBuffer(first[0], first.slice(1))]
    const answers = await this.#client.pipeline(commands.map((command) => [...command])).exec()
    return (answers ?? []).map(([error, answer]) => {
      if (error) throw error
      return answer
    })
  }

  /** Tells whether the server has been silent for as long as one deadline. */
  suspect(ms: number): boolean {
    if (!this.isSilent) this.isSilent = this.silentMs >= ms
    return this.isSilent
  }

  /** Something came back. */
  hear(): void {
    this.#heardAt = performance.now()
    this.isSilent = false
  }
}

/** The client hangs the failed command on its errors, and so passwords (AUTH) and values would reach logs. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}

/** A demoted master answers so: the next connection may find the new one. */
function isReadOnly(error: unknown): boolean {
  return error instanceof Error && /^(READONLY|MASTERDOWN)/.test(error.message)
}
