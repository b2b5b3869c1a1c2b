// A recorder of durations.
import type { Recorder } from './space.ts'

export function recorder(): Recorder {
  let count = 0
  let sum = 0
  return {
    record(ms) {
      count++
      sum += ms
    },
    view: () => ({ count, avgMs: count === 0 ? 0 : sum / count, p50Ms: 0, p95Ms: 0, p99Ms: 0 }),
  }
}
