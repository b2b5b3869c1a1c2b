// A deadline around a promise, whatever the client behind it does with its own timers.
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'

/** Settles as `work` does, or rejects with `TIER_FAILED` after `ms`. The late result is dropped, its late error swallowed by design. */
export function withDeadline<T>(work: Promise<T>, ms: number, clock: Clock, what: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = (): void => reject(new MillpondError('TIER_FAILED', `${what} did not answer within ${Math.round(ms)} ms`))
    // After a pause of this process timers run before sockets are read: the answer may be here already.
    const cancel = clock.after(ms, () => setImmediate(late), true)
    work.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}
