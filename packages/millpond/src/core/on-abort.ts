// Subscribes many callbacks to one abort signal.
//
// One listener on the signal for all: a caller may share one signal among a hundred calls, and Node warns at the
// eleventh listener. It is removed with the last of them, since a caller may hold a signal for as long as its process
// lives.

interface Heard {
  readonly calls: Set<() => void>
  readonly tell: () => void
}

const heard = new WeakMap<AbortSignal, Heard>()

/**
 * Calls back once when the signal aborts, unless it is aborted already; returns a function that unsubscribes, which
 * must be called.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const { calls, tell } = heard.get(signal) ?? listenTo(signal)
  const own = (): void => call() // a callback that is given twice is called twice
  calls.add(own)
  return () => {
    if (!calls.delete(own) || calls.size > 0) return
    signal.removeEventListener('abort', tell)
    heard.delete(signal)
  }
}

function listenTo(signal: AbortSignal): Heard {
  const calls = new Set<() => void>()
  const tell = (): void => {
    heard.delete(signal)
    for (const call of calls) call()
    calls.clear()
  }
  const known: Heard = { calls, tell }
  heard.set(signal, known)
  signal.addEventListener('abort', tell, { once: true })
  return known
}
