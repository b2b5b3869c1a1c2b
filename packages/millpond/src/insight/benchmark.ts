// Measures a cache's speed in this process: gets and sets of its own skewed keys, interleaved with the process's other
// work.
import { check, checkOptions, type Shape, signal as signalCheck, whole, withMethods } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { createHistogram, type Histogram } from '../observe/index.ts'
import { inProbe, type ProbedCache, type ProbedSpace } from './probe.ts'

export interface BenchmarkOptions {
  /** From 10 ms to 5 minutes, pauses included. Default `'60s'`. */
  readonly duration?: Duration | undefined
  /** Stops after this many calls, if that is before `duration` ends. */
  readonly operations?: number | undefined
  /**
   * Distinct keys, up to 100,000; fewer if they would take more than a twentieth of memory, or 64 MiB: the result says
   * how many. Default 1000.
   */
  readonly keys?: number | undefined
  /** The size of each value, a text: 1 byte to 1 MiB. Default 256. */
  readonly valueBytes?: number | undefined
  /** Zipf exponent of the key popularity, 0 (uniform) to 5. Default 1. */
  readonly skew?: number | undefined
  /**
   * The share of the time that it works; it pauses for the rest, so that a busy process keeps serving. Above 0, at most
   * 1. Default 0.5.
   */
  readonly share?: number | undefined
  /** Stops it early: the result covers what was measured until then. */
  readonly signal?: AbortSignal | undefined
}

export interface BenchmarkTimes {
  /** Calls measured. */
  readonly count: number
  /** Their mean. */
  readonly avgMs: number
  /** The median: half of all took at most this long. */
  readonly p50Ms: number
  /** 95 % took at most this long. */
  readonly p95Ms: number
  /** 99 % took at most this long. */
  readonly p99Ms: number
}

export interface BenchmarkResult {
  /** The name of the cache. */
  readonly cache: string
  /** Calls made: gets and sets. */
  readonly operations: number
  /** Time spent working, without pauses. */
  readonly seconds: number
  /** During working time; calls are sequential. */
  readonly opsPerSecond: number
  /** Distinct keys that were requested. */
  readonly keys: number
  /** The size of each value. */
  readonly valueBytes: number
  /** Of the gets: the first of each key misses. */
  readonly hitRate: number
  /** Durations of gets, hits and misses together. */
  readonly get: BenchmarkTimes
  /** One call in ten. */
  readonly set: BenchmarkTimes
}

/** What a benchmark needs of a cache: `createCache` creates one. */
export interface BenchmarkedCache extends ProbedCache<BenchmarkedSpace> {
  /** Its name and the limits of its memory; `memory` is undefined without a memory tier. */
  info(): {
    readonly name: string
    readonly memory: { readonly maxEntries?: number; readonly maxBytes?: number } | undefined
  }
}

/** The namespace that the benchmark uses. */
export interface BenchmarkedSpace extends ProbedSpace {
  /** Measured. */
  get(key: string): Promise<unknown>
  /** Measured; the TTL limits how long anything is left if the process ends in between. */
  set(key: string, value: unknown, options: { readonly ttl: '1m' }): Promise<unknown>
}

