// A caller's abort signal: one listener on it, however many calls share it. Node warns of a leak from the eleventh on.
import { MillpondError } from '../core/errors.ts'

interface Heard {
  readonly leavers: Set<() => void>
  readonly tell: () => void
}

const heard = new WeakMap<AbortSignal, Heard>()

/** Calls back once when the signal fires; returns how to stop. For one that has not fired yet. */
export function onAbort(signal: AbortSignal, leave: () => void): () => void {
  const { leavers, tell } = heard.get(signal) ?? listenTo(signal)
  leavers.add(leave)
  return () => {
    if (!leavers.delete(leave) || leavers.size > 0) return
    signal.removeEventListener('abort', tell)
    heard.delete(signal)
  }
}

function listenTo(signal: AbortSignal): Heard {
  const leavers = new Set<() => void>()
  const tell = (): void => {
    heard.delete(signal)
    for (const leave of leavers) leave()
    leavers.clear()
  }
  const known: Heard = { leavers, tell }
  heard.set(signal, known)
  signal.addEventListener('abort', tell, { once: true })
  return known
}

/** What a caller is told who has left. */
export const aborted = (signal: AbortSignal): MillpondError =>
  new MillpondError('ABORTED', 'the caller gave up waiting', { cause: signal.reason })

/** @throws MillpondError `ABORTED` when the signal has fired: nothing is begun for a caller who has left. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal)
}

/** Rejects with `ABORTED` as soon as the signal fires. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {}) // whoever else waits sees the error; this caller has left
      reject(aborted(signal))
      return
    }
    const stop = onAbort(signal, () => reject(aborted(signal)))
    work.then(
      (value) => {
        stop()
        resolve(value)
      },
      (error: unknown) => {
        stop()
        reject(error)
      },
    )
  })
}
