// How fast a cache is, in the API's terms.
import type { Cache } from 'millpond'
import { type BenchmarkTimes, benchmark } from 'millpond/insight'
import type { Answered } from './answers.ts'
import type { Asked } from './requests.ts'

export async function benchmarked(
  cache: Cache,
  { duration_ms, value_bytes, keys, operations, skew, share }: Asked<'benchmark'>,
): Promise<Answered['benchmark']> {
  const told = await benchmark(cache, { duration: duration_ms, valueBytes: value_bytes, keys, operations, skew, share })
  return {
    operations: told.operations,
    seconds: told.seconds,
    keys: told.keys,
    hit_ratio: told.hitRate,
    ops: { get: shown(told.get), set: shown(told.set) },
  }
}

const shown = ({ count, avgMs, p50Ms, p95Ms, p99Ms }: BenchmarkTimes) => ({
  count,
  avg_ms: avgMs,
  p50_ms: p50Ms,
  p95_ms: p95Ms,
  p99_ms: p99Ms,
})