const LONGEST_MS = 300_000
const duration = (value: unknown, at: string): Duration => {
  const ms = parseDuration(value, at)
  if (ms >= 10 && ms <= LONGEST_MS) return value as Duration
  throw new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give 10 ms to 5 minutes`)
}
const OPTIONS: Shape<BenchmarkOptions> = {
  duration,
  operations: whole(1),
  keys: whole(1, 100_000),
  valueBytes: whole(1, 1_048_576),
  skew: check(
    (value): value is number => typeof value === 'number' && value >= 0 && value <= 5,
    'a number from 0 to 5',
  ),
  share: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a share above 0 and up to 1',
  ),
  signal: signalCheck,
}

/** One in this many calls is a set. */
const SET_EVERY = 10
/** The longest that it works before it yields to the event loop. */
const TURN_MS = 5
/** The part of memory that its keys may take, since they evict existing entries. */
const MEMORY_PART = 20
const MOST_BYTES = 64 * 1024 * 1024
const benchmarked = withMethods<BenchmarkedCache>('a cache, such as createCache()', 'namespace', 'info')
/** The approximate size of an entry besides its value. */
const ENTRY_BYTES = 200

/**
 * Times gets and sets, one in ten a set, in a namespace of its own, which is erased afterwards. Other entries are not
 * touched, except that memory may evict some for the twentieth of it that this uses. One benchmark at a time per cache.
 * @throws MillpondError `OPTION_INVALID`, also for values that do not fit into memory; and the errors of `set`
 * @example
 * const { opsPerSecond, get } = await benchmark(cache, { duration: '10s' })
 * console.log(opsPerSecond, get.p99Ms)
 */
export async function benchmark(cache: BenchmarkedCache, options: BenchmarkOptions = {}): Promise<BenchmarkResult> {
  benchmarked(cache, 'benchmark')
  checkOptions<BenchmarkOptions>(options, OPTIONS, 'benchmark')
  const { valueBytes = 256, skew = 1, signal } = options
  const keys = keysOf(cache, options.keys ?? 1000, valueBytes)
  const next = zipf(keys, skew)
  const value = 'x'.repeat(valueBytes)
  const { name } = cache.info()
  return inProbe(cache, async (space) => {
    const times = { get: createHistogram(), set: createHistogram() }
    let [operations, hits] = [0, 0]
    const one = async (began: number): Promise<void> => {
      const key = `bench:${next()}`
      const isSet = operations++ % SET_EVERY === 0
      if (isSet) await space.set(key, value, { ttl: '1m' })
      else if ((await space.get(key)) !== undefined) hits++
      times[isSet ? 'set' : 'get'].record(performance.now() - began)
    }
    const workedMs = await inTurns(
      options,
      () => operations >= (options.operations ?? Number.POSITIVE_INFINITY) || signal?.aborted === true,
      one,
    )
    const seconds = workedMs / 1000
    return {
      cache: name,
      operations,
      seconds,
      opsPerSecond: seconds === 0 ? 0 : operations / seconds,
      keys,
      valueBytes,
      hitRate: hits / Math.max(1, times.get.count),
      get: timesOf(times.get),
      set: timesOf(times.set),
    }
  })
}

/** Alternates work and pauses until the time is over. Returns the working time in milliseconds. */
async function inTurns(
  { duration = '60s', share = 0.5 }: BenchmarkOptions,
  isOver: () => boolean,
  work: (now: number) => Promise<void>,
): Promise<number> {
  const began = performance.now()
  const until = began + parseDuration(duration, 'benchmark.duration')
  let worked = 0
  let turn = began
  for (let now = began; now < until && !isOver(); now = performance.now()) {
    if (now - turn >= TURN_MS) {
      worked += now - turn
      const rest = (now - turn) * (1 / share - 1)
      await new Promise<void>((resolve) =>
        rest < 1 ? setImmediate(resolve) : setTimeout(resolve, Math.min(rest, until - now)),
      )
      turn = performance.now()
      continue
    }
    await work(now)
  }
  return worked + (performance.now() - turn)
}

/** As many as requested, limited by their share of memory. */
function keysOf(cache: BenchmarkedCache, asked: number, valueBytes: number): number {
  const { maxEntries = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = cache.info().memory ?? {}
  const byBytes = Math.min(maxBytes / MEMORY_PART, MOST_BYTES) / (valueBytes + ENTRY_BYTES)
  if (byBytes >= 1) return Math.max(1, Math.min(asked, Math.floor(byBytes), Math.floor(maxEntries / MEMORY_PART)))
  throw new MillpondError(
    'OPTION_INVALID',
    `benchmark.valueBytes: ${show(valueBytes)} is not allowed: one such value is more than 5 % of the ${maxBytes} bytes of memory: give at most ${Math.max(1, Math.floor(maxBytes / MEMORY_PART) - ENTRY_BYTES)}`,
  )
}

/** Draws the n-th key with a probability proportional to 1 / n^s: binary search in the cumulative sums. */
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

function timesOf(times: Histogram): BenchmarkTimes {
  const { count, avgMs, p50Ms, p95Ms, p99Ms } = times.view()
  return { count, avgMs, p50Ms, p95Ms, p99Ms }
}
