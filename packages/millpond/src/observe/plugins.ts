// Two built-in plug-ins: operation latencies, and the hit ratio of reads.
import { PROBE } from '../core/probe.ts'
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

/** The part of a cache that the counts come from. */
interface Told {
  on(event: 'hit' | 'stale' | 'miss', listener: (detail: { readonly namespace: string }) => void): () => void
}

/**
 * Counts reads by any verb, of each key: `get`, `getOrSet`, `getMany` and the like, in all namespaces; of caches that
 * share the plug-in, together. A stale value that was returned is a hit, a call that joins a running load is neither,
 * as in `cache.stats()`. `report()` gives hits, misses and their ratio.
 */
export function hitRatioPlugin(): {
  readonly name: 'hitRatio'
  around<T>(operation: Operation, next: () => Promise<T>): Promise<T>
  attached(cache: Told): void
  report(): { hits: number; misses: number; hitRate: number }
} {
  let hits = 0
  let misses = 0
  return {
    name: 'hitRatio',
    around: (_, next) => next(),
    attached(cache) {
      cache.on('hit', ({ namespace }) => {
        if (namespace !== PROBE) hits++
      })
      cache.on('stale', ({ namespace }) => {
        if (namespace !== PROBE) hits++
      })
      cache.on('miss', ({ namespace }) => {
        if (namespace !== PROBE) misses++
      })
    },
    report: () => ({ hits, misses, hitRate: hitRate(hits, misses) }),
  }
}
