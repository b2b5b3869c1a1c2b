// The machine's clock. Code takes a `Clock`; only this file and the tests' fake read the real time.
//
// Times of entries are wall times, because processes share them. But the wall clock is adjusted: by an operator, by
// NTP, by a host that resumes a machine. The monotonic clock is not, but it may stand still while a machine sleeps. So
// an entry's TTL ends by the one clock or by the other, whichever comes first:
//
// - Set forward, or awake after a sleep: the two cannot be told apart. The wall clock is followed, and whatever has
// expired by it has expired.
// - Set back: the wall clock's lead over the monotonic clock has become smaller. Listeners are told by how much, before
// any reading shows it, and adjust the times they hold, so that what had a minute left still has a minute. Memory can
// do that with one number, since its times are relative to it.
// - A wall clock that runs slow falls behind in the same way, a millisecond now and then.
//
// The lead is checked with each reading of `coarse`, and by `now` if the last check is longer ago than a tick: in
// between it costs nothing. A check is uncertain by its own duration: the monotonic clock is read before and after the
// wall clock, and only a difference beyond that is a fall.
import type { Clock } from './contracts.ts'
import { outside } from './outside.ts'
import { unheld } from './unheld.ts'

/** The maximum age of `coarse` while the event loop runs, in milliseconds. */
const TICK_MS = 10

/**
 * workerd starts no timers while a program is being loaded, and drops a request's timers with it: a reading would never
 * expire.
 */
const KEEPS_TIMERS = !isWorkerd(Reflect.get(globalThis, 'navigator'))

/** While a test fakes timers, or has faked them, the one that resets a reading may never fire: then none is kept. */
const machineTimeout = globalThis.setTimeout

function isWorkerd(navigator: unknown): boolean {
  return (
    typeof navigator === 'object' &&
    navigator !== null &&
    'userAgent' in navigator &&
    navigator.userAgent === 'Cloudflare-Workers'
  )
}

/**
 * One clock for the process: its coarse reading is refreshed at most every 10 ms, and its timer runs only while it is
 * read.
 */
export function systemClock(): Clock {
  return new SystemClock()
}

/** The clocks of all caches are the same. */
export function isSystemClock(clock: Clock): boolean {
  return clock instanceof SystemClock
}

/**
 * A class, because V8 inlines a prototype's getter, but not that of an object literal: `coarse` is part of every hit.
 */
class SystemClock implements Clock {
  /** 0: the next reader refreshes it. */
  #reading = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The lead of the wall clock over the monotonic clock, at least. */
  #lead = Number.NEGATIVE_INFINITY
  readonly #listeners = new Set<(ms: number) => void>()

  get coarse(): number {
    return this.#reading === 0 ? this.#read() : this.#reading
  }

  #read(): number {
    const before = performance.now()
    const wall = Date.now()
    const after = performance.now()
    this.#reading = wall
    if (KEEPS_TIMERS && globalThis.setTimeout === machineTimeout) this.#resetSoon()
    else this.#reading = 0
    // The wall clock has whole milliseconds: the true time may be up to one further.
    this.#keepUp(wall + 1 - before, wall - after)
    return wall
  }

  /** Timers are numbers in a browser-like test environment. */
  #resetSoon(): void {
    if (typeof this.#timer === 'object') {
      this.#timer.refresh()
      return
    }
    this.#timer = outside(() =>
      setTimeout(() => {
        this.#reading = 0
      }, TICK_MS),
    )
    unheld(this.#timer)
  }

  #keepUp(most: number, least: number): void {
    const back = Math.floor(this.#lead - most)
    if (back > 0) {
      this.#lead -= back
      for (const listener of this.#listeners) listener(back)
    }
    if (least > this.#lead) this.#lead = least
  }

  now(): number {
    const wall = Date.now()
    const age = wall - this.#reading
    return age >= 0 && age <= TICK_MS ? wall : this.#read()
  }

  monotonic(): number {
    return performance.now()
  }

  onSetBack(listener: (ms: number) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  after(ms: number, fn: () => void, hold = false): () => void {
    const handle = outside(() => setTimeout(fn, Math.min(ms, 2 ** 31 - 1)))
    if (!hold) unheld(handle)
    return () => clearTimeout(handle)
  }
}
