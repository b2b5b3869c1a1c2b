// The clock, passed in so that tests can replace it.
import type { Clock } from 'millpond'
import { CdnError } from './errors.ts'

/** The part of a clock that is used; `fakeClock()` of millpond/testing fits. */
export type Time = Pick<Clock, 'now' | 'monotonic' | 'after'>

export const systemTime: Time = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn, hold = false) {
    const timer = setTimeout(fn, ms)
    if (!hold) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** @throws CdnError `ABORTED` as soon as the signal fires. */
export function pause(time: Time, ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel()
      reject(aborted(signal))
    }
    if (signal?.aborted === true) return void reject(aborted(signal))
    const cancel = time.after(
      ms,
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      true,
    )
    signal?.addEventListener('abort', stop, { once: true })
  })
}

export function aborted(signal: AbortSignal | undefined): CdnError {
  return new CdnError('ABORTED', 'it was cancelled: what had been sent until then is purged', { cause: signal?.reason })
}
