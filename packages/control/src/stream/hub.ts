// The event stream: what is told to everybody who listens, numbered, remembered for a while, and never at the cost of memory.
import { randomBytes } from 'node:crypto'

export const TOPICS = ['summary', 'series', 'alerts', 'operations'] as const
export type Topic = (typeof TOPICS)[number]

export interface Message {
  readonly seq: number
  readonly topic: Topic
  readonly event: string
  /** What it is about; those who are limited to others do not get it. */
  readonly caches: readonly string[]
  readonly data: unknown
  readonly at: number
}

export interface Listener {
  readonly topics: ReadonlySet<Topic>
  readonly mayHear: (message: Message) => boolean
  /** False: it is behind, and the message was not taken. */
  readonly take: (message: Message) => boolean
  readonly end: (why: string) => void
}

const REMEMBERED = 10_000
const REMEMBERED_MS = 5 * 60_000

export class Hub {
  /** Ids of another life are not compared with these. */
  readonly boot = randomBytes(6).toString('base64url')
  readonly #listeners = new Set<Listener>()
  readonly #past: Message[] = []
  #seq = 0

  get size(): number {
    return this.#listeners.size
  }

  hears(topic: Topic): boolean {
    for (const { topics } of this.#listeners) if (topics.has(topic)) return true
    return false
  }

  tell(topic: Topic, event: string, caches: readonly string[], data: unknown): void {
    const message: Message = { seq: ++this.#seq, topic, event, caches, data, at: performance.now() }
    this.#past.push(message)
    while (this.#past.length > REMEMBERED || message.at - (this.#past[0]?.at ?? message.at) > REMEMBERED_MS) this.#past.shift()
    for (const listener of this.#listeners) if (listener.topics.has(topic) && listener.mayHear(message)) listener.take(message)
  }

  /**
   * What came after the message of that id.
   * @returns `undefined` where that is not known any more: of another life, or too long ago
   */
  since(id: string): readonly Message[] | undefined {
    const [boot, text] = id.split(/-(?=\d+$)/)
    const seq = Number(text)
    if (boot !== this.boot || !Number.isSafeInteger(seq) || seq > this.#seq) return undefined
    const first = this.#past[0]?.seq ?? this.#seq + 1
    return seq + 1 < first ? undefined : this.#past.filter((message) => message.seq > seq)
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    for (const { end } of this.#listeners) end('the control plane stops')
  }
}
