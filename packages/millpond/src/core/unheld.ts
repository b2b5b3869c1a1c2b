// Timers that do not keep the process alive, in any environment.

/**
 * Unrefs a timer, and returns it: those of Node. Browsers' timers (jsdom under Jest) are numbers, and some fakes return
 * nothing.
 */
export function unheld<T>(timer: T): T {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref()
  return timer
}
