// Hearing of a signal's end, however many hear of it.
//
// One listener on the signal for all: a caller may share one signal among a hundred calls, and Node warns of the eleventh listener. It is taken back with the
// last of them, since a caller may also hold a signal for as long as its process lives.

const heard = new WeakMap<AbortSignal, Fan>()

class Fan {
  readonly calls = new Set<() => void>()
  readonly #signal: AbortSignal
  readonly #tell = (): void => {
    for (const call of [...this.calls]) call()
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#tell, { once: true })
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#tell)
  }
}

/** Calls once when the signal fires, unless it has fired already; returns how to take that back, which must be called. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const fan = heard.get(signal) ?? new Fan(signal)
  heard.set(signal, fan)
  fan.calls.add(call)
  return () => {
    fan.calls.delete(call)
    if (fan.calls.size > 0 || heard.get(signal) !== fan) return
    heard.delete(signal)
    fan.end()
  }
}
