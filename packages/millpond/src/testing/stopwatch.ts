// How long something took of the time in which this process was attended to.
const TICK_MS = 5

/**
 * Stops with the first question: milliseconds in which this process was attended to. On a busy machine the event loop
 * comes late, which is not counted.
 */
export function stopwatch(): () => number {
  const began = performance.now()
  let seen = began
  let lagMs = 0
  const look = (): void => {
    const now = performance.now()
    lagMs += Math.max(0, now - seen - TICK_MS)
    seen = now
  }
  const timer = setInterval(look, TICK_MS)
  return () => {
    clearInterval(timer)
    look()
    return seen - began - lagMs
  }
}
