// A signal that follows a caller's, until it is released.
import { onAbort } from '../../core/on-abort.ts'

export interface Following {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
  /** Must be called. */
  release(): void
}

/** Rather than `AbortSignal.any`, which the caller's signal retains: it may live as long as its process. */
export function follow(outer: AbortSignal): Following {
  const own = new AbortController()
  const abort = (reason?: unknown): void => own.abort(reason)
  if (outer.aborted) {
    own.abort(outer.reason)
    return { signal: own.signal, abort, release: () => {} }
  }
  return { signal: own.signal, abort, release: onAbort(outer, () => own.abort(outer.reason)) }
}
