// Hearing of a signal's end, however many hear of it.
//
// One listener on the signal for all: a caller may share one signal among a hundred calls, and Node warns of the
// eleventh listener. It is taken back with the last of them, since a caller may also hold a signal for as long as its
// process lives.

interface Heard {
  readonly calls: Set<() => void>
  readonly tell: () => void
}

const heard = new WeakMap<AbortSignal, Heard>()

/**
 * Calls once when the signal fires, unless it has fired already; returns how to take that back, which must be called.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const { calls, tell } = heard.get(signal) ?? listenTo(signal)
  const own = (): void => call() // one that is given twice is called twice
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
