// What suites cost in processor time, with the servers and processes that they have started and ended: on a machine
// that serves others, times by the clock say little about a suite.
// @ts-check
import { appendFileSync, readFileSync } from 'node:fs'

/** Of the kernel's clock, as all programs of Linux see it (`USER_HZ`). */
const TICKS_PER_SECOND = 100

/** Seconds of this process and of all that it has started and waited for; 0 where there is no `/proc`. */
export function cpuSeconds() {
  let stat
  try {
    stat = readFileSync('/proc/self/stat', 'latin1')
  } catch {
    return 0
  }
  // pid (name) state parent …: the name may hold spaces and brackets. utime, stime, cutime and cstime are together.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND
}

/**
 * Begins to measure a suite; the function that is returned ends it, and adds a line to the file: when it began, its
 * processor time and its time by the clock in seconds, its process, and its path. Without a file it does nothing.
 * @param {string | undefined} file @param {string} suite
 */
export function measureSuite(file, suite) {
  if (file === undefined) return () => {}
  const [began, cpu, start] = [new Date(), cpuSeconds(), performance.now()]
  return () => {
    const clock = (performance.now() - start) / 1000
    const line = [began.toISOString(), (cpuSeconds() - cpu).toFixed(2), clock.toFixed(2), process.pid, suite].join(' ')
    appendFileSync(file, `${line}\n`)
  }
}
