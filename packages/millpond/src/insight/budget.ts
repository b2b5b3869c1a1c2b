// How much time processing notes may take: a share of the time available to the process, which on a busy machine is
// less than the elapsed time.
import type { Clock } from '../core/contracts.ts'

/** How often the process's CPU time is read. */
const LOOKED_EVERY_MS = 1000

/** This process so far: the time it ran, and the time it was idle. */
interface Spent {
  readonly cpuMs: number
  readonly idleMs: number
}

/** A runtime that does not report idle time counts as never idle. */
export function spentNow(): Spent {
  const { user, system } = process.cpuUsage()
  const idleMs = typeof performance.eventLoopUtilization === 'function' ? performance.eventLoopUtilization().idle : 0
  return { cpuMs: (user + system) / 1000, idleMs }
}

/**
 * Weighs work by the CPU time that the process got. For the work itself only elapsed time is known, much of which may
 * have gone to other processes on a busy machine. So the process is assumed to have had the same share of it as of all
 * its active time; and the budget is a share of the time the process ran or was idle, not of elapsed time.
 */
export class OwnTime {
  readonly #clock: Clock
  readonly #spent: () => Spent
  #since: number
  #before: Spent
  /** The part of an elapsed millisecond of our work that is counted: at most 1. */
  #weight = 1
  #had = 0

  constructor(clock: Clock, spent: () => Spent = spentNow) {
    this.#clock = clock
    this.#spent = spent
    this.#since = clock.monotonic()
    this.#before = spent()
  }

  get weight(): number {
    this.#look()
    return this.#weight
  }

  /** How long the process ran or was idle so far, in milliseconds; what passed in the last second may be missing. */
  get had(): number {
    this.#look()
    return this.#had
  }

  #look(): void {
    const passed = this.#clock.monotonic() - this.#since
    if (passed < LOOKED_EVERY_MS) return
    const now = this.#spent()
    const cpu = now.cpuMs - this.#before.cpuMs
    const idle = Math.min(passed, now.idleMs - this.#before.idleMs)
    const active = passed - idle
    const had = Math.min(passed, cpu + idle)
    // Other threads of the process can add up to more than the elapsed time.
    const ran = active > 0 ? Math.min(1, cpu / active) : 1
    this.#since = this.#clock.monotonic()
    this.#before = now
    this.#weight = had > 0 ? Math.min(1, (ran * passed) / had) : 1
    this.#had += had
  }
}

/**
 * The largest share of the process's time, after how much of it that is checked, and the lowest sampling rate. Of ten
 * seconds by the clock a process on a busy machine may have had half of one, in which its code was not compiled yet.
 */
const MOST_BUSY = 0.03
const JUDGED_EVERY_MS = 10_000
const LEAST_SHARE = 1 / 256
/**
 * This many times the largest share is too much at once; a smaller excess must be found twice in a row. Code that has
 * just started is slow, and losing the evidence is expensive.
 */
const FAR = 4

/** Reduces the sampling rate if it takes too much time. */
export class Budget {
  /** The largest share of keys that is watched. */
  share = 1
  readonly #clock: Clock
  readonly #ownTime: OwnTime
  #workedMs = 0
  #since: number
  #hadBefore: number
  /** Whether the previous check found too much. */
  #wasTooMuch = false

  constructor(clock: Clock, ownTime = new OwnTime(clock)) {
    this.#clock = clock
    this.#ownTime = ownTime
    this.#since = clock.monotonic()
    this.#hadBefore = ownTime.had
  }

  work<T>(work: () => T): T {
    const began = this.#clock.monotonic()
    const result = work()
    this.#workedMs += (this.#clock.monotonic() - began) * this.#ownTime.weight
    return result
  }

  /** Whether it takes too much time; the share is then reduced. `rate`: the share of keys that is watched now. */
  isExceeded(rate: number): boolean {
    const now = this.#clock.monotonic()
    const { had } = this.#ownTime
    if (had - this.#hadBefore < JUDGED_EVERY_MS) return false
    const busy = this.#workedMs / (now - this.#since)
    this.#since = now
    this.#hadBefore = had
    this.#workedMs = 0
    const isSure = this.#wasTooMuch || busy > FAR * MOST_BUSY
    this.#wasTooMuch = busy > MOST_BUSY
    if (!this.#wasTooMuch || !isSure || this.share <= LEAST_SHARE) return false
    // With fewer keys, earlier checks no longer apply.
    this.#wasTooMuch = false
    this.share = Math.max(LEAST_SHARE, Math.min(this.share, rate) * Math.min(0.5, MOST_BUSY / busy))
    return true
  }
}
