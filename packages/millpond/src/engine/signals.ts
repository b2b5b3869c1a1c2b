// A caller's abort signal, and the error of a caller that has left.
import { MillpondError } from '../core/errors.ts'
import { onAbort } from '../core/on-abort.ts'

/** The error of a caller that has left. */
export const aborted = (signal: AbortSignal): MillpondError =>
  new MillpondError('ABORTED', 'the caller gave up waiting', { cause: signal.reason })

/** @throws MillpondError `ABORTED` when the signal has fired: nothing is begun for a caller that has left. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal)
}

/** Rejects with `ABORTED` as soon as the signal fires. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {}) // other waiting callers see the error; this caller has left
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
