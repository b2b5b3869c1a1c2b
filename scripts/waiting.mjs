// Measures how long this process was ready to run but had no processor, and decides whether a test had enough CPU to be
// judged.
// @ts-check
import { readFileSync } from 'node:fs'

/** Lag of the event loop at or above which the times of a window are not judged. */
const LIMIT_MS = 50
const WINDOW_MS = 100
/** Share of starved time at or above which a run counts as not run. */
const SHARE = 0.1
/** A missed deadline was missed shortly before the test reports it. */
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
    // Not on Linux: all the time that the process did not run. If a timer is late, it was not sleeping either.
    return { now, waited: () => now() - (process.cpuUsage().user + process.cpuUsage().system) / 1000 }
  }
}

/** The second figure: nanoseconds in a run queue (Linux, Documentation/scheduler/sched-stats). */
const waitedByScheduler = () => Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6

/**
 * Records when the event loop was late for lack of a processor; `tick` has to be called every `TICK_MS`. Lag that the
 * process causes itself is not excused: it may be the very fault that a test looks for.
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
     * Why a test that began at `from` counts as not run; `undefined` if its times can be judged.
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
