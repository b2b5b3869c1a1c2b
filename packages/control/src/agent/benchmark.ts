// How fast a cache is here and now: gets and sets of skewed keys in a namespace of its own, which is erased afterwards.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Cache } from 'millpond'
import { createHistogram, type Histogram } from 'millpond/observe'
import { inProbe } from './spaces.ts'
import type { Answered, Asked } from './words.ts'

/** One in so many calls is a set. */
const SET_EVERY = 10
const PAUSE_EVERY_MS = 5

export function benchmark(cache: Cache, { duration_ms, value_bytes, keys }: Asked<'benchmark'>): Promise<Answered['benchmark']> {
  return inProbe(cache, async (space) => {
    const value = 'x'.repeat(value_bytes)
    const times = { get: createHistogram(), set: createHistogram() }
    const began = performance.now()
    let operations = 0
    let rested = began
    for (let now = began; now - began < duration_ms; now = performance.now()) {
      // Squared, so that a tenth of the keys takes a third of the calls.
      const key = `bench:${Math.floor(Math.random() ** 2 * keys)}`
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

function shown(times: Histogram) {
  const { count, avgMs, p50Ms, p95Ms, p99Ms } = times.view()
  return { count, avg_ms: avgMs, p50_ms: p50Ms, p95_ms: p95Ms, p99_ms: p99Ms }
}
