// The event stream: messages to all listeners, numbered, remembered for a while, in bounded memory.
import { randomBytes } from 'node:crypto'

export const TOPICS = ['summary', 'series', 'alerts', 'operations', 'events'] as const
/** `events` has a cost in every process of a cache: only listeners that request it by name get it. */
export const USUAL_TOPICS = TOPICS.filter((topic) => topic !== 'events')
export type Topic = (typeof TOPICS)[number]

export interface Message {
  readonly seq: number
  readonly topic: Topic
  readonly event: string
  /** The cache that it is about; callers limited to others do not get it. */
  readonly caches: readonly string[]
  readonly data: unknown
  readonly at: number
}

export interface Listener {
  readonly topics: ReadonlySet<Topic>
  /** The part of a message's data that the listener gets; undefined: nothing. */
  readonly shown: (message: Message) => unknown
  /** False: it is behind, and the message was not taken. */
  readonly take: (message: Message, data: unknown) => boolean
  readonly end: (why: string) => void
}

const REMEMBERED = 10_000
const REMEMBERED_MS = 5 * 60_000
/** Messages of `events` are large: a listener that missed more than these cannot catch up. */
const REMEMBERED_TAIL = 40

export class Hub {
  /** Ids of another process start are not comparable. */
  readonly boot = randomBytes(6).toString('base64url')
  readonly #listeners = new Set<Listener>()
  #past: Message[] = []
  /** The newest one of each cache: the next replaces it. */
  readonly #summaries = new Map<string, Message>()
  /** The last one that is no longer remembered, of `events` and of the others. */
  readonly #forgotten = { events: 0, others: 0 }
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
    this.#remember(message)
    for (const listener of this.#listeners) {
      if (!listener.topics.has(topic)) continue
      const shown = listener.shown(message)
      if (shown !== undefined) listener.take(message, shown)
    }
  }

  /**
   * The messages on these topics after that id.
   * @returns `undefined` if they are no longer known: of another process start, or too long ago
   */
  since(id: string, topics: ReadonlySet<Topic>): readonly Message[] | undefined {
    const [boot, text] = id.split(/-(?=\d+$)/)
    const seq = Number(text)
    if (boot !== this.boot || !Number.isSafeInteger(seq) || seq > this.#seq) return undefined
    const isLost = ({ events, others }: { events: number; others: number }): boolean =>
      (topics.has('events') && seq < events) || (topics.size > (topics.has('events') ? 1 : 0) && seq < others)
    if (isLost(this.#forgotten)) return undefined
    return [...this.#past, ...this.#summaries.values()]
      .filter((message) => message.seq > seq && topics.has(message.topic))
      .sort((a, b) => a.seq - b.seq)
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #remember(message: Message): void {
    if (message.topic === 'summary') return void this.#summaries.set(message.caches.join(), message)
    const past = this.#past
    past.push(message)
    while (past.length > REMEMBERED || message.at - (past[0]?.at ?? message.at) > REMEMBERED_MS)
      this.#forget(past.shift())
    if (message.topic !== 'events') return
    const tail = past.filter(({ topic }) => topic === 'events')
    if (tail.length <= REMEMBERED_TAIL) return
    this.#forget(tail[0])
    this.#past = past.filter((each) => each !== tail[0])
  }

  #forget(message: Message | undefined): void {
    if (message !== undefined) this.#forgotten[message.topic === 'events' ? 'events' : 'others'] = message.seq
  }

  close(): void {
    for (const { end } of this.#listeners) end('the control plane is stopping')
  }
}
