// Timers that keep no process alive, wherever they come from.

/**
 * Lets go of a timer, and gives it back: those of Node. Browsers' (jsdom under Jest) are numbers, and some fake ones
 * are nothing.
 */
export function unheld<T>(timer: T): T {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref()
  return timer
}
