// How fast a cache is here and now: gets and sets of skewed keys in a namespace of its own, which is erased afterwards.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Cache } from 'millpond'
import { createHistogram, type Histogram } from 'millpond/observe'
import type { Answered } from './answers.ts'
import { inProbe } from './spaces.ts'
import type { Asked } from './words.ts'

/** One in so many calls is a set. */
const SET_EVERY = 10
const PAUSE_EVERY_MS = 5

export function benchmark(
  cache: Cache,
  { duration_ms, value_bytes, keys, operations: most = Number.POSITIVE_INFINITY, skew = 1 }: Asked<'benchmark'>,
): Promise<Answered['benchmark']> {
  return inProbe(cache, async (space) => {
    const value = 'x'.repeat(value_bytes)
    const times = { get: createHistogram(), set: createHistogram() }
    const next = zipf(keys, skew)
    const began = performance.now()
    let operations = 0
    let rested = began
    for (let now = began; operations < most && now - began < duration_ms; now = performance.now()) {
      const key = `bench:${next()}`
      const isSet = operations++ % SET_EVERY === 0
      if (isSet) await space.set(key, value, { ttl: '1m' })
      else await space.get(key)
      times[isSet ? 'set' : 'get'].record(performance.now() - now)
      if (now - rested < PAUSE_EVERY_MS) continue
      await yieldToOthers()
      rested = performance.now()
    }
    const seconds = (performance.now() - began) / 1000
    return { operations, seconds, ops: { get: shown(times.get), set: shown(times.set) } }
  })
}

/** The n-th key comes up in proportion to 1 / n^s: by its place in the sums of these, found by halving. */
function zipf(keys: number, skew: number): () => number {
  const sums = new Float64Array(keys)
  let sum = 0
  for (let at = 0; at < keys; at++) sums[at] = sum += 1 / (at + 1) ** skew
  return () => {
    const wanted = Math.random() * sum
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

function shown(times: Histogram) {
  const { count, avgMs, p50Ms, p95Ms, p99Ms } = times.view()
  return { count, avg_ms: avgMs, p50_ms: p50Ms, p95_ms: p95Ms, p99_ms: p99Ms }
}
