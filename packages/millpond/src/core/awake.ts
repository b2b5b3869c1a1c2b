// Time during which this process ran: when the lateness of others is judged, pauses of this process must not count.
import type { Clock } from './contracts.ts'

/** A wait is split into this many pieces, so that a pause in any of them is noticed. */
const PIECES = 4
/** A piece that ends this late, in milliseconds, ended in a process that was suspended. */
const LATE_MS = 10

const system: Pick<Clock, 'monotonic' | 'after'> = {
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

/**
 * Calls `fn` after `ms` during which this process ran. A timer that fires late does so in a process that was suspended
 * (stopped, or blocked for long): the awaited answer may be in the socket, or the request may not even have been sent,
 * so that pause does not count. Before the end, one turn of the event loop passes, in which sockets are read. Keeps the
 * process alive. `onPause` is called for each pause, for callers that wait for several things on one timer. Returns a
 * function that cancels it.
 */
export function afterAwake(
  ms: number,
  fn: () => void,
  clock: Pick<Clock, 'monotonic' | 'after'> = system,
  onPause: (ms: number) => void = () => {},
): () => void {
  let isOver = false
  let cancel = (): void => {}
  const end = (): void => {
    if (!isOver) fn()
  }
  const arm = (left: number): void => {
    const piece = Math.min(left, Math.ceil(ms / PIECES))
    const dueAt = clock.monotonic() + piece
    const ring = (): void => {
      const late = clock.monotonic() - dueAt
      const isPause = late >= LATE_MS
      if (isPause) onPause(late)
      const rest = left - piece - (isPause ? 0 : late)
      if (rest >= 1) arm(rest)
      else setImmediate(end)
    }
    cancel = clock.after(piece, ring, true)
  }
  arm(ms)
  return () => {
    isOver = true
    cancel()
  }
}
