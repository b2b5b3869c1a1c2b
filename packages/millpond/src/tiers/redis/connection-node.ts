// The connection to one Redis server: known to be up or down at every moment, with a deadline of ours for each
// exchange, whatever the client does.
//
// "Up" means that the server has sent its run id over this very connection: every script carries the run id, so a
// server that was replaced behind the same address cannot be mistaken for the old one. A wire belongs to one
// connection; when that ends, the wire is dead, and nothing that was begun on it continues on the next.

import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import { outside } from '../../core/outside.ts'
import { unheld } from '../../core/unheld.ts'
import type { RedisClient, RedisClientClass } from './client.ts'
import { type Connection, closed, failed, type Wake, type Wire } from './connection.ts'
import { createClient, retryDelay, select, sentinelsOf } from './connection-client.ts'
import { SentinelWatch } from './connection-sentinel.ts'
import { LiveWire } from './connection-wire.ts'
import { Deadlines } from './deadlines.ts'
import { Followers } from './followers.ts'
import type { Hear } from './guard-replies.ts'
import type { RedisSettings } from './options.ts'

/** How long a connection may be silent after a missed deadline before it is replaced. */
const SILENT_MS = 1000

export class NodeConnection implements Connection {
  readonly #settings: RedisSettings
  readonly #Client: RedisClientClass
  #client: RedisClient | undefined
  #wire: LiveWire | undefined
  /** Why there is no wire; undefined before the first attempt has ended. */
  #down: unknown
  #hasTried = false
  #attempts = 0
  #closed = false
  #silence: ReturnType<typeof setTimeout> | undefined
  readonly #waiting = new Set<(wire: LiveWire | undefined) => void>()
  readonly #deadlines: Deadlines
  readonly #followers: Followers
  /** If Sentinel names the master. */
  readonly #watch: SentinelWatch | undefined

  /** Connects with the first exchange, not before. */
  constructor(settings: RedisSettings, client: RedisClientClass) {
    this.#settings = settings
    this.#Client = client
    this.#deadlines = new Deadlines(settings.commandMs)
    this.#followers = new Followers((hear) => this.#create(hear))
    const group = sentinelsOf(settings)
    this.#watch = group && new SentinelWatch(group, client, settings.connectMs, () => this.#moveOn())
  }

