// The event stream: what is told to everybody who listens, numbered, remembered for a while, and never at the cost of
// memory.
import { randomBytes } from 'node:crypto'

export const TOPICS = ['summary', 'series', 'alerts', 'operations', 'events'] as const
/** `events` has its price in every process of a cache: only who asks for it by name gets it. */
export const USUAL_TOPICS = TOPICS.filter((topic) => topic !== 'events')
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
  /** What of the message's data it is told; undefined: nothing. */
  readonly shown: (message: Message) => unknown
  /** False: it is behind, and the message was not taken. */
  readonly take: (message: Message, data: unknown) => boolean
  readonly end: (why: string) => void
}

const REMEMBERED = 10_000
const REMEMBERED_MS = 5 * 60_000
/** Messages of `events` are large, and a tail that was away for longer than these is not read up. */
const REMEMBERED_TAIL = 40

export class Hub {
  /** Ids of another life are not compared with these. */
  readonly boot = randomBytes(6).toString('base64url')
  readonly #listeners = new Set<Listener>()
  #past: Message[] = []
  /** The newest one of each cache: the next takes its place. */
  readonly #summaries = new Map<string, Message>()
  /** The last that is not remembered any more, of `events` and of the others. */
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
   * What came on these topics after the message of that id.
   * @returns `undefined` where that is not known any more: of another life, or too long ago
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
