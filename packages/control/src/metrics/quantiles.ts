// Quantiles of coarse buckets, like Prometheus' histogram_quantile, but on a logarithmic scale within a bucket: bucket
// bounds are powers of four.
import { LATENCY_BOUNDS_MS } from 'millpond/observe'
import type { Counters } from '../agent/figures.ts'

/** Milliseconds, at most a factor of two off; `null` if nothing was counted. */
export function quantile(counters: Counters, name: string, q: number): number | null {
  const count = counters[`${name}.n`] ?? 0
  if (count <= 0) return null
  const rank = q * count
  let below = 0
  for (const [at, bound] of LATENCY_BOUNDS_MS.entries()) {
    const upTo = counters[`${name}.b${at}`] ?? 0
    if (upTo >= rank) {
      const lowest = LATENCY_BOUNDS_MS[at - 1] ?? bound / 4
      return lowest * (bound / lowest) ** ((rank - below) / Math.max(upTo - below, Number.EPSILON))
    }
    below = upTo
  }
  return LATENCY_BOUNDS_MS.at(-1) ?? null
}

/** Exact, from the sum. */
export function mean(counters: Counters, name: string): number | null {
  const count = counters[`${name}.n`] ?? 0
  return count > 0 ? (counters[`${name}.ms`] ?? 0) / count : null
}

export const ratio = (part: number, all: number): number | null => (all > 0 ? part / all : null)
