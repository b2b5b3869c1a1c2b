// How long a process of a test has waited for a processor: the machine's share of what is timed is not its own, but no
// more is excused than one thread can have waited.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Milliseconds in run queues by thread: of this process and all that it has started; empty where the system does not
 * tell (Linux alone does).
 */
export function waitsMs(
  pid: number | string = process.pid,
  found = new Map<string, number>(),
): ReadonlyMap<string, number> {
  for (const thread of listed(`/proc/${pid}/task`)) {
    // Nanoseconds in a run queue are the second figure (Linux, Documentation/scheduler/sched-stats).
    found.set(thread, Number(told(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[1] ?? 0) / 1e6)
    for (const child of told(`/proc/${pid}/task/${thread}/children`).split(' ')) if (child !== '') waitsMs(child, found)
  }
  return found
}

/**
 * The most that any one of them has waited since: several wait at the same time, and their sum is longer than the time
 * that passed.
 */
export function longestWaitMs(since: ReadonlyMap<string, number>): number {
  return Math.max(0, ...[...waitsMs()].map(([thread, waited]) => waited - (since.get(thread) ?? 0)))
}

/** A thread may end meanwhile. */
function told(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return ''
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
