// One server: its connections, and whether it is up. While it is known to be down, calls fail at once.
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { isError, MillpondError } from '../../core/errors.ts'
import { Connection, isLost, type Verb } from './connection.ts'
import { dump, type Listed } from './dump.ts'
import type { MemcachedHost, MemcachedSettings } from './options.ts'
import type { Reply } from './replies.ts'

export class Server {
  /** `10.0.0.1:11211`. */
  readonly name: string
  readonly #host: Required<MemcachedHost>
  readonly #settings: MemcachedSettings
  readonly #lanes: (Connection | undefined)[] = []
  /** Why and until when (monotonic time) it is not tried. */
  #down: { readonly error: Error; readonly until: number } | undefined
  #isClosed = false

  /** Connects on the first command. */
  constructor(host: Required<MemcachedHost>, settings: MemcachedSettings) {
    this.name = host.host.includes(':') ? `[${host.host}]:${host.port}` : `${host.host}:${host.port}`
    this.#host = host
    this.#settings = settings
  }

  /**
   * One reply per command, in order. If an established connection was closed, as servers do with idle ones, the
   * commands are sent once more on a new one: each may be executed twice.
   * @throws MillpondError `TIER_FAILED`, `CLOSED`.
   */
  async send(lane: number, commands: string | Buffer, count: number, verb: Verb): Promise<Reply[]> {
    try {
      try {
        return await this.#connection(lane).send(commands, count, verb)
      } catch (error) {
        if (!isLost(error) || this.#isClosed) throw error
        return await this.#connection(lane).send(commands, count, verb)
      }
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** Lists every item on the server, including those of other programs, over a separate connection. */
  async *list(): AsyncGenerator<readonly Listed[]> {
    try {
      this.#checkOpen()
      yield* dump(this.#open(), this.#settings)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#lanes.map((connection) => connection?.close()))
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MillpondError('CLOSED', 'memcached: the tier is closed')
  }

  #connection(lane: number): Connection {
    this.#checkOpen()
    const known = this.#lanes[lane]
    const down = this.#down
    // While one connection probes whether it is back, the others fail without waiting.
    if (down !== undefined && (known !== undefined || performance.now() < down.until)) throw down.error
    if (known !== undefined) return known
    let isReady = false
    const connection = new Connection(
      this.#open(),
      this.#settings,
      () => {
        isReady = true
        if (this.#down !== undefined)
          this.#settings.warn({ kind: 'up', message: `memcached ${this.name} answers again` })
        this.#down = undefined
      },
      (error) => {
        if (this.#lanes[lane] === connection) this.#lanes[lane] = undefined
        if (!this.#isClosed) this.#lost(error, isReady)
      },
    )
    this.#lanes[lane] = connection
    return connection
  }

  /**
   * An established connection that was closed may be reopened at once; one that could not be opened, or timed out, may
   * not.
   */
  #lost(error: Error, wasReady: boolean): void {
    if (wasReady && isLost(error)) return
    const isNew = this.#down === undefined
    this.#down = { error, until: performance.now() + this.#settings.retryMs }
    if (isNew) this.#settings.warn({ kind: 'down', message: `memcached ${this.name}: ${error.message}`, cause: error })
  }

  #open(): Socket {
    const { host, port } = this.#host
    const { tls } = this.#settings
    return tls === undefined
      ? connectPlain({ host, port })
      : connectTls({ ...(isIP(host) === 0 ? { servername: host } : {}), ...tls, host, port })
  }

  #failed(error: unknown): MillpondError {
    if (error instanceof MillpondError) return error
    const why = isError(error) ? error.message : String(error)
    return new MillpondError('TIER_FAILED', `memcached ${this.name}: ${why}`, { cause: error })
  }
}
