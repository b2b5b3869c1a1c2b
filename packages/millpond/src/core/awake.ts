// Time that a process was awake for: what is judged by how long others take must not count the time in which nobody
// here listened.
import type { Clock } from './contracts.ts'

/** A wait is measured in so many pieces, so that a pause in any of them shows. */
const PIECES = 4
/** A piece that ends so late, in milliseconds, ended in a process that stood still. */
const LATE_MS = 10

const system: Pick<Clock, 'monotonic' | 'after'> = {
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

/**
 * Calls `fn` when `ms` have passed in which this process ran. A timer that rings late rings in one that stood still
 * (stopped, or busy for long in one turn): what it waits for may lie in the socket, or may not even have been sent, so
 * that pause does not count. Before the end a turn of the loop is let pass, in which sockets are read. Keeps the
 * process alive. `onPause` is told of each pause, for who waits for several things on one timer. Returns how to cancel.
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
