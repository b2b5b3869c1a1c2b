// The connection that listens: opened for the first follower, closed with the last. Only hints come over it, so its
// failures are ignored.
import { outside } from '../../core/outside.ts'
import { unheld } from '../../core/unheld.ts'
import type { RedisClient } from './client.ts'
import type { Wake } from './connection.ts'
import type { Hear } from './guard-replies.ts'

const REPLACE_MS = 200

export class Followers {
  readonly #create: (hear: Hear) => RedisClient
  readonly #channels = new Map<string, Set<Wake>>()
  #client: RedisClient | undefined

  constructor(create: (hear: Hear) => RedisClient) {
    this.#create = create
  }

  add(channel: string, wake: Wake): () => void {
    const own: Wake = (text) => wake(text)
    const wakes = this.#channels.get(channel)
    if (wakes !== undefined) wakes.add(own)
    else {
      this.#channels.set(channel, new Set([own]))
      outside(() => this.#listen(channel))
    }
    return () => {
      const left = this.#channels.get(channel)
      if (!left?.delete(own) || left.size > 0) return
      this.#channels.delete(channel)
      if (this.#channels.size === 0) this.close()
      else if (this.#client?.status === 'ready') this.#client.unsubscribe(channel).catch(() => {})
    }
  }

  /** The server is no longer the right one. */
  reconnect(): void {
    // A client that is still asking the sentinels will get the new server from them; if stopped now, it would never
    // reconnect.
    if (this.#client?.status === 'ready' || this.#client?.status === 'connect') this.#client.disconnect(true)
  }

  close(): void {
    this.#channels.clear()
    this.#client?.disconnect()
    this.#client = undefined
  }

  #listen(channel: string): void {
    if (this.#client?.status === 'ready') return void this.#subscribe(this.#client, [channel])
    if (this.#client !== undefined) return
    const client = this.#create((from, text) => this.#wake(String(from), String(text)))
    this.#client = client
    client.on('ready', () => void this.#subscribe(client, [...this.#channels.keys()]))
    client.on('end', () => unheld(setTimeout(() => this.#replace(client), REPLACE_MS)))
    client.connect().catch(() => {})
  }

  /** Replaces a client that has ended and does not reconnect. */
  #replace(client: RedisClient): void {
    if (this.#client !== client) return
    this.#client = undefined
    const [channel] = this.#channels.keys()
    if (channel !== undefined) this.#listen(channel)
  }

  /** Wakes every follower once the subscription is established: messages may have been missed before. */
  async #subscribe(client: RedisClient, channels: string[]): Promise<void> {
    try {
      if (channels.length > 0) await client.subscribe(...channels)
      for (const channel of channels) this.#wake(channel)
    } catch {
      if (this.#client === client) client.disconnect(true)
    }
  }

  #wake(channel: string, text?: string): void {
    for (const wake of this.#channels.get(channel) ?? []) wake(text)
  }
}
