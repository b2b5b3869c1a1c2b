// One listener's stream as server-sent events (HTML Living Standard, 9.2).
import type { Hub, Message, Topic } from './hub.ts'

export interface StreamOptions {
  readonly hub: Hub
  readonly topics: ReadonlySet<Topic>
  /** The part of a message that this listener gets; undefined: nothing. */
  readonly shown: (message: Message) => unknown
  readonly lastEventId: string | undefined
  /** Milliseconds between two messages of one event and cache. */
  readonly everyMs: number
  /** Called every 15 s: false ends the stream. */
  readonly mayGoOn: () => Promise<boolean>
  readonly onEnd: () => void
}

const COMMENT_MS = 15_000
/** Characters that may be buffered for a client; beyond that, messages are dropped and counted. */
const MOST_WAITING = 1_000_000
/** Messages that a later one of their kind replaces. */
const REPLACED = new Set(['summary', 'tick'])

/** Listeners with the same view share one text. */
const texts = new WeakMap<object, string>()
function textOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return JSON.stringify(data)
  const known = texts.get(data)
  if (known !== undefined) return known
  const text = JSON.stringify(data)
  texts.set(data, text)
  return text
}

export function openStream({
  hub,
  topics,
  shown,
  lastEventId,
  everyMs,
  mayGoOn,
  onEnd,
}: StreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const sentAt = new Map<string, number>()
  let stop: () => void = () => undefined
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let isOver = false
        let dropped = 0
        const write = (text: string): void => controller.enqueue(encoder.encode(text))
        const event = (name: string, data: unknown, id?: string): void =>
          write(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${textOf(data)}\n\n`)
        const take = (message: Message, data: unknown): boolean => {
          const about = `${message.event} ${message.caches.join()}`
          if (REPLACED.has(message.event)) {
            // Slightly less than the interval, so that an early tick is not postponed to the next one.
            if (message.at - (sentAt.get(about) ?? Number.NEGATIVE_INFINITY) < everyMs * 0.9) return true
            sentAt.set(about, message.at)
          }
          if ((controller.desiredSize ?? 0) < 0) {
            dropped++
            return false
          }
          if (dropped > 0) event('gap', { dropped })
          dropped = 0
          event(message.event, data, `${hub.boot}-${message.seq}`)
          return true
        }
        const end = (why: string): void => {
          if (isOver) return
          stop()
          event('bye', { why })
          controller.close()
        }
        write(`retry: ${2000 + Math.floor(Math.random() * 1000)}\n\n`)
        const missed = lastEventId === undefined ? [] : hub.since(lastEventId, topics)
        if (missed === undefined) event('gap', { dropped: null })
        for (const message of missed ?? []) {
          const data = shown(message)
          if (data !== undefined) take(message, data)
        }
        const unlisten = hub.listen({ topics, shown, take, end })
        const timer = setInterval(() => {
          write(': here\n\n')
          mayGoOn().then(
            (may) => may || end('the credential is no longer valid'),
            () => undefined, // an unreachable store does not end the stream
          )
        }, COMMENT_MS)
        timer.unref()
        stop = () => {
          isOver = true
          unlisten()
          clearInterval(timer)
          onEnd()
        }
      },
      cancel() {
        stop()
      },
    },
    { highWaterMark: MOST_WAITING, size: (chunk) => chunk?.byteLength ?? 0 },
  )
}
