// Follows the event stream for as long as it is wanted: reads, and where it breaks off goes on after the last message
// that came.
import { ApiError, type CacheClient } from '../api/client.ts'
import { messagesOf } from './sse.ts'

export interface Heard {
  readonly event: string
  readonly data: unknown
  readonly id: string | undefined
}

/**
 * `on`: messages come. `off`: they do not, and another try follows. `refused`: there is none for us; ask, and try again
 * later.
 */
export type StreamState = 'on' | 'off' | 'refused'

export interface FollowOptions {
  readonly client: Pick<CacheClient, 'raw'>
  readonly topics: readonly string[]
  readonly hz: number
  /** The last message that is known already. */
  readonly lastId: string | undefined
  readonly signal: AbortSignal
  readonly hear: (message: Heard) => void
  readonly state: (state: StreamState) => void
  /** Waits; ends early where the signal says so. Default: by the clock. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

const RETRY_MS = 2000
const MOST_WAIT_MS = 30_000
/** Twice the time between the server's comments: a connection that is silent for longer is dead, whatever TCP says. */
const SILENT_MS = 35_000

export async function follow({
  client,
  topics,
  hz,
  signal,
  hear,
  state,
  wait = waited,
  ...given
}: FollowOptions): Promise<void> {
  let lastId = given.lastId
  let retryMs = RETRY_MS
  let failures = 0
  while (!signal.aborted) {
    const watch = watchdog(signal)
    try {
      const headers = { Accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }) }
      const response = await client.raw('GET', 'stream/', {
        query: { topics: topics.join(','), hz },
        headers,
        signal: watch.signal,
      })
      // A proxy or a page of sign-in answers 200 too.
      if (response.body === null || !isStream(response)) throw new Error('the answer is not a stream')
      state('on')
      failures = 0
      for await (const message of messagesOf(watch.fed(response.body))) {
        lastId = message.id ?? lastId
        retryMs = message.retryMs ?? retryMs
        if (message.data !== '') hear({ event: message.event, id: message.id, data: JSON.parse(message.data) })
      }
      if (!signal.aborted) state('off')
    } catch (error) {
      if (signal.aborted) return
      failures++
      state(error instanceof ApiError && error.status >= 400 && error.status < 500 ? 'refused' : 'off')
    } finally {
      watch.stop()
    }
    await wait(Math.min(MOST_WAIT_MS, retryMs * 2 ** Math.max(0, failures - 1)), signal)
  }
}

const isStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') === true

/** Ends with the signal, or when nothing has come for too long. */
function watchdog(signal: AbortSignal) {
  const own = new AbortController()
  const end = () => own.abort()
  let timer = setTimeout(end, SILENT_MS)
  signal.addEventListener('abort', end)
  return {
    signal: own.signal,
    stop: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    },
    fed: (body: ReadableStream<Uint8Array>) =>
      body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            clearTimeout(timer)
            timer = setTimeout(end, SILENT_MS)
            controller.enqueue(chunk)
          },
        }),
      ),
  }
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
