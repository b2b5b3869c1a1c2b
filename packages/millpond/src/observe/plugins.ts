// Two built-in plug-ins: operation latencies, and the hit ratio of reads.
import { createHistogram, type Histogram } from './histogram.ts'
import { hitRate, type LatencyStats } from './stats.ts'

interface Operation {
  readonly verb: string
}

/** Times each verb. `report()` gives a latency view per verb. */
export function timingPlugin(): {
  readonly name: 'timing'
  around<T>(operation: Operation, next: () => Promise<T>): Promise<T>
  report(): Record<string, LatencyStats>
} {
  const histograms = new Map<string, Histogram>()
  return {
    name: 'timing',
    async around(operation, next) {
      const started = performance.now()
      try {
        return await next()
      } finally {
        const histogram = histograms.get(operation.verb) ?? createHistogram()
        histograms.set(operation.verb, histogram)
        histogram.record(performance.now() - started)
      }
    },
    report: () => Object.fromEntries([...histograms].map(([verb, histogram]) => [verb, histogram.view()])),
  }
}

/** Counts `get` calls that found a value. `report()` gives hits, misses and their ratio. */
export function hitRatioPlugin(): {
  readonly name: 'hitRatio'
  around<T>(operation: Operation, next: () => Promise<T>): Promise<T>
  report(): { hits: number; misses: number; hitRate: number }
} {
  let hits = 0
  let misses = 0
  return {
    name: 'hitRatio',
    async around(operation, next) {
      const value = await next()
      if (operation.verb === 'get') value === undefined ? misses++ : hits++
      return value
    },
    report: () => ({ hits, misses, hitRate: hitRate(hits, misses) }),
  }
}
