// The duration of a caller's read, however it ended.
import type { Space } from './space.ts'

interface Timed {
  /** Monotonic milliseconds. */
  readonly began: number
  readonly isQuiet: boolean
}

export function recordTime({ watch, services }: Space, { began, isQuiet }: Timed): void {
  if (!isQuiet) watch.latency.get.record(services.clock.monotonic() - began)
}

export async function timed<T>(space: Space, work: Promise<T>, call: Timed): Promise<T> {
  try {
    return await work
  } finally {
    recordTime(space, call)
  }
}
