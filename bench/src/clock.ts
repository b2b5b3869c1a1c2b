// A clock for the bare store, whose coarse field costs the same as in the engine.
import type { Clock } from 'millpond'

class BenchClock implements Clock {
  #coarse = Date.now()

  constructor() {
    const timer = setInterval(() => {
      this.#coarse = Date.now()
    }, 25)
    timer.unref()
  }

  get coarse(): number {
    return this.#coarse
  }

  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  after(ms: number, fn: () => void): () => void {
    const handle = setTimeout(fn, ms)
    handle.unref()
    return () => clearTimeout(handle)
  }
}

export function benchClock(): Clock {
  return new BenchClock()
}
