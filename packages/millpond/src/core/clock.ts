// The clock of the machine. Code takes a `Clock`; only this file and the tests' fake know where time comes from.
//
// Times of entries are wall times, because processes share them. But the wall is set: by an operator, by NTP, by a host
// that resumes a machine. The monotonic clock is not, but it may stand still while a machine sleeps. So an entry lives
// for its TTL by the one clock or by the other, whichever ends first:
//
// - Set forward, or awake again after a sleep: nobody can tell which of the two it was. The wall is followed, and what
//   is over by it is over.
// - Set back: the wall's lead over the monotonic clock has become smaller. Listeners are told by how much, before any
//   reading shows it, and move the times they hold, so that what had a minute left still has a minute. Memory can do
//   that by one number, since its times are kept relative to it.
// - A wall that runs slow falls behind in the same way, a millisecond now and then.
//
// The lead is looked at with each reading of `coarse`, and by `now` where the last look is longer ago than a tick:
// nothing is paid for it in between. One look is uncertain by the time that it takes: the monotonic clock is read
// before and after the wall, and only what that cannot explain is a fall.
import type { Clock } from './contracts.ts'
import { unheld } from './unheld.ts'

/** How old `coarse` may be while the event loop runs, in milliseconds. */
const TICK_MS = 10

/**
 * workerd starts no timers while a program is being loaded, and drops those of a request with it: a reading would never
 * become too old.
 */
const KEEPS_TIMERS = !isWorkerd(Reflect.get(globalThis, 'navigator'))

/** While a test fakes timers, or has faked them, one that resets a reading may never come: then none is kept. */
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
 * One clock for the process: its coarse reading is taken at most every 10 ms, and its timer runs only while it is read.
 */
export function systemClock(): Clock {
  return new SystemClock()
}

/** Those of all caches tell the same time, and ring alike. */
export function isSystemClock(clock: Clock): boolean {
  return clock instanceof SystemClock
}

/**
 * A class, because V8 inlines a getter of a prototype, and not one of an object literal: `coarse` is part of every hit.
 */
class SystemClock implements Clock {
  /** 0: the next reader takes a new one. */
  #reading = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** How far the wall is ahead of the monotonic clock, at least. */
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
    // The wall is told in whole milliseconds: it may be one further than it says.
    this.#keepUp(wall + 1 - before, wall - after)
    return wall
  }

  /** Timers are numbers where a test runs as in a browser. */
  #resetSoon(): void {
    if (typeof this.#timer === 'object') {
      this.#timer.refresh()
      return
    }
    this.#timer = setTimeout(() => {
      this.#reading = 0
    }, TICK_MS)
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
    const handle = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
    if (!hold) unheld(handle)
    return () => clearTimeout(handle)
  }
}
