// One stream for all tabs of a browser: one leads and tells the others. A tab that is hidden neither leads nor listens.
import type { Heard, StreamState } from './follow.ts'

export interface ShareOptions {
  /** The same in tabs that may see the same. */
  readonly name: string
  readonly hear: (message: Heard) => void
  readonly state: (state: StreamState) => void
  /** Reads the stream until the signal ends it. */
  readonly follow: (
    options: StreamListener & { readonly signal: AbortSignal; readonly lastId: string | undefined },
  ) => Promise<void>
}

interface StreamListener {
  readonly hear: (message: Heard) => void
  readonly state: (state: StreamState) => void
}

type Posted =
  | { readonly is: 'message'; readonly message: Heard }
  | { readonly is: 'state'; readonly state: StreamState }
  | { readonly is: 'hello' }

/** Returns how to stop. Without Web Locks (a page over plain HTTP) each tab has a stream of its own. */
export function share({ name, hear, state, follow }: ShareOptions): () => void {
  let lastId: string | undefined
  let leave: (() => void) | undefined
  const heard = (message: Heard) => {
    lastId = message.id ?? lastId
    hear(message)
  }
  const join = () => {
    const over = new AbortController()
    const { signal } = over
    const lead = (listener: StreamListener) => follow({ ...listener, signal, lastId })
    if (!('locks' in navigator) || typeof BroadcastChannel === 'undefined') {
      leave = () => over.abort()
      void lead({ hear: heard, state })
      return
    }
    const channel = new BroadcastChannel(name)
    leave = () => {
      over.abort()
      channel.close()
    }
    listen(channel, { hear: heard, state })
    post(channel, { is: 'hello' })
    navigator.locks
      .request(name, { signal }, () => {
        let current: StreamState = 'off'
        channel.onmessage = ({ data }: MessageEvent<Posted>) =>
          data.is === 'hello' && post(channel, { is: 'state', state: current })
        return lead({
          hear: (message) => {
            heard(message)
            if (!signal.aborted) post(channel, { is: 'message', message })
          },
          state: (now) => {
            current = now
            state(now)
            if (!signal.aborted) post(channel, { is: 'state', state: now })
          },
        })
      })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
  }
  const look = () => {
    if (document.hidden) {
      leave?.()
      leave = undefined
    } else if (leave === undefined) join()
  }
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    leave?.()
  }
}

const post = (channel: BroadcastChannel, message: Posted): void => channel.postMessage(message)

function listen(channel: BroadcastChannel, { hear, state }: StreamListener): void {
  channel.onmessage = ({ data }: MessageEvent<Posted>) => {
    if (data.is === 'message') hear(data.message)
    else if (data.is === 'state') state(data.state)
  }
}
