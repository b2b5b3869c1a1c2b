// What a namespace notes of its own work: what it counted, how long things took, what left memory and why.
import { createHistogram, type Histogram } from '../observe/index.ts'
import { Counters } from './counters.ts'
import { LineHistory, type Tombstones } from './tombstones.ts'

/** Where durations are recorded. */
export interface Latency {
  readonly get: Histogram
  readonly set: Histogram
  readonly load: Histogram
}

export interface Watch {
  readonly counters: Counters
  readonly latency: Latency
  /** The ledger's last lines, and what left memory: for `explain`. */
  readonly history: LineHistory
  /** Of the whole cache, over all its namespaces. */
  readonly removals: Tombstones
}

export function openWatch(removals: Tombstones): Watch {
  return {
    counters: new Counters(),
    latency: { get: createHistogram(), set: createHistogram(), load: createHistogram() },
    history: new LineHistory(),
    removals,
  }
}
