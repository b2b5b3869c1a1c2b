// Listens to what the sentinels announce, so that a new master is known at once, even while the old one still answers
// as if it were the master.
//
// A demoted master closes its connections when it hears of its demotion; until then (it was frozen, or on the wrong
// side of a partition) it may go on for seconds. A process that can reach a sentinel leaves it now. An announcement is
// only a hint: the connection asks the sentinels itself.
import { isError } from '../../core/errors.ts'
import { letGo } from '../../wrap/let-go.ts'
import type { RedisClient, RedisClientClass } from './client.ts'
import { guardReplies } from './guard-replies.ts'
import type { Address } from './options.ts'

const CHANNEL = '+switch-master'
const RETRY_MS = 1000

export class SentinelWatch {
  readonly #group: Address
  readonly #Client: RedisClientClass
  readonly #connectMs: number
  readonly #moved: () => void
  readonly #clients: RedisClient[] = []
  #last = ''
  #trouble: Error | undefined

  constructor(group: Address, client: RedisClientClass, connectMs: number, moved: () => void) {
    this.#group = group
    this.#Client = client
    this.#connectMs = connectMs
    this.#moved = moved
  }

  /** Does nothing if it is running already. */
  start(): void {
    if (this.#clients.length > 0) return
    for (const { host, port } of this.#group.sentinels ?? []) {
      const { sentinelUsername, sentinelPassword, sentinelTLS } = this.#group
      const client = new this.#Client({
        host,
        port,
        ...(sentinelUsername && { username: sentinelUsername }),
        ...(sentinelPassword && { password: sentinelPassword }),
        ...(sentinelTLS && { tls: sentinelTLS }),
        lazyConnect: true,
        protocol: 2,
        connectTimeout: this.#connectMs,
        disconnectTimeout: 100,
        enableOfflineQueue: false,
        enableReadyCheck: false,
        autoResubscribe: false,
        maxRetriesPerRequest: 0,
        disableClientInfo: true,
        keepAlive: 10_000,
        retryStrategy: () => RETRY_MS,
      })
      client.on('error', (error) => {
        this.#trouble = error
      })
      letGo(client)
      guardReplies(client, (_channel, text) => this.#hear(String(text)))
      client.on('ready', () => client.subscribe(CHANNEL).catch(() => client.disconnect(true)))
      client.connect().catch(() => {})
      this.#clients.push(client)
    }
  }

  /** For a refused certificate the client only reports that the connection was closed. */
  explain(error: unknown): unknown {
    if (this.#trouble === undefined || !isError(error) || !error.message.includes('Connection is closed')) return error
    return new Error(`no sentinel could be asked: ${this.#trouble.message}`, { cause: this.#trouble })
  }

  close(): void {
    for (const client of this.#clients.splice(0)) client.disconnect()
  }

  /** `<name> <old host> <old port> <new host> <new port>`: every sentinel announces the same, and once is enough. */
  #hear(text: string): void {
    if (text === this.#last || !text.startsWith(`${this.#group.name} `)) return
    this.#last = text
    this.#moved()
  }
}
