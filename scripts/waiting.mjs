// How long this process wanted to run and could not: the one place that says whether a test was judged on a machine
// with CPU to spare.
// @ts-check
import { readFileSync } from 'node:fs'

/** Lag of the event loop from which the times of a window are not judged. */
const LIMIT_MS = 50
const WINDOW_MS = 100
/** Share of starved time from which a run counts as not run. */
const SHARE = 0.1
/** A bound that was missed was missed shortly before the test says so. */
const LAST_MS = 1000
export const TICK_MS = 20

/**
 * In milliseconds: the time, and how long this thread has waited for a processor in all.
 * @typedef {{ now(): number, waited(): number }} Readings
 */

/** @returns {Readings} */
function readings() {
  // A test under fake timers replaces the method.
  const now = performance.now.bind(performance)
  try {
    waitedByScheduler()
    return { now, waited: waitedByScheduler }
  } catch {
    // Not on Linux: all the time that it did not run. Where a timer is late, it did not sleep either.
    return { now, waited: () => now() - (process.cpuUsage().user + process.cpuUsage().system) / 1000 }
  }
}

/** The second figure: nanoseconds in a run queue (Linux, Documentation/scheduler/sched-stats). */
const waitedByScheduler = () => Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6

/**
 * Takes down when the event loop was late for want of a processor; `tick` is to be called every `TICK_MS`. Lag of the
 * process's own making is not excused: it may be the very fault that a test is there to find.
 * @param {Readings} [source]
 */
export function watchWaiting({ now, waited } = readings()) {
  /** @type {{ at: number, ms: number }[]} */
  const starved = []
  let lastAt = now()
  let lastWaited = waited()

  function tick() {
    const at = now()
    const inAll = waited()
    const lag = at - lastAt - TICK_MS
    if (lag >= LIMIT_MS && inAll - lastWaited >= lag / 2) starved.push({ at, ms: Math.max(at - lastAt, WINDOW_MS) })
    lastAt = at
    lastWaited = inAll
  }

  /** @param {number} from @param {number} to */
  const share = (from, to) =>
    Math.min(1, starved.reduce((sum, { at, ms }) => (at > from ? sum + ms : sum), 0) / Math.max(to - from, WINDOW_MS))

  return {
    now,
    tick,
    /**
     * Why a test that began at `from` counts as not run, or `undefined` where its times can be judged.
     * @param {number} from
     */
    excuse(from) {
      tick()
      const to = now()
      const worst = Math.max(share(from, to), share(Math.max(from, to - LAST_MS), to))
      if (worst < SHARE) return undefined
      return `the machine was too busy for times to be judged (the test waited for a processor ${Math.round(worst * 100)} % of the time)`
    },
  }
}