  exchange<T>(
    what: string,
    code: ErrorCode,
    talk: (wire: Wire) => Promise<T>,
    _key?: string,
    isRead = false,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(this.#failed(code, what, undefined))
    // A connection outlives the request that needs it first.
    if (this.#client === undefined) outside(() => this.#connect())
    const wire = this.#wire
    // The first attempt is waited for; later ones are not: a command fails at once while the server is down.
    if (wire === undefined && this.#hasTried) return Promise.reject(this.#failed(code, what, this.#down))
    if (wire?.isSilent)
      return Promise.reject(this.#failed(code, what, new Error(`no answer for ${Math.round(wire.silentMs)} ms`)))
    return new Promise((resolve, reject) => {
      let isOver = false
      const deadline = this.#deadlines.begin(() => {
        isOver = true
        reject(this.#failed(code, what, new Error(`no answer within ${this.#settings.commandMs} ms`)))
        this.#suspect()
      })
      const onNext = (): Promise<T> =>
        this.#nextWire().then((next) => {
          // The caller has been told that it failed, so it is not sent.
          if (isOver) throw new Error('the connection took too long')
          return talk(next)
        })
      const done = (answer: T): void => {
        this.#deadlines.end(deadline)
        this.#wire?.hear()
        resolve(answer)
      }
      const failed = (error: unknown): void => {
        this.#deadlines.end(deadline)
        this.#wire?.hear()
        if (isReadOnly(error)) this.#client?.disconnect(true)
        reject(this.#failed(code, what, error))
      }
      if (wire === undefined) onNext().then(done, failed)
      else
        talk(wire).then(done, (error: unknown) => {
          if (isRead && !wire.isAlive && !isOver && !this.#closed) onNext().then(done, failed)
          else failed(error)
        })
    })
  }

  /** Whether the server is known to be reachable. */
  get isUp(): boolean {
    return this.#wire !== undefined && !this.#wire.isSilent
  }

  subscribe(channel: string, wake: Wake): () => void {
    return this.#closed ? () => {} : this.#followers.add(channel, wake)
  }

  /** Lets running exchanges end; each has its deadline. */
  async close(): Promise<void> {
    this.#closed = true
    this.#followers.close()
    this.#watch?.close()
    await this.#deadlines.idle()
    clearTimeout(this.#silence)
    this.#lose(new MillpondError('CLOSED', '[redis] the tier is closed'))
    this.#client?.disconnect()
    this.#client = undefined
  }

  #nextWire(): Promise<LiveWire> {
    const wire = this.#wire
    if (wire !== undefined) return Promise.resolve(wire)
    return new Promise((resolve, reject) => {
      this.#waiting.add((wire) => (wire === undefined ? reject(this.#down) : resolve(wire)))
    })
  }

  #connect(): void {
    const client = this.#create()
    this.#client = client
    client.on('error', (error) => {
      this.#down = error
      // While no sentinel answers there is no connection to close.
      if (this.#watch !== undefined && this.#wire === undefined) this.#lose(this.#watch.explain(error))
    })
    client.on('close', () => this.#lose(this.#down ?? new Error('the connection was closed')))
    client.on('ready', () => void this.#greet(client))
    // The client does not reconnect by itself if the sentinels do not answer, or if it is stopped while it asks them.
    client.on('end', () => {
      if (!this.#closed) unheld(setTimeout(() => client.connect().catch(() => {}), this.#nextDelay()))
    })
    this.#watch?.start()
    // The events report the same as the rejection.
    client.connect().catch(() => {})
  }

  /** Nothing is sent on a new connection before the database is selected, the run id known and the data loaded. */
  async #greet(client: RedisClient): Promise<void> {
    const timer = setTimeout(() => client.disconnect(true), this.#settings.connectMs)
    try {
      const { db } = this.#settings
      const [, info, role] = await Promise.all([
        db === 0 ? undefined : select(client, db),
        client.info('server'),
        this.#watch && client.info('replication'),
        client.ping(),
      ])
      if (role !== undefined && !role.includes('role:master'))
        throw new Error('the sentinels named a server that is not a master')
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

  /**
   * A deadline was missed. While nothing at all comes back, further commands fail at once; after a while the connection
   * is given up.
   */
  #suspect(): void {
    const wire = this.#wire
    if (wire === undefined || !wire.suspect(this.#settings.commandMs)) return
    clearTimeout(this.#silence)
    this.#silence = unheld(
      setTimeout(() => {
        if (wire.isAlive && wire.isSilent) this.#client?.disconnect(true)
      }, SILENT_MS),
    )
  }

  #create(hear?: Hear): RedisClient {
    return createClient(this.#settings, this.#Client, () => (this.#closed ? null : this.#nextDelay()), hear)
  }

  /** Grows until a server has been greeted: a server that accepts and then refuses is not retried any faster. */
  #nextDelay(): number {
    return retryDelay(this.#attempts++, this.#watch !== undefined)
  }

  /** The sentinels have named another master. */
  #moveOn(): void {
    this.#followers.reconnect()
    this.#attempts = 0
    if (this.#wire !== undefined) this.#lose(new Error('the sentinels named another master'))
    // Also while it is being greeted. A client that still asks the sentinels gets the new master from them.
    if (this.#client?.status === 'ready' || this.#client?.status === 'connect') this.#client.disconnect(true)
  }

  #failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
    return this.#closed ? closed(what) : failed(code, what, cause)
  }
}

/** The answer of a demoted master: the next connection may find the new one. */
function isReadOnly(error: unknown): boolean {
  return isError(error) && /^(READONLY|MASTERDOWN)/.test(error.message)
}
