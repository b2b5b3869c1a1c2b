// The clock of the machine. Code takes a `Clock`; only this file and the tests' fake know where time comes from.
import type { Clock } from './contracts.ts'

/** How old `coarse` may be while the event loop runs, in milliseconds. */
const TICK_MS = 10

/** One clock for the process: its coarse reading is taken at most every 10 ms, and its timer runs only while it is read. */
export function systemClock(): Clock {
  return new SystemClock()
}

/** A class, because V8 inlines a getter of a prototype, and not one of an object literal: `coarse` is part of every hit. */
class SystemClock implements Clock {
  /** 0: the next reader takes a new one. */
  #reading = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  get coarse(): number {
    return this.#reading === 0 ? this.#read() : this.#reading
  }

  #read(): number {
    this.#reading = Date.now()
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#reading = 0
      }, TICK_MS)
      this.#timer.unref()
    } else this.#timer.refresh()
    return this.#reading
  }

  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  after(ms: number, fn: () => void, hold = false): () => void {
    const handle = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
    if (!hold) handle.unref()
    return () => clearTimeout(handle)
  }
}
