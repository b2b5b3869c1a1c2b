// How long the processes of a test have waited for a processor: where several take part in what is timed, the machine's share is not theirs.
import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds in run queues, of this process and all that it has started, since they began; 0 where the system does not tell (Linux alone does). */
export function waitedMs(pid = process.pid): number {
  let waited = 0
  for (const thread of listed(`/proc/${pid}/task`)) {
    // Nanoseconds in a run queue are the second figure (Linux, Documentation/scheduler/sched-stats).
    waited += Number(told(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[1] ?? 0) / 1e6
    for (const child of told(`/proc/${pid}/task/${thread}/children`).split(' ')) if (child !== '') waited += waitedMs(Number(child))
  }
  return waited
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
