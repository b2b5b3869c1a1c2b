// How much looking at notes may take: a share of the time that the process has had, which on a machine that is busy
// with other things is less than has passed.
import type { Clock } from '../core/contracts.ts'

/** How often it is looked how much of the time the process has had. */
const LOOKED_EVERY_MS = 1000

/** Of this process so far: what it ran for, and what it waited for something to do. */
interface Spent {
  readonly cpuMs: number
  readonly idleMs: number
}

/** A runtime that does not say how long it was idle is taken for one that never was. */
export function spentNow(): Spent {
  const { user, system } = process.cpuUsage()
  const idleMs = typeof performance.eventLoopUtilization === 'function' ? performance.eventLoopUtilization().idle : 0
  return { cpuMs: (user + system) / 1000, idleMs }
}

/**
 * Weighs work by what the process was given meanwhile. Of work, only the time that passed is known: on a busy machine
 * most of that may have been others'. So it is taken for as much of ours as of all the time in which the process had
 * something to do; and the share is one of what the process ran or was idle, not of the clock.
 */
export class OwnTime {
  readonly #clock: Clock
  readonly #spent: () => Spent
  #since: number
  #before: Spent
  /** What a millisecond that passed in work of ours is, of a millisecond that passed: at most 1. */
  #weight = 1

  constructor(clock: Clock, spent: () => Spent = spentNow) {
    this.#clock = clock
    this.#spent = spent
    this.#since = clock.monotonic()
    this.#before = spent()
  }

  get weight(): number {
    const passed = this.#clock.monotonic() - this.#since
    return passed < LOOKED_EVERY_MS ? this.#weight : this.#look(passed)
  }

  #look(passed: number): number {
    const now = this.#spent()
    const cpu = now.cpuMs - this.#before.cpuMs
    const idle = Math.min(passed, now.idleMs - this.#before.idleMs)
    const active = passed - idle
    const had = Math.min(passed, cpu + idle)
    // Threads of the process beside ours can have run for longer than passed.
    const ran = active > 0 ? Math.min(1, cpu / active) : 1
    this.#since = this.#clock.monotonic()
    this.#before = now
    this.#weight = had > 0 ? Math.min(1, (ran * passed) / had) : 1
    return this.#weight
  }
}

/**
 * The most of the time that the process has, how often that is judged, and the share of keys below which it does not
 * go.
 */
const MOST_BUSY = 0.03
const JUDGED_EVERY_MS = 10_000
const LEAST_SHARE = 1 / 256
/**
 * So many times the most is too much at once; less has to be found twice in a row. Code that has just begun to run is
 * slow, and evidence that begins anew is dear.
 */
const FAR = 4

/** Where it takes more, fewer keys are watched. */
export class Budget {
  /** Of all keys, the most that are watched. */
  share = 1
  readonly #clock: Clock
  readonly #ownTime: OwnTime
  #workedMs = 0
  #since: number
  /** When it was judged last. */
  #wasTooMuch = false

  constructor(clock: Clock, ownTime = new OwnTime(clock)) {
    this.#clock = clock
    this.#ownTime = ownTime
    this.#since = clock.monotonic()
  }

  work<T>(work: () => T): T {
    const began = this.#clock.monotonic()
    const result = work()
    this.#workedMs += (this.#clock.monotonic() - began) * this.#ownTime.weight
    return result
  }

  /** Whether it takes too much: the share is smaller then. `rate`: the share of keys that is watched now. */
  isExceeded(rate: number): boolean {
    const now = this.#clock.monotonic()
    const passed = now - this.#since
    if (passed < JUDGED_EVERY_MS) return false
    const busy = this.#workedMs / passed
    this.#since = now
    this.#workedMs = 0
    const isSure = this.#wasTooMuch || busy > FAR * MOST_BUSY
    this.#wasTooMuch = busy > MOST_BUSY
    if (!this.#wasTooMuch || !isSure || this.share <= LEAST_SHARE) return false
    // Fewer keys are another matter.
    this.#wasTooMuch = false
    this.share = Math.max(LEAST_SHARE, Math.min(this.share, rate) * Math.min(0.5, MOST_BUSY / busy))
    return true
  }
}
