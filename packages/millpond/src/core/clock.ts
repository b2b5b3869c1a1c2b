// The clock of the machine. Code takes a `Clock`; only this file and the tests' fake know where time comes from.
import type { Clock } from './contracts.ts'

/** How old `coarse` may be while the event loop runs, in milliseconds. */
const TICK_MS = 10

/** One clock for the process: its coarse reading is taken at most every 10 ms, and its timer runs only while it is read. */
export function systemClock(): Clock {
  let reading = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const forget = (): void => {
    reading = 0
  }
  const arm = (): void => {
    if (timer === undefined) {
      timer = setTimeout(forget, TICK_MS)
      timer.unref()
    } else {
      timer.refresh()
    }
  }
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    get coarse() {
      if (reading === 0) {
        reading = Date.now()
        arm()
      }
      return reading
    },
    after(ms, fn, hold = false) {
      const handle = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
      if (!hold) handle.unref()
      return () => clearTimeout(handle)
    },
  }
}
