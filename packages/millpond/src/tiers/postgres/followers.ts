// Followers of a namespace: woken by NOTIFY, over one separate connection that is opened for the first and closed after
// the last. It carries only hints, so its failures are ignored; after each reconnect all followers are woken, because
// notifications may have been missed.
import { createHash } from 'node:crypto'
import { unheld } from '../../core/unheld.ts'
import type { Listening } from './client.ts'

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

/** A notification's payload: short, however long the namespace's name is. */
export function messageOf(namespace: string): string {
  return createHash('sha256').update(namespace).digest('hex').slice(0, 32)
}

export class Followers {
  readonly #channel: string
  readonly #create: (() => Listening) | undefined
  readonly #wakes = new Map<string, Set<() => void>>()
  #client: Listening | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempts = 0

  constructor(channel: string, create: (() => Listening) | undefined) {
    this.#channel = channel
    this.#create = create
  }

  add(namespace: string, wake: () => void): () => void {
    const message = messageOf(namespace)
    // Each call is a separate follower, even with the same function.
    const own = (): void => wake()
    const wakes = this.#wakes.get(message) ?? new Set()
    wakes.add(own)
    this.#wakes.set(message, wakes)
    this.#listen()
    return () => {
      wakes.delete(own)
      if (wakes.size === 0 && this.#wakes.get(message) === wakes) this.#wakes.delete(message)
      if (this.#wakes.size === 0) this.close()
    }
  }

  close(): void {
    this.#wakes.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
    const client = this.#client
    this.#client = undefined
    client?.end().catch(() => {})
  }

  #listen(): void {
    if (this.#create === undefined || this.#client !== undefined || this.#timer !== undefined) return
    const client = this.#create()
    this.#client = client
    client.on('error', () => this.#lose(client))
    client.on('end', () => this.#lose(client))
    client.on('notification', (note: unknown) => this.#wake(payloadOf(note)))
    void this.#open(client)
  }

  async #open(client: Listening): Promise<void> {
    try {
      await client.connect()
      client.unref?.()
      await client.query(`LISTEN "${this.#channel}"`)
      this.#attempts = 0
      for (const message of this.#wakes.keys()) this.#wake(message)
    } catch {
      this.#lose(client)
    }
  }

  #wake(message: string): void {
    for (const wake of this.#wakes.get(message) ?? []) wake()
  }

  #lose(client: Listening): void {
    if (this.#client !== client) return
    this.#client = undefined
    client.end().catch(() => {})
    const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#attempts, 10), LAST_RETRY_MS)
    this.#attempts++
    this.#timer = unheld(
      setTimeout(() => {
        this.#timer = undefined
        if (this.#wakes.size > 0) this.#listen()
      }, delay),
    )
  }
}

function payloadOf(note: unknown): string {
  const payload: unknown = typeof note === 'object' && note !== null ? Reflect.get(note, 'payload') : undefined
  return typeof payload === 'string' ? payload : ''
}
