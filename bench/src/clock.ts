// A clock for the bare store: the coarse field costs what it costs in the engine.
import type { Clock } from 'millpond'

export function benchClock(): Clock {
  let coarse = Date.now()
  const timer = setInterval(() => {
    coarse = Date.now()
  }, 25)
  timer.unref()
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    get coarse() {
      return coarse
    },
    after(ms, fn) {
      const handle = setTimeout(fn, ms)
      handle.unref()
      return () => clearTimeout(handle)
    },
  }
}
